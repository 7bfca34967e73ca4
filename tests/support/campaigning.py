"""Campaigns at work in this process, against a gateway with a ledger in another."""

from __future__ import annotations

import asyncio
import atexit
import tempfile
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any

from attrs import frozen

from clickasync import Client
from clickasync.campaigns import Campaign, Campaigns, Status
from tests.support.chaos import Verdict, judge
from tests.support.ledger import Ledger, ledger


@frozen
class Scene:
    """A gateway, and campaigns of a client of it."""

    gateway: Ledger
    client: Client
    campaigns: Campaigns
    database: str

    async def verdict(self, campaign: Campaign) -> Verdict:
        """What the judge says of a campaign."""
        verdict = Verdict()
        judge(verdict, [result async for result in campaign.results()], self.gateway.entries())
        return verdict


@cache
def _flawless() -> Ledger:
    """A gateway that does not fail, for all tests of this process."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(ledger(Path(stack.enter_context(tempfile.TemporaryDirectory()))))


@asynccontextmanager
async def scene(
    database: str, folder: Path, *, client: dict[str, Any] | None = None, **faults: float
) -> AsyncIterator[Scene]:
    """A gateway that fails as often as asked, and campaigns on a database."""
    settings: dict[str, Any] = {"user": "demo", "password": "demo", "timeout": 1.0, "retries": 1, "batch_size": 20}
    with ledger(folder, **faults) if faults else nullcontext(_flawless().from_now_on()) as gateway:
        async with (
            Client(api_id=1, base_url=gateway.url, **{**settings, **(client or {})}) as sender,
            Campaigns(database, client=sender) as campaigns,
        ):
            yield Scene(gateway, sender, campaigns, database)


async def until(campaign: Campaign, condition: Any, seconds: float = 40.0) -> Status:
    """Wait until the status is so."""
    async with asyncio.timeout(seconds):
        while True:
            status = await campaign.status()
            if condition(status):
                return status
            await asyncio.sleep(0.05)
