"""``clickasync campaign work`` and ``run``."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from clickasync.cli.campaign.database import Database, ending
from clickasync.cli.campaign.screen import watch
from clickasync.cli.command import Status
from clickasync.cli.login import Login
from clickasync.cli.screen import notice

if TYPE_CHECKING:
    from clickasync.campaigns import Campaign

__all__ = ["run", "work"]

_InFlight = Annotated[int, typer.Option(help="Calls at once.")]
_PATIENCE = "Seconds without an answer of the gateway after which to give up."


async def work(
    database: Database,
    login: Login,
    until_done: Annotated[bool, typer.Option("--until-done", help="End once everything has an outcome.")] = False,
    in_flight: _InFlight = 8,
    patience: Annotated[float | None, typer.Option(help=f"{_PATIENCE} [default: never]")] = None,
) -> Status:
    """Send what there is to send for the account, until stopped.

    Start it as often and on as many machines as you like. SIGTERM or Ctrl-C, once: finish what is under way, give the
    rest back. Twice: end at once. Whatever ends it, nothing is sent twice.
    """
    async with login.client(max_connections=in_flight) as client, database.open(client, may_be_new=True) as campaigns:
        with ending() as end:
            await campaigns.work(until_done=until_done, in_flight=in_flight, patience=patience, stop=end.stop)
    return Status.INTERRUPTED if end.interrupted else Status.OK


async def run(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The campaign.")],
    database: Database,
    login: Login,
    in_flight: _InFlight = 8,
    patience: Annotated[float, typer.Option(help=_PATIENCE)] = 60.0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No live screen.")] = False,
) -> Status:
    """Send one campaign, to its end, and show how far it is.

    The exit status is 1 if it was paused, or somebody was rejected or is uncertain.
    """
    async with login.client(max_connections=in_flight) as client, database.open(client) as campaigns:
        campaign = await campaigns.get(name)
        with ending() as end:
            screen = asyncio.create_task(_show(campaign)) if sys.stderr.isatty() and not quiet else None
            try:
                await campaigns.work(
                    until_done=True, in_flight=in_flight, patience=patience, names=[name], stop=end.stop
                )
            finally:
                if screen is not None:
                    screen.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await screen
        status = await campaign.status()
    notice(
        f"{name}: {status.accepted:,} accepted, {status.rejected:,} rejected, {status.uncertain:,} uncertain, "
        f"{status.ready:,} left" + (f"; {status.waits_for}" if status.waits_for and status.state == "paused" else "")
    )
    if end.interrupted:
        return Status.INTERRUPTED
    return Status.OK if status.state == "done" and not status.rejected and not status.uncertain else Status.NOT_ALL


async def _show(campaign: Campaign) -> None:
    await watch(campaign, until_done=False)
