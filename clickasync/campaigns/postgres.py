"""PostgreSQL: asyncpg, through SQLAlchemy's asyncio engine. The extra: ``pip install 'clickasync[fleet]'``."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any, Final, TypeVar

from sqlalchemy import URL, Connection, text
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.ext.asyncio import create_async_engine

from clickasync.campaigns.errors import DatabaseAwayError, DatabaseFullError
from clickasync.campaigns.sqlite import How
from clickasync.errors import ConfigurationError

__all__ = ["PostgresDatabase"]

T = TypeVar("T")

_CONNECT_SECONDS: Final = 5.0
_COMMAND_SECONDS: Final = 30.0
_AWAY: Final = ("08", "57P0", "40001", "40P01", "53300", "25006", "25P03")
_FULL: Final = ("53100", "58030")
_SAFE_TLS: Final = ("require", "verify-ca", "verify-full")


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

    async def aclose(self) -> None:
        """Close its connections."""
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
    if not isinstance(error, DBAPIError):
        return DatabaseAwayError(f"the database cannot be reached: {type(error).__name__}: {error}")
    state = str(getattr(error.orig, "sqlstate", None) or "")
    if state.startswith(_FULL):
        return DatabaseFullError(f"the database cannot be written: {error.orig}")
    if error.connection_invalidated or isinstance(error, InterfaceError) or state.startswith(_AWAY):
        return DatabaseAwayError(f"the database is away: {state or type(error.orig).__name__}")
    return None
