"""A worker in a process of its own that is stopped in the middle of a call, and wakes after others have settled it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from clickasync.campaigns import Status
from tests.support.campaigning import Scene, scene, until
from tests.support.databases import shared_server

pytestmark = pytest.mark.anyio

NUMBERS = [str(27820000000 + n) for n in range(20)]
STOPS = """
import asyncio, os, signal, sys
from clickasync import Client
from clickasync.campaigns import Campaigns

class Stops:
    def start(self, call):
        if call.command != "sendmsg":
            return None
        if sys.argv[3] == "before it leaves":
            os.kill(os.getpid(), signal.SIGSTOP)
            return None
        return lambda ended: os.kill(os.getpid(), signal.SIGSTOP)

async def main():
    client = Client(api_id=1, user="demo", password="demo", base_url=sys.argv[2], batch_size=20, observer=Stops())
    async with client, Campaigns(sys.argv[1], client=client) as campaigns:
        await campaigns.work(until_done=True)

asyncio.run(main())
"""


async def _play(stage: Scene, when: str) -> tuple[Status, Status]:
    """How the campaign was when others had settled it, and once its sender had spoken."""
    campaign = await stage.campaigns.create("spring", NUMBERS, "Hi")
    command = [sys.executable, "-c", STOPS, stage.database, stage.gateway.url, when]
    sender = await asyncio.to_thread(subprocess.Popen, command)
    try:
        _, how = await asyncio.to_thread(os.waitpid, sender.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(how)
        await stage.campaigns.work(until_done=True, settle_after=0.1)
        settled = await campaign.status()
        sender.send_signal(signal.SIGCONT)
        spoken = await until(campaign, lambda status: not status.uncertain)
        assert await asyncio.to_thread(sender.wait, 20) == 0
    finally:
        sender.kill()
        sender.wait()
    assert (await stage.verdict(campaign)).is_clean
    return settled, spoken


async def _play_both(folder: Path, when: str) -> None:
    (folder / "a").mkdir()
    server = shared_server().new_database()
    async with scene(str(folder / "c.db"), folder, seed=1) as one, scene(server, folder / "a", seed=1) as other:
        for settled, spoken in await asyncio.gather(_play(one, when), _play(other, when)):
            assert (settled.state, settled.uncertain) == ("done", 20)
            if when == "before it leaves":
                assert (spoken.accepted, spoken.rejected) == (0, 20)
            else:
                assert (spoken.accepted, spoken.rejected) == (20, 0)
        if when == "before it leaves":
            for stage in (one, other):
                assert stage.gateway.entries() == []
                assert await (await stage.campaigns.get("spring")).retry() == 20
                await stage.campaigns.work(until_done=True)
        for stage in (one, other):
            assert stage.gateway.counts() == dict.fromkeys(NUMBERS, 1)


async def test_stopped_before_anything_left(tmp_path: Path) -> None:
    """When it wakes, nothing leaves: that is too long ago. What was told as uncertain waits for a person."""
    await _play_both(tmp_path, "before it leaves")


async def test_stopped_with_the_answer_in_hand(tmp_path: Path) -> None:
    """Its word is taken when it wakes, whatever others made of it."""
    await _play_both(tmp_path, "before it is written down")


async def test_a_worker_that_is_cancelled_twice(database: str, tmp_path: Path) -> None:
    """Once: it waits for what is under way. Twice: it ends, and what may have left is uncertain."""
    async with scene(database, tmp_path, latency=60.0, client={"timeout": 120.0}) as stage:
        campaign = await stage.campaigns.create("spring", [*NUMBERS, *map(str, range(100, 120))], "Hi")
        work = asyncio.create_task(stage.campaigns.work(in_flight=1))
        await until(campaign, lambda _: stage.gateway.entries())
        work.cancel()
        done, _ = await asyncio.wait([work], timeout=0.5)
        assert not done
        work.cancel()
        async with asyncio.timeout(15.0):
            await asyncio.wait([work])
        status = await campaign.status()
        assert (status.uncertain, status.ready, status.out, status.workers) == (20, 20, 0, [])
