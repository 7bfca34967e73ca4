"""SQLite: the standard library's driver, on a thread of its own.

One connection on one thread: SQLite writes one at a time anyway, and the thread costs less than one hop for each call
of the driver (aiosqlite: 2.5 times slower). Every transaction takes the write lock when it begins.

A file that was carried away without its log (``-wal``) has forgotten what was begun. So the file itself says whether
it was left clean: see `Store`.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, TypeVar

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from clickasync.campaigns.errors import DatabaseAwayError, DatabaseFullError
from clickasync.errors import ConfigurationError

__all__ = ["How", "SqliteDatabase"]

T = TypeVar("T")
How: TypeAlias = Literal["step", "hint", "change", "read"]
"""One statement that is a transaction by itself; one that may be lost with the machine's power (a claim, a beat); a
transaction that changes something; or one that only reads."""

_BUSY_SECONDS: Final = 2.0
_AWAY: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_FULL: Final = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}


class SqliteDatabase:
    """A file, opened."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, "clickasync: database")
        self._engine = create_engine("sqlite://", creator=self._connect, poolclass=StaticPool)
        event.listen(self._engine, "begin", self._begin)
        self._begins_with = ""
        self._connection: Connection | None = None
        self.opened_without_log: float | None = None
        """When it was opened, if there was no log beside it."""

    def __repr__(self) -> str:
        return f"SqliteDatabase({str(self._path)!r})"

    async def open(self) -> None:
        """Open the file, and make it where there is none.

        Raises:
            ConfigurationError: it cannot be opened or written, or is no database.
        """
        await self._in_thread(self._open)

    def _open(self) -> None:
        try:
            opened = self._clock()
            self.opened_without_log = None if self._log.exists() else opened
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))  # people's data: for nobody else to read
            self._connection = self._engine.connect()
        except OSError as error:
            raise ConfigurationError(f"{self._path}: {error.strerror or error}") from None
        except DBAPIError as error:
            raise ConfigurationError(f"{self._path} cannot be used as a database: {error.orig}") from None

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=_BUSY_SECONDS, isolation_level=None, cached_statements=256)
        try:
            connection.create_function("ca_now", 0, self._clock)
            connection.create_function("ca_identity", 0, self._identity)
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "cache_size=-16000"):
                connection.execute(f"PRAGMA {pragma}").fetchall()
        except BaseException:
            connection.close()
            raise
        return connection

    def _identity(self) -> str:
        try:
            status = self._path.stat()
        except OSError:
            return "gone"
        return f"{status.st_dev}/{status.st_ino}"

    async def run(self, work: Callable[[Connection], T], how: How) -> T:
        """Run `work` in a transaction.

        Raises:
            DatabaseAwayError: another process has it locked for long, or the disk is full (`DatabaseFullError`).
        """
        return await self._in_thread(self._run, work, how)

    def _run(self, work: Callable[[Connection], T], how: How) -> T:
        assert self._connection is not None  # for the type checker
        self._begins_with = "BEGIN" if how == "read" else "BEGIN IMMEDIATE"
        if how == "hint":
            self._raw.execute("PRAGMA synchronous=NORMAL")
        try:
            with self._connection.begin():
                return work(self._connection)
        except DBAPIError as error:
            raise _as_ours(error) or error from None
        finally:
            if how == "hint":
                self._raw.execute("PRAGMA synchronous=FULL")

    @property
    def _raw(self) -> sqlite3.Connection:
        assert self._connection is not None  # for the type checker
        raw = self._connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        return raw

    async def checkpoint(self) -> bool:
        """Bring all that is in the log into the file; gives whether that was possible."""

        def work() -> bool:
            return bool(self._raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)

        return await self._in_thread(work)

    async def analyze(self) -> None:
        """Nothing to do: it plans by its indexes."""

    async def vacuum(self) -> None:
        """Give the space of what was deleted back, and overwrite it."""

        def work() -> None:
            self._raw.execute("VACUUM")

        await self._in_thread(work)
        await self.checkpoint()

    async def aclose(self) -> None:
        """Close it; what runs is finished first."""

        def work() -> None:
            if self._connection is not None:
                self._connection.close()
            self._engine.dispose()

        await self._in_thread(work)
        self._thread.shutdown(wait=False)

    @property
    def _log(self) -> Path:
        return self._path.with_name(f"{self._path.name}-wal")

    def _begin(self, connection: Connection) -> None:
        connection.exec_driver_sql(self._begins_with)

    async def _in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)


def _as_ours(error: DBAPIError) -> Exception | None:
    code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
    if code in _FULL:
        return DatabaseFullError(f"the database cannot be written: {error.orig}")
    return DatabaseAwayError(f"the database is locked: {error.orig}") if code in _AWAY else None
