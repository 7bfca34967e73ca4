"""SQLite: the standard library's driver, on a thread of its own.

One connection on one thread: SQLite writes one at a time anyway, and the thread costs less than one hop for each call
of the driver (aiosqlite: 2.5 times slower). Every transaction takes the write lock when it begins.

Steps that wait while another one is written are written together: one transaction, one sync of the disk, and none of
them is answered before it. With eight lanes that takes a quarter of what single transactions take (0.11 instead of
0.43 ms a call).

A file that was carried away without its log (``-wal``) has forgotten what was begun. So the file itself says whether
it was left clean: see `Store`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, TypeVar

from attrs import frozen
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from clickasync.campaigns.alone import Hold, first_name
from clickasync.campaigns.errors import DatabaseAwayError, DatabaseFullError
from clickasync.campaigns.files import identity_of, sync_folder
from clickasync.campaigns.prepared import Prepared, Ready
from clickasync.errors import ConfigurationError

__all__ = ["How", "Opening", "SqliteDatabase"]

T = TypeVar("T")
How: TypeAlias = Literal["step", "hint", "change", "read"]
"""One statement that is a transaction by itself; one that may be lost with the machine's power (a claim, a beat); a
transaction that changes something; or one that only reads."""

_BUSY_SECONDS: Final = 2.0
_TOGETHER: Final = 64
"""Steps in one transaction, at most."""
_AWAY: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_FULL: Final = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}
_DAMAGED: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


@frozen
class Opening:
    """What was found when a file was opened."""

    is_new: bool = False
    """It was made."""
    without_log: float | None = None
    """When it was opened, if there was no log beside it."""


@frozen(eq=False)
class _Step:
    """A statement that waits to be run."""

    ready: Ready
    values: Sequence[Any]
    may_be_lost: bool
    done: asyncio.Future[Sequence[Any]]


_Answer: TypeAlias = tuple[_Step, "Sequence[Any] | Exception"]


class SqliteDatabase:
    """A file, opened."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.path = path.resolve()  # beside which its log stands
        self._clock = clock
        self._hold: Hold | None = None
        self._thread = ThreadPoolExecutor(1, "clickasync: database")
        self._engine = create_engine("sqlite://", creator=self._connect, poolclass=StaticPool)
        event.listen(self._engine, "begin", self._begin)
        self._begins_with = ""
        self._steps: deque[_Step] = deque()
        self._is_woken = False
        self._connection: Connection | None = None
        self.opening = Opening()

    def __repr__(self) -> str:
        return f"SqliteDatabase({str(self.path)!r})"

    async def open(self, *, alone: bool = False) -> None:
        """Open the file, and make it where there is none.

        Args:
            alone: have it to itself; see `alone`.

        Raises:
            ConfigurationError: it cannot be opened or written, is no database, or somebody else has it to himself.
        """
        await self._in_thread(self._open, alone)

    def _open(self, alone: bool) -> None:
        self.opening = Opening()
        try:
            opened = self._clock()
            is_new = self._create()
            self.opening = Opening(is_new)
            if alone:
                self._hold = Hold(self.path)
                self.path = first_name(self.path)
            self.opening = Opening(is_new, None if self._log.exists() else opened)
            self._connection = self._engine.connect()
        except (OSError, DBAPIError) as error:
            if isinstance(error, OSError):
                raise ConfigurationError(f"{self.path}: {error.strerror or error}") from None
            raise ConfigurationError(f"{self.path} cannot be used as a database: {error.orig}") from None

    def _create(self) -> bool:
        """Make the file; gives whether there was none. SQLite syncs what is in it, but not that it is there.

        An existing file is not opened here: to close another descriptor of it takes the locks of an open one away.
        """
        try:
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL, 0o600))  # people's data: for nobody else to read
        except FileExistsError:
            return False
        sync_folder(self.path.parent)
        return True

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None, cached_statements=256)
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
        return identity_of(self.path)

    async def step(self, statement: Prepared, given: Mapping[str, Any], *, may_be_lost: bool) -> Sequence[Any]:
        """Run one statement, together with others that wait; gives its rows.

        Raises:
            DatabaseAwayError: another process has it locked for long, or the disk is full (`DatabaseFullError`).
        """
        ready = statement.ready(self._engine.dialect, tuple(given))
        loop = asyncio.get_running_loop()
        step = _Step(ready, ready.values(given), may_be_lost, loop.create_future())
        self._steps.append(step)
        if not self._is_woken:
            self._is_woken = True
            self._thread.submit(self._take_steps, loop)
        return await step.done

    def _take_steps(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_woken = False  # first: whoever comes from now on wakes the thread once more
        steps: list[_Step] = []
        while self._steps and len(steps) < _TOGETHER:
            steps.append(self._steps.popleft())
        if self._steps:
            self._thread.submit(self._take_steps, loop)
        answers = self._run_together([step for step in steps if not step.done.cancelled()])
        with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody waits any more
            loop.call_soon_threadsafe(_deliver, answers)

    def _run_together(self, steps: Sequence[_Step]) -> list[_Answer]:
        """One transaction of several steps; each by itself where one of them is wrong."""
        raw = self._raw
        are_hints = all(step.may_be_lost for step in steps)
        try:
            if are_hints:
                raw.execute("PRAGMA synchronous=NORMAL")
            raw.execute("BEGIN IMMEDIATE")
            answers: list[_Answer] = [
                (step, list(map(step.ready.row, raw.execute(step.ready.sql, step.values).fetchall()))) for step in steps
            ]
            raw.execute("COMMIT")
        except Exception as error:  # it is raised to each of those who wait
            if raw.in_transaction:
                raw.rollback()
            ours = _as_ours(error)
            if ours is None and len(steps) > 1:
                return [answer for step in steps for answer in self._run_together([step])]
            return [(step, ours or error) for step in steps]
        else:
            return answers
        finally:
            if are_hints:
                raw.execute("PRAGMA synchronous=FULL")

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
            raise _as_ours(error.orig) or error from None
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
        """Bring all that is in the log into the file; gives whether that was possible.

        Raises:
            DatabaseFullError: no space is left.
        """

        def work() -> bool:
            try:
                return bool(self._raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)
            except sqlite3.Error as error:
                raise _as_ours(error) or error from None

        return await self._in_thread(work)

    async def analyze(self) -> None:
        """Nothing to do: it plans by its indexes."""

    async def vacuum(self) -> None:
        """Give the space of what was deleted back, and overwrite it."""

        def work() -> None:
            self._raw.execute("VACUUM")

        await self._in_thread(work)
        await self.checkpoint()

    async def discard(self) -> None:
        """Close it, and take it away if it was made by this opening."""
        await self.aclose()
        if self.opening.is_new:
            for path in (self.path, self._log):
                path.unlink(missing_ok=True)

    async def aclose(self) -> None:
        """Close it; what runs is finished first."""

        def work() -> None:
            if self._connection is not None:
                self._connection.close()
            self._engine.dispose()
            if self._hold is not None:  # after SQLite's own locks are gone
                self._hold.release()
                self._hold = None

        await self._in_thread(work)
        self._thread.shutdown(wait=False)

    @property
    def _log(self) -> Path:
        return self.path.with_name(f"{self.path.name}-wal")

    def _begin(self, connection: Connection) -> None:
        connection.exec_driver_sql(self._begins_with)

    async def _in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)


def _deliver(answers: Sequence[_Answer]) -> None:
    for step, answer in answers:
        if step.done.done():  # whoever waited was cancelled
            continue
        if isinstance(answer, Exception):
            step.done.set_exception(answer)
        else:
            step.done.set_result(answer)


def _as_ours(error: BaseException | None) -> Exception | None:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _DAMAGED:
        return ConfigurationError(f"the database is damaged: {error}")
    if code in _FULL:
        return DatabaseFullError(f"the database cannot be written: {error}")
    return DatabaseAwayError(f"the database is locked: {error}") if code in _AWAY else None
