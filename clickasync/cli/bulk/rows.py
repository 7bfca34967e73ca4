"""The rows of a store beside those of a file: where they differ first, and which of them are to be sent."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable
from typing import TYPE_CHECKING

from clickasync.recipients import BadRow, Recipients

if TYPE_CHECKING:
    from clickasync.campaigns import Campaign

__all__ = ["compare_rows", "rows_to_send"]

_NONE = -1


async def compare_rows(campaign: Campaign, recipients: Recipients) -> str | None:
    """The first difference between the numbers in a store and those in a file, in words; None: there is none.

    A row that is in the store was a recipient when the run began; one that is not was none, or came twice.
    """
    numbers = array("q")  # by row
    async for call in campaign.calls():
        missing = max(call.rows) + 1 - len(numbers)
        if missing > 0:
            numbers.extend([_NONE] * missing)
        for row, number in zip(call.rows, call.numbers, strict=True):
            numbers[row] = _key(number)
    return await asyncio.to_thread(_first_difference, numbers, recipients)


def _key(number: str) -> int:
    """Leading zeros make another number; an erased one is like none."""
    if not number:
        return _NONE
    return -2 - int(number) if number[0] == "0" else int(number)


def _first_difference(numbers: array[int], recipients: Recipients) -> str | None:
    row = 0
    doubtful: str | None = None
    for item in recipients:
        row = item.row
        began_with = numbers[row] if row < len(numbers) else _NONE
        if began_with != _NONE:
            if isinstance(item, BadRow) or _key(item.number) != began_with:
                return f"other recipients: line {item.line}: row {row} had another number"
        elif not isinstance(item, BadRow):
            doubtful = doubtful or f"other recipients: line {item.line}: row {row} was not sent to"
    if row < len(numbers) - 1:
        return f"other recipients: there are {row} rows, and the run began with {len(numbers) - 1}"
    return doubtful


async def rows_to_send(campaign: Campaign, *, retry_rejected: bool) -> Callable[[int], bool]:
    """Whether a row is to be sent by a run that goes on."""
    wanted = {"ready", "rejected"} if retry_rejected else {"ready"}
    rows = bytearray(1)
    async for call in campaign.calls():
        for row, result in zip(call.rows, call.results, strict=True):
            if row >= len(rows):
                rows.extend(bytes(row + 1 - len(rows)))
            rows[row] = result in wanted
    return lambda row: row < len(rows) and bool(rows[row])
