"""``clickasync campaign pause``, ``resume``, ``cancel``, ``retry``, ``delete``, ``erase``, ``reconcile``, and more."""

from __future__ import annotations

import re
import sys
from typing import Annotated

import typer

from clickasync.cli.campaign.database import Database
from clickasync.cli.login import Login
from clickasync.cli.screen import clean, notice
from clickasync.errors import ConfigurationError, InvalidOptionError

__all__ = ["cancel", "delete", "erase", "pause", "reconcile", "resume", "retry", "upgrade"]

_Name = Annotated[str, typer.Argument(metavar="NAME", help="The campaign.")]
_Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


async def pause(name: _Name, database: Database) -> None:
    """Let nothing more leave, within two seconds everywhere."""
    async with database.open() as campaigns:
        await (await campaigns.get(name)).pause()


async def resume(name: _Name, database: Database) -> None:
    """Go on, also with what was held back by create --first."""
    async with database.open() as campaigns:
        await (await campaigns.get(name)).resume()


async def cancel(name: _Name, database: Database) -> None:
    """Skip what was not sent yet, for good."""
    async with database.open() as campaigns:
        await (await campaigns.get(name)).cancel()


async def retry(
    name: _Name,
    database: Database,
    error: Annotated[
        list[str] | None, typer.Option(metavar="CODE", help="Only those with this error; repeatable.")
    ] = None,
) -> None:
    """Send again to those who were rejected; never to those whose outcome nobody can know."""
    async with database.open() as campaigns:
        reopened = await (await campaigns.get(name)).retry(error)
    print(f"{reopened:,} are sent to again")


async def delete(
    database: Database,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="The campaign.", show_default=False)] = None,
    older_than: Annotated[
        str | None, typer.Option(metavar="DAYS", help="All that were made before, such as 90d.")
    ] = None,
    yes: _Yes = False,
) -> None:
    """Delete a campaign, and everything about its recipients. Opt-outs stay."""
    if (name is None) == (older_than is None):
        raise InvalidOptionError("give either NAME or --older-than")
    async with database.open() as campaigns:
        chosen = (
            [await campaigns.get(name)] if name is not None else await campaigns.made_before(_days(older_than or ""))
        )
        names = ", ".join(campaign.name for campaign in chosen)
        if chosen and not yes:
            _confirm(f"Delete {names}, with all results?")
        for campaign in chosen:
            await campaign.delete()
            print(f"deleted: {clean(campaign.name)}")
    if not chosen:
        print("deleted: nothing")


def _days(text: str) -> int:
    found = re.fullmatch(r"(\d{1,5})d", text)
    if found is None:
        raise InvalidOptionError(f"--older-than must be days, as in 90d, not {text!r}")
    return int(found[1])


async def erase(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="A phone number.")], database: Database
) -> None:
    """Forget a person in all campaigns: number, text and tag. An opt-out stays, or they would be sent to again."""
    async with database.open() as campaigns:
        calls = await campaigns.erase(number)
    print(f"erased in {calls:,} calls")


async def reconcile(
    database: Database,
    login: Login,
    yes: _Yes = False,
) -> None:
    """Ask the gateway about all that a database which forgot believes unsent; then let its campaigns go on.

    Needed after a failover that lost something, and after every restore of a backup: run it before any worker.
    """
    async with login.client() as client, database.open(client) as campaigns:
        if not yes:
            _confirm("Have all workers ended, on all machines?")
        notice("asking the gateway about everything that is not sent yet; this takes two minutes at least")
        done = await campaigns.reconcile()
    print(f"{done.uncertain:,} were sent or may have been, and are not sent again; {done.to_send:,} will be sent")


async def upgrade(database: Database) -> None:
    """Bring the tables of an older version up to date."""
    from clickasync.campaigns.schema import VERSION

    before = await database.open().upgrade()
    if before == VERSION:
        print(f"the tables are of version {VERSION}: up to date")
    else:
        print(f"the tables were of version {before}, and are of version {VERSION} now")


def _confirm(question: str) -> None:
    if not sys.stdin.isatty():
        raise ConfigurationError(f"{question} Say so with --yes")
    if not typer.confirm(question, err=True):
        raise typer.Abort
