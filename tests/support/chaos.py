"""Chaos: workers that are killed and stopped, a database that crashes, a gateway that fails; and a judge.

The judge is a ledger outside of the package (`tests.support.ledger`). It compares what the campaign says of each
recipient with what the gateway wrote down. The judge is judged, too: workers can run with a *mutant*, a rule of the
campaigns left out, and what that breaks must be found.

    python -m tests.support.chaos --recipients 1000000 --workers 4 --database postgresql --crashes 5
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from attrs import Factory, define, field, frozen

from clickasync import Client, Message, MessageStatus
from clickasync.callbacks import DeliveryReport
from clickasync.campaigns import Campaign, Campaigns, DatabaseAwayError
from clickasync.campaigns.reports import OnReport
from clickasync.campaigns.results import Result
from tests.support.chaos_worker import work
from tests.support.ledger import Entry, Ledger, ledger
from tests.support.postgres import Postgres, in_memory

MUTANTS = ("takeover frees", "release after unknown", "retry forgets generation")
_PERSONAL = 16  # of so many recipients, one has a text of its own


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
    most_kills: int = 1_000_000
    stops: int = 2
    """Workers stopped for longer than the lease."""
    crashes: int = 0
    """Of the database; on SQLite, all workers are killed at once."""
    latency: float = 0.02
    reset_before: float = 0.02
    reset_after: float = 0.02
    retry: float = 0.002
    no_credit: float = 0.0005
    reports: float = 0.0
    """How many of the messages are reported as delivered, soon after they were accepted; a share."""
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
        yield Message(number, f"Hi {n}") if n % _PERSONAL == 0 else number


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


_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tests.support.chaos_worker"])  # to start a worker costs milliseconds


@define
class _Stage:
    settings: Settings
    gateway: Ledger
    database: str
    server: Postgres | None
    verdict: Verdict = field(factory=Verdict)
    workers: list[BaseProcess] = field(factory=list)
    stopped: dict[BaseProcess, float] = field(factory=dict)

    def start_worker(self) -> None:
        arguments = (self.database, self.gateway.url, self.settings.mutant, str(self.gateway.path) + ".log")
        worker = _processes.Process(target=work, args=arguments, daemon=True)
        worker.start()
        self.workers.append(worker)

    def kill(self, worker: BaseProcess) -> None:
        self.workers.remove(worker)
        self.stopped.pop(worker, None)
        worker.kill()
        worker.join()
        self.verdict.kills += 1

    def signal(self, worker: BaseProcess, number: int) -> None:
        assert worker.pid is not None
        os.kill(worker.pid, number)

    def wake(self, now: float) -> None:
        for worker, until in list(self.stopped.items()):
            if now >= until:
                self.signal(worker, signal.SIGCONT)
                del self.stopped[worker]

    async def crash(self) -> None:
        self.verdict.crashes += 1
        if self.server is not None:
            await asyncio.to_thread(self.server.crash)
            return
        for worker in list(self.workers):
            self.kill(worker)

    def keep_running(self) -> None:
        """Whoever gave up is replaced."""
        self.workers = [worker for worker in self.workers if worker.is_alive()]
        while len(self.workers) < self.settings.workers:
            self.start_worker()

    def end(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.join()


def run(settings: Settings, server: Postgres | None = None) -> Verdict:
    """Play it, and judge."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=in_memory())))
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
        try:
            results = asyncio.run(_play(stage))
        finally:
            stage.end()
        stage.verdict.seconds = time.monotonic() - started
        judge(stage.verdict, results, gateway.entries())
        return stage.verdict


async def _play(stage: _Stage) -> list[Result]:
    settings = stage.settings
    account: dict[str, Any] = {"api_id": 1, "user": "demo", "password": "demo", "base_url": stage.gateway.url}
    async with (
        Client(batch_size=settings.batch_size, **account) as client,
        Campaigns(stage.database, client=client) as campaigns,
    ):
        campaign = await campaigns.create("chaos", recipients(settings.recipients), "Doors open at 8")
        reporting = asyncio.create_task(_report(stage, campaigns.receiver_hooks()["on_report"]))
        await _play_on(stage, campaign, random.Random(settings.seed))
        reporting.cancel()
        await asyncio.wait([reporting])
        stage.end()
        return [result async for result in campaign.results()]


def report(entry: Entry) -> DeliveryReport:
    """That a message was delivered."""
    at = datetime.fromtimestamp(entry.at, UTC)
    return DeliveryReport(entry.id, entry.climsgid, entry.number, "", MessageStatus("004"), None, at, "1")


async def _report(stage: _Stage, take: OnReport) -> None:
    """Deliver what the gateway accepted, and report it, as it does: some of it while the call is still under way."""
    if not stage.settings.reports:
        return
    chance = random.Random(stage.settings.seed)
    ledger = stage.gateway
    while True:
        await asyncio.sleep(0.1)
        entries, ledger = ledger.take()
        chosen = [entry for entry in entries if chance.random() < stage.settings.reports]
        with contextlib.suppress(DatabaseAwayError):  # the real gateway would try again
            await asyncio.gather(*(take(report(entry)) for entry in chosen))


async def _play_on(stage: _Stage, campaign: Campaign, chance: random.Random) -> None:
    settings = stage.settings
    begun = time.monotonic()
    next_kill = begun + settings.kill_every
    crashes = [begun + (n + 1) * settings.kill_every * 3.3 for n in range(settings.crashes)]
    stops = [begun + (n + 1) * settings.kill_every * 2.1 for n in range(settings.stops)]
    out = 0
    while time.monotonic() - begun < settings.longest:
        stage.keep_running()
        await asyncio.sleep(0.1)
        now = time.monotonic()
        stage.wake(now)
        awake = [worker for worker in stage.workers if worker not in stage.stopped]
        if crashes and now >= crashes[0]:
            crashes.pop(0)
            await stage.crash()
        elif stops and now >= stops[0] and len(awake) > 1:
            stops.pop(0)
            victim = chance.choice(awake)
            stage.signal(victim, signal.SIGSTOP)
            stage.stopped[victim] = now + 4.0 + chance.random()
            stage.verdict.stops += 1
        elif now >= next_kill and awake and out and stage.verdict.kills < settings.most_kills:
            next_kill = now + settings.kill_every * chance.uniform(0.5, 1.5)
            stage.kill(chance.choice(awake))
        status = await campaign.status()
        out = status.out
        if status.state == "paused":  # for want of credit
            await campaign.resume()
        if status.state == "done":
            return


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
