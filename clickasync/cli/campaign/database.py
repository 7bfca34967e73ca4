"""Which database, and how a command ends a worker: what all commands of ``campaign`` share."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import urlsplit

import typer
from attrs import define, field, frozen

from clickasync.client import Client
from clickasync.errors import ConfigurationError

if TYPE_CHECKING:
    from clickasync.campaigns import Campaigns

__all__ = ["Database", "Ending", "ending"]

_DEFAULT: Final = "campaigns.db"


@frozen
class Database:
    """Where the campaigns are."""

    database: Annotated[
        str | None,
        typer.Option(help="A file, or postgresql://…; by default CLICKASYNC_DATABASE, else campaigns.db."),
    ] = None

    def open(self, client: Client | None = None, *, may_be_new: bool = False) -> Campaigns:
        """The campaigns of it.

        Raises:
            ConfigurationError: there is none, or its password stands on the command line.
            ModuleNotFoundError: the extra is not installed.
        """
        if self.database is not None and "://" in self.database and urlsplit(self.database).password:
            raise ConfigurationError(
                "the database's password must not stand on the command line, where others can read it: put the URL "
                "into CLICKASYNC_DATABASE, or the password into a PGPASSFILE"
            )
        where = self.database or os.environ.get("CLICKASYNC_DATABASE") or _DEFAULT
        if not may_be_new and "://" not in where and not Path(where).exists():
            raise ConfigurationError(f"there is no database {where}: name it with --database, or create a campaign")
        try:
            from clickasync.campaigns import Campaigns
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                f"campaigns need {error.name}: pip install 'clickasync[campaigns]'", name=error.name
            ) from None
        return Campaigns(where, client=client)


@define
class Ending:
    """How a worker is asked to end."""

    task: asyncio.Task[object] | None
    """What is cancelled when somebody asks a second time."""
    stop: asyncio.Event = field(factory=asyncio.Event)
    interrupted: bool = False
    """By Ctrl-C."""


@contextmanager
def ending(on_stop: Callable[[], None] = lambda: None) -> Iterator[Ending]:
    """SIGTERM and Ctrl-C, once: claim no more, finish what is under way. Twice: end at once.

    Args:
        on_stop: called when somebody asks for the first time.
    """
    ending = Ending(asyncio.current_task())
    loop = asyncio.get_running_loop()

    def heard(number: int) -> None:
        ending.interrupted = ending.interrupted or number == signal.SIGINT
        if not ending.stop.is_set():
            ending.stop.set()
            on_stop()
        elif ending.task is not None:
            ending.task.cancel()
            loop.call_soon(ending.task.cancel)

    listened: list[signal.Signals] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError, ValueError, RuntimeError):  # not on Windows, nor in another thread
            loop.add_signal_handler(number, heard, number)
            listened.append(number)
    try:
        yield ending
    except asyncio.CancelledError:
        if ending.interrupted:
            raise KeyboardInterrupt from None
        raise
    finally:
        for number in listened:
            loop.remove_signal_handler(number)
