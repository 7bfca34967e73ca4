"""From the bytes of a query or a body to fields. Existing clients write them in every way there is.

Bytes that are not UTF-8 are windows-1252, value by value: older clients send ``€`` as ``%80``. Of a field that is given
twice the last one counts.
"""

from __future__ import annotations

from email.parser import BytesParser
from typing import Final
from urllib.parse import unquote_to_bytes

__all__ = ["read_form", "read_query"]

_FORM: Final = ("", "application/x-www-form-urlencoded")
_MULTIPART: Final = "multipart/form-data"


def read_query(encoded: bytes) -> dict[str, str]:
    """The fields of a query, or of a form that is written like one."""
    fields: dict[str, str] = {}
    for pair in encoded.split(b"&"):
        name, equals, value = pair.partition(b"=")
        if name or equals:
            fields[_text(name)] = _text(value)
    return fields


def read_form(body: bytes, content_type: str) -> dict[str, str]:
    """The fields of a form. Any other body is no business of the gateway's: some clients send a stray one."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind in _FORM:
        return read_query(body)
    return _read_parts(body, content_type) if kind == _MULTIPART else {}


def _read_parts(body: bytes, content_type: str) -> dict[str, str]:
    head = content_type.replace("\r", " ").replace("\n", " ").encode("latin-1", "replace")
    whole = BytesParser().parsebytes(b"Content-Type: " + head + b"\r\n\r\n" + body)
    fields: dict[str, str] = {}
    if not whole.is_multipart():
        return fields
    for part in whole.get_payload():
        name = part.get_param("name", header="content-disposition")  # type: ignore[union-attr]
        content = part.get_payload(decode=True)  # type: ignore[union-attr]
        if isinstance(name, str) and isinstance(content, bytes):
            fields[name] = _decoded(content)
    return fields


def _text(quoted: bytes) -> str:
    return _decoded(unquote_to_bytes(quoted.replace(b"+", b" ")))


def _decoded(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("cp1252", "replace")
