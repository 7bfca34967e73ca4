"""A chapter: a campaign of 2,000 on two workers, one of them killed; finished, delivered, accounted for."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from clickasync.callbacks import receiver
from clickasync.campaigns import Campaign, Campaigns, Status
from clickasync.cli.campaign.screen import picture
from clickasync.cli.demo.stage import Stage, expect
from clickasync.cli.serving import serving
from clickasync.client import Client
from clickasync.codes import Callback
from clickasync.simulator import Gateway, serve

__all__ = ["play"]

_RECIPIENTS: Final = 2000
_PATIENCE: Final = 40.0
_LOGIN: Final[dict[str, Any]] = {"api_id": "1", "user": "demo", "password": "demo"}


async def play(stage: Stage) -> None:
    """Play it, with a gateway of its own; needs asyncio.

    Raises:
        Surprise: something was not as it should be.
    """
    stage.chapter("A campaign")
    with tempfile.TemporaryDirectory() as folder:
        database = str(Path(folder) / "campaigns.db")
        async with Campaigns(database) as hooks, serving(receiver(**hooks.receiver_hooks())) as hook_url:
            gateway = Gateway(
                credits=_RECIPIENTS, gateway_delay=0.1, handset_delay=0.2, latency=0.05, callback_url=hook_url
            )
            async with (
                serve(gateway) as url,
                Client(base_url=url, batch_size=20, **_LOGIN) as client,
                Campaigns(database, client=client) as campaigns,
            ):
                await _play(stage, campaigns, database, gateway, url)


async def _play(stage: Stage, campaigns: Campaigns, database: str, gateway: Gateway, url: str) -> None:
    numbers = [str(27820000000 + n) for n in range(_RECIPIENTS)]
    campaign = await campaigns.create(
        "spring", numbers, "Doors open at 8", rate_limit=600, callback=int(Callback.FINAL | Callback.ERROR)
    )
    stage.say(f"A campaign of {_RECIPIENTS:,}", "kept in a file; 600 a second, two workers")
    environment = {**os.environ, **{f"CLICKATELL_{name.upper()}": value for name, value in _LOGIN.items()}}
    environment["CLICKATELL_BASE_URL"] = url
    workers = [await _worker(database, environment) for _ in range(2)]
    try:
        await _until(campaign, lambda status: status.accepted > _RECIPIENTS // 4)
        workers[0].send_signal(signal.SIGKILL)
        await workers[0].wait()
        stage.say("One of them is killed in the middle", "kill -9")
        await _until(campaign, lambda status: status.state == "done")
        status = await _until(campaign, lambda status: status.delivered >= status.accepted)
    finally:
        for worker in workers[1:]:
            worker.terminate()
            await worker.wait()
    stage.print(picture(status))
    sent = Counter(message.to for message in gateway.messages)
    expect(max(sent.values()) == 1, "nobody to be sent to twice")
    expect(len(sent) <= status.accepted + status.uncertain, "nobody to be sent to whom the campaign does not know of")
    expect(status.accepted + status.uncertain == _RECIPIENTS, "everybody to have an outcome")
    stage.say("In the gateway's own ledger", f"{len(sent):,} messages, nobody twice")


async def _worker(database: str, environment: Mapping[str, str]) -> asyncio.subprocess.Process:
    command = [sys.executable, "-m", "clickasync", "campaign", "work", "--database", database, "--timeout", "1"]
    return await asyncio.create_subprocess_exec(*command, env=environment, stderr=asyncio.subprocess.DEVNULL)


async def _until(campaign: Campaign, condition: Callable[[Status], bool]) -> Status:
    async with asyncio.timeout(_PATIENCE):
        while not condition(status := await campaign.status()):  # other processes set no event of ours
            await asyncio.sleep(0.1)
    return status
