"""Reading one callback: no I/O, no clock; parameters in, an event out.

Seven transports carry the same fields: plain HTTP as parameters, XML and SOAP as a document in the parameter
``data``, each by GET or POST, and "JSON RAW HTTP POST" as a JSON object. The vendor does not document the layout of the
last one: it is taken for one flat object with the names of plain HTTP. Names differ in case between transports, so they
are read case-insensitively; fields that nobody knows are ignored; of a field given twice the first counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import unquote_to_bytes

from clickasync.callbacks.charsets import decode
from clickasync.callbacks.documents import fields_of, fields_of_json
from clickasync.callbacks.models import DeliveryReport, InboundMessage, find_part
from clickasync.codes import MessageStatus
from clickasync.errors import CallbackError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["MAX_SIZE", "parse"]

MAX_SIZE: Final = 64 * 1024
"""Bytes of a query, a body or a document (characters, where it is text already). A callback has less than 2 KiB."""

_MAX_ID: Final = 128  # IDs are remembered by those who handle each event once, so they must be small
_MAX_UDH: Final = 140  # bytes of a short message
_GMT_2: Final = timezone(timedelta(hours=2))
_IDS: Final = frozenset({"apimsgid", "momsgid"})
_NAMES: Final = _IDS | frozenset(
    {"api_id", "climsgid", "to", "from", "timestamp", "status", "charge", "text", "charset", "udh", "data"}
)
_NAMES_IN_JSON: Final = _NAMES - {"data"}  # a document inside a document is none of ours
_STATUS: Final = re.compile(r"[0-9A-Za-z_.-]{1,32}")
_UNIX_SECONDS: Final = re.compile(r"[0-9]{1,12}")
_LOCAL_TIME: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[ T]*([0-9]{2}:[0-9]{2}:[0-9]{2})")
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})*")
# Bounded, for Decimal takes an exponent of 999999999 and NaN too.
_CREDITS: Final = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{0,15})?(?:[eE][+-]?[0-9]{1,2})?")

_Fields: TypeAlias = Mapping[str, str | bytes]


def parse(params: Mapping[str, str] | bytes, *, keywords: Iterable[str] = ()) -> DeliveryReport | InboundMessage:
    """The event that a callback is about.

    Args:
        params: the parameters as a mapping of decoded text, or the raw query string, form body, XML document or JSON
            object as bytes. Only bytes can honour the charset of an inbound text (``%E9`` in ISO-8859-1): a mapping's
            text is taken as it is. A charset that is unknown, empty or contradicted by the bytes reads as UTF-8 where
            they are valid UTF-8, else as windows-1252.
        keywords: yours on shared short codes, for "STOP fun" and "fun STOP".

    Raises:
        CallbackError: it cannot be read; the message names the field and the rule, never the value.

    >>> from urllib.parse import quote
    >>> message = parse(b"moMsgId=1&from=27821234567&to=27001&timestamp=2008-08-06+09:43:50&charset=ISO-8859-1"
    ...                 b"&text=caf%E9")
    >>> message.text, message.timestamp.isoformat()
    ('café', '2008-08-06T07:43:50+00:00')
    """
    if isinstance(params, bytes):
        fields = _fields_of_bytes(params)
    elif isinstance(params, Mapping):
        fields = _fields_of_mapping(params)
    else:
        raise TypeError(f"params must be a mapping or bytes, not {type(params).__name__}")
    if "data" in fields and not fields.keys() & _IDS:
        document = fields["data"]
        _bound(len(document))
        fields = fields_of(document, _IDS)
    if "momsgid" in fields:
        return _inbound_message(fields, keywords)
    if "apimsgid" in fields:
        return _delivery_report(fields)
    raise CallbackError("neither apiMsgId nor moMsgId: not a callback")


def _bound(size: int) -> None:
    if size > MAX_SIZE:
        raise CallbackError(f"larger than {MAX_SIZE // 1024} KiB")


def _fields_of_mapping(params: Mapping[str, str]) -> _Fields:
    # What is not text (an uploaded file in a form) is no field of a callback.
    fields: dict[str, str | bytes] = {}
    for name, value in params.items():
        if isinstance(name, str) and isinstance(value, str) and name.lower() in _NAMES:
            fields.setdefault(name.lower(), value)
    return fields


def _fields_of_bytes(raw: bytes) -> _Fields:
    _bound(len(raw))
    match raw.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]:
        case b"<":
            return {"data": raw}
        case b"{":
            return fields_of_json(raw, _NAMES_IN_JSON)
    fields: dict[str, str | bytes] = {}
    for pair in raw.removeprefix(b"?").split(b"&"):
        name, _, value = pair.partition(b"=")
        known = _percent_decode(name).decode("ascii", "replace").lower()
        if known in _NAMES:
            fields.setdefault(known, _percent_decode(value))
    return fields


def _percent_decode(quoted: bytes) -> bytes:
    return unquote_to_bytes(quoted.replace(b"+", b" "))


def _delivery_report(fields: _Fields) -> DeliveryReport:
    # Some senders give nothing but the ID and the status.
    charge, timestamp = _optional(fields, "charge"), _optional(fields, "timestamp")
    return DeliveryReport(
        id=_id(fields, "apiMsgId"),
        climsgid=_optional(fields, "cliMsgId"),
        to=_optional(fields, "to"),
        from_=_optional(fields, "from"),
        status=_status(_required(fields, "status")),
        charge=_credits(charge) if charge else None,
        timestamp=_timestamp(timestamp) if timestamp else None,
        api_id=_optional(fields, "api_id") or None,
    )


def _inbound_message(fields: _Fields, keywords: Iterable[str]) -> InboundMessage:
    charset, udh = _optional(fields, "charset"), _udh(_optional(fields, "udh"))
    text = fields.get("text")
    if text is None:
        raise CallbackError("text is missing")
    if isinstance(text, bytes):
        part = find_part(udh)
        text = decode(text, charset, is_part=part is not None and part.total > 1)
    return InboundMessage(
        id=_id(fields, "moMsgId"),
        to=_required(fields, "to"),
        from_=_required(fields, "from"),
        text=text,
        timestamp=_timestamp(_required(fields, "timestamp")),
        charset=charset,
        udh=udh,
        api_id=_optional(fields, "api_id") or None,
        keywords=keywords,
    )


def _optional(fields: _Fields, name: str) -> str:
    value = fields.get(name.lower(), "")
    return (value.decode(errors="replace") if isinstance(value, bytes) else value).strip()


def _required(fields: _Fields, name: str) -> str:
    value = _optional(fields, name)
    if not value:
        raise CallbackError(f"{name} is missing or empty")
    return value


def _id(fields: _Fields, name: str) -> str:
    value = _required(fields, name)
    if len(value) > _MAX_ID:
        raise CallbackError(f"{name} is longer than {_MAX_ID} characters")
    return value


def _status(value: str) -> MessageStatus:
    if not _STATUS.fullmatch(value):
        raise CallbackError("status is not a code")
    # SOAP types it as an int: 3 and 003 are the same.
    return MessageStatus(value.lstrip("0").zfill(3) if value.isdecimal() else value)


def _credits(value: str) -> Decimal:
    # "0.300 000" is seen: groups of digits.
    digits = value if value.isalnum() else "".join(value.split())
    if not _CREDITS.fullmatch(digits):
        raise CallbackError("charge is not a number of credits")
    return Decimal(digits)


def _timestamp(value: str) -> datetime:
    """Unix seconds, or the date and time in GMT+2 with or without a blank between them."""
    try:
        if _UNIX_SECONDS.fullmatch(value):
            return datetime.fromtimestamp(int(value), UTC)
        if local := _LOCAL_TIME.fullmatch(value):
            return datetime.fromisoformat(f"{local[1]} {local[2]}").replace(tzinfo=_GMT_2).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        # Seconds beyond the year 9999, the 30th of February, or a moment before year 1 once in UTC.
        pass
    raise CallbackError("timestamp is neither Unix seconds nor YYYY-MM-DD hh:mm:ss")


def _udh(value: str) -> bytes:
    """The user data header; empty where it cannot be read: the message is worth more than its header."""
    if len(value) > 2 * _MAX_UDH or not _HEX.fullmatch(value):
        return b""
    return bytes.fromhex(value)
