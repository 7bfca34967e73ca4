"""What campaigns cost, on both databases: ``python -m benchmarks.campaigns [--recipients 1000000]``.

Each figure is measured in a process of its own, which prints it as JSON. PostgreSQL is the tests' own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from sqlalchemy import text

from benchmarks.measure import Server
from clickasync import Client, MessageStatus
from clickasync.callbacks import DeliveryReport
from clickasync.campaigns import Campaigns, upkeep
from clickasync.campaigns.moves import Moves
from clickasync.campaigns.sheet import Said
from clickasync.campaigns.states import Outcome, State
from clickasync.campaigns.store import Store
from clickasync.campaigns.worker import Worker
from tests.support.postgres import Postgres

FIGURES: Final = {
    "begin + finish, p50": ("ms", 5.0),
    "takeover of a dead worker's call": ("s", 5.0),
    "rows loaded": ("s a million", 10.0),
    "memory of loading, peak": ("MiB", 90.0),
    "on disk, with results and reports": ("MB a million", 45.0),
    "reports folded": ("a second", None),
    "CPU of a call of 300, beside client.bulk": ("times", 3.5),
}


def client_of(port: int) -> Client:
    return Client(api_id=1, user="demo", password="demo", base_url=f"http://127.0.0.1:{port}", timeout=5.0)


def numbers(count: int) -> list[str]:
    return [f"{27820000000 + 3 * n}" for n in range(count)]


def _file(folder: Path, count: int) -> Path:
    file = folder / "recipients.csv"
    with file.open("w") as out:
        out.write("to,name\n")
        out.writelines(f"{27820000000 + 3 * n},Ann\n" for n in range(count))
    return file


async def pace(database: str, port: int, count: int) -> dict[str, float]:
    """`begin` and `finish` of calls of 300, one after the other, with pauses as a rate makes them."""
    async with client_of(port) as client, Campaigns(database, client=client) as campaigns:
        campaign = await campaigns.create("pace", numbers(300 * 200), "Hi")
        store = campaigns._store
        await store.mark_dirty()
        moves = await _worker(store, client)
        said = {n: Said(Outcome.ACCEPTED, f"{n:032x}") for n in range(300)}
        took = []
        for _ in range(200):
            call = await moves.claim(campaign.id, 0)
            assert call is not None
            started = time.perf_counter()
            begun = await moves.begin(call)
            assert begun is not None
            between = time.perf_counter()
            await asyncio.sleep(0.01)
            resumed = time.perf_counter()
            await moves.finish(call, begun, said, (), again=False)
            took.append(time.perf_counter() - resumed + between - started)
            await asyncio.sleep(0.01)
    return {"begin + finish, p50": 1e3 * statistics.median(took)}


async def _worker(store: Store, client: Client) -> Moves:
    moves = Moves(store, json.dumps(client.account))
    [row] = await store.step(upkeep.REGISTER, b_account=json.dumps(client.account), b_host="x", b_pid=1, b_version="0")
    moves.worker = row.id
    return moves


async def takeover(database: str, port: int, count: int) -> dict[str, float]:
    """From the last beat of a worker that died with a call under way, until somebody asks about it."""
    async with client_of(port) as client, Campaigns(database, client=client) as campaigns:
        campaign = await campaigns.create("dead", numbers(300), "Hi")
        store = campaigns._store
        worker = Worker(store, json.dumps(client.account), client.executor, quiet=60.0, in_flight=1)
        await campaign.pause()
        task = asyncio.create_task(worker.run())
        await asyncio.sleep(4.0)  # it is steady
        await campaign.resume()
        dead = await _worker(store, client)
        call = await dead.claim(campaign.id, 0)
        assert call is not None
        died = time.perf_counter()
        await dead.begin(call)
        state = State.OUT.value
        while state == State.OUT:
            await asyncio.sleep(0.02)
            [(state,)] = await store.step(text("SELECT state FROM ca_calls WHERE id = :id"), id=call.id)
        took = time.perf_counter() - died
        task.cancel()
        await asyncio.wait([task])
    return {"takeover of a dead worker's call": took}


async def load(database: str, port: int, count: int) -> dict[str, float]:
    """A file with a header and a text for all, duplicates looked for."""
    with tempfile.TemporaryDirectory() as folder:
        file = _file(Path(folder), count)
        async with client_of(port) as client, Campaigns(database, client=client) as campaigns:
            started = time.perf_counter()
            await campaigns.create("load", file, "Doors open at 8")
            took = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"rows loaded": took * 1e6 / count, "memory of loading, peak": peak}


async def disk(database: str, port: int, count: int) -> dict[str, float]:
    """Everything sent, and everything reported; and how fast reports are folded."""
    count = min(count, 300_000)
    async with client_of(port) as client, Campaigns(database, client=client) as campaigns:
        campaign = await campaigns.create("disk", numbers(count), "Hi")
        await campaigns.work(until_done=True)
        take = campaigns.receiver_hooks()["on_report"]
        reports = [_report(each.climsgid or "", each.to, each.id or "") async for each in campaign.results()]
        started = time.perf_counter()
        for start in range(0, len(reports), 2000):
            await asyncio.gather(*map(take, reports[start : start + 2000]))
        took = time.perf_counter() - started
        if "://" in database:
            await campaigns._store.vacuum()
            [row] = await campaigns._store.step(text("SELECT pg_total_relation_size('ca_calls') AS size"))
            size = row.size
    if "://" not in database:
        size = Path(database).stat().st_size  # noqa: ASYNC240
    return {"on disk, with results and reports": size / count, "reports folded": len(reports) / took}


def _report(climsgid: str, to: str, id: str) -> DeliveryReport:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return DeliveryReport(id, climsgid, to, "", MessageStatus("004"), Decimal("0.5"), at, "1")


async def cpu(database: str, port: int, count: int) -> dict[str, float]:
    """The same recipients by `client.bulk`, and as a campaign that is loaded, sent and read out."""
    recipients = numbers(min(count, 150_000))
    async with client_of(port) as client, Campaigns(database, client=client) as campaigns:
        await client.send_many(recipients[:600], "Hi")
        warm = await campaigns.create("warm", recipients[:600], "Hi")
        await campaigns.work(until_done=True)
        assert (await warm.status()).accepted == 600
        ratios = []
        for turn in range(3):
            started = time.process_time()
            async with client.bulk(recipients, "Hi") as run:
                async for _ in run:
                    pass
            between = time.process_time()
            campaign = await campaigns.create(f"cpu{turn}", recipients, "Hi")
            await campaigns.work(until_done=True)
            async for _ in campaign.results():
                pass
            ratios.append((time.process_time() - between) / (between - started))
    return {"CPU of a call of 300, beside client.bulk": statistics.median(ratios)}


PARTS: Final[dict[str, Callable[[str, int, int], Awaitable[dict[str, float]]]]] = {
    "pace": pace,
    "takeover": takeover,
    "load": load,
    "disk": disk,
    "cpu": cpu,
}


def measure(count: int) -> dict[str, dict[str, float]]:
    """All figures, of both databases."""
    found: dict[str, dict[str, float]] = {"sqlite": {}, "postgresql": {}}
    server = Postgres.create()
    try:
        with Server("gateway") as gateway, tempfile.TemporaryDirectory() as folder:
            for part in PARTS:
                for kind, figures in found.items():
                    database = str(Path(folder) / f"{part}.db") if kind == "sqlite" else server.new_database()
                    arguments = [part, database, str(gateway.port), str(count)]
                    command = [sys.executable, "-m", "benchmarks.campaigns", "--child", *arguments]
                    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env={**os.environ})
                    figures |= json.loads(done.stdout)
    finally:
        server.remove()
    return found


def table(found: dict[str, dict[str, float]]) -> str:
    """As a table."""
    lines = [f"{'':44}{'SQLite':>12}{'PostgreSQL':>12}   goal"]
    for name, (unit, goal) in FIGURES.items():
        values = "".join(f"{found[kind].get(name, float('nan')):12,.2f}" for kind in ("sqlite", "postgresql"))
        wanted = "" if goal is None else f"<= {goal:g} "
        lines.append(f"{name:44}{values}   {wanted}{unit}")
    return "\n".join(lines)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser("python -m benchmarks.campaigns")
    parser.add_argument("--recipients", type=int, default=1_000_000)
    parser.add_argument("--child", nargs=4, metavar=("PART", "DATABASE", "PORT", "COUNT"))
    chosen: Any = parser.parse_args()
    if chosen.child is None:
        print(table(measure(chosen.recipients)))
        return
    part, database, port, count = chosen.child
    print(json.dumps(asyncio.run(_part(part, database, int(port), int(count)))))


async def _part(part: str, database: str, port: int, count: int) -> dict[str, float]:
    return await PARTS[part](database, port, count)


if __name__ == "__main__":
    main()
