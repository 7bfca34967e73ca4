"""Captchas: a code, and a PNG that shows it. Drawn with a tiny font, written with zlib and struct."""

from __future__ import annotations

import secrets
import struct
import zlib
from typing import Final

from attrs import define, field

__all__ = ["LIFETIME", "Captcha", "draw"]

LIFETIME: Final = 15 * 60.0
"""Seconds."""

_SCALE: Final = 5
# Five columns by seven rows, a row a number. The digits that are easily mistaken for another one are missing.
_FONT: Final = {
    "2": (14, 17, 1, 6, 8, 16, 31),
    "3": (30, 1, 1, 14, 1, 1, 30),
    "4": (2, 6, 10, 18, 31, 2, 2),
    "5": (31, 16, 30, 1, 1, 17, 14),
    "6": (6, 8, 16, 30, 17, 17, 14),
    "7": (31, 1, 2, 4, 8, 8, 8),
    "8": (14, 17, 17, 14, 17, 17, 14),
    "9": (14, 17, 17, 15, 1, 2, 12),
}


@define(eq=False)
class Captcha:
    """A captcha and what became of it."""

    made_at: float
    id: str = field(factory=lambda: secrets.token_hex(16))
    code: str = field(factory=lambda: "".join(secrets.choice(list(_FONT)) for _ in range(5)))
    is_used: bool = False

    @property
    def image(self) -> bytes:
        """A PNG that shows the code."""
        return draw(self.code)


def draw(code: str) -> bytes:
    """A PNG, black on white, of the digits 2 to 9 in `code`."""
    width = 6 * len(code) + 1
    blank = [0] * width
    lines = [blank, *([0, *_line(code, row)] for row in range(7)), blank]
    pixels = [bytes(0 if dot else 255 for dot in line for _ in range(_SCALE)) for line in lines for _ in range(_SCALE)]
    header = struct.pack(">IIBBBBB", width * _SCALE, len(pixels), 8, 0, 0, 0, 0)  # 8 bits of grey
    image = zlib.compress(b"".join(b"\0" + line for line in pixels))  # 0: no filter
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", image) + _chunk(b"IEND", b"")


def _line(code: str, row: int) -> list[int]:
    """One row of dots: five for each digit and one between."""
    return [dot for digit in code for dot in (*(_FONT[digit][row] >> shift & 1 for shift in (4, 3, 2, 1, 0)), 0)]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
