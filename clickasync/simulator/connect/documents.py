"""The Connect API's XML as the gateway sees it: requests are read, replies are written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final
from xml.parsers.expat import ExpatError

from attrs import frozen

from clickasync.codes import ConnectErrorCode

__all__ = ["Refused", "Request", "describe", "read", "write"]

MAX_REQUEST: Final = 64 * 1024

_GUIDE: Final = {
    "004": "Max user auth attempts exceeded, captcha required",
    "008": "Connect API disabled",
}
"""Where the guide's words differ from those of the page on get_list_callback, the gateway speaks with the guide."""


@frozen
class Request:
    """One call, as the web brought it."""

    action: str
    fields: Mapping[str, str]
    address: str
    """Where it came from."""
    base_url: str
    """Where it went to, for links."""

    def __getitem__(self, name: str) -> str:
        return self.fields.get(name, "")


class Refused(Exception):  # the gateway is in order, it only says no
    """The gateway says no, for one reason or more."""

    def __init__(self, *codes: str, description: str | None = None) -> None:
        super().__init__(*codes)
        self.errors = [(code, description or describe(code)) for code in codes]


def describe(code: str) -> str:
    """What the gateway says of an error."""
    return _GUIDE.get(code) or ConnectErrorCode(code).description or "Unlisted error"


def read(document: str) -> tuple[str, dict[str, str]]:
    """The action and the parameters that a request names; their names are case-sensitive.

    ``<Action>`` is read as ``<action>``: the guide's own get_list_country example writes it large.

    Raises:
        Refused: 430, it is no request.
    """
    import xmltodict

    if len(document) > MAX_REQUEST or "<!DOCTYPE" in document:
        raise Refused("430")
    try:
        root = xmltodict.parse(document, xml_attribs=False).get("clickatellsdk")
    except (ExpatError, ValueError):
        raise Refused("430") from None
    if not isinstance(root, dict):
        raise Refused("430")
    fields = {name: text for name, text in root.items() if isinstance(text, str)}
    large = fields.pop("Action", "")
    return fields.pop("action", large), fields


def write(
    action: str,
    timestamp: float,
    *,
    values: Iterable[Mapping[str, object]] = (),
    errors: Iterable[tuple[str, str]] = (),
) -> str:
    """A reply, with the root spelled as the gateway spells it."""
    refused = "".join(_element("Error", code) + _element("Description", text) for code, text in errors)
    given = "".join(
        f"<Value>{''.join(_element(name, content) for name, content in value.items())}</Value>" for value in values
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<ClICKATELLSDK>{_element('Action', action)}<Result>{'Error' if refused else 'Success'}</Result>{refused}"
        f"<Values>{given}</Values>{_element('Timestamp', int(timestamp))}</ClICKATELLSDK>"
    )


def _element(name: str, content: object) -> str:
    text = str(content).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"<{name}>{text}</{name}>"
