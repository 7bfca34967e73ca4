"""``clickasync status``, ``charge`` and ``cancel``: what became of one message."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from attrs import frozen

from clickasync.cli.command import Status, add_command
from clickasync.cli.login import Login
from clickasync.cli.screen import AsJson, show_json, show_table
from clickasync.cli.typed import finite
from clickasync.codes import MessageStatus
from clickasync.errors import InvalidOptionError

__all__ = ["register"]


@frozen
class MessageId:
    """Which message."""

    id: Annotated[
        str | None, typer.Argument(metavar="ID", help="The gateway's ID, as send prints it.", show_default=False)
    ] = None
    climsgid: Annotated[str | None, typer.Option(help="Your own ID of it, in place of ID.")] = None

    def __attrs_post_init__(self) -> None:
        if (self.id is None) == (self.climsgid is None):
            raise InvalidOptionError("give either ID or --climsgid")


async def status(
    message: MessageId,
    login: Login,
    wait: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", parser=finite, help="Wait, so long at most, until the status is final."),
    ] = None,
    as_json: AsJson = False,
) -> Status:
    """Ask for the status of a message (querymsg). With --wait, the exit status is 1 if it is not final by then."""
    if wait is not None and message.id is None:
        raise InvalidOptionError("--wait needs the gateway's ID")
    async with login.client() as client:
        if wait is not None and message.id is not None:
            try:
                state = await client.wait_for_delivery(message.id, timeout=wait)
            except TimeoutError:
                state = await client.status(message.id)
        else:
            state = await client.status(message.id, climsgid=message.climsgid)
    _show(as_json, state.id, state.status)
    return Status.OK if wait is None or state.status.is_final else Status.NOT_ALL


async def charge(message: MessageId, login: Login, as_json: AsJson = False) -> None:
    """Ask what a message cost, in credits, and for its status (getmsgcharge)."""
    async with login.client() as client:
        cost = await client.charge(message.id, climsgid=message.climsgid)
    _show(as_json, cost.id, cost.status, charge=cost.charge)


async def cancel(message: MessageId, login: Login, as_json: AsJson = False) -> None:
    """Stop a message that is still queued, deferred or scheduled (delmsg). Status 006: it was stopped."""
    async with login.client() as client:
        state = await client.cancel(message.id, climsgid=message.climsgid)
    _show(as_json, state.id, state.status)


def _show(as_json: bool, id: str, status: MessageStatus, **more: Any) -> None:
    if as_json:
        described = {"description": status.description, "is_final": status.is_final, "is_error": status.is_error}
        show_json({"id": id, **more, "status": status.value, **described})
    else:
        cells = (id, *more.values(), status.value, status.description)
        show_table(("id", *more, "status", "description"), [cells])


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for function in (status, charge, cancel):
        add_command(app, function)
