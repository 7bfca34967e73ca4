"""The XML, SOAP and JSON transports: from a document that strangers may have written to its fields."""

from __future__ import annotations

import json
import re
from collections.abc import Container
from typing import Any, Final

from clickasync.callbacks.charsets import is_known
from clickasync.errors import CallbackError

__all__ = ["MAX_DEPTH", "fields_of", "fields_of_json"]

MAX_DEPTH: Final = 16
"""Levels of elements. SOAP needs four: Envelope, Body, mt_callback and its fields."""

_LATIN_1: Final = "iso-8859-1"
_UTF8_MARK: Final = b"\xef\xbb\xbf"
_UTF16_MARKS: Final = (b"\xfe\xff", b"\xff\xfe")
_DECLARATION: Final = re.compile(rb"""<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")


def fields_of(document: str | bytes, ids: frozenset[str]) -> dict[str, str | bytes]:
    """The children of the first element that has one of `ids` among them; empty where none has.

    Names are in lower case, without namespace; the first of a name wins. Looking for the element, and not for fields
    anywhere, keeps a SOAP header's ``wsa:To`` out.

    Bytes are read by the declaration of the document. Where that says UTF-8, or nothing, and they are not UTF-8, a
    sender has put the handset's bytes into the document as they came: ``text`` is then given as bytes.

    Raises:
        CallbackError: not well-formed, an unknown encoding, a DOCTYPE (no callback needs one, and entities live
            there), or too deep.
    """
    data, encoding = _prepared(document)
    tree = _tree(data, encoding)
    if tree is None:
        # Raised here, where no parser's exception that quotes the document is chained to it.
        raise CallbackError("the XML document is not well-formed")
    fields: dict[str, str | bytes] = {**_event(tree, ids)}
    if encoding == _LATIN_1 and "text" in fields:
        fields["text"] = _as_it_came(str(fields["text"]))
    return fields


def fields_of_json(document: bytes, names: Container[str]) -> dict[str, str | bytes]:
    """The members of a flat object whose names, in any case, are among `names`; the first of a name wins.

    Numbers are given as they are written. What is neither text nor a number is no field. Bytes that are not UTF-8 are
    the handset's, as in an XML document: ``text`` is then given as bytes.

    Raises:
        CallbackError: not a JSON object.
    """
    is_utf8 = True
    try:
        text = document.decode("utf-8-sig")
    except UnicodeDecodeError:
        text, is_utf8 = document.decode(_LATIN_1), False
    try:
        members = json.loads(text, parse_float=str, parse_int=str, object_pairs_hook=list)
    except (ValueError, RecursionError):
        members = None
    if not isinstance(members, list):
        # Raised here, where no parser's exception that quotes the document is chained to it.
        raise CallbackError("the JSON document is not well-formed")
    fields: dict[str, str | bytes] = {}
    for name, value in members:
        if isinstance(value, str) and name.lower() in names:
            fields.setdefault(name.lower(), value)
    if not is_utf8 and "text" in fields:
        fields["text"] = _as_it_came(str(fields["text"]))
    return fields


def _tree(data: bytes, encoding: str | None) -> dict[str, Any] | None:
    # Both are needed for XML alone, and `import clickasync` must stay cheap.
    from xml.parsers.expat import ExpatError

    import xmltodict

    try:
        _inspect(data, encoding)
        return {**xmltodict.parse(data, encoding=encoding, xml_attribs=False, strip_whitespace=False)}
    except CallbackError:
        raise
    except (ExpatError, ValueError, LookupError):
        return None


def _prepared(document: str | bytes) -> tuple[bytes, str | None]:
    """The document's bytes, and the encoding to read them in whatever they declare (None: as they declare)."""
    if isinstance(document, str):
        return document.strip().encode(errors="replace"), "utf-8"
    if document.startswith(_UTF16_MARKS):
        return document, None
    document = document.strip()
    declared = _DECLARATION.match(document.removeprefix(_UTF8_MARK))
    name = declared[1].decode("ascii") if declared is not None else "utf-8"
    if not is_known(name):
        # The parser would ask Python's registry of codecs, which imports by name and remembers every wrong one.
        raise CallbackError("the XML document declares an unknown encoding")
    if name.lower() in ("utf-8", "utf8"):
        try:
            document.decode()
        except UnicodeDecodeError:
            return document, _LATIN_1
    return document, None


def _as_it_came(text: str) -> str | bytes:
    try:
        return text.encode(_LATIN_1)
    except UnicodeEncodeError:
        # A character reference beyond Latin-1 stands in it: then it is text, not bytes.
        return text


def _inspect(data: bytes, encoding: str | None) -> None:
    """Refuse what must not even be built: a DOCTYPE, or elements nested too deep."""
    from xml.parsers.expat import ParserCreate

    depth = 0

    def start(_name: str, _attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise CallbackError(f"the XML document is nested deeper than {MAX_DEPTH} levels")

    def end(_name: str) -> None:
        nonlocal depth
        depth -= 1

    def doctype(*_declaration: object) -> None:
        raise CallbackError("the XML document has a DOCTYPE, which is refused")

    parser = ParserCreate(encoding)
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = doctype
    parser.Parse(data, True)


def _event(node: Any, ids: frozenset[str]) -> dict[str, str]:
    match node:
        case dict():
            fields: dict[str, str] = {}
            for name, child in node.items():
                first = child[0] if isinstance(child, list) else child
                if not isinstance(first, dict):
                    fields.setdefault(name.rpartition(":")[2].lower(), first or "")
            if not ids.isdisjoint(fields):
                return fields
            children = list(node.values())
        case list():
            children = node
        case _:
            children = []
    return next(filter(None, (_event(child, ids) for child in children)), {})
