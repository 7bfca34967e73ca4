"""The judge of campaigns: a gateway in a process of its own that writes down what it accepted, and nothing of ours.

It speaks the HTTP API by itself: a misreading cannot cancel itself out. Before any reply leaves, each recipient that it
accepted stands in its ledger: a line with the climsgid, the number, the ID and a digest of the text. It fails as often
as it is asked to: resets before and after acceptance, errors of single recipients, slow replies.

    python -m tests.support.ledger --ledger FILE --seed 1 --reset-before 0.02 --reset-after 0.02
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import secrets
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import parse_qsl

from attrs import asdict, define, frozen


@define
class Faults:
    """How often what goes wrong; probabilities."""

    seed: int = 0
    reset_before: float = 0.0
    reset_after: float = 0.0
    retry: float = 0.0
    """A line says 901."""
    no_credit: float = 0.0
    """A line says 301."""
    blocked: float = 0.0
    """A line says 121."""
    slow: float = 0.0
    """A reply takes a second."""
    latency: float = 0.0


class _Gateway:
    def __init__(self, ledger: IO[str], faults: Faults) -> None:
        self._ledger = ledger
        self._faults = faults
        self._random = random.Random(faults.seed)
        self._known: dict[str, str] = {}

    def _happens(self, probability: float) -> bool:
        return probability > 0.0 and self._random.random() < probability

    def reply(self, path: str, fields: dict[str, str]) -> tuple[str | None, float]:
        """The reply (None: a reset), and the seconds that it takes."""
        command = path.rpartition("/")[2]
        if command == "auth":
            return f"OK: {secrets.token_hex(16)}", 0.0
        if command == "querymsg":
            id = self._known.get(fields.get("climsgid", ""))
            return (f"ID: {id} Status: 002" if id else "ERR: 104, Unknown client message ID"), 0.0
        if command != "sendmsg":
            return "OK:", 0.0
        delay = self._faults.latency * self._random.uniform(0.5, 1.5) + self._happens(self._faults.slow)
        if self._happens(self._faults.reset_before):
            return None, delay
        lines = self._accept(fields["climsgid"], fields["to"].split(","), fields.get("text", ""))
        return (None if self._happens(self._faults.reset_after) else lines), delay

    def _accept(self, climsgid: str, numbers: list[str], text: str) -> str:
        lines = []
        entries = []
        for number in numbers:
            to = f" To: {number}" if len(numbers) > 1 else ""
            if self._happens(self._faults.retry):
                lines.append(f"ERR: 901, Internal error{to}")
            elif self._happens(self._faults.no_credit):
                lines.append(f"ERR: 301, No credit left{to}")
            elif self._happens(self._faults.blocked):
                lines.append(f"ERR: 121, Destination mobile number blocked{to}")
            else:
                id = secrets.token_hex(16)
                self._known.setdefault(climsgid, id)
                entries.append(f"{climsgid} {number} {id} {time.time():.3f} {text.encode().hex()}\n")
                lines.append(f"ID: {id}{to}")
        self._ledger.write("".join(entries))
        self._ledger.flush()
        self._random.shuffle(lines)
        return "\n".join(lines)


async def _serve(gateway: _Gateway, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            lengths = [
                line.partition(":")[2] for line in head.split("\r\n") if line.lower().startswith("content-length")
            ]
            body = (await reader.readexactly(int(lengths[0]) if lengths else 0)).decode()
            text, delay = gateway.reply(head.split(" ")[1].partition("?")[0], dict(parse_qsl(body)))
            if delay:
                await asyncio.sleep(delay)
            if text is None:
                writer.transport.abort()
                return
            content = text.encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(content))
            writer.write(content)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


def _run() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--ledger", required=True)
    for name, default in _defaults():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default)
    given = vars(parser.parse_args())
    with Path(given.pop("ledger")).open("a") as ledger:
        asyncio.run(_main(ledger, given))


async def _main(ledger: IO[str], given: dict[str, Any]) -> None:
    gateway = _Gateway(ledger, Faults(**given))
    server = await asyncio.start_server(lambda r, w: _serve(gateway, r, w), "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # ends with whoever started it
    os._exit(0)


def _defaults() -> list[tuple[str, float | int]]:
    faults = Faults()
    return list(asdict(faults).items())


@frozen
class Entry:
    """A message that the gateway accepted."""

    climsgid: str
    number: str
    id: str
    at: float
    text: str


@frozen
class Ledger:
    """A running gateway."""

    url: str
    path: Path
    start: int = 0

    def from_now_on(self) -> Ledger:
        """The same gateway, with an empty ledger."""
        return Ledger(self.url, self.path, self.path.stat().st_size)

    def entries(self) -> list[Entry]:
        """What it accepted, in order."""
        return self.take()[0]

    def take(self) -> tuple[list[Entry], Ledger]:
        """What it accepted so far, in order; and the same gateway with what comes then."""
        with self.path.open("rb") as file:
            file.seek(self.start)
            lines, end, _ = file.read().rpartition(b"\n")  # what is being written is left
        found = []
        for line in lines.decode().splitlines():
            climsgid, number, id, at, text = line.split(" ")
            found.append(Entry(climsgid, number, id, float(at), bytes.fromhex(text).decode()))
        return found, Ledger(self.url, self.path, self.start + len(lines) + len(end))

    def counts(self) -> Counter[str]:
        """How often it accepted a message to each number."""
        return Counter(entry.number for entry in self.entries())


@contextmanager
def ledger(folder: Path, **faults: float) -> Iterator[Ledger]:
    """Run a gateway with a ledger, in a process of its own."""
    path = folder / f"ledger-{secrets.token_hex(4)}"
    path.touch()
    options = [part for name, value in faults.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.ledger", "--ledger", str(path), *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    try:
        assert process.stdout is not None
        yield Ledger(process.stdout.readline().strip(), path)
    finally:
        process.kill()
        process.communicate()


if __name__ == "__main__":
    _run()
