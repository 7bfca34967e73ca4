"""How what belongs to recipients is packed into the columns of a call. No I/O.

A row for each recipient would take four times the space, and a row for each call is all that sending needs. So a
column holds what the call's recipients have in common, and a blob what they have each: a fixed width by position, or
JSON, compressed. Each ``pack_*`` has its ``unpack_*``; what is packed is unpacked as it was.

===========  =======================================================================================
numbers      8 bytes each: the number, the highest bit for a leading zero; all ones: erased
rows         the first row, then how far it is to each next one; nothing more where each follows the last
texts, tags  JSON, compressed
ids          16 bytes each (zeros: none), or JSON where an ID is not 32 hex digits
delivery     10 bytes each, compressed: status, time, charge in millionths of a credit
===========  =======================================================================================
"""

from __future__ import annotations

import json
import struct
import sys
import zlib
from array import array
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

from attrs import frozen

__all__ = [
    "ERASED",
    "NUMBER_BYTES",
    "Delivery",
    "pack_deliveries",
    "pack_ids",
    "pack_json",
    "pack_numbers",
    "pack_rows",
    "position_of",
    "unpack_deliveries",
    "unpack_ids",
    "unpack_json",
    "unpack_numbers",
    "unpack_rows",
]

NUMBER_BYTES: Final = 8
ERASED: Final = b"\xff" * NUMBER_BYTES
_LEADING_ZERO: Final = 1 << 63
_NO_ID: Final = "0" * 32
_BIG_ENDIAN: Final = sys.byteorder == "big"
_DELIVERY: Final = struct.Struct("<HII")
_NO_CHARGE: Final = 0xFFFFFFFF
_MILLION: Final = 1_000_000


def _number(number: str) -> int:
    return int(number) | (_LEADING_ZERO if number.startswith("0") else 0)


def pack_numbers(numbers: Sequence[str]) -> bytes:
    """Numbers as `normalise` gives them: 1 to 16 digits, at most one leading zero."""
    packed = array("Q", map(int, numbers))
    if min(numbers, default="").startswith("0"):  # the least of them, if any does
        packed = array("Q", map(_number, numbers))
    if _BIG_ENDIAN:
        packed.byteswap()
    return packed.tobytes()


def unpack_numbers(packed: bytes) -> list[str]:
    """The numbers; an erased one is empty."""
    values = array("Q", packed)
    if _BIG_ENDIAN:
        values.byteswap()
    if max(values, default=0) < _LEADING_ZERO:
        return list(map(str, values))
    return [_written(value) for value in values]


def _written(value: int) -> str:
    if value == 0xFFFFFFFFFFFFFFFF:
        return ""
    if value < _LEADING_ZERO:
        return str(value)
    rest = value - _LEADING_ZERO
    return f"0{rest}" if rest else "0"


def position_of(number: str, packed: bytes) -> int | None:
    """Where a number stands among packed ones, if it does."""
    wanted, at = pack_numbers([number]), -1
    while (at := packed.find(wanted, at + 1)) >= 0:
        if at % NUMBER_BYTES == 0:
            return at // NUMBER_BYTES
    return None


def pack_rows(rows: Sequence[int]) -> bytes:
    """Rows of a source, counted from 1, ascending."""
    packed = bytearray(_varint(rows[0]))
    if rows[-1] - rows[0] != len(rows) - 1:
        for before, row in pairwise(rows):
            packed += _varint(row - before - 1)
    return bytes(packed)


def unpack_rows(packed: bytes, n: int) -> list[int]:
    """The rows of a call of `n` recipients."""
    values = _varints(packed)
    if len(values) == 1:
        return list(range(values[0], values[0] + n))
    rows = [values[0]]
    for gap in values[1:]:
        rows.append(rows[-1] + gap + 1)
    return rows


def _varint(value: int) -> bytes:
    packed = bytearray()
    while value > 0x7F:
        packed.append(value & 0x7F | 0x80)
        value >>= 7
    packed.append(value)
    return bytes(packed)


def _varints(packed: bytes) -> list[int]:
    values: list[int] = []
    value = shift = 0
    for byte in packed:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            values.append(value)
            value = shift = 0
    return values


def pack_json(values: object) -> bytes:
    """Any JSON value, compressed."""
    return zlib.compress(json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass"))


def unpack_json(packed: bytes) -> Any:
    """What `pack_json` was given."""
    return json.loads(zlib.decompress(packed).decode(errors="surrogatepass"))


def pack_ids(ids: Sequence[str | None]) -> bytes | None:
    """The gateway's IDs; None where no recipient has one."""
    if not any(ids):
        return None
    filled = [_NO_ID if id is None else id for id in ids] if None in ids else ids
    written = "".join(filled)  # type: ignore[arg-type] # there is none among them
    try:
        packed = bytes.fromhex(written)
    except ValueError:
        packed = b""
    if packed.hex() != written or _NO_ID in ids or set(map(len, filled)) != {len(_NO_ID)}:  # type: ignore[arg-type]
        return b"\1" + pack_json(ids)  # IDs are opaque: whatever a gateway says is kept
    return b"\0" + packed


def unpack_ids(packed: bytes | None, n: int) -> list[str | None]:
    """The IDs of a call of `n` recipients."""
    if packed is None:
        return [None] * n
    if packed[0]:
        texts: list[str | None] = unpack_json(packed[1:])
        return texts
    written = packed[1:].hex()
    each = [written[at : at + 32] for at in range(0, len(written), 32)]
    return [None if id == _NO_ID else id for id in each]


@frozen
class Delivery:
    """What the newest report said of a recipient."""

    status: str
    """Three digits."""
    at: int
    """Unix seconds."""
    charge: Decimal | None
    """Credits, to the millionth."""

    @property
    def millionths(self) -> int:
        """The charge in millionths of a credit."""
        return int((self.charge or 0) * _MILLION)


def pack_deliveries(deliveries: Sequence[Delivery | None]) -> bytes:
    """The newest report of each recipient."""
    packed = bytearray()
    for each in deliveries:
        if each is None:
            packed += bytes(_DELIVERY.size)
        else:
            charge = _NO_CHARGE if each.charge is None else min(each.millionths, _NO_CHARGE - 1)
            packed += _DELIVERY.pack(int(each.status), each.at, charge)
    return zlib.compress(packed, 1)


def unpack_deliveries(packed: bytes | None, n: int) -> list[Delivery | None]:
    """The newest report of each of `n` recipients."""
    if packed is None:
        return [None] * n
    return [
        Delivery(f"{status:03}", at, None if charge == _NO_CHARGE else Decimal(charge) / _MILLION) if status else None
        for status, at, charge in _DELIVERY.iter_unpack(zlib.decompress(packed))
    ]
