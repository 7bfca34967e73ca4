"""PostgreSQL: asyncpg, through SQLAlchemy's asyncio engine. The extra: ``pip install 'clickasync[fleet]'``.

Steps of the hot path go straight to asyncpg, on connections that are kept for them: those of the engine's own pool.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import asyncpg  # type: ignore[import-untyped]
from attrs import frozen
from sqlalchemy import URL, Connection, text
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from clickasync.campaigns.errors import DatabaseAwayError, DatabaseFullError
from clickasync.campaigns.prepared import Prepared
from clickasync.campaigns.sqlite import How
from clickasync.errors import ConfigurationError

__all__ = ["PostgresDatabase"]

T = TypeVar("T")

_CONNECT_SECONDS: Final = 5.0
_COMMAND_SECONDS: Final = 30.0
_AWAY: Final = ("08", "57P0", "40001", "40P01", "53300", "25006", "25P03")
_FULL: Final = ("53100", "58030")
_SAFE_TLS: Final = ("require", "verify-ca", "verify-full")


@frozen(eq=False)
class _Line:
    """A connection that is kept for steps."""

    connection: AsyncConnection
    """Of the engine's pool."""
    driver: Any
    """The same, as asyncpg knows it."""

    @classmethod
    async def open(cls, connection: AsyncConnection) -> _Line:
        raw = await (await connection.start()).get_raw_connection()
        return cls(connection, raw.driver_connection)


class PostgresDatabase:
    """A database on a server.

    Raises:
        ConfigurationError: the server is elsewhere and the URL asks for no TLS.
    """

    def __init__(self, url: URL, *, pool_size: int, allow_insecure: bool = False) -> None:
        query = dict(url.query)
        tls = query.pop("sslmode", None)
        if not (allow_insecure or tls in _SAFE_TLS or _is_here(url)):
            raise ConfigurationError(
                f"the database at {url.host} would be reached without encryption; add ?sslmode=require to its URL "
                "(better: verify-full), or allow_insecure=True"
            )
        settings = {"application_name": "clickasync", "idle_in_transaction_session_timeout": "2000"}
        options: dict[str, Any] = {"server_settings": settings, "timeout": _CONNECT_SECONDS}
        if tls is not None:
            options["ssl"] = tls
        self._name = f"{url.host or query.get('host', 'localhost')}/{url.database}"
        self._engine = create_async_engine(
            url.set(drivername="postgresql+asyncpg", query=query),
            pool_size=pool_size,
            max_overflow=4,
            connect_args={**options, "command_timeout": _COMMAND_SECONDS},
        )
        self._autocommit = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._lines: list[_Line] = []  # idle ones
        self._room = asyncio.Semaphore(pool_size)

    def __repr__(self) -> str:
        return f"PostgresDatabase({self._name!r})"

    async def open(self, *, allow_unsafe: bool = False) -> None:
        """Look whether it is there, and whether it keeps what it confirms.

        Raises:
            ConfigurationError: it cannot be used, or is set to forget what it confirmed.
            DatabaseAwayError: it cannot be reached.
        """

        def work(connection: Connection) -> tuple[int, dict[str, str]]:
            version = int(connection.execute(text("SHOW server_version_num")).scalar_one())
            names = ("fsync", "synchronous_commit")
            return version, {name: connection.execute(text(f"SHOW {name}")).scalar_one() for name in names}

        version, settings = await self.run(work, "step")
        if version < 130000:
            raise ConfigurationError(f"campaigns need PostgreSQL 13 or later, and {self._name} is {version // 10000}")
        for name, value in settings.items():
            if value == "off" and not allow_unsafe:
                raise ConfigurationError(
                    f"{self._name} is set to {name} = off: after a crash it would have forgotten what was sent, and it "
                    "would be sent again. Set it to on, or pass allow_unsafe=True for tests"
                )

    async def step(self, statement: Prepared, given: Mapping[str, Any], *, may_be_lost: bool) -> Sequence[Any]:
        """Run one statement, a transaction of its own; gives its rows.

        Raises:
            DatabaseAwayError: it cannot be reached, or asks to try again; `DatabaseFullError`: no space is left.
        """
        ready = statement.ready(self._engine.dialect, tuple(given))
        try:
            async with self._room:
                line = self._lines.pop() if self._lines else await _Line.open(self._autocommit.connect())
                try:
                    rows = await line.driver.fetch(ready.sql, *ready.values(given))
                except BaseException:  # an error, or a cancellation: nobody knows in which state it is
                    line.driver.terminate()
                    await line.connection.invalidate()
                    await line.connection.close()
                    raise
                self._lines.append(line)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, DBAPIError, OSError, TimeoutError) as error:
            raise _as_ours(error) or error from None
        return list(map(ready.row, rows))

    async def run(self, work: Callable[[Connection], T], how: How) -> T:
        """Run `work` in a transaction, or ("step" and "read") each statement as one of its own.

        Raises:
            DatabaseAwayError: it cannot be reached, or asks to try again; `DatabaseFullError`: no space is left.
        """
        try:
            if how != "change":
                async with self._autocommit.connect() as connection:
                    return await connection.run_sync(work)
            async with self._engine.begin() as connection:
                return await connection.run_sync(work)
        except (DBAPIError, OSError, TimeoutError) as error:
            raise _as_ours(error) or error from None

    async def checkpoint(self) -> bool:
        """Nothing to do: it keeps its own log."""
        return True

    async def vacuum(self) -> None:
        """Give the space of what was deleted back."""
        await self.run(lambda connection: connection.execute(text("VACUUM ca_calls")), "step")

    async def analyze(self) -> None:
        """Let the planner know of what was loaded."""
        await self.run(lambda connection: connection.execute(text("ANALYZE ca_calls")), "step")

    async def discard(self) -> None:
        """Close its connections; what was made in it stays."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close its connections."""
        lines, self._lines = self._lines, []
        for line in lines:
            await line.connection.close()
        await self._engine.dispose()


def _is_here(url: URL) -> bool:
    host = url.host or str(url.query.get("host", "/"))
    if host.startswith("/") or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _as_ours(error: Exception) -> Exception | None:
    original = error.orig if isinstance(error, DBAPIError) else error
    state = str(getattr(original, "sqlstate", None) or "")
    if state.startswith(_FULL):
        return DatabaseFullError(f"the database cannot be written: {original}")
    if isinstance(error, OSError):  # a TimeoutError is one, too
        return DatabaseAwayError(f"the database cannot be reached: {type(error).__name__}: {error}")
    is_cut = isinstance(error, InterfaceError | asyncpg.InterfaceError) or getattr(
        error, "connection_invalidated", False
    )
    if is_cut or state.startswith(_AWAY):
        return DatabaseAwayError(f"the database is away: {state or type(original).__name__}")
    return None
