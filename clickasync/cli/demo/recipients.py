"""A chapter: ``clickasync bulk`` over a file of 2,000, killed in the middle and resumed."""

from __future__ import annotations

import asyncio
import csv
import os
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Final

from clickasync.cli.demo.stage import Stage, expect, until
from clickasync.simulator import Gateway, serve

__all__ = ["play"]

_RECIPIENTS: Final = 2000
_FILE: Final = "customers.csv"
_RESULTS: Final = "customers.results.csv"
_RUN: Final = ("bulk", _FILE, "--text", "Hi {name}, doors open at 8", "--batch-size", "20", "--quiet")


async def play(stage: Stage) -> None:
    """Play it, with a gateway of its own; needs asyncio.

    Raises:
        Surprise: something was not as it should be.
    """
    stage.chapter("A file of recipients")
    gateway = Gateway(credits=_RECIPIENTS, latency=0.2)
    with tempfile.TemporaryDirectory() as folder:
        rows = (f"{27830000000 + n},{('Ann', 'Ben')[n % 2]}\n" for n in range(_RECIPIENTS))
        await asyncio.to_thread((Path(folder) / _FILE).write_text, "to,name\n" + "".join(rows))
        async with serve(gateway) as url:
            run = await _start(folder, url)
            await until(lambda: len(gateway.messages) >= 5 * 160, "five times eight calls", seconds=20.0)
            run.send_signal(signal.SIGKILL)
            await run.wait()
            stage.say("A run is killed in the middle", "kill -9")
            gateway.latency = 0.0
            resumed = await _start(folder, url, "--resume", _RESULTS)
            await resumed.wait()
        stage.say("It goes on from its store", f"clickasync bulk {_FILE} ... --resume {_RESULTS}")
        counts = await asyncio.to_thread(_counts, Path(folder) / _RESULTS)
    stage.say("In the results", ", ".join(f"{count:,} {kind}" for kind, count in counts.most_common()))
    sent = Counter(message.to for message in gateway.messages)
    expect(set(counts) <= {"accepted", "uncertain"}, "no row to be rejected")
    expect(counts.total() == _RECIPIENTS, "every row to have a result")
    expect(max(sent.values()) == 1, "nobody to be sent to twice")
    stage.say("In the gateway's own ledger", f"{len(sent):,} messages, nobody twice")


def _counts(results: Path) -> Counter[str]:
    with results.open(encoding="utf-8", newline="") as file:
        return Counter(row["result"] for row in csv.DictReader(file))


async def _start(folder: str, url: str, *more: str) -> asyncio.subprocess.Process:
    environment = {**os.environ, "CLICKATELL_BASE_URL": url, "CLICKATELL_API_ID": "1"}
    environment |= {"CLICKATELL_USER": "demo", "CLICKATELL_PASSWORD": "demo"}
    command = [sys.executable, "-m", "clickasync", *_RUN, *more]
    return await asyncio.create_subprocess_exec(
        *command, cwd=folder, env=environment, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
