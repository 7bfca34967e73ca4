"""The options of a message on the command line, by the API's own names: one table for `send` and `bulk`."""

from __future__ import annotations

import re
import sys
from datetime import datetime
from typing import Annotated, Any, Final

import attrs
import typer
from attrs import frozen

from clickasync.cli.panels import HOW, WHAT
from clickasync.cli.typed import option_of
from clickasync.codes import MessageType, Queue
from clickasync.errors import InvalidOptionError
from clickasync.options import OPTIONS

__all__ = ["MessageArguments", "moment", "option", "read_text"]

_CONTENT: Final = frozenset({"concat", "unicode", "msg_type", "udh", "data", "binary"})
_AS_TYPED: Final = {
    "scheduled_time": "ISO 8601 (in this machine's time zone if it names none) or Unix seconds.",
    "udh": "In hex.",
    "data": "In hex.",
}
_COMPLETIONS: Final = {
    "msg_type": [each.value for each in MessageType],
    "queue": [str(each.value) for each in Queue],
    "callback": [str(value) for value in range(8)],
}


def option(name: str) -> Any:
    """An option of a message: what the package's table says of it, as it is typed."""
    known = OPTIONS[name]
    typed = option_of(name)
    meaning = re.sub(r"``(\w+)``", lambda found: option_of(found[1]), known.meaning)
    about = _AS_TYPED.get(name) or (f"{known.range}." if known.low is not None else "")
    values = _COMPLETIONS.get(name)
    return typer.Option(
        f"{typed}/--no-{typed[2:]}" if known.type == "bool" else typed,
        help=f"{meaning} {about}".strip(),
        show_default=False,
        metavar=known.unit.upper() if known.unit.isalpha() else None,
        rich_help_panel=WHAT if name in _CONTENT else HOW,
        autocompletion=(lambda: values) if values else None,
    )


@frozen
class MessageArguments:
    """`clickasync.MessageOptions`, one option each."""

    from_: Annotated[str | None, option("from_")] = None
    callback: Annotated[int | None, option("callback")] = None
    concat: Annotated[int | None, option("concat")] = None
    deliv_time: Annotated[int | None, option("deliv_time")] = None
    scheduled_time: Annotated[str | None, option("scheduled_time")] = None
    mo: Annotated[bool | None, option("mo")] = None
    unicode: Annotated[bool | None, option("unicode")] = None
    max_credits: Annotated[str | None, option("max_credits")] = None
    req_feat: Annotated[int | None, option("req_feat")] = None
    queue: Annotated[int | None, option("queue")] = None
    escalate: Annotated[bool | None, option("escalate")] = None
    validity: Annotated[int | None, option("validity")] = None
    msg_type: Annotated[str | None, option("msg_type")] = None
    udh: Annotated[str | None, option("udh")] = None
    data: Annotated[str | None, option("data")] = None
    binary: Annotated[bool | None, option("binary")] = None
    deliv_ack: Annotated[bool | None, option("deliv_ack")] = None

    def options(self) -> dict[str, Any]:
        """What was given, as the options of `Client.send`.

        Raises:
            InvalidOptionError: the scheduled time is no time.
        """
        given = {name: value for name, value in attrs.asdict(self).items() if value is not None}
        if self.scheduled_time is not None:
            given["scheduled_time"] = moment(self.scheduled_time)
        return given


def moment(text: str, option: str = "--scheduled-time") -> float:
    """Unix seconds from ISO 8601 or Unix seconds, as they were given for `option`.

    Raises:
        InvalidOptionError: it is neither.
    """
    try:
        return float(text) if text.isdigit() else datetime.fromisoformat(text).astimezone().timestamp()
    except (ValueError, OverflowError):
        raise InvalidOptionError(
            f"{option} must be ISO 8601, as in 2025-01-31T08:00+02:00, or Unix seconds, not {text!r}"
        ) from None


def read_text(text: str | None) -> str | None:
    """A text as it was given, or for ``-`` what stands on standard input, without the line end that ends it.

    Raises:
        InvalidOptionError: standard input is not UTF-8.
    """
    if text != "-":
        return text
    try:
        read = sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidOptionError("the text on standard input is not UTF-8") from None
    return read.removesuffix("\n").removesuffix("\r")
