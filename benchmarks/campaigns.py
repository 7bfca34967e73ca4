"""What campaigns cost, on either database: each of `PARTS` is one figure, measured in a process that does nothing else.

PostgreSQL is the tests' own, on the disk. Its processes are not counted: what it takes is a server's, not a worker's.
"""

from __future__ import annotations

import asyncio
import csv
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
from typing import Final

from sqlalchemy import text

from benchmarks.workload import API_ID, BATCH, PASSWORD, USER, numbers
from clickasync import Accepted, Client, MessageStatus
from clickasync.callbacks import DeliveryReport
from clickasync.campaigns import Campaigns, upkeep
from clickasync.campaigns.moves import Moves
from clickasync.campaigns.sheet import Said
from clickasync.campaigns.states import Outcome, State
from clickasync.campaigns.store import Store
from clickasync.campaigns.worker import Worker

_PACED: Final = 100
_TEXT: Final = "Doors open at 8"
Sample = dict[str, float]


def _client_of(port: int) -> Client:
    return Client(api_id=API_ID, user=USER, password=PASSWORD, base_url=f"http://127.0.0.1:{port}", timeout=5.0)


def write_file(path: Path, count: int) -> None:
    """So many recipients, as people have them."""
    with path.open("w") as out:
        out.write("to,name\n")
        out.writelines(f"{number},Ann\n" for number in numbers(count))


def _name() -> str:
    return f"benchmark {time.time_ns()}"


async def pace(database: str, port: int, count: int) -> Sample:
    """`begin` and `finish` of a call, one after the other, with pauses as a rate makes them: the median.

    Each is committed, so that the disk's part is measured beside it: twice what a sync takes.
    """
    async with _client_of(port) as client, Campaigns(database, client=client) as campaigns:
        campaign = await campaigns.create(_name(), numbers(BATCH * _PACED), _TEXT)
        store = campaigns._store
        await store.mark_dirty()
        moves = await _worker(store, client)
        said = {n: Said(Outcome.ACCEPTED, f"{n:032x}") for n in range(BATCH)}
        took, synced, cpu = [], [], 0.0
        for _ in range(_PACED):
            call = await moves.claim(campaign.id, 0)
            assert call is not None
            started, busy = time.perf_counter(), time.process_time()
            begun = await moves.begin(call)
            assert begun is not None
            between = time.perf_counter() - started
            await asyncio.sleep(0.01)
            resumed = time.perf_counter()
            await moves.finish(call, begun, said, (), again=False)
            took.append(time.perf_counter() - resumed + between)
            cpu += time.process_time() - busy
            synced.append(_sync())
            await asyncio.sleep(0.01)
    return {"wall": statistics.median(took), "cpu": cpu / _PACED, "disk": 2 * statistics.median(synced)}


def _sync() -> float:
    """Seconds that it takes to bring a page to the disk."""
    with tempfile.TemporaryFile() as file:
        file.write(bytes(4096))
        file.flush()
        started = time.perf_counter()
        os.fsync(file.fileno())
        return time.perf_counter() - started


async def _worker(store: Store, client: Client) -> Moves:
    moves = Moves(store, json.dumps(client.account))
    [row] = await store.step(upkeep.REGISTER, b_account=json.dumps(client.account), b_host="x", b_pid=1, b_version="0")
    moves.worker = row.id
    return moves


async def takeover(database: str, port: int, count: int) -> Sample:
    """From the last beat of a worker that died with a call under way, until somebody asks about it."""
    async with _client_of(port) as client, Campaigns(database, client=client) as campaigns:
        campaign = await campaigns.create(_name(), numbers(BATCH), _TEXT)
        store = campaigns._store
        worker = Worker(store, json.dumps(client.account), client.executor, quiet=60.0, in_flight=1)
        await campaign.pause()
        task = asyncio.create_task(worker.run())
        await asyncio.sleep(4.0)  # it is steady
        await campaign.resume()
        dead = await _worker(store, client)
        call = await dead.claim(campaign.id, 0)
        assert call is not None
        died, busy = time.perf_counter(), time.process_time()
        await dead.begin(call)
        state = State.OUT.value
        while state == State.OUT:
            await asyncio.sleep(0.02)
            [(state,)] = await store.step(text("SELECT state FROM ca_calls WHERE id = :id"), id=call.id)
        sample = {"wall": time.perf_counter() - died, "cpu": time.process_time() - busy}
        task.cancel()
        await asyncio.wait([task])
    return sample


async def load(database: str, port: int, count: int, file: str) -> Sample:
    """A file with a header and a text for all, duplicates looked for."""
    async with _client_of(port) as client, Campaigns(database, client=client) as campaigns:
        started, busy = time.perf_counter(), time.process_time()
        campaign = await campaigns.create(_name(), file, _TEXT)
        sample = {"wall": (time.perf_counter() - started) / count, "cpu": (time.process_time() - busy) / count}
        assert (await campaign.status()).recipients == count
    return sample


async def fold(database: str, port: int, count: int) -> Sample:
    """Everything is sent, and everything is reported: what a report costs, and what a recipient takes on the disk."""
    async with _client_of(port) as client, Campaigns(database, client=client) as campaigns:
        campaign = await campaigns.create(_name(), numbers(count), _TEXT)
        await campaigns.work(until_done=True)
        take = campaigns.receiver_hooks()["on_report"]
        reports = [_report(each.climsgid or "", each.to, each.id or "") async for each in campaign.results()]
        started, busy = time.perf_counter(), time.process_time()
        for start in range(0, count, 2000):
            await asyncio.gather(*map(take, reports[start : start + 2000]))
        sample = {"wall": (time.perf_counter() - started) / count, "cpu": (time.process_time() - busy) / count}
        assert (await campaign.status()).delivered == count
        if "://" in database:
            await campaigns._store.vacuum()
            [row] = await campaigns._store.step(text("SELECT pg_total_relation_size('ca_calls') AS size"))
            return {**sample, "disk": row.size / count}
    return {**sample, "disk": Path(database).stat().st_size / count}  # noqa: ASYNC240


def _report(climsgid: str, to: str, id: str) -> DeliveryReport:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return DeliveryReport(id, climsgid, to, "", MessageStatus("004"), Decimal("0.5"), at, "1")


async def bulk(database: str, port: int, count: int) -> Sample:
    """The recipients by `client.bulk`."""
    recipients = list(numbers(count))
    async with _client_of(port) as client:
        await client.send_many(recipients[: 2 * BATCH], _TEXT)  # what is made for the first calls is no cost of each
        started, busy = time.perf_counter(), time.process_time()
        async with client.bulk(recipients, _TEXT) as run:
            async for _ in run:
                pass
        assert run.progress.accepted == count
        return {"wall": (time.perf_counter() - started) / count, "cpu": (time.process_time() - busy) / count}


async def program(database: str, port: int, count: int) -> Sample:
    """The same by a program that reads a file and writes a line for each result, as ``clickasync bulk`` does."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "recipients.csv"
        write_file(source, count)
        async with _client_of(port) as client:
            await client.send_many(list(numbers(2 * BATCH)), _TEXT)
            started, busy = time.perf_counter(), time.process_time()
            with source.open() as rows, (Path(folder) / "results.csv").open("w") as out:
                reader, writer = csv.reader(rows), csv.writer(out)
                next(reader)
                async with client.bulk((row[0] for row in reader), _TEXT) as run:
                    async for each in run:
                        if isinstance(each, Accepted):
                            writer.writerow((each.to, "accepted", each.id, each.climsgid, ""))
                        else:
                            writer.writerow((each.to, type(each).__name__.lower(), "", "", str(each)))
            assert run.progress.accepted == count
            return {"wall": (time.perf_counter() - started) / count, "cpu": (time.process_time() - busy) / count}


async def campaign(database: str, port: int, count: int) -> Sample:
    """The same as a campaign: loaded, sent, and its results read."""
    recipients = list(numbers(count))
    accepted = 0
    async with _client_of(port) as client, Campaigns(database, client=client) as campaigns:
        await campaigns.create(_name(), recipients[: 8 * BATCH], _TEXT)  # likewise: connections to the database, too
        await campaigns.work(until_done=True)
        started, busy = time.perf_counter(), time.process_time()
        kept = await campaigns.create(_name(), recipients, _TEXT)
        await campaigns.work(until_done=True)
        async for _ in kept.results():
            accepted += 1
        assert accepted == count
        return {"wall": (time.perf_counter() - started) / count, "cpu": (time.process_time() - busy) / count}


async def command(database: str, port: int, count: int) -> Sample:
    """The same by ``clickasync bulk``. Without what a single call takes: starting the program, and the first table."""
    few, many = await asyncio.to_thread(_command, port, BATCH), await asyncio.to_thread(_command, port, count)
    return {name: (many[name] - few[name]) / (count - BATCH) for name in many}


def _command(port: int, count: int) -> Sample:
    with tempfile.TemporaryDirectory() as folder:
        write_file(Path(folder) / "recipients.csv", count)
        account = {"API_ID": API_ID, "USER": USER, "PASSWORD": PASSWORD, "BASE_URL": f"http://127.0.0.1:{port}"}
        environment = os.environ | {f"CLICKATELL_{name}": value for name, value in account.items()}
        started, busy = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        line = [sys.executable, "-m", "clickasync", "bulk", "recipients.csv", "--text", _TEXT, "--quiet"]
        subprocess.run(line, check=True, cwd=folder, env=environment)
        took, used = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
        assert (Path(folder) / "recipients.results.csv").read_text().count("accepted") == count
    return {"wall": took, "cpu": used.ru_utime + used.ru_stime - busy.ru_utime - busy.ru_stime}


PARTS: Final[dict[str, Callable[..., Awaitable[Sample]]]] = {
    part.__name__: part for part in (pace, takeover, load, fold, bulk, program, campaign, command)
}
