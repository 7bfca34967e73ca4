"""``clickasync campaign optouts``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clickasync.cli.campaign.database import Database
from clickasync.cli.command import Status, add_command, new_app
from clickasync.cli.screen import AsJson, show_json, show_table
from clickasync.errors import InvalidOptionError
from clickasync.recipients import Row, open_recipients

__all__ = ["register"]

_Number = Annotated[str, typer.Argument(metavar="NUMBER", help="A phone number.")]


async def list_(database: Database, as_json: AsJson = False) -> None:
    """List who has opted out. --json prints an array."""
    async with database.open() as campaigns:
        entries = [
            {"number": entry.number, "since": entry.since.isoformat(), "source": entry.source}
            async for entry in campaigns.optouts.list()
        ]
    show_json(entries) if as_json else show_table(("number", "since", "source"), (each.values() for each in entries))


async def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, or a number a line.")], database: Database
) -> None:
    """Put all numbers of a file into the list. A later message of theirs does not take them out."""
    numbers = []
    for row in open_recipients(file, needs_text=False):
        if not isinstance(row, Row):
            raise InvalidOptionError(f"{file}, line {row.line}: {row.error}")
        numbers.append(row.number)
    async with database.open(may_be_new=True) as campaigns:
        count = await campaigns.optouts.add(numbers, source="import")
    print(f"{count:,} numbers have opted out")


async def add(number: _Number, database: Database) -> None:
    """Put a number into the list."""
    async with database.open(may_be_new=True) as campaigns:
        await campaigns.optouts.add([number])


async def remove(number: _Number, database: Database) -> Status:
    """Take a number out of the list. The exit status is 1 if it was not in it."""
    async with database.open() as campaigns:
        return Status.OK if await campaigns.optouts.remove(number) else Status.NOT_ALL


def register(app: typer.Typer) -> None:
    """Add the commands, as commands of a command."""
    optouts = new_app("Who is not sent to, by any campaign. A STOP that a receiver hears is entered by itself.")
    for function in (list_, import_, add, remove):
        add_command(optouts, function)
    app.add_typer(optouts, name="optouts")
