"""Chaos, seeded and bounded: kills, stops beyond the lease, crashes of the database, a gateway that fails.

The judge is a ledger in another process. Then the judge is judged: with a rule left out, it must find what that broke.
All of it is played at once, for most of it is waiting.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from attrs import evolve

from tests.support.chaos import MUTANTS, Settings, Verdict, run
from tests.support.postgres import Postgres

_GAMES = 7
_SMALL = Settings(
    longest=100.0, recipients=800, batch_size=10, workers=2, kill_every=0.7, most_kills=8, stops=1, latency=0.2
)
CHAOS = {
    "sqlite, with reports": evolve(_SMALL, reports=0.7),
    "postgresql": evolve(_SMALL, database="postgresql", crashes=2),
    "sqlite, everything at once": evolve(_SMALL, stops=0, crashes=2, seed=7),
}
_BROKEN = evolve(_SMALL, recipients=300, stops=0, most_kills=4)
BROKEN = {
    "takeover frees": evolve(_BROKEN, recipients=600, latency=0.3, kill_every=0.5),
    "release after unknown": evolve(_BROKEN, reset_after=0.2, most_kills=0),
    "retry forgets generation": evolve(_BROKEN, recipients=500, retry=0.3, latency=0.15, most_kills=14, kill_every=0.6),
}


def _play_until_caught(settings: Settings, server: Postgres) -> Verdict:
    """Kills and resets must hit the moment at which the rule matters: a machine that is busy may need another game."""
    for seed in range(settings.seed, settings.seed + _GAMES):
        verdict = run(evolve(settings, seed=seed), server)
        if not verdict.is_clean:
            break
    return verdict


@pytest.fixture(scope="module")
def played() -> Iterator[dict[str, Future[Verdict]]]:
    """All of them, under way."""
    server = Postgres.create()
    with ThreadPoolExecutor(len(CHAOS) + len(BROKEN)) as threads:
        games = {name: threads.submit(run, settings, server) for name, settings in CHAOS.items()}
        for name, settings in BROKEN.items():
            games[name] = threads.submit(_play_until_caught, evolve(settings, mutant=name), server)
        yield games
    server.remove()


@pytest.mark.parametrize("name", CHAOS)
def test_everybody_is_sent_to_once(played: dict[str, Future[Verdict]], name: str) -> None:
    """Nobody lost, nobody doubled, nobody told something else than the gateway's ledger says."""
    verdict = played[name].result()
    assert verdict.is_clean, verdict
    assert verdict.kills
    assert verdict.accepted + verdict.rejected + verdict.uncertain == CHAOS[name].recipients
    assert verdict.accepted > verdict.uncertain


@pytest.mark.parametrize("name", BROKEN)
def test_the_judge_finds_a_rule_left_out(played: dict[str, Future[Verdict]], name: str) -> None:
    """Each mutant is caught."""
    verdict = played[name].result()
    assert name in MUTANTS
    assert verdict.doubled or verdict.misreported, verdict
