"""The parameters of ``sendmsg``: typed for editors, explained, checked, and turned into wire fields in this one place.

`MessageOptions` and `SendOptions` are the one table. Each option is declared there with its type for type checkers and
an `Option`: its type in words, what it means, its range and unit, and what writes it. From the table come the checks,
``help(clickasync.MessageOptions)``, `describe`, the options of the command line and the table of the guide.

`compile_message` is pure: it takes ``now``. What is wrong in itself never reaches the gateway: an
`InvalidOptionError` says which parameter, why, and what would be right.
"""

from __future__ import annotations

import difflib
import re
import textwrap
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Final, TypedDict, TypeVar, Unpack, get_type_hints

from attrs import evolve, field, frozen

from clickasync.codes import Callback, Feature, MessageType, Queue
from clickasync.encoding import OCTETS_ALONE, OCTETS_JOINED, count_parts, is_gsm, ucs2_encode
from clickasync.errors import InvalidOptionError
from clickasync.values import (
    Option,
    amount,
    features,
    flag,
    hexadecimal,
    member,
    minutes,
    sender,
    time,
    whole,
    wrong,
)

__all__ = [
    "DESCRIBED",
    "MAX_PARTS",
    "OPTIONS",
    "Message",
    "MessageOptions",
    "Option",
    "SendOptions",
    "WireMessage",
    "check_climsgid",
    "compile_message",
    "describe",
    "listed",
]

MAX_PARTS: Final = 3
"""How many parts a long text may become without being asked for with ``concat``."""

_SCHEDULE_SLACK: Final = 300.0
_DAYS_AHEAD: Final = 7

T = TypeVar("T")


# -- the table


class MessageOptions(TypedDict, total=False):
    """Options of a message, by the API's own names (``from_`` is its ``from``). None means: not given."""

    from_: Annotated[
        str | None,
        Option(
            "str",
            "Sender ID: an international number of 1 to 16 digits, or up to 11 letters and digits, registered with the "
            "vendor first.",
            sender,
        ),
    ]
    callback: Annotated[
        Callback | int | None,
        Option(
            "Callback or int",
            "Which statuses are reported to the account's callback URL: 1 intermediate, 2 final, 4 errors, added up.",
            whole,
            0,
            7,
        ),
    ]
    concat: Annotated[
        int | None,
        Option(
            "int",
            "The most parts that a message may be split into. Not given: for a text what it needs, at most "
            f"{MAX_PARTS}; for a payload 1.",
            None,
            1,
            255,
            "parts",
        ),
    ]
    deliv_time: Annotated[
        timedelta | int | None,
        Option(
            "timedelta or int", "Deliver after this time; it may be up to 5 minutes late.", minutes, 0, 10080, "minutes"
        ),
    ]
    scheduled_time: Annotated[
        datetime | float | None,
        Option(
            "aware datetime or float",
            f"Deliver at this time, at most {_DAYS_AHEAD} days ahead; it may be up to 5 minutes late.",
            time,
            unit="Unix seconds",
        ),
    ]
    mo: Annotated[bool | None, Option("bool", "Use only routes on which the recipient can reply.", flag)]
    unicode: Annotated[
        bool | None,
        Option(
            "bool",
            "Whether to send as Unicode; if not, a text that GSM 03.38 cannot say is refused. Not given: only such a "
            "text goes out as Unicode.",
        ),
    ]
    max_credits: Annotated[
        Decimal | float | str | None,
        Option("Decimal, float or str", "Ceiling on the charge of one message, above 0.", amount, unit="credits"),
    ]
    req_feat: Annotated[
        Feature | int | None, Option("Feature or int", "Features that the route must have, added up.", features)
    ]
    queue: Annotated[
        Queue | int | None,
        Option(
            "Queue or int",
            "Priority among the account's own messages: 1 highest, 3 the gateway's default.",
            member(Queue),
            1,
            3,
        ),
    ]
    escalate: Annotated[bool | None, Option("bool", "Take a dearer route rather than wait.", flag)]
    validity: Annotated[
        timedelta | int | None,
        Option(
            "timedelta or int", "Give up after this time; the gateway's default is 1440.", minutes, 1, 1440, "minutes"
        ),
    ]
    msg_type: Annotated[
        MessageType | str | None,
        Option("MessageType or str", "A special message, such as SMS_FLASH.", member(MessageType)),
    ]
    udh: Annotated[
        bytes | str | None,
        Option("bytes or hex str", "User data header of a payload. It goes with ``data``, in place of ``msg_type``."),
    ]
    data: Annotated[
        bytes | str | None,
        Option(
            "bytes or hex str",
            f"Payload in place of a text: up to {OCTETS_ALONE} bytes, the ``udh`` included. Without one it may be "
            "longer if ``concat`` allows the parts.",
        ),
    ]
    binary: Annotated[bool | None, Option("bool", "Treat the payload as 8-bit.", flag)]
    deliv_ack: Annotated[bool | None, Option("bool", "Ask for a handset receipt (older accounts).", flag)]


class SendOptions(MessageOptions, total=False):
    """Options of one message to one recipient: those of `MessageOptions`, and its ID. None means: not given."""

    climsgid: Annotated[
        str | None,
        Option(
            "str",
            "Your own ID for the message, 1 to 32 letters and digits. Not given: the SDK makes one. By it the gateway "
            "can be asked.",
        ),
    ]


OPTIONS: Final[Mapping[str, Option]] = {
    name: evolve(hint.__metadata__[0], name=name)
    for name, hint in get_type_hints(SendOptions, include_extras=True).items()
}
"""Every option, by its name in Python."""


def describe(names: Iterable[str] | None = None, *, indent: int = 0, width: int = 100) -> str:
    """The options as a list for a docstring: a paragraph each, with type, range, unit and meaning.

    >>> print(describe(["mo", "queue"], width=72))
    mo (bool): Use only routes on which the recipient can reply.
    queue (Queue or int, 1 to 3): Priority among the account's own messages:
        1 highest, 3 the gateway's default.

    Args:
        names: which, in this order; by default all of `MessageOptions`.
        indent: blanks before each; the lines that follow have four more.
        width: where lines end, at the latest.
    """
    chosen = MessageOptions.__annotations__ if names is None else names
    paragraphs = []
    for option in (OPTIONS[name] for name in chosen):
        about = ", ".join(filter(None, (option.type, option.range)))
        text = f"{option.name} ({about}): {option.meaning}"
        before = " " * indent
        paragraphs.append(textwrap.fill(text, width, initial_indent=before, subsequent_indent=f"{before}    "))
    return "\n".join(paragraphs)


DESCRIBED: Final = {MessageOptions: describe(), SendOptions: f"{describe()}\n{describe(['climsgid'])}"}
"""The options that each of the two has, as `describe` lists them."""
MessageOptions.__doc__ = f"{MessageOptions.__doc__}\n\n{DESCRIBED[MessageOptions]}"
SendOptions.__doc__ = f"{SendOptions.__doc__}\n\n{DESCRIBED[SendOptions]}"


@frozen(init=False)
class Message:
    """One text to one recipient, for `Client.bulk`.

    >>> Message("27821234567", "Hi Ann", callback=Callback.FINAL)
    Message(to='27821234567', text='Hi Ann', options={'callback': <Callback.FINAL: 2>}, tag=None)
    """

    to: str
    """The recipient, as people write a number."""
    text: str | None = None
    """None: the text of the call it is part of, or a payload as ``data``."""
    options: Mapping[str, Any] = field(factory=dict)
    """As for `Client.send`; they come before those of the call."""
    tag: Any = None
    """Anything of yours. It comes back as `result.tag`, is never sent, and does not decide who travels together."""

    def __init__(self, to: str, text: str | None = None, *, tag: Any = None, **options: Unpack[SendOptions]) -> None:
        self.__attrs_init__(to, text, options, tag)


# -- a message as a whole


@frozen
class WireMessage:
    """A message as it goes over the wire, without its recipients and its climsgid."""

    fields: Mapping[str, str]
    parts: int
    """How many messages it costs each recipient, at the least."""
    climsgid: str | None
    """The user's own."""


def compile_message(text: str | None, options: Mapping[str, Any], now: float) -> WireMessage:
    """The wire fields of a message.

    Args:
        text: the text, or None where ``data`` is given.
        options: `SendOptions`, by their names in Python.
        now: Unix seconds.

    Raises:
        InvalidOptionError: a parameter is wrong in itself, or does not go with another.
    """
    for name in options:
        if name not in OPTIONS:
            close = difflib.get_close_matches(name, OPTIONS, 1)
            raise wrong(f"there is no option {name!r}" + (f"; do you mean {close[0]!r}?" if close else ""))
    given = {name: value for name, value in options.items() if value is not None}
    fields, parts = _payload(text, given)
    for name, value in given.items():
        option = OPTIONS[name]
        if option.write is not None:
            fields[option.field] = option.write(option, value)
    if "scheduled_time" in given:
        if "deliv_time" in given:
            raise wrong(
                "deliv_time and scheduled_time do not go together; give one of them", "deliv_time", "scheduled_time"
            )
        ahead = int(fields["scheduled_time"]) - now
        if not -_SCHEDULE_SLACK <= ahead <= _DAYS_AHEAD * 24 * 3600:
            raise wrong(f"scheduled_time must lie in the future, at most {_DAYS_AHEAD} days ahead", "scheduled_time")
    if given.get("binary") and not fields.get("from", "0").isdigit():
        raise wrong("an alphanumeric from_ cannot go with binary (an 8-bit message); give a number", "from_", "binary")
    if "udh" in given and "msg_type" in given:
        raise wrong("udh and msg_type do not go together; give one of them", "udh", "msg_type")
    climsgid = given.get("climsgid")
    return WireMessage(fields, parts, None if climsgid is None else check_climsgid(climsgid))


def check_climsgid(climsgid: object) -> str:
    """`climsgid`, if it is 1 to 32 alphanumerics.

    Raises:
        InvalidOptionError: it is not.
    """
    if not (isinstance(climsgid, str) and re.fullmatch("[0-9A-Za-z]{1,32}", climsgid)):
        raise wrong(f"climsgid must be 1 to 32 letters and digits, not {climsgid!r}", "climsgid")
    return climsgid


def listed(to: Iterable[T]) -> list[T]:
    """The recipients as a list.

    Raises:
        InvalidOptionError: one str, whose digits would each be taken for a recipient, or no iterable.
    """
    if isinstance(to, str | bytes) or not isinstance(to, Iterable):
        raise InvalidOptionError("to must be several numbers, such as a list; send to one with `send`")
    return list(to)


def _payload(text: str | None, given: Mapping[str, Any]) -> tuple[dict[str, str], int]:
    """The fields that carry the content, and how many parts it takes."""
    if "data" in given:
        if text is not None:
            raise wrong("text and data do not go together; give one of them", "text", "data")
        return _data(given)
    if "udh" in given:
        raise wrong("udh goes with data: give the payload as data", "udh", "data")
    if not isinstance(text, str):
        what = "no text was given" if text is None else f"text must be a str, not {type(text).__name__}"
        raise wrong(f"{what}; give a text, or a raw payload as data", "text", "data")
    if not text:
        raise wrong("text is empty; a message needs content", "text")
    unicode = _needs_unicode(text, given.get("unicode"))
    parts = count_parts(text, unicode=unicode)
    allowed = _concat(given, MAX_PARTS)
    if parts > allowed:
        hint = "" if "concat" in given else f"; it takes concat={parts}, and more than {MAX_PARTS} must be asked for"
        alphabet = "Unicode" if unicode else "GSM"
        raise wrong(f"the {alphabet} text needs {parts} parts, and concat allows {allowed}{hint}", "concat")
    fields = {"text": text}
    if unicode:
        try:
            fields = {"text": ucs2_encode(text), "unicode": "1"}
        except UnicodeEncodeError as error:
            raise wrong(
                f"text holds half of a surrogate pair, at character {error.start}: it is not valid Unicode", "text"
            ) from None
    if "concat" in given or parts > 1:
        fields["concat"] = str(given.get("concat", parts))
    return fields, parts


def _needs_unicode(text: str, unicode: object) -> bool:
    if unicode not in (None, True, False):
        raise wrong(f"unicode must be None, True or False, not {unicode!r}", "unicode")
    if unicode:
        return True
    if is_gsm(text):
        return False
    if unicode is None:
        return True
    stranger = next(char for char in text if not is_gsm(char))
    raise wrong(
        f"unicode=False, but {stranger!r} is not in GSM 03.38; without unicode=False it goes out as Unicode", "unicode"
    )


def _concat(given: Mapping[str, Any], otherwise: int) -> int:
    return int(whole(OPTIONS["concat"], given["concat"])) if "concat" in given else otherwise


def _data(given: Mapping[str, Any]) -> tuple[dict[str, str], int]:
    """As `_payload`. The gateway splits a long payload whatever ``concat`` says, and each part costs.

    So that none costs more than was asked for, a payload takes more than one part only where ``concat`` allows them.
    One with a header is never split: only who wrote the header knows what it means in each part.
    """
    fields = {name: hexadecimal(OPTIONS[name], given[name]) for name in ("data", "udh") if name in given}
    size = len(fields["data"]) // 2
    octets = size + len(fields.get("udh", "")) // 2
    if not size:
        raise wrong("data is empty; a message needs content", "data")
    parts = 1
    if octets > OCTETS_ALONE:
        if fields.get("udh"):
            raise wrong(
                f"data and udh take {octets} bytes together, and a message with a udh holds {OCTETS_ALONE}",
                "data",
                "udh",
            )
        parts = -(-size // OCTETS_JOINED)
        allowed = _concat(given, 1)
        if parts > allowed:
            raise wrong(
                f"data takes {octets} bytes, and one message holds {OCTETS_ALONE}: it needs {parts} parts, and concat "
                f"allows {allowed}; it takes concat={parts}",
                "data",
                "concat",
            )
    if not fields.get("udh", "-"):
        del fields["udh"]
    if "concat" in given:
        fields["concat"] = str(_concat(given, 1))
    if "unicode" in given and flag(OPTIONS["unicode"], given["unicode"]) == "1":
        fields["unicode"] = "1"
    return fields, parts
