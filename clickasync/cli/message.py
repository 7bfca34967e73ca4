"""The options of a message on the command line, by the API's own names: one table for `send` and `bulk`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import attrs
import typer
from attrs import frozen

from clickasync.errors import InvalidOptionError

__all__ = ["MessageArguments", "moment"]


@frozen
class MessageArguments:
    """`clickasync.MessageOptions`, one option each."""

    from_: Annotated[
        str | None, typer.Option("--from", help="Sender ID: a number, or up to 11 letters and digits.")
    ] = None
    callback: Annotated[
        int | None,
        typer.Option(help="Statuses to report to your callback URL: 1 intermediate, 2 final, 4 errors; added up."),
    ] = None
    concat: Annotated[int | None, typer.Option(help="Most parts of a long text. [default: as needed, up to 3]")] = None
    deliv_time: Annotated[int | None, typer.Option(help="Deliver after so many minutes: 0 to 10080.")] = None
    scheduled_time: Annotated[
        str | None,
        typer.Option(help="Deliver at: ISO 8601 (this machine's time zone if it names none) or Unix seconds."),
    ] = None
    mo: Annotated[bool | None, typer.Option("--mo/--no-mo", help="Only routes on which one can reply.")] = None
    unicode: Annotated[
        bool | None,
        typer.Option("--unicode/--no-unicode", help="Always, or never, as Unicode. [default: where it is needed]"),
    ] = None
    max_credits: Annotated[str | None, typer.Option(help="Ceiling on the charge of one message, in credits.")] = None
    req_feat: Annotated[int | None, typer.Option(help="Features that the route must have, added up.")] = None
    queue: Annotated[int | None, typer.Option(help="Priority: 1 highest, 2, 3.")] = None
    escalate: Annotated[
        bool | None, typer.Option("--escalate/--no-escalate", help="Take a dearer route rather than wait.")
    ] = None
    validity: Annotated[int | None, typer.Option(help="Give up after so many minutes: 1 to 1440.")] = None
    msg_type: Annotated[str | None, typer.Option(help="A special message, such as SMS_FLASH.")] = None
    udh: Annotated[str | None, typer.Option(help="User data header, in hex; goes with --data.")] = None
    data: Annotated[str | None, typer.Option(help="Payload in hex, in place of a text.")] = None
    binary: Annotated[bool | None, typer.Option("--binary/--no-binary", help="The payload is 8-bit.")] = None
    deliv_ack: Annotated[
        bool | None, typer.Option("--deliv-ack/--no-deliv-ack", help="Ask for a handset receipt (older accounts).")
    ] = None

    def options(self) -> dict[str, Any]:
        """What was given, as the options of `Client.send`.

        Raises:
            InvalidOptionError: the scheduled time is no time.
        """
        given = {name: value for name, value in attrs.asdict(self).items() if value is not None}
        if self.scheduled_time is not None:
            given["scheduled_time"] = moment(self.scheduled_time)
        return given


def moment(text: str) -> float:
    """Unix seconds from ISO 8601 or Unix seconds.

    Raises:
        InvalidOptionError: it is neither.
    """
    try:
        return float(text) if text.isdigit() else datetime.fromisoformat(text).astimezone().timestamp()
    except (ValueError, OverflowError):
        raise InvalidOptionError(
            f"scheduled_time must be ISO 8601, as in 2025-01-31T08:00+02:00, or Unix seconds, not {text!r}"
        ) from None
