"""Chaos: workers that are killed and stopped, a database that crashes, a gateway that fails; and a judge.

The judge is a ledger outside of the package (`tests.support.ledger`). It compares what the campaign says of each
recipient with what the gateway wrote down. The judge is judged, too: workers can run with a *mutant*, a rule of the
campaigns left out, and what that breaks must be found.

    python -m tests.support.chaos --recipients 1000000 --workers 4 --database postgresql --crashes 5
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from attrs import Factory, define, field, frozen

from clickasync import Client, Message
from clickasync.campaigns import Campaigns
from clickasync.campaigns.results import Result
from tests.support.ledger import Entry, Ledger, ledger
from tests.support.postgres import Postgres

MUTANTS = ("takeover frees", "release after unknown", "retry forgets generation")
_PERSONAL = 5  # of ten thousand recipients, so many hundreds have a text of their own


@frozen
class Settings:
    """What happens."""

    recipients: int = 4000
    workers: int = 3
    database: str = "sqlite"
    seed: int = 1
    mutant: str = ""
    batch_size: int = 20
    kill_every: float = 0.7
    stops: int = 2
    """Workers stopped for longer than the lease."""
    crashes: int = 0
    """Of the database; on SQLite, all workers are killed at once."""
    latency: float = 0.02
    reset_before: float = 0.02
    reset_after: float = 0.02
    retry: float = 0.002
    no_credit: float = 0.0005
    longest: float = 60.0


@define
class Verdict:
    """What the judge found; recipients."""

    accepted: int = 0
    rejected: int = 0
    uncertain: int = 0
    lost: int = 0
    """Without an outcome at the end."""
    doubled: int = 0
    """Accepted by the gateway more than once."""
    misreported: int = 0
    """Told as accepted and not in the ledger under that ID and climsgid, or told as not sent and in the ledger."""
    kills: int = 0
    stops: int = 0
    crashes: int = 0
    seconds: float = 0.0
    examples: list[str] = Factory(list)

    @property
    def is_clean(self) -> bool:
        """Whether the law was kept."""
        return not (self.lost or self.doubled or self.misreported)


def recipients(count: int) -> Iterator[str | Message]:
    """Numbers, and among them some with texts of their own."""
    for n in range(count):
        number = f"{27820000000 + n}"
        yield Message(number, f"Hi {n}") if n % 10_000 < 100 * _PERSONAL else number


def judge(verdict: Verdict, results: Iterator[Result] | list[Result], entries: list[Entry]) -> None:
    """Compare what is told of each recipient with what the gateway accepted."""
    accepted = Counter(entry.number for entry in entries)
    known = {(entry.number, entry.id, entry.climsgid) for entry in entries}
    verdict.doubled = sum(count > 1 for count in accepted.values())
    for result in results:
        found = accepted[result.to]
        wrong = False
        match result.result:
            case "accepted":
                verdict.accepted += 1
                wrong = (result.to, result.id, result.climsgid) not in known
            case "uncertain":
                verdict.uncertain += 1
            case "ready":
                verdict.lost += 1
            case _:
                verdict.rejected += 1
                wrong = found > 0
        verdict.misreported += wrong
        if (wrong or found > 1) and len(verdict.examples) < 5:
            verdict.examples.append(f"{result} — in the ledger {found} times")


@define
class _Stage:
    settings: Settings
    gateway: Ledger
    database: str
    server: Postgres | None
    verdict: Verdict = field(factory=Verdict)
    workers: list[subprocess.Popen[bytes]] = field(factory=list)
    stopped: dict[subprocess.Popen[bytes], float] = field(factory=dict)

    def start_worker(self) -> None:
        command = [sys.executable, "-m", "tests.support.chaos_worker", self.database, self.gateway.url]
        log = (self.gateway.path.parent / "workers.log").open("ab")
        folder = Path(__file__).parents[2]
        self.workers.append(subprocess.Popen([*command, self.settings.mutant], stderr=log, stdout=log, cwd=folder))

    def kill(self, worker: subprocess.Popen[bytes]) -> None:
        self.workers.remove(worker)
        self.stopped.pop(worker, None)
        worker.kill()
        worker.wait()
        self.verdict.kills += 1

    def wake(self, now: float) -> None:
        for worker, until in list(self.stopped.items()):
            if now >= until:
                worker.send_signal(signal.SIGCONT)
                del self.stopped[worker]

    def crash(self) -> None:
        self.verdict.crashes += 1
        if self.server is not None:
            self.server.crash()
            return
        for worker in list(self.workers):
            self.kill(worker)

    def keep_running(self) -> None:
        """Whoever ended has nothing to do, or gave up; as long as there is something to do there are workers."""
        for worker in list(self.workers):
            if worker.poll() is not None:
                self.workers.remove(worker)
        while len(self.workers) < self.settings.workers:
            self.start_worker()

    def end(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait()


def run(settings: Settings, server: Postgres | None = None) -> Verdict:
    """Play it, and judge."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        gateway = stack.enter_context(
            ledger(
                folder,
                seed=settings.seed,
                latency=settings.latency,
                reset_before=settings.reset_before,
                reset_after=settings.reset_after,
                retry=settings.retry,
                no_credit=settings.no_credit,
            )
        )
        if settings.database == "postgresql" and server is None:
            server = Postgres.create()
            stack.callback(server.remove)
        database = str(folder / "chaos.db") if settings.database == "sqlite" else server.new_database()  # type: ignore[union-attr]
        stage = _Stage(settings, gateway, database, server if settings.database == "postgresql" else None)
        started = time.monotonic()
        asyncio.run(_create(stage))
        try:
            _play(stage, random.Random(settings.seed))
        finally:
            stage.end()
        stage.verdict.seconds = time.monotonic() - started
        judge(stage.verdict, asyncio.run(_results(stage)), gateway.entries())
        return stage.verdict


async def _create(stage: _Stage) -> None:
    settings = stage.settings
    async with (
        Client(
            api_id=1, user="demo", password="demo", base_url=stage.gateway.url, batch_size=settings.batch_size
        ) as client,
        Campaigns(stage.database, client=client) as campaigns,
    ):
        await campaigns.create("chaos", recipients(settings.recipients), "Doors open at 8")


async def _look(stage: _Stage) -> bool:
    """Whether everything has an outcome; what was paused for want of credit goes on."""
    async with Campaigns(stage.database) as campaigns:
        campaign = await campaigns.get("chaos")
        status = await campaign.status()
        if status.state == "paused":
            await campaign.resume()
        return status.state == "done"


async def _results(stage: _Stage) -> list[Result]:
    async with Campaigns(stage.database) as campaigns:
        return [result async for result in (await campaigns.get("chaos")).results()]


def _play(stage: _Stage, chance: random.Random) -> None:
    settings = stage.settings
    begun = time.monotonic()
    next_kill = begun + settings.kill_every
    crashes = [begun + (n + 1) * settings.kill_every * 3.3 for n in range(settings.crashes)]
    stops = [begun + (n + 1) * settings.kill_every * 2.1 for n in range(settings.stops)]
    while True:
        stage.keep_running()
        now = time.monotonic()
        stage.wake(now)
        awake = [worker for worker in stage.workers if worker not in stage.stopped]
        if crashes and now >= crashes[0]:
            crashes.pop(0)
            stage.crash()
        elif stops and now >= stops[0] and len(awake) > 1:
            stops.pop(0)
            victim = chance.choice(awake)
            victim.send_signal(signal.SIGSTOP)
            stage.stopped[victim] = now + 4.0 + chance.random()
            stage.verdict.stops += 1
        elif now >= next_kill:
            next_kill = now + settings.kill_every * chance.uniform(0.5, 1.5)
            if awake:
                stage.kill(chance.choice(awake))
        if asyncio.run(_look(stage)):
            return
        if now - begun > settings.longest:
            return
        time.sleep(0.1)


def main() -> None:
    """Play a large one, with figures."""
    parser = argparse.ArgumentParser()
    for name, default in {each.name: each.default for each in Settings.__attrs_attrs__}.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default)
    settings = Settings(**vars(parser.parse_args()))
    verdict = run(settings)
    for each in Verdict.__attrs_attrs__:
        print(f"{each.name:12} {getattr(verdict, each.name)}", flush=True)
    sys.exit(verdict.is_clean == bool(settings.mutant))


if __name__ == "__main__":
    main()
