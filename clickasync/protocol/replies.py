"""Reading the replies to commands that send nothing to anybody, and to `token_pay`. Those to sends: see `lines`.

Each reader gives a value, raises the `ApiError` that the gateway answered, or raises `ProtocolError`. An ``ERR`` counts
only where nothing else stands in the reply. Where a reply is not framed, a last line without a line end may have been
cut: it counts only in a form that half a line cannot have (`lines_of`). A cut balance is never given.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Final, NoReturn

from clickasync.codes import MessageStatus
from clickasync.errors import ApiError, ProtocolError
from clickasync.law import Reply
from clickasync.protocol.records import ERROR_TAIL, ID_TAIL, Record, lines_of, read_record
from clickasync.results import Coverage, MessageCharge, MessageState

__all__ = [
    "read_balance",
    "read_batch_id",
    "read_charge",
    "read_coverage",
    "read_done",
    "read_session",
    "read_state",
    "read_voucher",
]

_EXCERPT: Final = 200
_PAIR: Final = re.compile(r"([A-Za-z]{2,12})[ \t]*:[ \t]*(\S+)")
_NAMES: Final = {"apimsgid": "id", "credits": "credit"}
"""What some documents call a value, and what the others do."""

_SESSION_TAIL: Final = r"(?i)OK:[ \t]*[0-9a-f]{32}"
_DONE_TAIL: Final = r"(?i)OK[ \t]*:?"
_STATUS_TAIL: Final = r"(?i).*\bStatus:[ \t]*[0-9]{3}"


def read_session(reply: Reply) -> str:
    """The session ID of ``OK: <session_id>``. What cannot be read is not repeated: it may hold one."""
    try:
        session = _ok(reply, _SESSION_TAIL)
    except ProtocolError:
        session = ""
    if not session or len(session.split()) != 1:
        beginning = re.sub(r"\S{12,}", "…", reply.text.strip())
        raise ProtocolError("the reply to auth cannot be read", beginning[:_EXCERPT])
    return session


def read_done(reply: Reply) -> None:
    """``OK``, with or without a colon and something behind it (ping, endbatch)."""
    _ok(reply, _DONE_TAIL)


def read_voucher(reply: Reply) -> str:
    """The gateway's answer to a voucher: ``OK: 605`` gives ``"605"``. A failure may be two ``ERR`` lines."""
    return _ok(reply, may_lose_words=False)


def read_batch_id(reply: Reply) -> str:
    """The batch ID of ``ID: <batch_id>``."""
    lines = _lines(reply, ID_TAIL)
    record = read_record(lines[0]) if len(lines) == 1 else None
    if not isinstance(record, Record) or not isinstance(record.line, str):
        _unreadable(reply)
    return record.line


def read_balance(reply: Reply) -> Decimal:
    """The credits of ``Credit: <0.0>``, or ``Credits:``."""
    return _decimal(_values(reply, "credit")["credit"], reply)


def read_state(reply: Reply) -> MessageState:
    """``ID: <apimsgid> Status: <code>``."""
    values = _values(reply, "id", "status")
    return MessageState(values["id"], MessageStatus(values["status"]))


def read_charge(reply: Reply) -> MessageCharge:
    """``ID: … Charge: … Status: …``, or as the real gateway writes it: ``apiMsgId: … charge: … status: …``."""
    values = _values(reply, "id", "charge", "status")
    return MessageCharge(values["id"], _decimal(values["charge"], reply), MessageStatus(values["status"]))


def read_coverage(reply: Reply, msisdn: str) -> Coverage:
    """``OK: …`` or an ``ERR: …`` without a code: both are answers. An ``ERR`` with a code is an error."""
    try:
        message = _ok(reply)
    except ApiError as error:
        if error.code is not None:
            raise
        return Coverage(msisdn, covered=False, charge=None, message=error.description)
    charge = re.search(r"Charge:[ \t]*(\d+(?:\.\d+)?)", message, re.IGNORECASE)
    return Coverage(msisdn, covered=True, charge=Decimal(charge[1]) if charge else None, message=message)


def _lines(reply: Reply, *tails: str, may_lose_words: bool = True) -> list[str]:
    """The lines of a reply; raises what the gateway refused.

    Args:
        reply: the reply.
        tails: what may stand in a last line that has no end.
        may_lose_words: whether an ``ERR`` counts there too. Not where a repeat might spend.
    """
    lines, is_cut = lines_of(reply, *tails, *[ERROR_TAIL] * may_lose_words)
    if is_cut or not lines:
        _unreadable(reply)
    records = [read_record(line) for line in lines if line[:3].upper() == "ERR"]
    errors = [record.line for record in records if isinstance(record, Record) and isinstance(record.line, ApiError)]
    if records:
        if len(errors) < len(lines):
            _unreadable(reply)
        raise next((error for error in errors if error.code is not None), errors[0])
    return lines


def _ok(reply: Reply, *tails: str, may_lose_words: bool = True) -> str:
    """What stands behind ``OK:``."""
    first, *rest = _lines(reply, *tails, may_lose_words=may_lose_words)
    word, _, value = first.partition(":")
    if word.strip().upper() != "OK" or rest:
        _unreadable(reply)
    return value.strip()


def _values(reply: Reply, *names: str) -> dict[str, str]:
    """The ``key: value`` pairs of a reply, by their names in lower case, in any order; `names` are needed."""
    record = "\n".join(_lines(reply, _STATUS_TAIL))
    values: dict[str, str] = {}
    for key, value in _PAIR.findall(record):
        values.setdefault(_name(key), value)
    # A page of junk may hold such pairs too, but does not begin with one.
    begins = _PAIR.match(record)
    if begins is None or _name(begins[1]) not in names or not values.keys() >= set(names):
        _unreadable(reply)
    return values


def _name(key: str) -> str:
    return _NAMES.get(key.lower(), key.lower())


def _decimal(value: str, reply: Reply) -> Decimal:
    try:
        number = Decimal(value)
    except InvalidOperation:
        _unreadable(reply)
    if not number.is_finite():
        _unreadable(reply)
    return number


def _unreadable(reply: Reply) -> NoReturn:
    beginning = reply.text.strip()[:_EXCERPT]
    reason = "the reply cannot be read" if reply.is_framed else "the reply cannot be read, or was cut"
    raise ProtocolError(reason if beginning else "the reply is empty", beginning)
