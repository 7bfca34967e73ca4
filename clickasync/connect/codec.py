"""The XML of the Connect API, without I/O: a request is text out, a reply is bytes in.

A reply is read in two steps. The first refuses what no reply of the gateway holds and what could cost unbounded time
or memory: DOCTYPEs (and with them every entity), depth, size. The second hands what is left to xmltodict, element by
element and in document order, because errors and their descriptions belong together by their order alone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from xml.parsers import expat

from attrs import Factory, define

from clickasync.codes import ConnectErrorCode, captcha_required
from clickasync.errors import ConnectError, InvalidOptionError, ProtocolError
from clickasync.redaction import excerpt, redact

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

__all__ = ["MAX_REPLY", "read_reply", "write_request"]

MAX_REPLY: Final = 1024 * 1024
"""Bytes. The longest list of the gateway is a small part of this."""

_MAX_DEPTH: Final = 16  # a reply has 4 levels
_ROOT: Final = "clickatellsdk"
_LOOKED_AT: Final = 3200  # bytes of a reply that cannot be read, of which an error shows the beginning
_LONGEST_DESCRIPTION: Final = 500
_MOST_ERRORS: Final = 100  # more than there are codes

# What XML 1.0 cannot hold, not even as a character reference.
_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Quotes need no escaping in text, but a reader that takes a short cut may choke on them; a bare \r would become \n.
_ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;", "\r": "&#13;"})


def write_request(action: str, parameters: Iterable[tuple[str, str | None]]) -> str:
    """The request document for `action`, with its `parameters` in the order given. Empty ones and None are left out.

    Raises:
        InvalidOptionError: a parameter holds a character that XML cannot say. Its value is not repeated.
    """
    elements = (_element(name, value) for name, value in (("action", action), *parameters) if value)
    return f"<{_ROOT}>{''.join(elements)}</{_ROOT}>"


def _element(name: str, value: str) -> str:
    unsayable = _NOT_XML.search(value)
    if unsayable:
        raise InvalidOptionError(f"{name} holds U+{ord(unsayable[0]):04X}, a character that XML cannot say")
    return f"<{name}>{value.translate(_ESCAPES)}</{name}>"


def read_reply(body: bytes, secrets: Collection[str] = ()) -> list[dict[str, str]]:
    """What the gateway answered: a dict for each ``<Value>``, names in lower case, text without blanks around it.

    Elements may be spelled in any case. Stray text is ignored, and so is a Value without elements. None of the
    `secrets` appears in what is raised.

    Raises:
        ConnectError: the gateway answered ``<Result>Error</Result>``.
        ProtocolError: this is no reply of the Connect API, or none that can be read.
    """
    try:
        reply = _parse(body)
    except ProtocolError as error:
        reason = error.reason
    except (expat.ExpatError, LookupError, ValueError):
        reason = "the reply is not well-formed XML"  # not the parser's own words, which may quote the reply
    else:
        if reply.result == "error":
            raise _connect_error(reply.errors, secrets)
        if reply.result == "success":
            return reply.values
        reason = "the reply says neither Success nor Error"
    # Raised out here, it has no context that would lead to what the parser said.
    raise ProtocolError(reason, _excerpt(body, secrets))


def _excerpt(body: bytes, secrets: Collection[str]) -> str:
    # Without NULs, or a secret in UTF-16 would pass unseen.
    return excerpt(body[:_LOOKED_AT].decode(errors="replace").replace("\0", ""), secrets)


def _connect_error(errors: list[tuple[str, str]], secrets: Collection[str]) -> ConnectError:
    codes, descriptions = zip(*errors[:_MOST_ERRORS], strict=True) if errors else ((), ())
    return ConnectError(
        tuple(ConnectErrorCode(redact(code, secrets)[:_LONGEST_DESCRIPTION]) for code in codes),
        tuple(redact(description, secrets)[:_LONGEST_DESCRIPTION] for description in descriptions),
        captcha_required(codes, descriptions),
    )


def _parse(body: bytes) -> _Reply:
    import xmltodict  # only users of the Connect API pay for its import

    if len(body) > MAX_REPLY:
        raise ProtocolError("the reply is over 1 MiB long")
    _refuse_dangers(body)
    reply = _Reply()
    xmltodict.parse(body, item_depth=2, item_callback=reply.take, xml_attribs=False)
    return reply


def _refuse_dangers(body: bytes) -> None:
    """One pass without building anything: DOCTYPE, depth, another document's root."""
    depth = 0

    def doctype(*_: object) -> None:
        raise ProtocolError("the reply has a DOCTYPE, which no reply of the Connect API has")

    def start(name: str, _: object) -> None:
        nonlocal depth
        if depth == 0 and name.casefold() != _ROOT:
            raise ProtocolError("the reply is not a document of the Connect API")
        depth += 1
        if depth > _MAX_DEPTH:
            raise ProtocolError("the reply is nested too deeply")

    def end(_: str) -> None:
        nonlocal depth
        depth -= 1

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = doctype
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.Parse(body, True)


@define
class _Reply:
    """Collects the children of the root, in document order."""

    result: str = ""
    errors: list[tuple[str, str]] = Factory(list)
    values: list[dict[str, str]] = Factory(list)

    def take(self, path: Sequence[tuple[str, object]], item: Any) -> bool:
        match path[-1][0].casefold():
            case "result":
                self.result = _text(item).casefold()
            case "error":
                self.errors.append((_text(item), ""))
            case "description" if self.errors:
                code, _ = self.errors[-1]
                self.errors[-1] = (code, _text(item))
            case "values":
                self.values += _values(item)
        return True


def _values(item: Any) -> list[dict[str, str]]:
    if not isinstance(item, dict):  # nothing, or stray text only
        return []
    found = []
    for name, content in item.items():
        if name.casefold() == "value":
            each = content if isinstance(content, list) else [content]
            found += [_fields(value) for value in each if isinstance(value, dict)]
    return found


def _fields(value: dict[str, Any]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for name, content in value.items():
        if name != "#text":  # stray text beside the elements
            # Nothing documented comes twice in a Value; should it, the first one counts.
            fields.setdefault(name.casefold(), _text(content[0] if isinstance(content, list) else content))
    return fields


def _text(content: Any) -> str:
    if isinstance(content, dict):
        raise ProtocolError("the reply has elements where text belongs")
    return (content or "").strip()
