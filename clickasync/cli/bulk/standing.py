"""How every row stands: from the results and the journal of earlier runs, and as this run goes on. No I/O.

It keeps a byte for each row, and ten more for each row of earlier runs.
"""

from __future__ import annotations

import zlib
from array import array
from collections import Counter
from collections.abc import Iterable
from enum import IntEnum
from typing import Final

from clickasync.cli.bulk.journal import Entry
from clickasync.cli.bulk.results import ResultLine

__all__ = ["Stand", "Standing"]


class Stand(IntEnum):
    """What is known of a row."""

    NEW = 0
    """It was never under way."""
    ACCEPTED = 1
    REJECTED = 2
    UNCERTAIN = 3
    SKIPPED = 4
    OPEN = 5
    """Its call went out, or was about to, and no result was written."""
    DUPLICATE = 6
    """Its number stands in an earlier row, and each is sent to once."""


_BY_RESULT: Final = {stand.name.lower(): stand for stand in Stand}


class Standing:
    """The rows of one results file, by their numbers."""

    def __init__(self) -> None:
        self._stands = bytearray(1)
        self._call = array("I", [0])  # which entry of the journal was the row's last, from 1
        self._number = array("I", [0])  # a checksum of the number, for rows of earlier runs
        self._known = bytearray(1)  # of uncertain rows: 1 the gateway knows the call, 2 it does not, 0 nobody knows
        self._climsgids: list[str] = []
        self.counts: Counter[Stand] = Counter()
        self.lines = 0
        """How many lines of results there are."""
        self.repeated = 0
        """How many of them were made obsolete by a later one."""

    @property
    def last_row(self) -> int:
        """The last row that anything is known of; 0 without any."""
        return len(self._stands) - 1

    def __getitem__(self, row: int) -> Stand:
        return Stand(self._stands[row]) if row < len(self._stands) else Stand.NEW

    # -- from files

    def load(self, journal: Iterable[Entry], results: Iterable[ResultLine]) -> None:
        """Take in earlier runs."""
        for number, entry in enumerate(journal, start=1):
            self._climsgids.append(entry.climsgid)
            for row, to in zip(entry.rows, entry.to, strict=True):
                self._reach(row)
                self._call[row] = number
                self._number[row] = _checksum(to)
        for row, call in enumerate(self._call):
            if call:
                self._set(row, Stand.OPEN)
        for line in results:
            self._reach(line.row)
            self._number[line.row] = _checksum(line.to)
            call = self._call[line.row]
            # A result of an earlier call does not close a later one; one without a call was never under way in it.
            if call and line.climsgid != self._climsgids[call - 1]:
                self.lines += 1
                self.repeated += 1
                continue
            self.record(line)

    def changed(self, row: int, to: str) -> bool:
        """Whether the row had another number in an earlier run."""
        return row < len(self._number) and self._number[row] not in (0, _checksum(to))

    def unsettled(self, entry: Entry, number: int, *, ask_again: bool) -> list[int]:
        """The rows about which the gateway is to be asked by a call: entry `number` of the journal, from 1.

        They are those that have no result, and those that are uncertain because the gateway could not be asked. With
        `ask_again`, also those whose call it did not know.
        """
        return [row for row in entry.rows if self._is_unsettled(row, number, ask_again)]

    def _is_unsettled(self, row: int, number: int, ask_again: bool) -> bool:
        if self._call[row] != number:
            return False
        stand = self[row]
        if stand is Stand.UNCERTAIN:
            return self._known[row] == 0 or (ask_again and self._known[row] == 2)
        return stand is Stand.OPEN

    # -- as the run goes on

    def record(self, line: ResultLine) -> None:
        """A line was written."""
        self.lines += 1
        if line.row > self.last_row:
            self._stands.extend(bytes(line.row - self.last_row))
        if self[line.row] not in (Stand.NEW, Stand.OPEN):
            self.repeated += 1
        self._set(line.row, _BY_RESULT[line.result])
        if line.row < len(self._known):
            self._known[line.row] = {True: 1, False: 2, None: 0}[line.known_to_gateway]

    def to_send(self, row: int, *, retry_rejected: bool) -> bool:
        """Whether a row is to be sent: what was accepted, or may have been, never is."""
        stand = self[row]
        return stand in (Stand.NEW, Stand.SKIPPED) or (retry_rejected and stand is Stand.REJECTED)

    def _set(self, row: int, stand: Stand) -> None:
        before = self[row]
        if before is not Stand.NEW:
            self.counts[before] -= 1
        self.counts[stand] += 1
        self._stands[row] = stand

    def _reach(self, row: int) -> None:
        missing = row + 1 - len(self._stands)
        if missing > 0:
            for column in (self._stands, self._known):
                column.extend(bytes(missing))
            for numbers in (self._call, self._number):
                numbers.frombytes(bytes(missing * numbers.itemsize))


def _checksum(to: str) -> int:
    """Never 0, which stands for none."""
    return zlib.crc32(" ".join(to.splitlines()).strip().encode("utf-8", "surrogatepass")) or 1
