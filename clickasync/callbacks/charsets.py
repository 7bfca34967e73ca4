"""From the bytes of an inbound text to characters, by what the gateway says about its charset."""

from __future__ import annotations

import re
from typing import Final

from clickasync.encoding import gsm_decode

__all__ = ["decode", "is_known"]

# The names come from the network: looking any of them up in Python's registry would import modules by name, reach
# codecs that are no charsets (punycode, unicode_escape) and remember every wrong name. Hence a list.
_CODECS: Final = {
    "ascii": "ascii",
    "usascii": "ascii",
    "utf8": "utf-8",
    "utf16be": "utf-16-be",
    "utf16le": "utf-16-le",
    "ucs2": "utf-16-be",
    "iso10646ucs2": "utf-16-be",
    "latin1": "iso8859-1",
    "koi8r": "koi8-r",
    "koi8u": "koi8-u",
    **{f"iso8859{part}": f"iso8859-{part}" for part in range(1, 17) if part != 12},
    **{f"windows125{page}": f"cp125{page}" for page in range(9)},
    **{f"cp125{page}": f"cp125{page}" for page in range(9)},
}
_GSM: Final = frozenset({"gsm", "gsm0338", "gsm7"})
_PUNCTUATION: Final = re.compile(r"[^0-9a-z]+")
_BOM: Final = "\ufeff"


def is_known(charset: str) -> bool:
    """Whether `decode` reads it."""
    name = _plain(charset)
    return name in _CODECS or name in _GSM or name == "utf16"


def decode(data: bytes, charset: str, *, is_part: bool = False) -> str:
    """The text of `data` in `charset` (any case and punctuation: ``ISO-8859-1``, ``iso8859_1``).

    Never fails. Bytes that are not valid in the charset, and an unknown or empty charset, read as UTF-8 where they
    are valid UTF-8, else as windows-1252 with U+FFFD for its five holes. UTF-16 stays UTF-16: only its broken units
    become U+FFFD, but for halves of surrogate pairs in a part (`is_part`), whose other half is in the next one.
    """
    name = _plain(charset)
    if name == "utf16":
        name = "utf16le" if data.startswith(b"\xff\xfe") else "utf16be"
    codec = _CODECS.get(name)
    if codec is not None and codec.startswith("utf-16"):
        return _decode_utf16(data, codec, is_part=is_part)
    try:
        if name in _GSM:
            return gsm_decode(data)
        return data.decode(codec or "utf-8").removeprefix(_BOM)
    except ValueError:
        return _decode_somehow(data)


def _plain(charset: str) -> str:
    return _PUNCTUATION.sub("", charset.lower())


def _decode_utf16(data: bytes, codec: str, *, is_part: bool) -> str:
    if is_part and len(data) % 2 == 0:
        return data.decode(codec, "surrogatepass").removeprefix(_BOM)
    return data.decode(codec, "replace").removeprefix(_BOM)


def _decode_somehow(data: bytes) -> str:
    try:
        return data.decode().removeprefix(_BOM)
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")
