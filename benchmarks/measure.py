"""Processes: servers, workers that are asked for one measurement at a time, and the turns in which they are asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Any, Final, Self

_HOME: Final = Path(__file__).parent.parent
_PATIENCE: Final = 600.0  # seconds for one measurement


def _environment() -> dict[str, str]:
    """Ours without proxies and credentials: nothing but loopback is ever talked to."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.lower().endswith("_proxy") and not name.startswith("CLICKATELL_")
    }


class Process:
    """A module of this package as a process of its own; it ends when its standard input is closed."""

    def __init__(self, module: str, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"benchmarks.{module}", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=_HOME,
            env=_environment(),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End it."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        try:
            self._process.wait(5.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def read_line(self) -> str:
        """The next line that it prints."""
        assert self._process.stdout
        timer = threading.Timer(_PATIENCE, self._process.kill)
        timer.start()
        try:
            line = self._process.stdout.readline()
        finally:
            timer.cancel()
        if not line:
            raise RuntimeError(f"{' '.join(map(str, self._process.args[2:]))} ended without an answer")  # type: ignore[index]
        return line

    def write_line(self, line: str) -> None:
        """Hand it a line."""
        assert self._process.stdin
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()


class Server(Process):
    """One that prints its port first."""

    def __init__(self, module: str, *arguments: str) -> None:
        super().__init__(module, *arguments)
        self.port = int(self.read_line())


@dataclass(frozen=True)
class Sample:
    """One measurement, for one item (a call, a recipient, a line)."""

    cpu: float
    """Seconds of CPU, user and system, of the process that is measured."""
    wall: float
    """Seconds."""
    peak: float = 0.0
    """Bytes: the most memory that the process ever had."""
    disk: float = 0.0
    """Bytes on the disk; or, of what waits for it, the seconds that the disk takes."""
    at: float = 0.0
    """When, by the clock of whoever asked: seconds, in the middle of it."""


class Absent(Exception):  # nothing is wrong
    """A peer is not installed."""


class Worker(Process):
    """Measures one thing at a time, on demand."""

    def __init__(self) -> None:
        super().__init__("worker")

    def ask(self, task: str, **arguments: Any) -> Sample:
        """Have it measure.

        Raises:
            Absent: what is to be measured is not installed.
        """
        begin = time.monotonic()
        self.write_line(json.dumps([task, arguments]))
        reply = json.loads(self.read_line())
        if "absent" in reply:
            raise Absent(reply["absent"])
        return Sample(**reply, at=(begin + time.monotonic()) / 2)


@dataclass
class Figure:
    """What one of those compared costs in one case: a line of the table."""

    group: str
    case: str
    who: str
    unit: str
    """``µs/call`` and the like; ``samples`` are in seconds all the same."""
    samples: list[Sample] = field(default_factory=list)
    note: str = ""
    ours: bool = False
    """This is what the others of its case are compared with."""
    scale: float = 1e6
    """Units in a second."""

    def __post_init__(self) -> None:
        self.ours = self.ours or self.who == "clickasync"

    def values(self, kind: str) -> list[float]:
        """``cpu`` or ``wall`` of each sample."""
        return [getattr(sample, kind) for sample in self.samples]

    def median(self, kind: str = "cpu") -> float:
        """Their median, in seconds."""
        return median(self.values(kind))

    @property
    def peak(self) -> float:
        """The most memory, in bytes: the median of the samples."""
        return median(sample.peak for sample in self.samples)

    @property
    def disk(self) -> float:
        """What the disk has to do with it: the median of the samples."""
        return median(sample.disk for sample in self.samples)


def ratio(peer: Figure | None, ours: Figure | None) -> float | None:
    """How many times as much CPU time the peer takes: the median of its samples, each by the nearest in time of ours.

    A machine's speed drifts, so that only neighbours can be compared.
    """
    if peer is None or ours is None or not peer.samples or not ours.samples:
        return None

    def times_ours(sample: Sample) -> float:
        return sample.cpu / min(ours.samples, key=lambda mine: abs(mine.at - sample.at)).cpu

    return median(map(times_ours, peer.samples))


Ask = Callable[[], Sample]


def in_turns(entries: Sequence[tuple[Figure, Ask]], repeats: int) -> None:
    """Ask all of them in turns, so often, and ours before each of the others; who is absent is left out."""
    turns = list(entries)
    ours = [entry for entry in turns if entry[0].ours]
    if len(ours) == 1 < len(turns):
        turns = [entry for other in turns if other not in ours for entry in (*ours, other)]
    for _ in range(repeats):
        for entry in list(turns):
            figure, ask = entry
            try:
                figure.samples.append(ask())
            except Absent as absent:
                figure.note = f"absent: {absent}"
                turns.remove(entry)
