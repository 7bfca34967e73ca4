"""Which numbers were seen before, in 4.5 bytes a number: a `set` of strings takes eighty. No I/O.

By its upper half a number chooses a block, and within the block the lower halves (32 bits each) stand sorted, cut into
short arrays so that to insert one moves little.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from itertools import islice
from operator import lt
from typing import Final

__all__ = ["Seen"]

_LONGEST: Final = 512  # numbers in one array


class Seen:
    """The numbers that were added.

    >>> seen = Seen()
    >>> seen.add("27821234567"), seen.add("27827654321"), seen.add("27821234567")
    (True, True, False)
    """

    def __init__(self) -> None:
        self._blocks: dict[int, tuple[list[int], list[array[int]]]] = {}
        self.repeats = 0
        """How many of those added were there before."""

    def add(self, number: str) -> bool:
        """Add a number, digits as `normalise` gives them; whether it is new. A leading zero makes it another one."""
        value = int(number)
        block, low = value >> 32, value & 0xFFFFFFFF
        if number[0] == "0":
            block = ~block
        greatest, arrays = self._blocks.get(block) or self._blocks.setdefault(block, ([], []))
        place = bisect_left(greatest, low)
        if place == len(greatest):  # greater than all: numbers in order make full arrays
            if not arrays or len(arrays[-1]) >= _LONGEST:
                arrays.append(array("I"))
                greatest.append(low)
            arrays[-1].append(low)
            greatest[-1] = low
            return True
        chosen = arrays[place]
        index = bisect_left(chosen, low)
        if chosen[index] == low:
            self.repeats += 1
            return False
        chosen.insert(index, low)
        if len(chosen) > _LONGEST:
            half = _LONGEST // 2
            arrays[place : place + 1] = chosen[:half], chosen[half:]
            greatest.insert(place, chosen[half - 1])
        return True

    def add_all(self, numbers: Sequence[str]) -> list[bool]:
        """Add numbers one after the other; whether each is new.

        Numbers that ascend beyond all that are there, as an export in order has them, take 0.1 µs each in place of 0.4.

        >>> Seen().add_all(["27821234567", "27827654321", "27821234567"])
        [True, True, False]
        """
        if not numbers or not self._append(numbers):
            return list(map(self.add, numbers))
        return [True] * len(numbers)

    def _append(self, numbers: Sequence[str]) -> bool:
        """Add them all, if they ascend within a block beyond all that are there; whether it was done."""
        values = array("Q", map(int, numbers))
        block = values[0] >> 32
        is_one_block = values[-1] >> 32 == block and min(numbers)[0] != "0"
        if not is_one_block or not all(map(lt, values, islice(values, 1, None))):
            return False
        greatest, arrays = self._blocks.get(block) or self._blocks.setdefault(block, ([], []))
        start = block << 32
        lows = array("I", [value - start for value in values])
        if greatest and lows[0] <= greatest[-1]:
            return False
        while lows:
            if not arrays or len(arrays[-1]) >= _LONGEST:
                arrays.append(array("I"))
                greatest.append(0)
            room = _LONGEST - len(arrays[-1])
            arrays[-1].extend(lows[:room])
            greatest[-1] = arrays[-1][-1]
            lows = lows[room:]
        return True
