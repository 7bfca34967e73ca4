"""In how many parts a message travels, in each of its alphabets.

==================  =========================  ==========================================================
what                counted in                 more than one part
==================  =========================  ==========================================================
a text              septets or UTF-16 units    as many as ``concat`` allows, else 113
``data``            bytes, its UDH included    as many as it takes, whatever ``concat`` says
the Nokia types     bytes of their hex text    likewise; the gateway gives them their own header
==================  =========================  ==========================================================
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from clickasync.encoding import count_parts
from clickasync.simulator.world.refusals import Refusal

__all__ = ["parts_of"]

_ALONE: Final = 140
_MOST: Final = 255
"""The header counts the parts in one byte."""
_JOINING: Final = 5
"""Bytes that joining takes in a header that is there already; without one, the header's length is a sixth."""
_NOKIA: Final = frozenset(
    {"SMS_NOKIA_OLOGO", "SMS_NOKIA_GLOGO", "SMS_NOKIA_PICTURE", "SMS_NOKIA_RINGTONE", "SMS_NOKIA_CLEAN"}
)
_NOKIA_HEADER: Final = 7
"""Bytes: the length, and an element with the ports of Nokia's smart messaging."""
_HEX: Final = re.compile("([0-9A-Fa-f]{2})+")
_JOINS: Final = frozenset({0x00, 0x08})
"""The elements of a header that say "this is a part"."""


def parts_of(given: Mapping[str, str], text: str, *, unicode: bool) -> int:
    """The parts of a message.

    Args:
        given: its parameters.
        text: what the handset shows.
        unicode: whether that travels in UCS-2.

    Raises:
        Refusal: 113, they are more than is allowed.
    """
    if "data" in given:
        return _octet_parts(len(given["data"]) // 2, bytes.fromhex(given.get("udh", "")))
    if given.get("msg_type") in _NOKIA and _HEX.fullmatch(text):
        return _octet_parts(len(text) // 2, bytes((_NOKIA_HEADER - 1, 5, 4, 0, 0, 0, 0)))
    parts = count_parts(text, unicode=unicode)
    if parts > int(given.get("concat", 1)):
        raise Refusal("113")
    return parts


def _octet_parts(size: int, header: bytes) -> int:
    if len(header) + size <= _ALONE:
        return 1
    room = _ALONE - (len(header) or 1) - _JOINING
    if room < 1 or _is_a_part(header):
        raise Refusal("113")  # what is a part cannot be split again
    parts = -(-size // room)
    if parts > _MOST:
        raise Refusal("113")
    return parts


def _is_a_part(header: bytes) -> bool:
    at = 1
    while at + 1 < len(header):
        if header[at] in _JOINS:
            return True
        at += 2 + header[at + 1]
    return False
