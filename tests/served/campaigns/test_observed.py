"""A campaign's calls are seen by the client's observer, and each recipient is settled once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.campaigning import scene
from tests.support.watcher import Watcher

pytestmark = pytest.mark.anyio


async def test_a_campaign_settles_each_recipient_once(database: str, tmp_path: Path) -> None:
    """As its status counts them, whatever fails on the way."""
    watcher = Watcher()
    numbers = [str(27820000000 + number) for number in range(300)]
    faults = {"retry": 0.05, "blocked": 0.05, "reset_after": 0.1}
    async with scene(database, tmp_path, client={"observer": watcher}, **faults) as stage:
        campaign = await stage.campaigns.create("spring", numbers, "Doors open at 8")
        await stage.campaigns.work(until_done=True)
        status = await campaign.status()
    assert watcher.totals == (status.accepted, status.rejected, status.uncertain)
    assert sum(watcher.totals) == 300
    assert len(watcher.of("sendmsg")) >= 15
