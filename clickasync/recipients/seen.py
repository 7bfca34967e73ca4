"""Which numbers were seen before, in 4.5 bytes a number: a `set` of strings takes eighty. No I/O.

By its upper half a number chooses a block, and within the block the lower halves (32 bits each) stand sorted, cut into
short arrays so that to insert one moves little.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
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
