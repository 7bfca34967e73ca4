"""Tables of another version: refused, brought here step by step, and left alone by workers that do not know them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from clickasync import ConfigurationError
from clickasync.campaigns import Campaigns
from clickasync.campaigns.schema import VERSION
from clickasync.campaigns.store import Store
from clickasync.campaigns.upgrade import upgrade
from tests.support.campaigning import scene, until
from tests.support.databases import make, opened, worker

pytestmark = pytest.mark.anyio

NUMBERS = [str(27820000000 + n) for n in range(100)]


def add_a_column(connection: Connection) -> None:
    connection.execute(text("ALTER TABLE ca_campaigns ADD COLUMN colour text"))


def fill_it(connection: Connection) -> None:
    connection.execute(text("UPDATE ca_campaigns SET colour = 'red'"))


def fail(connection: Connection) -> None:
    connection.execute(text("UPDATE ca_campaigns SET colour = 'blue'"))
    raise LookupError("a step that is wrong")


async def colours(store: Store) -> list[str | None]:
    return [row.colour for row in await store.step(text("SELECT colour FROM ca_campaigns"))]


async def set_version(store: Store, version: int) -> None:
    await store.step(text("UPDATE ca_meta SET value = :version WHERE key = 'version'"), version=str(version))


async def test_step_by_step(store: Store) -> None:
    """Each in a transaction of its own, with its version; what was in the tables stays."""
    await make(store, NUMBERS)
    steps = {VERSION: add_a_column, VERSION + 1: fill_it}
    assert await upgrade(store, steps=steps, to=VERSION + 2) == VERSION
    assert (await store.version(), await colours(store)) == (VERSION + 2, ["red"])
    assert await upgrade(store, steps=steps, to=VERSION + 2) == VERSION + 2


async def test_a_step_that_fails_changes_nothing(store: Store) -> None:
    """The steps before it are done, and it can be tried again."""
    await make(store, NUMBERS)
    with pytest.raises(LookupError):
        await upgrade(store, steps={VERSION: add_a_column, VERSION + 1: fail}, to=VERSION + 2)
    assert (await store.version(), await colours(store)) == (VERSION + 1, [None])
    await upgrade(store, steps={VERSION + 1: fill_it}, to=VERSION + 2)
    assert await colours(store) == ["red"]


async def test_two_who_upgrade_at_once(database: str) -> None:
    """Each step is taken once."""
    async with opened(database) as one, opened(database) as other:
        steps = {VERSION: add_a_column, VERSION + 1: fill_it}
        await asyncio.gather(*(upgrade(each, steps=steps, to=VERSION + 2) for each in (one, other)))
        assert await one.version() == VERSION + 2


async def test_no_step_leads_here(store: Store) -> None:
    """From a version that is not known, or newer."""
    with pytest.raises(ConfigurationError, match=f"no step leads from version {VERSION}"):
        await upgrade(store, to=VERSION + 1)
    await set_version(store, VERSION + 7)
    with pytest.raises(ConfigurationError, match="use a newer clickasync"):
        await upgrade(store)


@pytest.mark.parametrize(
    ("version", "advice"), [(VERSION - 1, "campaign upgrade"), (VERSION + 1, "a newer clickasync")]
)
async def test_tables_of_another_version_are_refused(database: str, version: int, advice: str) -> None:
    """With what to do about it."""
    async with opened(database) as store:
        await set_version(store, version)
    with pytest.raises(ConfigurationError, match=advice):
        async with Campaigns(database):
            pass


async def test_a_worker_of_another_version_claims_nothing(store: Store) -> None:
    """What it has in hand it finishes; see below."""
    campaign = await make(store, NUMBERS)
    me = await worker(store)
    await set_version(store, VERSION + 1)
    assert await me.claim(campaign, 0) is None


async def test_workers_end_when_the_tables_are_upgraded(database: str, tmp_path: Path) -> None:
    """What is out is finished, the rest is left, and the error says why."""
    async with scene(database, tmp_path) as stage:
        campaign = await stage.campaigns.create("spring", NUMBERS, "Hi", rate_limit=40)
        work = asyncio.create_task(stage.campaigns.work())
        await until(campaign, lambda status: status.accepted)
        await set_version(campaign._store, VERSION + 1)
        with pytest.raises(ConfigurationError, match=f"upgraded to version {VERSION + 1}"):
            await asyncio.wait_for(work, 10)
        status = await campaign.status()
        assert status.out == 0
        assert status.accepted == len(stage.gateway.entries())
        assert status.accepted + status.ready == 100
