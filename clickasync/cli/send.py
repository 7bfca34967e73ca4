"""``clickasync send``."""

from __future__ import annotations

from typing import Annotated

import typer

from clickasync.cli.command import Status, add_command, status_of
from clickasync.cli.login import Login
from clickasync.cli.message import MessageArguments, option, read_text
from clickasync.cli.outcome import as_fields
from clickasync.cli.panels import WHAT
from clickasync.cli.screen import AsJson, show_json, show_table
from clickasync.client import Client
from clickasync.errors import (
    ApiError,
    AuthenticationError,
    InvalidNumberError,
    InvalidOptionError,
    OutcomeUnknownError,
    TransportError,
)
from clickasync.numbers import normalise
from clickasync.options import SendOptions
from clickasync.results import Accepted, Rejected, SendResult, Uncertain

__all__ = ["register"]

_SHORTEST_NUMBER = 7


async def send(
    to: Annotated[list[str], typer.Argument(metavar="TO|TEXT", help="The recipients, then the text.")],
    *,
    text: Annotated[
        str | None,
        typer.Option(
            "--text",
            "-t",
            help="The text; then all arguments are recipients. - is standard input.",
            rich_help_panel=WHAT,
        ),
    ] = None,
    message: MessageArguments,
    climsgid: Annotated[str | None, option("climsgid")] = None,
    login: Login,
    as_json: AsJson = False,
) -> Status:
    """Send a text to one or several recipients.

    clickasync send 27821234567 "Your code is 4711"

    clickasync send 27821234567 27827654321 --text "Doors open at 8"

    echo "Doors open at 8" | clickasync send 27821234567 --text -

    The text is the last argument, or --text. Nothing is sent unless all recipients are phone numbers. --json prints an
    array with a result for each recipient.
    """
    options: SendOptions = {**message.options()}  # type: ignore[typeddict-item]
    recipients, body = _split(to, read_text(text), with_data=message.data is not None)
    for number in recipients:
        normalise(number)
    if climsgid is not None:
        if len(recipients) > 1:
            raise InvalidOptionError("one --climsgid cannot stand for several recipients")
        options["climsgid"] = climsgid
    async with login.client() as client:
        results = await _send(client, recipients, body, options)
    fields = [as_fields(result) for result in results]
    if as_json:
        show_json(fields)
    else:
        shown = [
            (each["to"], each["result"], each["id"] or each["climsgid"], _detail(result))
            for each, result in zip(fields, results, strict=True)
        ]
        show_table(("to", "result", "id", "detail"), shown)
    return _status(results)


def _split(arguments: list[str], text: str | None, *, with_data: bool) -> tuple[list[str], str | None]:
    """The recipients and the text."""
    if text is not None or with_data:
        return arguments, text
    *recipients, body = arguments
    if not recipients:
        raise InvalidOptionError("the text is missing: clickasync send 27821234567 TEXT, or --text TEXT")
    if _is_number(body):
        raise InvalidOptionError(f"the text is missing; if {body!r} is the text, give it as --text {body}")
    return recipients, body


def _is_number(text: str) -> bool:
    try:
        return len(normalise(text)) >= _SHORTEST_NUMBER
    except InvalidNumberError:
        return False


async def _send(client: Client, to: list[str], text: str | None, options: SendOptions) -> list[SendResult]:
    if len(to) > 1:
        return await client.send_many(to, text, **options)  # type: ignore[misc]
    try:
        return [await client.send(to[0], text, **options)]
    except AuthenticationError:
        raise
    except ApiError as error:
        return [Rejected(to[0], error)]
    except OutcomeUnknownError as error:
        return [Uncertain(to[0], error.climsgid or "", error, error.known_to_gateway)]


def _detail(result: SendResult) -> str:
    return str(as_fields(result)["error"] or "")


def _status(results: list[SendResult]) -> Status:
    if all(isinstance(result, Accepted) for result in results):
        return Status.OK
    errors = [result.error for result in results if isinstance(result, Rejected)]
    if len(errors) == len(results) and all(isinstance(error, TransportError) for error in errors):
        return status_of(errors[0])
    return Status.NOT_ALL


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, send, sends=True)
