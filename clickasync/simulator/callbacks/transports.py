"""What a callback looks like on its way: an event, in one of seven transports, as an HTTP request. No I/O.

Plain HTTP carries the fields as parameters, XML and SOAP carry one parameter named ``data`` with a document. The vendor
lists "JSON RAW HTTP POST" beside the six, and does not document its layout: here it is one flat object with the names
of plain HTTP, all values strings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote_plus
from xml.sax.saxutils import escape

from attrs import field, frozen

from clickasync.simulator.world.events import CallbackEvent, CallbackType, Notification, Report

__all__ = ["Request", "request_of"]

_FORM: Final = "application/x-www-form-urlencoded"


@frozen
class Request:
    """The HTTP request that carries a callback."""

    method: str
    url: str
    body: str
    """Empty for a GET."""
    content_type: str
    """Empty for a GET."""
    auth: tuple[str, str] | None = field(repr=False)


def request_of(notification: Notification) -> Request:
    """How to make a callback."""
    target = notification.target
    if target.type is CallbackType.JSON_POST:
        body = json.dumps(notification.event.fields())
        return Request("POST", target.url, body, "application/json", target.auth)
    encoded = _ENCODERS[target.type.form](notification.event)
    if target.type.method == "POST":
        return Request("POST", target.url, encoded, _FORM, target.auth)
    joint = "&" if "?" in target.url else "?"
    return Request("GET", f"{target.url}{joint}{encoded}", "", "", target.auth)


def _plain(event: CallbackEvent) -> str:
    fields = event.fields()
    # Only the text is in the handset's charset: a number or a date that were in UTF-16 would be read by nobody.
    charsets = {"text": event.charset}
    return "&".join(f"{name}={quote_plus(value.encode(charsets.get(name, 'UTF-8')))}" for name, value in fields.items())


def _xml(event: CallbackEvent) -> str:
    fields = event.fields()
    if isinstance(event, Report):
        del fields["api_id"]
    return _document(f'<?xml version="1.0"?>\n<{event.root}>{_elements(fields)}</{event.root}>')


def _soap(event: CallbackEvent) -> str:
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
