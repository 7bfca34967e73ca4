"""``clickasync campaign create``."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from attrs import frozen

from clickasync.cli.bulk.dry_run import prefix_of
from clickasync.cli.campaign.database import Database
from clickasync.cli.command import Status
from clickasync.cli.login import Login
from clickasync.cli.message import MessageArguments, moment
from clickasync.cli.screen import AsJson, notice, show_json, show_table
from clickasync.errors import InvalidOptionError
from clickasync.recipients import Recipients, Row, open_recipients

__all__ = ["create"]

_MOST_BAD_ROWS = 20


@frozen
class Reading:
    """How the file is read."""

    text: Annotated[
        str | None,
        typer.Option("--text", "-t", help='The text, with columns in braces: "Hi {name}". [default: the column text]'),
    ] = None
    to_column: Annotated[
        str | None, typer.Option(help="The column with the numbers. [default: to, number, msisdn, or the first]")
    ] = None
    tag_column: Annotated[str | None, typer.Option(help="A column that results give back.")] = None
    encoding: Annotated[str | None, typer.Option(help="Of the file, such as cp1252. [default: UTF-8]")] = None
    delimiter: Annotated[str | None, typer.Option(help="A comma, a semicolon or a tab.")] = None


@frozen
class Manner:
    """How it is sent."""

    rate: Annotated[float | None, typer.Option(help="Recipients a second, of all workers together, at most.")] = None
    window: Annotated[
        list[str] | None, typer.Option(help='When to send, as in "mon-fri 09:00-17:30 Europe/Berlin"; repeatable.')
    ] = None
    start: Annotated[str | None, typer.Option(metavar="TIME", help="Not before: ISO 8601 or Unix seconds.")] = None
    dedupe: Annotated[
        bool, typer.Option("--dedupe/--no-dedupe", help="Send once to a number that stands there twice.")
    ] = True
    exclude: Annotated[Path | None, typer.Option(metavar="FILE", help="A file of numbers to leave out.")] = None
    first: Annotated[int | None, typer.Option(metavar="N", help="Send to so many, then pause, to look.")] = None
    stop_at_rejected: Annotated[
        float | None, typer.Option(metavar="PERCENT", help="Pause when so many were rejected, of 50 or more.")
    ] = None
    batch_size: Annotated[int, typer.Option(help="Recipients in one call, at most: 1 to 600.")] = 300

    @property
    def starts_at(self) -> float | None:
        """Unix seconds."""
        return None if self.start is None else moment(self.start, "--start")


async def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name.")],
    file: Annotated[str, typer.Argument(metavar="FILE", help="A CSV file, or a number a line; - is stdin.")],
    reading: Reading,
    manner: Manner,
    message: MessageArguments,
    database: Database,
    login: Login,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Store and send nothing; check all rows and say what it would cost.")
    ] = False,
    as_json: AsJson = False,
) -> Status:
    """Make a campaign of a file of recipients; workers then send it.

    clickasync campaign create spring customers.csv --text "Hi {name}" --rate 100

    The same again is no harm: it finds the campaign that is there. Another one under its name is refused.
    """
    options = message.options()
    with _opened(file, reading, needs_text=message.data is None) as recipients:
        if recipients.header_notice:
            notice(recipients.header_notice)
        if dry_run:
            return await _estimate(recipients, name, reading, manner, login, options, as_json=as_json)
        async with (
            login.client(batch_size=manner.batch_size) as client,
            database.open(client, may_be_new=True) as campaigns,
        ):
            campaign = await campaigns.create(
                name,
                recipients,
                reading.text,
                rate_limit=manner.rate,
                windows=manner.window or (),
                starts_at=manner.starts_at,
                duplicates="once" if manner.dedupe else "each",
                tag_column=reading.tag_column,
                exclude=_numbers(manner.exclude),
                first=manner.first,
                stop_at_rejected=manner.stop_at_rejected,
                **options,
            )
            status = await campaign.status()
            shown = 0
            async for bad in campaign.bad_rows():
                shown += 1
                if shown <= _MOST_BAD_ROWS:
                    notice(f"row {bad.row}: {bad.error}")
            if shown > _MOST_BAD_ROWS:
                notice(f"... and {shown - _MOST_BAD_ROWS} more bad rows")
    counts = {"recipients": status.recipients, "bad_rows": status.bad_rows, "duplicates": status.duplicates}
    if as_json:
        show_json({"name": name, **counts})
    else:
        said = ", ".join(f"{count:,} {what.replace('_', ' ')}" for what, count in counts.items())
        print(f"{name}: {said}")
    return Status.OK


@contextmanager
def _opened(file: str, reading: Reading, *, needs_text: bool) -> Iterator[Recipients]:
    settings: dict[str, Any] = {
        "to_column": reading.to_column,
        "encoding": reading.encoding,
        "delimiter": reading.delimiter,
        "needs_text": needs_text,
    }
    if file != "-":
        yield open_recipients(file, reading.text, **settings)
        return
    with tempfile.TemporaryFile() as spool:  # which can be read twice, and is read to its end before anything is sent
        shutil.copyfileobj(sys.stdin.buffer, spool)
        yield open_recipients(spool, reading.text, name="stdin", **settings)


def _numbers(file: Path | None) -> list[str]:
    if file is None:
        return []
    numbers = []
    for row in open_recipients(file, needs_text=False):
        if not isinstance(row, Row):
            raise InvalidOptionError(f"{file}, line {row.line}: {row.error}")
        numbers.append(row.number)
    return numbers


async def _estimate(
    recipients: Recipients,
    name: str,
    reading: Reading,
    manner: Manner,
    login: Login,
    options: dict[str, Any],
    *,
    as_json: bool,
) -> Status:
    from clickasync.campaigns.creating import Plan
    from clickasync.campaigns.estimate import estimate

    plan = Plan(
        name=name,
        account="",
        batch_size=manner.batch_size,
        text=reading.text,
        options=options,
        rate_limit=manner.rate,
        windows=manner.window or (),
        starts_at=manner.starts_at,
        is_each=not manner.dedupe,
        exclude=frozenset(_numbers(manner.exclude)),
        first=manner.first,
        stop_at_rejected=manner.stop_at_rejected,
    )
    result = estimate(recipients, plan, prefix_of)
    for bad in result.bad[:_MOST_BAD_ROWS]:
        notice(f"row {bad.row}: {bad.error}")
    prices = {}
    if login.is_complete:
        async with login.client() as client:
            prices = {prefix: await client.coverage(number) for prefix, number in result.samples.items()}
    rows: list[dict[str, Any]] = [
        {
            "prefix": prefix,
            "parts": parts,
            "covered": prices[prefix].covered if prefix in prices else None,
            "charge": prices[prefix].charge if prefix in prices else None,
        }
        for prefix, parts in sorted(result.parts.items())
    ]
    credits = sum(row["parts"] * (row["charge"] or 0) for row in rows) if prices else None
    counts = {"messages": result.messages, "parts": sum(result.parts.values()), "bad_rows": len(result.bad)}
    if as_json:
        show_json({**counts, "duplicates": result.duplicates, "credits": credits, "prefixes": rows})
    else:
        show_table(("prefix", "parts", "covered", "credits a part"), (row.values() for row in rows))
        cost = "credits unknown: the gateway was not asked" if credits is None else f"{credits} credits"
        said = f"{result.duplicates} numbers that came before"
        print(f"{counts['messages']} messages, {counts['parts']} parts, {len(result.bad)} bad rows, {said}: {cost}")
    return Status.NOT_ALL if result.bad else Status.OK
