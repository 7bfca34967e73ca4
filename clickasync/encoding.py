"""From text to what goes over the wire: GSM 03.38, UCS-2 hex, and how many parts a text needs.

The HTTP API takes GSM text as it is (in UTF-8) and every other text as UCS-2 big-endian hex with ``unicode=1``.
What a message costs depends on its parts, so they are counted here as the gateway counts them:

===============  ==============  ===========================  ===========================
alphabet         counted in      alone                        each part when concatenated
===============  ==============  ===========================  ===========================
GSM 03.38        septets         160                          153
Unicode          UTF-16 units    70                           67
8-bit            bytes           140, the UDH included        134, without the UDH
===============  ==============  ===========================  ===========================
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final, Literal

from attrs import frozen

__all__ = [
    "GSM_ALONE",
    "GSM_JOINED",
    "OCTETS_ALONE",
    "OCTETS_JOINED",
    "UCS2_ALONE",
    "UCS2_JOINED",
    "TextInfo",
    "count_parts",
    "gsm_decode",
    "gsm_encode",
    "inspect_text",
    "is_gsm",
    "septets",
    "split",
    "ucs2_decode",
    "ucs2_encode",
    "utf16_units",
]

GSM_ALONE: Final = 160
GSM_JOINED: Final = 153
UCS2_ALONE: Final = 70
UCS2_JOINED: Final = 67
OCTETS_ALONE: Final = 140
OCTETS_JOINED: Final = 134

_ESCAPE: Final = 0x1B

# The default alphabet in the order of its codes; 0x1B is the escape to the extension table.
_BASIC: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION: Final = {
    "\f": 0x0A,
    "^": 0x14,
    "{": 0x28,
    "}": 0x29,
    "\\": 0x2F,
    "[": 0x3C,
    "~": 0x3D,
    "]": 0x3E,
    "|": 0x40,
    "€": 0x65,
}
_TO_BYTES: Final = {char: bytes((code,)) for code, char in enumerate(_BASIC) if code != _ESCAPE} | {
    char: bytes((_ESCAPE, code)) for char, code in _EXTENSION.items()
}
_FROM_EXTENSION: Final = {code: char for char, code in _EXTENSION.items()}
_NOT_GSM: Final = re.compile(f"[^{re.escape(''.join(_TO_BYTES))}]")
_EXTENDED: Final = re.compile(f"[{re.escape(''.join(_EXTENSION))}]")


def is_gsm(text: str) -> bool:
    """Whether GSM 03.38 can say all of `text`."""
    return _NOT_GSM.search(text) is None


def gsm_encode(text: str) -> bytes:
    """`text` in GSM 03.38, one septet a byte (not packed).

    Raises:
        ValueError: a character is not in the alphabet.
    """
    try:
        return b"".join([_TO_BYTES[char] for char in text])
    except KeyError as error:
        raise ValueError(f"{error.args[0]!r} is not in GSM 03.38") from None


def gsm_decode(data: bytes) -> str:
    """The text of unpacked GSM 03.38 septets.

    An unknown escape sequence reads as its second septet, as the standard asks of a handset.

    Raises:
        ValueError: a byte is not a septet, or the data ends in an escape.
    """
    text: list[str] = []
    octets = iter(data)
    for octet in octets:
        if octet == _ESCAPE:
            octet = next(octets, _ESCAPE)
            if octet in _FROM_EXTENSION:
                text.append(_FROM_EXTENSION[octet])
                continue
            if octet == _ESCAPE:
                raise ValueError("the data ends in an escape, or holds two in a row")
        if octet >= len(_BASIC):
            raise ValueError(f"0x{octet:02X} is not a septet")
        text.append(_BASIC[octet])
    return "".join(text)


def septets(text: str) -> int:
    """How many septets a GSM text takes: the extension characters ``^{}\\[~]|€`` and form feed take two."""
    return len(text) + len(_EXTENDED.findall(text))


def utf16_units(text: str) -> int:
    """How many UTF-16 code units a text takes: a character beyond the BMP (an emoji) takes two."""
    return len(text) if text.isascii() else len(text) + sum(char > "\uffff" for char in text)


def ucs2_encode(text: str) -> str:
    """`text` as UCS-2 big-endian hex, the form of ``text`` with ``unicode=1``.

    >>> ucs2_encode("你好")
    '4F60597D'

    Raises:
        ValueError: the text holds half of a surrogate pair.
    """
    return text.encode("utf-16-be").hex().upper()


def ucs2_decode(data: str) -> str:
    """The text of UCS-2 big-endian hex.

    Raises:
        ValueError: not hex digits, not whole code units, or half of a surrogate pair.
    """
    return bytes.fromhex(data).decode("utf-16-be")


def split(text: str, *, unicode: bool) -> list[str]:
    """The parts in which `text` travels: one, or as many as it takes when concatenated.

    Neither an extension character nor a surrogate pair is ever cut in two.
    """
    alone, joined = (UCS2_ALONE, UCS2_JOINED) if unicode else (GSM_ALONE, GSM_JOINED)
    measure = utf16_units if unicode else septets
    if measure(text) <= alone:
        return [text]
    parts: list[str] = []
    start = size = 0
    for index, char in enumerate(text):
        width = measure(char)
        if size + width > joined:
            parts.append(text[start:index])
            start, size = index, 0
        size += width
    parts.append(text[start:])
    return parts


def count_parts(text: str, *, unicode: bool) -> int:
    """How many messages `text` costs at the least."""
    if len(text) * 2 <= (UCS2_ALONE if unicode else GSM_ALONE):
        return 1
    return len(split(text, unicode=unicode))


@frozen
class TextInfo:
    """What a text takes when it is sent."""

    alphabet: Literal["GSM", "Unicode"]
    """GSM 03.38 where it can say all of the text, else Unicode, in which less than half as much fits."""
    characters: int
    """As people count them: an emoji is one, and so is a letter with its accents."""
    units: int
    """As the alphabet counts them: septets, or UTF-16 units."""
    parts: int
    """How many messages it costs."""
    per_part: int
    """How many units fit in each of them."""
    unicode_because: tuple[str, ...]
    """The characters that GSM 03.38 does not have, each once, in their order; without them it would be GSM."""


def inspect_text(text: str) -> TextInfo:
    """How a text would be sent: in which alphabet and how many parts, and what makes it so.

    >>> inspect_text("It’s 8 o'clock")
    TextInfo(alphabet='Unicode', characters=14, units=14, parts=1, per_part=70, unicode_because=('’',))

    Raises:
        ValueError: the text holds half of a surrogate pair, and cannot be sent.
    """
    ucs2_encode(text)
    strangers = tuple(dict.fromkeys(_NOT_GSM.findall(text)))
    unicode = bool(strangers)
    parts = count_parts(text, unicode=unicode)
    alone, joined = (UCS2_ALONE, UCS2_JOINED) if unicode else (GSM_ALONE, GSM_JOINED)
    return TextInfo(
        alphabet="Unicode" if unicode else "GSM",
        characters=_characters(text),
        units=utf16_units(text) if unicode else septets(text),
        parts=parts,
        per_part=alone if parts == 1 else joined,
        unicode_because=strangers,
    )


_JOINER: Final = "\u200d"
_CRLF: Final = ("\r", "\n")


def _characters(text: str) -> int:
    """The extended grapheme clusters of Unicode's annex 29, as far as the standard library knows characters."""
    count = 0
    before = ""
    flags = 0  # halves of a flag right before
    for char in text:
        is_flag = "\U0001f1e6" <= char <= "\U0001f1ff"
        joined = (
            (before, char) == _CRLF
            or (before and before not in _CRLF and _extends(char))
            or (before == _JOINER and unicodedata.category(char) == "So")
            or (is_flag and flags % 2 == 1)
            or ("\u1160" <= char <= "\u11ff" and unicodedata.name(before, "").startswith("HANGUL"))
        )
        count += not joined
        flags = flags + 1 if is_flag else 0
        before = char
    return count


def _extends(char: str) -> bool:
    """Whether it belongs to the character before it: accents, joiners, skin tones and tags."""
    return (
        unicodedata.category(char) in ("Mn", "Me", "Mc")
        or char in (_JOINER, "\u200c")
        or "\U0001f3fb" <= char <= "\U0001f3ff"
        or "\U000e0020" <= char <= "\U000e007f"
    )
