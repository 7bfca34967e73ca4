"""`Store`: the database of campaigns, whichever it is. Runs statements, again where the database was away.

Whether the database remembers. What a worker was told is committed must still be there when it comes back; else what
was begun would be begun again, and sent twice. Two entries of ``ca_meta`` tell, and every `begin` compares them:

identity   which database this is (`functions.identity`). A failover, a restored backup or a copied file changes it.
dirty      SQLite: whether anything was begun since the file was last left in order. A worker sets the mark and brings
           it from the log into the file itself before it begins anything; whoever closes the file takes it away
           (workers that go on set it again), and what a log holds reaches the file in order. So a file with the mark
           and without a log lost the log.

A database that forgot pauses every campaign of which something is left to send, with the reason ``reconcile``.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from sqlalchemy import Connection, Executable, Row, Text, cast, exists, func, insert, inspect, or_, select, text, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from clickasync.campaigns.alone import settle_in
from clickasync.campaigns.errors import DatabaseAwayError, DatabaseFullError
from clickasync.campaigns.functions import identity, now
from clickasync.campaigns.prepared import Prepared
from clickasync.campaigns.schema import VERSION, calls, campaigns, meta, metadata
from clickasync.campaigns.sqlite import How, SqliteDatabase
from clickasync.campaigns.states import State
from clickasync.errors import ConfigurationError

__all__ = ["RECONCILE", "Store", "forget"]

T = TypeVar("T")

STEP_SECONDS: Final = 60.0
"""How long a step is repeated while the database is away."""
_OPEN_SECONDS: Final = 30.0
_FULL_FOR: Final = 1.0
_log = logging.getLogger("clickasync.campaigns")
_CREATING: Final = 0x636C6B61  # any number, the same for all who create the tables
RECONCILE: Final = "reconcile"
"""The reason of campaigns whose database forgot."""


class Store:
    """An open database. Made by `open`."""

    def __init__(
        self, database: Any, *, opened_without_log: float | None, is_file: bool, is_alone: bool = False
    ) -> None:
        self._database = database
        self._opened_without_log = opened_without_log
        self.is_file = is_file
        self.is_alone = is_alone
        """Whether nobody else can run on it; see `alone`."""
        self._process = os.getpid()
        self.others: str | None = None
        """Where somebody else may still be sending from it, though it is alone; None: nobody can be."""

    def __repr__(self) -> str:
        return f"Store({self._database!r})"

    @classmethod
    async def open(
        cls,
        where: str | Path,
        *,
        pool_size: int = 12,
        allow_insecure: bool = False,
        allow_unsafe: bool = False,
        alone: bool = False,
        any_version: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> Self:
        """Open a database, and make its tables where there are none.

        Args:
            where: the path of a file, or ``postgresql://…``.
            pool_size: connections at once, at most (PostgreSQL).
            allow_insecure: permit a server elsewhere without TLS.
            allow_unsafe: permit a server that is set to forget (``fsync = off``).
            alone: have it to itself, or be refused; for a file.
            any_version: take tables of any version, to upgrade them.
            clock: the time, for a file; a server has its own.

        Raises:
            ConfigurationError: it cannot be used.
            DatabaseAwayError: it cannot be reached.
        """
        if isinstance(where, str) and "://" in where:
            store = await cls._open_server(where, pool_size, allow_insecure, allow_unsafe)
        else:
            file = SqliteDatabase(Path(where), clock=clock)
            try:
                await file.open(alone=alone)
            except BaseException:
                await file.discard()
                raise
            store = cls(file, opened_without_log=file.opening.without_log, is_file=True, is_alone=alone)
        try:
            if not await store.read(_has_tables, patience=_OPEN_SECONDS):
                await store.change(_create_tables, patience=_OPEN_SECONDS)
            if any_version:
                return store
            await store.read(_check_version)
            if alone and store.is_file:
                store.others = await store.change(partial(settle_in, path=store._database.path))
            await store.look_whether_it_forgot()
        except BaseException:
            await store._database.discard()
            raise
        return store

    @classmethod
    async def _open_server(cls, where: str, pool_size: int, allow_insecure: bool, allow_unsafe: bool) -> Self:
        try:
            url = make_url(where)
        except ArgumentError:
            raise ConfigurationError("the database is no URL like postgresql://user@host/name") from None
        if url.get_backend_name() not in ("postgresql", "postgres"):
            raise ConfigurationError(f"the database must be a file or postgresql://…, not {url.get_backend_name()}://…")
        try:
            from clickasync.campaigns.postgres import PostgresDatabase

            server = PostgresDatabase(url, pool_size=pool_size, allow_insecure=allow_insecure)
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                f"campaigns on PostgreSQL need {error.name}: pip install 'clickasync[fleet]'", name=error.name
            ) from None
        try:
            await server.open(allow_unsafe=allow_unsafe)
        except BaseException:
            await server.aclose()
            raise
        return cls(server, opened_without_log=None, is_file=False)

    async def aclose(self) -> None:
        """Leave it in order, and close it. In a child of the process that opened it, leave it alone."""
        if os.getpid() != self._process:
            return
        if self.is_file:
            mark = update(meta).where(meta.c.key == "dirty", meta.c.value == "1").values(value="0")
            with contextlib.suppress(DatabaseAwayError):
                if await self.read(_is_dirty, patience=1.0):
                    await self.change(lambda connection: connection.execute(mark), patience=1.0)
        await self._database.aclose()

    # -- running statements

    async def step(
        self,
        statement: Executable | Prepared,
        *,
        patience: float = STEP_SECONDS,
        may_be_lost: bool = False,
        is_precious: bool = False,
        **given: Any,
    ) -> Sequence[Any]:
        """Run one statement, a transaction of its own; gives its rows.

        Args:
            statement: prepared, if it is run often.
            patience: seconds for which it is repeated while the database is away.
            may_be_lost: with the machine's power, for it is no harm (a claim, a beat); it costs less then.
            is_precious: repeat it also while no space is left.
            given: its parameters.

        Raises:
            DatabaseAwayError: the database was away for longer than `patience` seconds.
            DatabaseFullError: no space is left.
        """
        if isinstance(statement, Prepared):
            attempt = partial(self._database.step, statement, given, may_be_lost=may_be_lost)
            return await self._again(attempt, patience, is_precious)

        def work(connection: Connection) -> Sequence[Row[Any]]:
            result = connection.execute(statement, given)
            return result.all() if result.returns_rows else ()

        return await self._run(work, "hint" if may_be_lost else "step", patience, is_precious)

    async def change(
        self, work: Callable[[Connection], T], *, patience: float = STEP_SECONDS, is_precious: bool = False
    ) -> T:
        """Run a transaction; it may be run again, so it must expect to find its own work done.

        Raises:
            DatabaseAwayError: the database was away for longer than `patience` seconds.
            DatabaseFullError: no space is left.
        """
        return await self._run(work, "change", patience, is_precious)

    async def read(self, work: Callable[[Connection], T], *, patience: float = STEP_SECONDS) -> T:
        """Run something that only reads.

        Raises:
            DatabaseAwayError: the database was away for longer than `patience` seconds.
        """
        return await self._run(work, "read", patience)

    async def _run(self, work: Callable[[Connection], T], how: How, patience: float, is_precious: bool = False) -> T:
        return await self._again(partial(self._database.run, work, how), patience, is_precious)

    async def _again(self, attempt: Callable[[], Awaitable[T]], patience: float, is_precious: bool) -> T:
        """Attempt it until it is done, or the database was away for too long."""
        if os.getpid() != self._process:  # whose answers would go to the parent, and the other way round
            raise RuntimeError("the database was opened in another process; after a fork, open it again")
        deadline = time.monotonic() + patience
        pause = 0.05
        while True:
            try:
                return await attempt()
            except DatabaseAwayError as error:
                is_full = isinstance(error, DatabaseFullError)
                if (is_full and not is_precious) or time.monotonic() + pause >= deadline:
                    raise
                if is_full and pause >= _FULL_FOR:
                    _log.warning("%s; it is tried for %.0f s more", error, deadline - time.monotonic())
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter is no secret
            pause = min(2 * pause, 1.0)

    async def vacuum(self) -> None:
        """Give the space of what was deleted back."""
        await self._database.vacuum()

    async def analyze(self) -> None:
        """Let the planner know of what was loaded."""
        await self._database.analyze()

    # -- whether it remembers

    async def look_whether_it_forgot(self) -> bool:
        """Compare what tells; pauses the campaigns where the database forgot."""

        def look(connection: Connection) -> bool:
            same = select(exists().where(meta.c.key == "identity", meta.c.value == identity()))
            if not connection.execute(same).scalar_one():
                return True
            if self._opened_without_log is None or not _is_dirty(connection):
                return False
            marked = connection.execute(select(meta.c.value).where(meta.c.key == "marked")).scalar_one()
            return float(marked) < self._opened_without_log  # else by somebody who opened it at the same moment

        forgot = await self.read(look)
        if forgot:
            await self.change(forget)
            self._opened_without_log = None  # the next look is about what happens from now on
        return forgot

    async def mark_dirty(self) -> None:
        """Before anything is begun: put the mark, and bring it into the file itself.

        Raises:
            DatabaseAwayError: it could not be brought there.
        """
        if not self.is_file:
            return

        def mark(connection: Connection) -> None:
            connection.execute(update(meta).where(meta.c.key == "dirty").values(value="1"))
            connection.execute(update(meta).where(meta.c.key == "marked").values(value=cast(now(), Text)))

        await self.change(mark)
        deadline = time.monotonic() + STEP_SECONDS
        while not await self._database.checkpoint():
            if time.monotonic() >= deadline:
                raise DatabaseAwayError("another program reads the database all the time; its log cannot be emptied")
            await asyncio.sleep(0.05)

    async def version(self) -> int:
        """The version of its tables."""
        rows = await self.step(select(meta.c.value).where(meta.c.key == "version"))
        return int(rows[0].value)


def forget(connection: Connection) -> None:
    """The database forgot: what is left to send waits until the gateway was asked about it."""
    connection.execute(update(meta).where(meta.c.key == "identity").values(value=identity()))
    connection.execute(
        update(campaigns)
        .where(
            campaigns.c.state.in_(("running", "paused")),
            or_(campaigns.c.reason.is_(None), campaigns.c.reason != RECONCILE),
            exists().where(
                calls.c.campaign_id == campaigns.c.id, calls.c.state.in_((State.READY.value, State.CLAIMED.value))
            ),
        )
        .values(before=campaigns.c.state, state="paused", reason=RECONCILE, paused_at=now())
    )
    connection.execute(update(campaigns).where(campaigns.c.state == "loading").values(loader=None))


def _has_tables(connection: Connection) -> bool:
    if not inspect(connection).has_table(meta.name):
        return False
    return bool(connection.execute(select(func.count()).select_from(meta)).scalar_one())


def _create_tables(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _CREATING})
    if _has_tables(connection):
        return
    metadata.create_all(connection)
    dirty = "0" if connection.dialect.name == "sqlite" else "1"
    connection.execute(
        insert(meta),
        [{"key": "version", "value": str(VERSION)}, {"key": "dirty", "value": dirty}, {"key": "marked", "value": "0"}],
    )
    connection.execute(insert(meta).values(key="identity", value=identity()))


def _check_version(connection: Connection) -> None:
    version = int(connection.execute(select(meta.c.value).where(meta.c.key == "version")).scalar_one())
    if version != VERSION:
        advice = "run: clickasync campaign upgrade" if version < VERSION else "use a newer clickasync"
        raise ConfigurationError(f"the tables of this database are of version {version}, and not {VERSION}: {advice}")


def _is_dirty(connection: Connection) -> bool:
    found = select(exists().where(meta.c.key == "dirty", meta.c.value == "1"))
    return bool(connection.execute(found).scalar_one())
