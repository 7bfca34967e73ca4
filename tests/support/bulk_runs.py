"""Runs of ``clickasync bulk``: what goes in, what comes out, and a judge with the gateway's ledger in hand."""

from __future__ import annotations

import csv
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from clickasync.simulator import Gateway

RESULTS = Path("r.results.csv")
STORE = Path("r.results.db")
LOG = Path("r.results.db-wal")


def write(text: str, name: str = "r.csv") -> Path:
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return path


def numbers(count: int, name: str | Path = "r.csv", *, first: int = 0) -> Path:
    """A file of so many different numbers."""
    return write("".join(f"2782{n:07}\n" for n in range(first, first + count)), str(name))


def read(path: str | Path = RESULTS) -> list[dict[str, str]]:
    """The results, by row."""
    with Path(path).open(encoding="utf-8", newline="") as file:
        return sorted(csv.DictReader(file), key=lambda row: int(row["row"]))


def kinds(path: str | Path = RESULTS) -> list[str]:
    return [row["result"] for row in read(path)]


def sent_to(gateway: Gateway) -> Counter[str]:
    return Counter(message.to for message in gateway.messages)


def wait_for(condition: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def judge(gateway: Gateway, count: int, path: str | Path = RESULTS) -> Counter[str]:
    """Every row has one line, nobody was sent to twice, and each line says the truth; gives how many say what."""
    rows = read(path)
    assert [int(row["row"]) for row in rows] == list(range(1, count + 1))
    assert max(sent_to(gateway).values(), default=0) <= 1
    ids = {message.to: message.id for message in gateway.messages}
    for row in rows:
        match row["result"]:
            case "accepted":
                assert ids[row["to"]] == row["id"]
            case "uncertain":
                assert (row["to"] in ids) == (row["known_to_gateway"] == "true")
            case _:
                assert row["to"] not in ids
    return Counter(row["result"] for row in rows)
