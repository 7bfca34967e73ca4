"""The callbacks that the gateway makes: what they say, in six transports, and when they are tried again.

Nothing is sent here: `Notification.request` is the request to make, `Notification.retry_delay` says when to try again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from enum import IntEnum
from itertools import pairwise
from typing import Final
from urllib.parse import quote_plus
from xml.sax.saxutils import escape

from attrs import evolve, field, frozen

from clickasync.codes import MessageStatus
from clickasync.encoding import is_gsm, split

__all__ = ["CallbackType", "Inbound", "Notification", "Report", "Request", "Target", "cut"]

_MINUTE: Final = 60.0
_GMT2: Final = timezone(timedelta(hours=2))


class CallbackType(IntEnum):
    """The transports, by the numbers that the Connect API gives them."""

    HTTP_GET = 0
    HTTP_POST = 1
    XML_GET = 2
    XML_POST = 3
    SOAP_GET = 4
    SOAP_POST = 6

    @property
    def method(self) -> str:
        """``GET`` or ``POST``."""
        return self.name.partition("_")[2]

    @property
    def form(self) -> str:
        """``HTTP``, ``XML`` or ``SOAP``."""
        return self.name.partition("_")[0]


@frozen
class Target:
    """Where an account wants its callbacks."""

    url: str
    type: CallbackType = CallbackType.HTTP_GET
    auth: tuple[str, str] | None = field(default=None, repr=False)
    """User and password for HTTP Basic: the account's own choice, not its password."""


@frozen
class Report:
    """A delivery report ("MT callback")."""

    api_id: str
    id: str
    climsgid: str
    to: str
    sender: str
    timestamp: float
    """Unix seconds."""
    status: MessageStatus
    charge: Decimal

    element = "mt_callback"
    root = "callback"
    charset = "UTF-8"
    retries = tuple(_MINUTE * minutes for minutes in (2, 4, 8, 16, 32, 64, 128, 3 * 24 * 60))
    """Seconds from each try to the next."""

    def fields(self) -> dict[str, str]:
        """The fields by the names of plain HTTP."""
        return {
            "api_id": self.api_id,
            "apiMsgId": self.id,
            "cliMsgId": self.climsgid,
            "timestamp": str(int(self.timestamp)),
            "to": self.to,
            "from": self.sender,
            "status": self.status.value,
            "charge": f"{self.charge:.6f}",
        }


@frozen
class Inbound:
    """A message from a handset, or one part of it ("MO callback")."""

    api_id: str
    id: str
    """The moMsgId; each part has its own."""
    sender: str
    """The handset."""
    to: str
    timestamp: float
    """Unix seconds; it is sent as a time of day in GMT+2."""
    text: str
    charset: str
    udh: bytes = b""

    element = "mo_callback"
    root = "clickmo"
    retries = tuple(_MINUTE * minutes for minutes in (2, 4, 8, 16, 25))
    """Seconds from each try to the next."""

    def fields(self) -> dict[str, str]:
        """The fields by the names of plain HTTP."""
        return {
            "api_id": self.api_id,
            "moMsgId": self.id,
            "from": self.sender,
            "to": self.to,
            "timestamp": datetime.fromtimestamp(self.timestamp, _GMT2).strftime("%Y-%m-%d %H:%M:%S"),
            "text": self.text,
            "charset": self.charset,
            "udh": self.udh.hex().upper(),
        }


@frozen
class Request:
    """The HTTP request that delivers a callback."""

    method: str
    url: str
    body: str
    """Form-encoded; empty for a GET."""
    auth: tuple[str, str] | None = field(repr=False)


@frozen
class Notification:
    """A callback on its way to an account, the `attempt`-th time (from 0)."""

    event: Report | Inbound
    target: Target
    attempt: int = 0

    @property
    def retry_delay(self) -> float | None:
        """Seconds until the next try if this one fails; None if it was the last."""
        retries = self.event.retries
        return retries[self.attempt] if self.attempt < len(retries) else None

    def again(self) -> Notification:
        """The next try."""
        return evolve(self, attempt=self.attempt + 1)

    def request(self) -> Request:
        """How to deliver it."""
        target = self.target
        encoded = _ENCODERS[target.type.form](self.event)
        if target.type.method == "POST":
            return Request("POST", target.url, encoded, target.auth)
        joint = "&" if "?" in target.url else "?"
        return Request("GET", f"{target.url}{joint}{encoded}", "", target.auth)


def _plain(event: Report | Inbound) -> str:
    fields = event.fields()
    # Only the text is in the handset's charset: a number or a date that were in UTF-16 would be read by nobody.
    charsets = {"text": event.charset}
    return "&".join(f"{name}={quote_plus(value.encode(charsets.get(name, 'UTF-8')))}" for name, value in fields.items())


def _xml(event: Report | Inbound) -> str:
    fields = event.fields()
    if isinstance(event, Report):
        del fields["api_id"]
    return _document(f'<?xml version="1.0"?>\n<{event.root}>{_elements(fields)}</{event.root}>')


def _soap(event: Report | Inbound) -> str:
    fields = {name.lower(): value for name, value in event.fields().items()}
    if isinstance(event, Report):
        fields["status"] = str(int(event.status))
    return _document(
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f'<SOAP-ENV:Body><ns1:{event.element} xmlns:ns1="http://api.clickatell.com/callback">'
        f"{_elements(fields, _SOAP_TYPES)}"
        f"</ns1:{event.element}></SOAP-ENV:Body></SOAP-ENV:Envelope>"
    )


_SOAP_TYPES: Final = {"api_id": "int", "timestamp": "string", "status": "int", "charge": "float"}


def _elements(fields: Mapping[str, str], types: Mapping[str, str] | None = None) -> str:
    def attribute(name: str) -> str:
        return "" if types is None else f' xsi:type="xsd:{types.get(name, "string")}"'

    return "".join(f"<{name}{attribute(name)}>{_content(value)}</{name}>" for name, value in fields.items())


_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _content(value: str) -> str:
    # Character references keep the document ASCII: it then reads the same whatever a receiver makes of `charset`.
    return escape(_NOT_XML.sub("?", value)).encode("ascii", "xmlcharrefreplace").decode()


def _document(document: str) -> str:
    return f"data={quote_plus(document)}"


_ENCODERS: Final = {"HTTP": _plain, "XML": _xml, "SOAP": _soap}


def cut(text: str, *, reference: int, parts: int | None = None) -> list[tuple[bytes, str]]:
    """The parts in which a handset sends `text`, each with its user data header; one alone has none.

    `reference` is one byte, common to the parts. `parts` asks for that many, however short the text is.

    Raises:
        ValueError: the text cannot be cut so, or would take more than 255 parts.
    """
    pieces = split(text, unicode=not is_gsm(text)) if parts is None else _equal_pieces(text, parts)
    if len(pieces) > 255:
        raise ValueError("a message has 255 parts at the most")
    if len(pieces) == 1:
        return [(b"", text)]
    total = len(pieces)
    return [(bytes((5, 0, 3, reference % 256, total, number)), piece) for number, piece in enumerate(pieces, 1)]


def _equal_pieces(text: str, parts: int) -> list[str]:
    if not 1 <= parts <= max(len(text), 1):
        raise ValueError(f"a text of {len(text)} characters cannot be cut into {parts} parts")
    bounds = [len(text) * number // parts for number in range(parts + 1)]
    return [text[start:end] for start, end in pairwise(bounds)]
