"""Which database, and how a command ends a worker: what all commands of ``campaign`` share."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
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

    stop: asyncio.Event = field(factory=asyncio.Event)
    interrupted: bool = False
    """By Ctrl-C."""


@contextmanager
def ending() -> Iterator[Ending]:
    """SIGTERM and Ctrl-C, once: claim no more, finish what is under way. Twice: end at once."""
    ending = Ending()
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()

    def heard(number: int) -> None:
        if ending.stop.is_set() and task is not None:
            task.cancel()
            loop.call_soon(task.cancel)
        ending.interrupted = ending.interrupted or number == signal.SIGINT
        ending.stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, heard, number)
    try:
        yield ending
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
