"""Both databases of campaigns, for the tests: every test that asks for `database` runs on each of them."""

from __future__ import annotations

import atexit
import json
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Row, select, update

from clickasync.campaigns import upkeep
from clickasync.campaigns.creating import Plan, create
from clickasync.campaigns.functions import now
from clickasync.campaigns.moves import Moves
from clickasync.campaigns.schema import calls, campaigns, workers
from clickasync.campaigns.store import Store
from tests.support.postgres import Postgres, in_memory

ME = json.dumps(["http://127.0.0.1", "1", "demo"])
SOMEBODY_ELSE = json.dumps(["http://127.0.0.1", "2", "other"])


@cache
def shared_server() -> Postgres:
    """One server for all tests of this process."""
    server = Postgres.create()
    atexit.register(server.remove)
    return server


@pytest.fixture
def anyio_backend() -> str:
    """Campaigns work on asyncio."""
    return "asyncio"


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of an empty database."""
    if request.param == "sqlite":
        with tempfile.TemporaryDirectory(prefix="clickasync-", dir=in_memory()) as folder:
            yield str(Path(folder) / "campaigns.db")
    else:
        yield shared_server().new_database()


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    """An empty database, open."""
    async with opened(database) as store:
        await store.mark_dirty()
        yield store


@asynccontextmanager
async def opened(database: str, **settings: Any) -> AsyncIterator[Store]:
    """A database, open as long as the block lasts."""
    store = await Store.open(database, **settings)
    try:
        yield store
    finally:
        await store.aclose()


async def make(store: Store, numbers: Sequence[Any], *, name: str = "spring", account: str = ME, **plan: Any) -> int:
    """A campaign; gives its ID."""
    plan = {"batch_size": 300, "text": "Hi", "options": {}, **plan}
    return await create(store, Plan(name=name, account=account, **plan), list(numbers))


async def worker(store: Store, account: str = ME) -> Moves:
    """A worker that is registered."""
    moves = Moves(store, account)
    [row] = await store.step(upkeep.REGISTER, b_account=account, b_host="here", b_pid=1, b_version="0")
    moves.worker = row.id
    return moves


async def kill(store: Store, moves: Moves) -> None:
    """Make a worker look dead."""
    await store.step(update(workers).where(workers.c.id == moves.worker).values(beat=now() - 60))


async def change(store: Store, id: int, **columns: Any) -> None:
    """Write columns of a call, past all statements."""
    await store.step(update(calls).where(calls.c.id == id).values(columns))


async def change_campaign(store: Store, id: int, **columns: Any) -> None:
    """Write columns of a campaign, past all statements."""
    await store.step(update(campaigns).where(campaigns.c.id == id).values(columns))


async def read(store: Store, id: int) -> Row[Any]:
    """A call as it stands."""
    rows: Sequence[Row[Any]] = await store.step(select(calls).where(calls.c.id == id))
    return rows[0]


async def campaign_of(store: Store, id: int) -> Row[Any]:
    """A campaign as it stands."""
    rows: Sequence[Row[Any]] = await store.step(select(campaigns).where(campaigns.c.id == id))
    return rows[0]


async def ids(store: Store) -> list[int]:
    """The calls."""

    def work(connection: Connection) -> list[int]:
        return list(connection.execute(select(calls.c.id).order_by(calls.c.id)).scalars())

    return await store.read(work)
