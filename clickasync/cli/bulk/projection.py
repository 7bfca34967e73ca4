"""`Projection`: from the store to the results file, and the counts. It looks; it sends nothing.

At the beginning of a run the whole file is written from the store; while the run goes on, the calls of which something
became. What the store does not have comes from the file of recipients, read once more: the rows that cannot be sent to,
and those that are left out because their number stands in an earlier one.
"""

from __future__ import annotations

import asyncio
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeAlias

from attrs import define, field

from clickasync.cli.bulk.results import Line, ResultsFile, lines_of
from clickasync.cli.typed import words
from clickasync.recipients import BadRow, Recipients, Row

if TYPE_CHECKING:
    from clickasync.campaigns import BadItem, CallResults, Campaign

__all__ = ["KINDS", "LeftOut", "OnBadRow", "Projection", "Tally"]

KINDS: Final = ("accepted", "rejected", "uncertain", "skipped", "suppressed", "duplicate")
_READY: Final = "ready"
_AT_ONCE: Final = 100
_TOGETHER: Final = 0.05
"""Seconds for which outcomes are gathered: to write 20 calls together takes half of what it takes one by one."""

OnBadRow: TypeAlias = Callable[[int, str], None]
"""Told of a row that cannot be sent to: its line, and why."""


@define
class Tally:
    """How many rows have which result."""

    counts: Counter[str] = field(factory=Counter)
    rows: int = 0
    """All, also those of which nothing is known yet."""
    under_way: int = 0
    """Those that may have been sent, which nobody knows before the gateway was asked: known once the run has ended."""
    duplicates: int = 0
    """How many have a number that stands in an earlier row, whether they are sent to or not."""

    @property
    def known(self) -> int:
        """How many have a result."""
        return sum(self.counts[kind] for kind in KINDS)


@define
class LeftOut:
    """The rows that are not sent to: heard of while the recipients are loaded, then found in their file."""

    errors: dict[int, str] = field(factory=dict)
    """Why a row cannot be sent to."""
    duplicates: array[int] = field(factory=lambda: array("L"))
    """Rows whose number stands in an earlier one, in order."""

    def bad(self, item: BadItem) -> None:
        """A row that cannot be sent to."""
        self.errors[item.row] = item.error if item.cause is None else words(item.cause)

    def duplicate(self, row: int) -> None:
        """A row whose number stands in an earlier one."""
        self.duplicates.append(row)

    def find(self, recipients: Recipients) -> Iterator[tuple[Row | BadRow, str, str]]:
        """Each with its result, and why."""
        if not self.errors and not self.duplicates:
            return
        duplicates = iter(self.duplicates)
        duplicate = next(duplicates, 0)
        for row in recipients:
            if row.row in self.errors:
                yield row, "rejected", self.errors[row.row]
            elif row.row == duplicate:
                duplicate = next(duplicates, 0)
                yield row, "duplicate", "the number stands in an earlier line"


class Projection:
    """The results file of one run, and its counts.

    Args:
        file: what is written to.
        recipients: whose results they are.
        left_out: which of them are not sent to.
        kept: how many cells are kept beside the results.
    """

    def __init__(self, file: ResultsFile, recipients: Recipients, left_out: LeftOut, *, kept: int) -> None:
        self._file = file
        self._recipients = recipients
        self._left_out = left_out
        self._kept = kept
        self._written: dict[int, bytes] = {}  # by call: the outcomes that were written
        self._changed: dict[int, None] = {}
        self._wake = asyncio.Event()
        self.tally = Tally()
        self._is_repeated = False  # whether a row has two lines, because the first one was not its last word

    # -- the whole file

    async def write_all(self, campaign: Campaign | None, on_bad_row: OnBadRow | None = None) -> None:
        """Write the file anew, and put it in its place.

        Args:
            campaign: the campaign; None: nothing was sent yet.
            on_bad_row: hears of the rows that cannot be sent to.

        Raises:
            OSError: it cannot be written.
        """
        self._written.clear()
        self.tally.counts.clear()
        self._file.begin()
        found = self._left_out.find(self._recipients)
        while some := await asyncio.to_thread(list, islice(found, 1000)):
            for row, result, why in some:
                if result == "rejected" and on_bad_row is not None:
                    on_bad_row(row.line, why)
                kept = [*row.cells, *[""] * self._kept][: self._kept]
                self._put([Line(row.row, row.to, result, error=f"line {row.line}: {why}", kept=kept)])
                self.tally.counts[result] += 1
        if campaign is not None:
            async for call in campaign.calls():
                self._write(call)
        self._file.put_in_place()
        self._is_repeated = False

    # -- as the run goes on

    def note(self, call: int) -> None:
        """Something became of a call."""
        self._changed[call] = None
        self._wake.set()

    async def follow(self, campaign: Campaign) -> None:
        """Write what becomes known, until cancelled.

        Raises:
            OSError: it cannot be written.
        """
        while True:
            await self._wake.wait()
            await asyncio.sleep(_TOGETHER)
            self._wake.clear()
            await self.catch_up(campaign)

    async def catch_up(self, campaign: Campaign) -> None:
        """Write what is known by now.

        Raises:
            OSError: it cannot be written.
        """
        while self._changed:
            ids = list(islice(self._changed, _AT_ONCE))
            calls = await campaign.some_calls(ids)
            for id in ids:  # not before they are read: whoever is cancelled here can catch up later
                self._changed.pop(id, None)
            for call in calls:
                self._write(call)

    async def end(self, campaign: Campaign, *, stopped_by: str | None, is_torn: bool) -> None:
        """Write what is known at the end of a run, and bring it to the disk.

        Args:
            campaign: the campaign.
            stopped_by: why the rest is skipped.
            is_torn: whether it could not be written before.

        Raises:
            OSError: it cannot be written.
        """
        if not is_torn:
            await self.catch_up(campaign)
        if is_torn or self._is_repeated:
            await self.write_all(campaign)
        if stopped_by is not None:
            await self._skip_the_rest(campaign, stopped_by)
        self._file.sync()

    async def _skip_the_rest(self, campaign: Campaign, reason: str) -> None:
        async for call in campaign.calls():
            open = [at for at, result in enumerate(call.results) if result == _READY]
            if open and not call.is_under_way:
                self._put(lines_of(call, open, reason=reason))
                self.tally.counts["skipped"] += len(open)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, call: CallResults) -> None:
        before = self._written.get(call.id) or bytes(len(call.outcome))
        self._written[call.id] = call.outcome
        if call.tags is None and not any(before) and set(call.results) == {"accepted"}:
            self.tally.counts["accepted"] += len(call.results)
            self._file.write(self._file.format.accepted(call))
            return
        new = [at for at, result in enumerate(call.results) if result != _READY and before[at] != call.outcome[at]]
        self.tally.counts.update(call.results[at] for at in new if not before[at])
        if any(before[at] for at in new):  # the counts are right again once the file is written anew
            self._is_repeated = True
        self._put(lines_of(call, new))

    def _put(self, lines: Iterable[Line]) -> None:
        self._file.write(self._file.format.lines(lines))
