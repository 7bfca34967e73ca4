"""Reading replies: one record a line, in any order, with whatever else the line brings.

Each reader gives a value, raises the `ApiError` that the gateway answered, or raises `ProtocolError`. An ``ERR`` counts
for the whole call only where nothing else stands in the reply: whoever reads one off a page of junk says "failed" of
what nobody can know.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Final, NoReturn, TypeAlias

from clickasync.codes import MessageStatus
from clickasync.errors import ApiError, ProtocolError, api_error
from clickasync.results import Coverage, MessageCharge, MessageState

__all__ = [
    "Line",
    "match_lines",
    "read_balance",
    "read_charge",
    "read_coverage",
    "read_done",
    "read_id",
    "read_lines",
    "read_session",
    "read_state",
    "read_voucher",
]

Line: TypeAlias = str | ApiError | None
"""What a reply says of one recipient: its apimsgid, its error, or nothing."""

_EXCERPT: Final = 200
_TO: Final = re.compile(r"(?:^|\s)To:\s*(\+?[0-9]+)", re.IGNORECASE)
_CODE: Final = re.compile(r"[ \t]*([0-9]{3})[ \t]*(?:,|$)")
_PAIR: Final = re.compile(r"([A-Za-z]{2,12})[ \t]*:[ \t]*(\S+)")
_LONGEST_PREFIX: Final = 4  # digits of a country's code, which stand in for a leading zero


def read_id(text: str) -> str:
    """The ID of a reply about one message: ``ID: <id>``, with or without a ``To:``."""
    found, errors, junk = _sort(text)
    if found:
        return found[0][0]
    if errors and not junk:
        raise errors[0][0]
    _unreadable(text)


def read_lines(text: str, numbers: Sequence[str]) -> list[Line]:
    """What a reply says of each of `numbers`, the recipients as sent, in their order.

    Raises:
        ApiError: the whole call failed.
        ProtocolError: nothing in it can be read.
    """
    words = text.split()
    if words[3::4] == numbers and words[::4] == ["ID:"] * len(numbers) and words[2::4] == ["To:"] * len(numbers):
        return list[Line](words[1::4])  # the usual case, at the cost of splitting it
    if len(numbers) == 1:
        return [read_id(text)]
    found, errors, junk = _sort(text)
    if not found and not junk and errors and all(to is None for _, to in errors):
        raise errors[0][0]
    named: list[tuple[str, Line]] = [(to, id) for id, to in found if to is not None]
    named += [(to, error) for error, to in errors if to is not None]
    if not named and not found:
        _unreadable(text)
    return match_lines(named, numbers)


def match_lines(named: Sequence[tuple[str, Line]], numbers: Sequence[str]) -> list[Line]:
    """Give each of `numbers` the line that names it; those that no line names get None.

    A number that was sent twice has two lines. Where there are more lines than that, accepted comes first: what may
    have been sent is never told as failed. A gateway may name a number as it normalised it, the leading zero
    replaced by a country's code; such a line counts only where it can mean no other recipient.
    """
    lines: dict[str, list[Line]] = {}
    for to, line in sorted(named, key=lambda pair: isinstance(pair[1], ApiError)):
        lines.setdefault(to.removeprefix("+"), []).append(line)
    matched: list[Line] = [None] * len(numbers)
    missing: dict[str, list[int]] = {}
    for index, number in enumerate(numbers):
        if lines.get(number):
            matched[index] = lines[number].pop(0)
        else:
            missing.setdefault(number, []).append(index)
    left = [to for to, rest in lines.items() if rest]
    local = ((to, "0" + to[length:]) for to in left for length in range(1, _LONGEST_PREFIX + 1))
    pairs = [(to, number) for to, number in local if number in missing]
    lines_for = Counter(number for _, number in pairs)
    numbers_for = Counter(to for to, _ in pairs)
    for to, number in pairs:
        if lines_for[number] == numbers_for[to] == 1:
            for index, line in zip(missing[number], lines[to], strict=False):
                matched[index] = line
    return matched


def read_session(text: str) -> str:
    """The session ID of ``OK: <session_id>``. What cannot be read is not repeated: it may hold one."""
    try:
        session = _ok(text)
    except ProtocolError:
        session = ""
    if not session or len(session.split()) != 1:
        beginning = re.sub(r"\S{12,}", "…", text.strip())
        raise ProtocolError("the reply to auth cannot be read", beginning[:_EXCERPT])
    return session


def read_done(text: str) -> None:
    """``OK``, with or without a colon and something behind it (ping, endbatch)."""
    _ok(text)


def read_voucher(text: str) -> str:
    """The gateway's answer to a voucher: ``OK: 605`` gives ``"605"``. A failure may be two ``ERR`` lines."""
    return _ok(text)


def read_balance(text: str) -> Decimal:
    """The credits of ``Credit: <0.0>``."""
    return _decimal(_values(text, "credit")["credit"], text)


def read_state(text: str) -> MessageState:
    """``ID: <apimsgid> Status: <code>``."""
    values = _values(text, "id", "status")
    return MessageState(values["id"], MessageStatus(values["status"]))


def read_charge(text: str) -> MessageCharge:
    """``ID: … Charge: … Status: …``, or as the real gateway writes it: ``apiMsgId: … charge: … status: …``."""
    values = _values(text, "id", "charge", "status")
    return MessageCharge(values["id"], _decimal(values["charge"], text), MessageStatus(values["status"]))


def read_coverage(text: str, msisdn: str) -> Coverage:
    """``OK: …`` or an ``ERR: …`` without a code: both are answers. An ``ERR`` with a code is an error."""
    try:
        message = _ok(text)
    except ApiError as error:
        if error.code is not None:
            raise
        return Coverage(msisdn, covered=False, charge=None, message=error.description)
    charge = re.search(r"Charge:[ \t]*(\d+(?:\.\d+)?)", message, re.IGNORECASE)
    return Coverage(msisdn, covered=True, charge=Decimal(charge[1]) if charge else None, message=message)


_Found: TypeAlias = list[tuple[str, str | None]]
_Errors: TypeAlias = list[tuple[ApiError, str | None]]


def _sort(text: str) -> tuple[_Found, _Errors, bool]:
    """The records of a reply: IDs and errors, each with the number it names, and whether there is anything else."""
    found: _Found = []
    errors: _Errors = []
    junk = False
    for raw in text.removeprefix("\ufeff").split("\n"):
        line = raw.strip()
        if not line:
            continue
        key, colon, rest = line.partition(":")
        kind = key.rstrip().upper() if colon and len(key) < 8 else ""
        if kind == "ERR":
            errors.append(_error(rest))
        elif kind == "ID" and (words := rest.split(None, 1)) and words[0].upper() != "TO:":
            to = _TO.search(words[1]) if len(words) > 1 else None
            found.append((words[0], to[1] if to else None))
        else:
            junk = True
    return found, errors, junk


def _error(rest: str) -> tuple[ApiError, str | None]:
    """The error of what stands behind ``ERR:``. Its description may itself hold commas, colons and a ``To:``."""
    before, _, to = rest.rpartition("To:")
    to = to.strip()
    digits = to.removeprefix("+")
    if before[-1:].isspace() and digits.isascii() and digits.isdigit():
        rest = before
    else:
        to = ""
    code = _CODE.match(rest)
    description = rest[code.end() :] if code else rest
    return api_error(code[1] if code else None, description.strip()), to or None


def _check(text: str) -> None:
    """Raise what the gateway refused. An ``ERR`` counts only where nothing else stands in the reply."""
    found, errors, junk = _sort(text)
    if errors:
        if found or junk:
            _unreadable(text)
        raise next((error for error, _ in errors if error.code is not None), errors[0][0])


def _ok(text: str) -> str:
    """What stands behind ``OK:``."""
    _check(text)
    word, _, rest = text.removeprefix("\ufeff").strip().partition(":")
    if word.strip().upper() != "OK":
        _unreadable(text)
    return rest.strip()


def _values(text: str, *names: str) -> dict[str, str]:
    """The ``key: value`` pairs of a one-line reply, by their names in lower case, in any order; `names` are needed."""
    _check(text)
    values: dict[str, str] = {}
    record = text.removeprefix("\ufeff").strip()
    for key, value in _PAIR.findall(record):
        name = "id" if key.lower() == "apimsgid" else key.lower()
        values.setdefault(name, value)
    # A page of junk may hold such pairs too, but does not begin with one.
    begins = _PAIR.match(record)
    if begins is None or begins[1].lower() not in {*names, "apimsgid"} or not values.keys() >= set(names):
        _unreadable(text)
    return values


def _decimal(value: str, text: str) -> Decimal:
    try:
        number = Decimal(value)
    except InvalidOperation:
        _unreadable(text)
    if not number.is_finite():
        _unreadable(text)
    return number


def _unreadable(text: str) -> NoReturn:
    beginning = text.strip()[:_EXCERPT]
    raise ProtocolError("the reply cannot be read" if beginning else "the reply is empty", beginning)
