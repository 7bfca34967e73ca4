"""Codes in a database: any that SQLAlchemy speaks, with a driver that is async or not.

Theory of operation. A row is a number. Whoever changes it names the state that he found, in the ``WHERE`` of one
statement, and is told by the count of rows whether he was first:

============  ====================================================  =========================================
step          the statement                                         no row means
============  ====================================================  =========================================
`put`         ``UPDATE … WHERE version = the one that was read``    somebody else sent: look again
`take_try`    ``UPDATE … WHERE tries_left > 0 AND not expired``     no code is alive, or no try is left
`use`         ``UPDATE … WHERE code = the one that was compared``   it was used, or another code was sent
============  ====================================================  =========================================

So fifty verifications at once get as many tries as there are, on every database that updates a row for one at a time.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeGuard, TypeVar

import anyio
import anyio.to_thread
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    delete,
    insert,
    inspect,
    make_url,
    select,
    update,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError

from clickasync.errors import ConfigurationError
from clickasync.pins.store import Record, Taken
from clickasync.redaction import hidden

if TYPE_CHECKING:
    from sqlalchemy import URL
    from sqlalchemy.ext.asyncio import AsyncEngine

__all__ = ["SqlStore"]

T = TypeVar("T")

Work: TypeAlias = Callable[[Connection], T]

_SWEEP: Final = 100
"""After so many codes, rows are deleted from which nothing follows any more."""


class SqlStore:
    """A `PinStore` in a database, shared by all processes that use it.

    The table is made when it is first needed and missing; an account that may not make tables needs it made before:
    `table` is SQLAlchemy's, for a migration.

    Args:
        database: a URL, or an `Engine` or `AsyncEngine` of yours. Without an async driver, statements run in threads,
            which works on asyncio and on trio; an `AsyncEngine` needs asyncio.
        table: its name.
        clock: Unix seconds.

    Raises:
        ConfigurationError: `database` is none of these, or its driver is not installed.
    """

    def __init__(
        self,
        database: str | Engine | AsyncEngine,
        *,
        table: str = "clickasync_pins",
        clock: Callable[[], float] = time.time,
    ) -> None:
        database = hidden(database)  # a URL may hold a password
        self._engine, self._is_ours = _engine(database), isinstance(database, str)
        self._clock = clock
        self._is_ready = False
        self._puts = 0
        self.table = Table(
            table,
            MetaData(),
            Column("number", String(64), primary_key=True, comment="an HMAC of it"),
            Column("code", String(64), nullable=False, comment="an HMAC of it; empty: none is alive"),
            Column("expires_at", BigInteger, nullable=False, comment="Unix milliseconds, as all times here"),
            Column("tries_left", Integer, nullable=False),
            Column("sent_at", Text, nullable=False, comment="within the last hour"),
            Column("dead_at", BigInteger, nullable=False, index=True, comment="nothing follows from it after that"),
            Column("version", BigInteger, nullable=False),
        )
        """Where they are kept."""

    async def aclose(self) -> None:
        """Close the connections to a database that was given as a URL."""
        engine = self._engine
        if self._is_ours and _is_async(engine):
            await engine.dispose()
        elif self._is_ours and isinstance(engine, Engine):
            await anyio.to_thread.run_sync(engine.dispose)

    async def get(self, key: str) -> Record | None:
        """See `PinStore.get`."""
        return await self._do(partial(self._get, key))

    async def put(self, key: str, record: Record, was: Record | None) -> bool:
        """See `PinStore.put`."""
        self._puts += 1
        try:
            done = await self._do(partial(self._put, key, record, was))
        except IntegrityError:  # it was none, and now there is one
            return False
        if self._puts % _SWEEP == 0:
            await self._do(self._sweep)
        return done

    async def take_try(self, key: str, now: int) -> Taken | None:
        """See `PinStore.take_try`."""
        return await self._do(partial(self._take_try, key, now))

    async def use(self, key: str, code: str) -> bool:
        """See `PinStore.use`."""
        return await self._do(partial(self._use, key, code))

    # -- what is done in a transaction

    def _get(self, key: str, connection: Connection) -> Record | None:
        table = self.table
        row = connection.execute(select(table).where(table.c.number == key)).mappings().first()
        if row is None:
            return None
        sent_at = tuple(map(int, filter(None, row["sent_at"].split(","))))
        return Record(row["code"], row["expires_at"], row["tries_left"], sent_at, row["version"])

    def _put(self, key: str, record: Record, was: Record | None, connection: Connection) -> bool:
        table = self.table
        values: dict[str, Any] = {
            "code": record.code,
            "expires_at": record.expires_at,
            "tries_left": record.tries_left,
            "sent_at": ",".join(map(str, record.sent_at)),
            "dead_at": record.dead_at,
            "version": record.version,
        }
        if was is None:
            connection.execute(insert(table).values(number=key, **values))
            return True
        kept = (table.c.number == key) & (table.c.version == was.version)
        return connection.execute(update(table).where(kept).values(**values)).rowcount == 1

    def _take_try(self, key: str, now: int, connection: Connection) -> Taken | None:
        table = self.table
        alive = (table.c.number == key) & (table.c.code != "") & (table.c.expires_at > now) & (table.c.tries_left > 0)
        counted = update(table).where(alive).values(tries_left=table.c.tries_left - 1, version=table.c.version + 1)
        if connection.execute(counted).rowcount != 1:
            return None
        # In the same transaction, which has the row to itself until it ends.
        row = connection.execute(select(table.c.code, table.c.expires_at).where(table.c.number == key)).one()
        return Taken(row.code, row.expires_at)

    def _use(self, key: str, code: str, connection: Connection) -> bool:
        table = self.table
        alive = (table.c.number == key) & (table.c.code == code) & (table.c.code != "")
        used = update(table).where(alive).values(code="", tries_left=0, version=table.c.version + 1)
        return connection.execute(used).rowcount == 1

    def _sweep(self, connection: Connection) -> None:
        connection.execute(delete(self.table).where(self.table.c.dead_at <= int(self._clock() * 1000)))

    def _make(self, connection: Connection) -> None:
        if not inspect(connection).has_table(self.table.name):
            self.table.create(connection)

    # -- where it is done

    async def _do(self, work: Work[T]) -> T:
        if not self._is_ready:
            try:
                await self._in_transaction(self._make)
            except DBAPIError:
                await self._in_transaction(self._make)  # another process was making it, or what is wrong stays wrong
            self._is_ready = True
        return await self._in_transaction(work)

    async def _in_transaction(self, work: Work[T]) -> T:
        engine = self._engine
        if _is_async(engine):
            async with engine.begin() as connection:
                return await connection.run_sync(work)

        def run() -> T:
            assert isinstance(engine, Engine)  # for the type checker
            with engine.begin() as connection:
                return work(connection)

        return await anyio.to_thread.run_sync(run)


def _engine(database: str | Engine | AsyncEngine) -> Engine | AsyncEngine:
    database = hidden(database)
    if isinstance(database, Engine) or _is_async(database):
        return database
    if not isinstance(database, str):
        raise ConfigurationError(
            f"a store of codes is a URL, or an Engine or AsyncEngine of SQLAlchemy, not {type(database).__name__}"
        )
    try:
        url = make_url(database)
        is_in_memory = url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:")
        engine = None if is_in_memory else _new_engine(url)
    except ImportError as error:
        raise ConfigurationError(f"the driver of this database is not installed: {error}") from None
    except (ArgumentError, ValueError):  # not repeated: in a URL that is wrong, anything may be a password
        raise ConfigurationError("store must be a URL like sqlite:///pins.db or postgresql+psycopg://…") from None
    if engine is None:
        raise ConfigurationError("a SQLite database in memory is another one in each thread; leave the store out")
    return engine


def _new_engine(url: URL) -> Engine | AsyncEngine:
    """One that shows the values of a statement nowhere: neither in its log nor in its errors."""
    if not url.get_dialect().is_async:
        return create_engine(url, hide_parameters=True)
    from sqlalchemy.ext.asyncio import create_async_engine  # which needs greenlet

    return create_async_engine(url, hide_parameters=True)


def _is_async(engine: object) -> TypeGuard[AsyncEngine]:
    """Whether it is an `AsyncEngine`. Their module needs greenlet; who has one has imported it."""
    module = sys.modules.get("sqlalchemy.ext.asyncio")
    return module is not None and isinstance(engine, module.AsyncEngine)
