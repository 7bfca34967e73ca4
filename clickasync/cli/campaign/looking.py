"""``clickasync campaign status``, ``list``, ``results``, ``find`` and ``test``."""

from __future__ import annotations

import csv
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, Final

import typer

from clickasync.cli.campaign.database import Database
from clickasync.cli.campaign.screen import as_json as status_as_json
from clickasync.cli.campaign.screen import only_json_or_watch, overview, picture, watch
from clickasync.cli.command import Status
from clickasync.cli.login import Login
from clickasync.cli.screen import AsJson, clean, console, show_json, show_table
from clickasync.errors import ConfigurationError, InvalidOptionError

if TYPE_CHECKING:
    from clickasync.campaigns import Result

__all__ = ["find", "list_", "results", "status", "test"]

COLUMNS: Final = ("row", "to", "tag", "result", "id", "climsgid", "error", "delivery", "delivered_at")
_RESULTS: Final = "accepted, rejected, uncertain, suppressed, skipped or ready"

_Name = Annotated[str, typer.Argument(metavar="NAME", help="The campaign.")]


async def status(
    database: Database,
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="A campaign; else all.", show_default=False)
    ] = None,
    watching: Annotated[bool, typer.Option("--watch", "-w", help="Live, until it is done.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show how a campaign is: progress, outcomes, deliveries, workers, errors, cost, and why nothing moves.

    Without NAME, a line for each. --json prints an object (without NAME, an array).
    """
    only_json_or_watch(as_json=as_json, watching=watching)
    async with database.open() as campaigns:
        if name is None:
            if watching:
                raise InvalidOptionError("--watch needs the NAME of a campaign")
            found = [await campaign.status() for campaign in await campaigns.list()]
            show_json([status_as_json(each) for each in found]) if as_json else console().print(overview(found))
            return
        campaign = await campaigns.get(name)
        if watching:
            await watch(campaign)
        elif as_json:
            show_json(status_as_json(await campaign.status()))
        else:
            console().print(picture(await campaign.status()))


async def list_(database: Database, as_json: AsJson = False) -> None:
    """List the campaigns. --json prints an array of names."""
    async with database.open() as campaigns:
        names = [campaign.name for campaign in await campaigns.list()]
    if as_json:
        show_json(names)
    else:
        for name in names:
            print(clean(name))


async def results(
    name: _Name,
    database: Database,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A .csv or .jsonl file. [default: CSV on standard output]")
    ] = None,
    only: Annotated[str | None, typer.Option(metavar="RESULT", help=f"Only one of {_RESULTS}.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
) -> None:
    """Write what became of each recipient: one line a row."""
    if output is not None and output.exists() and not force:
        raise ConfigurationError(f"{output} exists; give another name, or --force to overwrite it")
    async with database.open() as campaigns:
        campaign = await campaigns.get(name)
        with _writing(output) as write:
            async for result in campaign.results(only):
                write(result)


def _fields(result: Result) -> dict[str, Any]:
    fields = {column: getattr(result, column) for column in COLUMNS}
    fields["delivery"] = None if result.delivery is None else result.delivery.value
    fields["delivered_at"] = None if result.delivered_at is None else result.delivered_at.isoformat()
    return fields


@contextmanager
def _writing(output: Path | None) -> Iterator[Callable[[Result], object]]:
    """A file that is there when it is whole: written beside it, then renamed."""
    if output is None:
        yield _writer(sys.stdout, as_lines=False)
        return
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", newline="", dir=output.parent, delete=False) as file:
        try:
            yield _writer(file, as_lines=output.suffix.lower() == ".jsonl")
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            Path(file.name).unlink()
            raise
    Path(file.name).replace(output)


def _writer(file: IO[str], *, as_lines: bool) -> Callable[[Result], object]:
    if as_lines:
        return lambda result: file.write(json.dumps(_fields(result)) + "\n")
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(COLUMNS)

    def write(result: Result) -> None:
        fields = _fields(result)
        if fields["tag"] is not None and not isinstance(fields["tag"], str):
            fields["tag"] = json.dumps(fields["tag"])
        rows.writerow("" if value is None else value for value in fields.values())

    return write


async def find(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="A phone number.")],
    database: Database,
    as_json: AsJson = False,
) -> Status:
    """Find a number in all campaigns. The exit status is 1 if it is in none. --json prints an array."""
    async with database.open() as campaigns:
        found = [
            {"campaign": campaign.name, **_fields(result)}
            for campaign in await campaigns.list()
            for result in await campaign.find(number)
        ]
    if as_json:
        show_json(found)
    else:
        shown = ("campaign", "row", "result", "id", "error", "delivery", "delivered_at")
        show_table(shown, [[each[column] for column in shown] for each in found])
    return Status.OK if found else Status.NOT_ALL


async def test(
    name: _Name,
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="Your own phone.")],
    database: Database,
    login: Login,
) -> None:
    """Send the first row of a campaign to your own phone, as it would look. It costs what a message costs."""
    async with login.client() as client, database.open() as campaigns:
        preview = await (await campaigns.get(name)).preview()
        sent = await client.send(number, preview.text, **preview.options)
    print(f"sent as {sent.id}: {clean(preview.text or '(a payload)')}")
