"""Reading replies: one record a line, in any order, with whatever else the line brings.

Each reader gives a value, raises the `ApiError` that the gateway answered, or raises `ProtocolError`. A reader of a
*send* is careful with errors: an ``ERR`` counts for the whole call only where nothing else stands in the reply, for
whoever reads one off a page of junk says "failed" of what nobody can know.
"""

from __future__ import annotations

import re
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
_ID_TO: Final = re.compile(r"^ID:[ \t]*(\S+)[ \t]+To:[ \t]*(\S+)[ \t]*\r?$", re.MULTILINE)
_CODE: Final = re.compile(r"[ \t]*(\d{3})[ \t]*(?:,|$)")
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
    pairs = _ID_TO.findall(text)
    if len(pairs) == len(numbers) and [to for _, to in pairs] == numbers:
        return [id for id, _ in pairs]  # the usual case, at the cost of one regular expression
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
    by_tail: dict[str, list[str]] = {}
    for to, rest in lines.items():
        if rest:
            for length in range(1, _LONGEST_PREFIX + 1):
                by_tail.setdefault(to[length:], []).append(to)
    for number, indexes in missing.items():
        candidates = by_tail.get(number[1:], []) if number.startswith("0") else []
        if len(candidates) == 1:
            for index, line in zip(indexes, lines[candidates[0]], strict=False):
                matched[index] = line
    return matched


def read_session(text: str) -> str:
    """The session ID of ``OK: <session_id>``. What cannot be read is not repeated: it may hold one."""
    try:
        session = _ok(text)
    except ProtocolError:
        session = ""
    if not session or len(session.split()) != 1:
        beginning = re.sub(r"[0-9A-Za-z]{12,}", "…", text.strip()[:_EXCERPT])
        raise ProtocolError("the reply to auth cannot be read", beginning)
    return session


def read_done(text: str) -> None:
    """``OK``, with or without a colon and something behind it (ping, endbatch)."""
    _ok(text)


def read_voucher(text: str) -> str:
    """The gateway's answer to a voucher: ``OK: 605`` gives ``"605"``. A failure may be two ``ERR`` lines."""
    return _ok(text)


def read_balance(text: str) -> Decimal:
    """The credits of ``Credit: <0.0>``."""
    values = _values(text)
    if "credit" not in values:
        _unreadable(text)
    return _decimal(values["credit"], text)


def read_state(text: str) -> MessageState:
    """``ID: <apimsgid> Status: <code>``."""
    values = _values(text)
    if "id" not in values or "status" not in values:
        _unreadable(text)
    return MessageState(values["id"], MessageStatus(values["status"]))


def read_charge(text: str) -> MessageCharge:
    """``ID: … Charge: … Status: …``, or as the real gateway writes it: ``apiMsgId: … charge: … status: …``."""
    values = _values(text)
    if not {"id", "charge", "status"} <= values.keys():
        _unreadable(text)
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
        elif kind == "ID" and (words := rest.split(None, 1)):
            found.append((words[0], _named(words[1]) if len(words) > 1 else None))
        else:
            junk = True
    return found, errors, junk


def _named(rest: str) -> str | None:
    key, _, number = rest.partition(":")
    return number.strip() or None if key.strip().upper() == "TO" else None


def _error(rest: str) -> tuple[ApiError, str | None]:
    """The error of what stands behind ``ERR:``. Its description may itself hold commas, colons and a ``To:``."""
    before, mark, number = rest.rpartition("To:")
    to = number.strip() if mark and before[-1:].isspace() else ""
    if to and len(to.split()) == 1:
        rest = before
    else:
        to = ""
    code = _CODE.match(rest)
    description = rest[code.end() :] if code else rest
    return api_error(code[1] if code else None, description.strip()), to or None


def _ok(text: str) -> str:
    """What stands behind ``OK:``."""
    found, errors, _ = _sort(text)
    if errors and not found:
        raise next((error for error, _ in errors if error.code is not None), errors[0][0])
    word, _, rest = text.removeprefix("\ufeff").strip().partition(":")
    if word.strip().upper() != "OK":
        _unreadable(text)
    return rest.strip()


def _values(text: str) -> dict[str, str]:
    """The ``key: value`` pairs of a one-line reply, by their names in lower case, in any order."""
    _, errors, _ = _sort(text)
    if errors:
        raise errors[0][0]
    values: dict[str, str] = {}
    for key, value in _PAIR.findall(text):
        name = "id" if key.lower() == "apimsgid" else key.lower()
        values.setdefault(name, value)
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
