"""A process that measures on demand: it reads ``[task, arguments]`` as JSON, a line each, and answers with a sample."""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import os
import random
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import anyio

from benchmarks import raw, workload


class Stopwatch:
    """CPU time of this process, and time by the clock."""

    def __init__(self) -> None:
        gc.collect()
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def stop(self, items: int) -> dict[str, float]:
        """The sample, for each of `items`."""
        cpu, wall = time.process_time() - self._cpu, time.perf_counter() - self._wall
        return {"cpu": cpu / items, "wall": wall / items}


def single(peer: str, port: int, in_flight: int, count: int, loop: str = "asyncio", ca: str = "") -> dict[str, float]:
    """So many calls of one recipient each, over connections that are open already.

    Args:
        peer, port, in_flight, count: who sends what.
        loop: asyncio, uvloop or trio.
        ca: a file with the certificate of the authority to trust; then TLS is spoken.
    """
    if peer == "sockets":
        raw.exchange(port, in_flight, workload.requests(in_flight))
        requests = list(workload.requests(count))
        watch = Stopwatch()
        assert raw.exchange(port, in_flight, requests) == count
        return watch.stop(count)

    from benchmarks.single import PEERS

    if ca:
        os.environ["SSL_CERT_FILE"] = ca

    async def measure() -> dict[str, float]:
        url = f"https://localhost:{port}" if ca else f"http://127.0.0.1:{port}"
        async with PEERS[peer](url, in_flight) as send:

            async def lane(todo: Iterator[str]) -> None:
                for number in todo:
                    await send(number)

            async def drive(count: int) -> None:
                todo = workload.numbers(count)
                async with anyio.create_task_group() as tasks:
                    for _ in range(in_flight):
                        tasks.start_soon(lane, todo)

            await drive(max(20, in_flight))
            watch = Stopwatch()
            await drive(count)
            return watch.stop(count)

    if loop == "trio":
        return anyio.run(measure, backend="trio")
    return anyio.run(measure, backend_options={"use_uvloop": loop == "uvloop"})


def threads(peer: str, port: int, in_flight: int, count: int) -> dict[str, float]:
    """The same without an event loop, from so many threads."""
    from benchmarks.threads import PEERS

    def lane(todo: Iterator[str], lock: threading.Lock) -> None:
        while True:
            with lock:  # a generator belongs to one thread at a time
                number = next(todo, None)
            if number is None:
                return
            send(number)

    def drive(count: int) -> None:
        todo, lock = iter(workload.numbers(count)), threading.Lock()
        lanes = [threading.Thread(target=lane, args=(todo, lock)) for _ in range(in_flight)]
        for each in lanes:
            each.start()
        for each in lanes:
            each.join()

    with PEERS[peer](f"http://127.0.0.1:{port}", in_flight) as send:
        drive(max(20, in_flight))
        watch = Stopwatch()
        drive(count)
        return watch.stop(count)


def many(peer: str, port: int, count: int) -> dict[str, float]:
    """So many recipients, from opening the client to closing it; with the peak of memory."""
    from benchmarks.many import PEERS

    watch = Stopwatch()
    accepted = asyncio.run(PEERS[peer](f"http://127.0.0.1:{port}", count))
    if accepted != count:
        raise ValueError(f"{peer}: {accepted} of {count} accepted")
    return {**watch.stop(count), "peak": _peak()}


def campaigns(part: str, **arguments: Any) -> dict[str, float]:
    """One of the parts of `benchmarks.campaigns`; with the peak of memory."""
    from benchmarks.campaigns import PARTS

    gc.collect()
    return {**asyncio.run(PARTS[part](**arguments)), "peak": _peak()}  # type: ignore[arg-type] # they are coroutines


def _peak() -> int:
    """The most memory this process ever had, in bytes.

    Linux hands ``ru_maxrss`` on from the process that started this one, so its own book is asked first.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _reply(kind: str, lines: int) -> tuple[str, list[str]]:
    numbers = list(workload.numbers(lines))
    order = list(numbers)
    if kind != "in order":
        random.Random(4).shuffle(order)
    text = [f"ID: {index:032x} To: {number}" for index, number in enumerate(order)]
    if kind == "shuffled, 10 % refused":
        text[::10] = [f"ERR: 114, Cannot route message To: {number}" for number in order[::10]]
    return "\n".join(text), numbers


def parser(who: str, kind: str, lines: int, rounds: int) -> dict[str, float]:
    """Reading a reply to a call of many, for each line."""
    from clickasync.law import Reply
    from clickasync.protocol.lines import read_lines

    text, numbers = _reply(kind, lines)
    reply = Reply(text.encode())
    read: Callable[[Reply, list[str]], object] = read_lines
    if who == "lines split":
        read = lambda reply, numbers: reply.text.split("\n")  # noqa: E731
    read(reply, numbers)
    watch = Stopwatch()
    for _ in range(rounds):
        read(reply, numbers)
    return watch.stop(lines * rounds)


def load(statement: str) -> dict[str, float]:
    """Importing something, in a fresh interpreter."""
    program = (
        "import time\nwall, cpu = time.perf_counter(), time.process_time()\n"
        f"{statement}\n"
        "print(time.process_time() - cpu, time.perf_counter() - wall)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60.0)
    cpu, wall = map(float, done.stdout.split())
    return {"cpu": cpu, "wall": wall}


def posted(port: int, in_flight: int, count: int) -> dict[str, float]:
    """So many delivery reports, posted to a receiver; the CPU time is the receiver's own."""
    requests = list(workload.reports(count))
    before, _, _ = _receiver_says(port)
    watch = Stopwatch()
    assert raw.exchange(port, in_flight, requests) == count
    sample = watch.stop(count)
    after, handled, different = _receiver_says(port)
    if not handled == different == count:
        raise ValueError(f"{count} reports posted, {handled} handled, {different} different ones")
    return {**sample, "cpu": (after - before) / count}


def _receiver_says(port: int) -> tuple[float, int, int]:
    """Its CPU time, how many reports it has handled since it was last asked, and how many different ones."""
    import httpx

    cpu, handled, different = httpx.get(f"http://127.0.0.1:{port}/account").json()
    return cpu, handled, different


TASKS: Final[dict[str, Callable[..., dict[str, float]]]] = {
    task.__name__: task for task in (single, threads, many, campaigns, parser, load, posted)
}


def main() -> None:
    """Answer until standard input ends."""
    for line in sys.stdin:
        task, arguments = json.loads(line)
        answer: dict[str, Any]
        try:
            answer = TASKS[task](**arguments)
        except ModuleNotFoundError as error:
            if not importlib.util.find_spec("clickasync"):
                raise
            answer = {"absent": f"no module {error.name}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
