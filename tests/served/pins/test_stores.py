"""The stores of codes: each method is one step, whoever comes at once, in memory and in databases."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import anyio
import pytest
from sqlalchemy import create_engine, event, inspect, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import Pool

from clickasync.errors import ConfigurationError
from clickasync.pins import MemoryStore, PinSender, PinStore, Record, SqlStore, Taken
from clickasync.simulator import Gateway
from tests.support.databases import shared_server
from tests.support.virtual import client_of

pytestmark = pytest.mark.anyio

NOW = 1_800_000_000_000
TO = "27821234567"
KINDS = ["memory", "sqlite", "postgresql", "postgresql, async"]


def fresh(version: int = 1, *, code: str = "c0de", tries: int = 3) -> Record:
    return Record(code, NOW + 300_000, tries, (NOW,), version)


@pytest.fixture(params=KINDS)
async def store(request: pytest.FixtureRequest, tmp_path: Path, anyio_backend: str) -> AsyncIterator[PinStore]:
    """An empty store; the async driver of PostgreSQL on asyncio alone."""
    clock = lambda: NOW / 1000
    if request.param == "memory":
        yield MemoryStore(clock=clock)
        return
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'pins.db'}"
    else:
        driver = "asyncpg" if "async" in request.param and anyio_backend == "asyncio" else "psycopg"
        url = shared_server().new_database().replace("postgresql:", f"postgresql+{driver}:")
    store = SqlStore(url, clock=clock)
    yield store
    await store.aclose()


async def test_what_is_put_is_kept(store: PinStore) -> None:
    assert await store.get("a") is None
    assert await store.put("a", fresh(), None)
    assert await store.get("a") == fresh()
    newer = Record("", NOW, 0, (), 2)
    assert await store.put("a", newer, fresh())
    assert await store.get("a") == newer
    assert await store.get("b") is None


async def test_only_the_first_to_put_succeeds(store: PinStore) -> None:
    assert await store.put("a", fresh(), None)
    assert not await store.put("a", fresh(code="another"), None)
    assert await store.put("a", fresh(2), fresh())
    assert not await store.put("a", fresh(2, code="another"), fresh())
    assert await store.get("a") == fresh(2)


async def test_tries_are_counted_and_end(store: PinStore) -> None:
    assert await store.take_try("a", NOW) is None
    await store.put("a", fresh(tries=2), None)
    assert await store.take_try("a", NOW) == Taken("c0de", NOW + 300_000)
    assert await store.take_try("a", NOW) == Taken("c0de", NOW + 300_000)
    assert await store.take_try("a", NOW) is None
    assert await store.get("a") == Record("c0de", NOW + 300_000, 0, (NOW,), 3)


async def test_no_try_is_taken_of_what_has_expired(store: PinStore) -> None:
    await store.put("a", fresh(), None)
    assert await store.take_try("a", NOW + 300_000) is None
    assert await store.take_try("a", NOW + 299_999) is not None


async def test_a_code_is_used_once(store: PinStore) -> None:
    await store.put("a", fresh(), None)
    assert not await store.use("a", "another")
    assert not await store.use("a", "")
    assert await store.use("a", "c0de")
    assert not await store.use("a", "c0de")
    assert not await store.use("a", "")
    assert await store.take_try("a", NOW) is None


async def test_fifty_at_once_take_as_many_tries_as_there_are(store: PinStore) -> None:
    await store.put("a", fresh(tries=3), None)
    taken: list[Taken | None] = []

    async def take() -> None:
        taken.append(await store.take_try("a", NOW))

    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(take)
    assert (len(taken), len([each for each in taken if each is not None])) == (50, 3)


async def test_of_fifty_who_put_at_once_one_succeeds(store: PinStore) -> None:
    done: list[bool] = []

    async def put(number: int) -> None:
        done.append(await store.put("a", fresh(code=f"{number}"), None))

    async with anyio.create_task_group() as tasks:
        for number in range(50):
            tasks.start_soon(put, number)
    assert (len(done), sum(done)) == (50, 1)


async def test_of_fifty_who_use_it_at_once_one_does(store: PinStore) -> None:
    await store.put("a", fresh(), None)
    done: list[bool] = []

    async def use() -> None:
        done.append(await store.use("a", "c0de"))

    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(use)
    assert (len(done), sum(done)) == (50, 1)


async def test_fifty_verifications_get_three_tries(store: PinStore) -> None:
    """Whoever guesses at once guesses no more often; and of those who are right, one is."""
    gateway = Gateway(clock=lambda: 0.0)
    async with client_of(gateway) as client:
        pins = PinSender(client, store=store, secret="s", tries=3, clock=lambda: NOW / 1000)
        await pins.send(TO)
        code = gateway.messages[-1].text.rpartition(" ")[2]
        right: list[bool] = []

        async def guess(pin: str) -> None:
            right.append(await pins.verify(TO, pin))

        guesses = [f"{(int(code) + offset) % 1_000_000:06d}" for offset in range(1, 51)]
        async with anyio.create_task_group() as tasks:
            for pin in guesses:
                tasks.start_soon(guess, pin)
        assert (len(right), any(right)) == (50, False)
        assert not await pins.verify(TO, code), "no try is left"

        await pins.send("27827654321")
        code = gateway.messages[-1].text.rpartition(" ")[2]
        right.clear()

        async def enter() -> None:
            right.append(await pins.verify("27827654321", code))

        async with anyio.create_task_group() as tasks:
            for _ in range(50):
                tasks.start_soon(enter)
        assert sum(right) == 1


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_rows_go_when_nothing_follows_from_them(tmp_path: Path) -> None:
    now = [NOW / 1000]
    engine = create_engine(f"sqlite:///{tmp_path / 'pins.db'}")
    store = SqlStore(engine, table="codes", clock=lambda: now[0])
    for number in range(99):
        await store.put(f"{number}", fresh(), None)
    now[0] += 3601
    await store.put("a", Record("c0de", NOW + 4_000_000, 3, (NOW + 3_601_000,), 1), None)
    with engine.connect() as connection:
        assert connection.execute(select(store.table.c.number)).scalars().all() == ["a"]
    assert inspect(engine).get_table_names() == ["codes"]
    await store.aclose()
    with engine.connect():
        """It is the user's, and still open."""
    engine.dispose()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_processes_that_make_the_table_at_once_do_not_fail() -> None:
    url = shared_server().new_database().replace("postgresql:", "postgresql+asyncpg:")
    engines = [create_async_engine(url) for _ in range(8)]
    stores = [SqlStore(engine) for engine in engines]
    async with anyio.create_task_group() as tasks:
        for number, each in enumerate(stores):
            tasks.start_soon(each.put, f"{number}", fresh(), None)
    assert [await each.get(f"{number}") for number, each in enumerate(stores)] == [fresh()] * 8
    for engine in engines:
        await engine.dispose()


def test_a_database_needs_what_the_extra_installs_and_no_more(tmp_path: Path) -> None:
    """SQLAlchemy without its asyncio, which needs greenlet; an async driver says what is missing."""
    probe = f"""
import sys
sys.modules["greenlet"] = None
from clickasync import ConfigurationError, blocking
client = blocking.Client(api_id=1, user="u", password="p")
pins = blocking.PinSender(client, store="sqlite:///{tmp_path}/pins.db", secret="s")
print(pins.verify("{TO}", "123456"))
try:
    blocking.PinSender(client, store="sqlite+aiosqlite:///{tmp_path}/pins.db", secret="s")
except ConfigurationError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", probe], capture_output=True, text=True, check=True)
    right, wrong = done.stdout.splitlines()
    assert right == "False"
    assert wrong.startswith("the driver of this database is not installed: ")


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_neither_log_nor_errors_show_what_is_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Of a database that was given as a URL: even an HMAC is nobody's business."""
    caplog.set_level(1, "sqlalchemy.engine")
    store = SqlStore(f"sqlite:///{tmp_path / 'pins.db'}")
    await store.put("k3y", fresh(code="hm4c"), None)
    engine = create_engine(f"sqlite:///{tmp_path / 'pins.db'}")
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE clickasync_pins"))
    engine.dispose()
    with pytest.raises(DBAPIError, match="parameters hidden") as caught:
        await store.use("k3y", "hm4c")
    assert "UPDATE clickasync_pins" in str(caught.value)
    assert "UPDATE clickasync_pins" in caplog.text
    assert [word for word in ("k3y", "hm4c") if word in str(caught.value) + caplog.text] == []
    await store.aclose()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_sender_closes_the_database_that_it_opened(tmp_path: Path) -> None:
    """One that was given as a URL. An engine stays as open as it was."""
    url = f"sqlite:///{tmp_path / 'pins.db'}"
    engine = create_engine(url)
    seen = []
    for what in ("connect", "close"):
        event.listen(Pool, what, partial(lambda what, *_: seen.append(what), what))
    async with client_of(Gateway()) as client, PinSender(client, store=url, secret="s") as pins:
        await pins.send(TO)
    assert seen == ["connect", "close"]
    async with client_of(Gateway()) as client, PinSender(client, store=engine, secret="s", pause=0) as pins:
        await pins.send(TO)
    assert seen[2:] == ["connect"]
    engine.dispose()


def test_what_is_no_database_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="int"):
        SqlStore(7)  # type: ignore[arg-type]
