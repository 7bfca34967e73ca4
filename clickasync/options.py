"""The parameters of ``sendmsg``: typed for editors, checked, and turned into wire fields in this one place.

`compile_message` is pure: it takes ``now``. What is wrong in itself never reaches the gateway: an
`InvalidOptionError` says which parameter, why, and what would be right.
"""

from __future__ import annotations

import contextlib
import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any, Final, TypedDict, TypeVar, Unpack

from attrs import field, frozen

from clickasync.codes import Callback, Feature, MessageType, Queue
from clickasync.encoding import count_parts, is_gsm, ucs2_encode
from clickasync.errors import InvalidNumberError, InvalidOptionError
from clickasync.numbers import normalise

__all__ = [
    "MAX_PARTS",
    "Message",
    "MessageOptions",
    "SendOptions",
    "WireMessage",
    "check_climsgid",
    "compile_message",
    "listed",
]

MAX_PARTS: Final = 3
"""How many parts a long text may become without being asked for with ``concat``."""

_SCHEDULE_SLACK: Final = 300.0
_SCHEDULE_AHEAD: Final = 7 * 24 * 3600.0
_FAR_AWAY: Final = 1e12  # Unix seconds; what is not nearer (NaN, infinity) is no time
_OCTETS: Final = 140  # of one 8-bit message, its header included

E = TypeVar("E", bound=Enum)


class MessageOptions(TypedDict, total=False):
    """Options of a message, by the API's own names (``from_`` is its ``from``). None means: not given."""

    from_: str | None
    """Sender ID: an international number of 1 to 16 digits, or up to 11 alphanumerics. Registered with the vendor."""
    callback: Callback | int | None
    """Which statuses are reported to the account's callback URL: 0 to 7."""
    concat: int | None
    """Most parts that a long text may be split into. None: as many as it needs, at most 3."""
    deliv_time: timedelta | int | None
    """Delay: a timedelta or minutes, 0 to 10080 (7 days). It may go out up to 5 minutes late."""
    scheduled_time: datetime | float | None
    """When to deliver: an aware datetime or Unix seconds, at most 7 days ahead."""
    mo: bool | None
    """Use only routes on which the recipient can reply."""
    unicode: bool | None
    """None: as Unicode only what GSM 03.38 cannot say. True: always. False: refuse such a text."""
    max_credits: Decimal | float | str | None
    """Ceiling on the charge of one message, in credits."""
    req_feat: Feature | int | None
    """Features that the route must have."""
    queue: Queue | int | None
    """Priority among the account's own messages: 1 highest, 2, 3 (the gateway's default)."""
    escalate: bool | None
    """Take a dearer route rather than wait."""
    validity: timedelta | int | None
    """Give up after: a timedelta or minutes, 1 to 1440 (the gateway's default)."""
    msg_type: MessageType | str | None
    """A special message, such as SMS_FLASH."""
    udh: bytes | str | None
    """User data header: bytes, or hex. It goes with ``data``, in place of ``msg_type``."""
    data: bytes | str | None
    """Payload: bytes, or hex. In place of a text."""
    binary: bool | None
    """Treat the payload as 8-bit."""
    deliv_ack: bool | None
    """Ask for a handset receipt (older accounts)."""


class SendOptions(MessageOptions, total=False):
    """Options of one message to one recipient."""

    climsgid: str | None
    """Your own ID for it, 1 to 32 alphanumerics. Without one the SDK makes one, by which it can ask the gateway."""


@frozen(init=False)
class Message:
    """One text to one recipient, for `Client.bulk`.

    >>> Message("27821234567", "Hi Ann", callback=Callback.FINAL)
    Message(to='27821234567', text='Hi Ann', options={'callback': <Callback.FINAL: 2>})
    """

    to: str
    text: str | None = None
    options: Mapping[str, Any] = field(factory=dict)

    def __init__(self, to: str, text: str | None = None, **options: Unpack[SendOptions]) -> None:
        self.__attrs_init__(to, text, options)


@frozen
class WireMessage:
    """A message as it goes over the wire, but for its recipients and its climsgid."""

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
        if name not in SendOptions.__optional_keys__:
            close = difflib.get_close_matches(name, SendOptions.__optional_keys__, 1)
            raise InvalidOptionError(f"there is no option {name!r}" + (f"; do you mean {close[0]!r}?" if close else ""))
    given = {name: value for name, value in options.items() if value is not None}
    fields, parts = _payload(text, given)
    for name, write in _WRITERS.items():
        if name in given:
            fields[name.rstrip("_")] = write(name, given[name])
    if "scheduled_time" in given:
        if "deliv_time" in given:
            raise InvalidOptionError("deliv_time and scheduled_time do not go together; give one of them")
        ahead = int(fields["scheduled_time"]) - now
        if not -_SCHEDULE_SLACK <= ahead <= _SCHEDULE_AHEAD:
            raise InvalidOptionError("scheduled_time must lie in the future, at most 7 days ahead")
    if given.get("binary") and not fields.get("from", "0").isdigit():
        raise InvalidOptionError("an alphanumeric from_ cannot go with a binary (8-bit) message; give a number")
    if "udh" in given and "msg_type" in given:
        raise InvalidOptionError("udh and msg_type do not go together; give one of them")
    climsgid = given.get("climsgid")
    return WireMessage(fields, parts, None if climsgid is None else check_climsgid(climsgid))


def check_climsgid(climsgid: object) -> str:
    """`climsgid`, if it is 1 to 32 alphanumerics.

    Raises:
        InvalidOptionError: it is not.
    """
    if not (isinstance(climsgid, str) and re.fullmatch("[0-9A-Za-z]{1,32}", climsgid)):
        raise InvalidOptionError(f"climsgid must be 1 to 32 letters and digits, not {climsgid!r}")
    return climsgid


def listed(to: Iterable[str]) -> list[str]:
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
            raise InvalidOptionError("text and data do not go together; give one of them")
        return _data(given)
    if "udh" in given:
        raise InvalidOptionError("udh goes with data: give the payload as data, in bytes or hex")
    if not isinstance(text, str):
        what = "no text was given" if text is None else f"text must be a str, not {type(text).__name__}"
        raise InvalidOptionError(f"{what}; give a text (or data, for a raw payload)")
    if not text:
        raise InvalidOptionError("text is empty; a message needs content")
    unicode = _needs_unicode(text, given.get("unicode"))
    parts = count_parts(text, unicode=unicode)
    allowed = _concat(given)
    if parts > allowed:
        hint = "" if "concat" in given else f"; it takes concat={parts}, and more than {MAX_PARTS} must be asked for"
        alphabet = "Unicode" if unicode else "GSM"
        raise InvalidOptionError(f"the {alphabet} text needs {parts} parts, and concat allows {allowed}{hint}")
    fields = {"text": text}
    if unicode:
        try:
            fields = {"text": ucs2_encode(text), "unicode": "1"}
        except UnicodeEncodeError as error:
            raise InvalidOptionError(
                f"text holds half of a surrogate pair, at character {error.start}: it is not valid Unicode"
            ) from None
    if "concat" in given or parts > 1:
        fields["concat"] = str(given.get("concat", parts))
    return fields, parts


def _needs_unicode(text: str, unicode: object) -> bool:
    if unicode not in (None, True, False):
        raise InvalidOptionError(f"unicode must be None, True or False, not {unicode!r}")
    if unicode:
        return True
    if is_gsm(text):
        return False
    if unicode is None:
        return True
    stranger = next(char for char in text if not is_gsm(char))
    raise InvalidOptionError(f"unicode=False, but {stranger!r} is not in GSM 03.38; leave unicode out to send it")


def _concat(given: Mapping[str, Any]) -> int:
    return int(_integer(1, 255)("concat", given["concat"])) if "concat" in given else MAX_PARTS


def _data(given: Mapping[str, Any]) -> tuple[dict[str, str], int]:
    data = _hex("data", given["data"])
    udh = _hex("udh", given["udh"]) if "udh" in given else ""
    octets = (len(data) + len(udh)) // 2
    if not data:
        raise InvalidOptionError("data is empty; a message needs content")
    if octets > _OCTETS:
        raise InvalidOptionError(f"data and udh take {octets} bytes together, and a message holds {_OCTETS}")
    fields = {"data": data}
    if udh:
        fields["udh"] = udh
    if "concat" in given:
        fields["concat"] = str(_concat(given))
    if "unicode" in given and _flag("unicode", given["unicode"]) == "1":
        fields["unicode"] = "1"
    return fields, 1


def _hex(name: str, value: object) -> str:
    if isinstance(value, bytes | bytearray):
        return bytes(value).hex().upper()
    if not (isinstance(value, str) and re.fullmatch("(?:[0-9A-Fa-f]{2})*", value)):
        raise InvalidOptionError(f"{name} must be bytes, or pairs of hex digits")
    return value.upper()


Writer = Callable[[str, Any], str]


def _integer(low: int, high: int) -> Writer:
    def write(name: str, value: object) -> str:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise InvalidOptionError(f"{name} must be a whole number from {low} to {high}, not {value!r}")
        return str(int(value))

    return write


def _minutes(low: int, high: int) -> Writer:
    def write(name: str, value: object) -> str:
        minutes = value
        if isinstance(value, timedelta) and value >= timedelta():  # less than none would be rounded up to none
            minutes = math.ceil(value / timedelta(minutes=1))
        if isinstance(minutes, bool) or not isinstance(minutes, int) or not low <= minutes <= high:
            raise InvalidOptionError(f"{name} must be {low} to {high} minutes, or such a timedelta, not {value!r}")
        return str(int(minutes))

    return write


def _flag(name: str, value: object) -> str:
    if value not in (True, False):
        raise InvalidOptionError(f"{name} must be True or False, not {value!r}")
    return "1" if value else "0"


def _member(kind: type[E]) -> Writer:
    def write(name: str, value: object) -> str:
        if not isinstance(value, bool):  # True would be taken for 1
            with contextlib.suppress(ValueError):
                return str(kind(value).value)
        choices = ", ".join(str(member.value) for member in kind)
        raise InvalidOptionError(f"{name} must be one of {choices}, not {value!r}")

    return write


def _features(name: str, value: object) -> str:
    every = sum(Feature)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= every or value & ~every:
        raise InvalidOptionError(f"{name} must be a sum of Feature members, not {value!r}")
    return str(int(value))


def _credits(name: str, value: object) -> str:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal(0)
    if isinstance(value, bool) or not amount.is_finite() or amount <= 0:
        raise InvalidOptionError(f"{name} must be a positive number of credits, not {value!r}")
    return f"{amount:f}"


def _sender(name: str, value: object) -> str:
    if isinstance(value, str) and re.fullmatch("[0-9A-Za-z]{1,11}", value) and not value.isdigit():
        return value
    try:
        return normalise(value)  # type: ignore[arg-type]
    except InvalidNumberError as error:
        why = str(error).partition(" is not a phone number: ")[2]
        raise InvalidOptionError(
            f"{name} must be a number of 1 to 16 digits, or up to 11 letters and digits, not {value!r}"
            + (f": {why}" if why else "")
        ) from None


def _time(name: str, value: object) -> str:
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise InvalidOptionError(f"{name} must be an aware datetime (with tzinfo), not {value!r}")
        value = value.timestamp()
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _FAR_AWAY:
        raise InvalidOptionError(f"{name} must be an aware datetime or Unix seconds, not {value!r}")
    return str(int(value))


_WRITERS: Final[dict[str, Writer]] = {
    "from_": _sender,
    "callback": _integer(0, 7),
    "deliv_time": _minutes(0, 10080),
    "scheduled_time": _time,
    "mo": _flag,
    "max_credits": _credits,
    "req_feat": _features,
    "queue": _member(Queue),
    "escalate": _flag,
    "validity": _minutes(1, 1440),
    "msg_type": _member(MessageType),
    "binary": _flag,
    "deliv_ack": _flag,
}
