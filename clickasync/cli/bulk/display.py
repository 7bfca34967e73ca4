"""What a person sees of a bulk run: a progress bar, the bad rows, the end. On stderr, except the summary."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from attrs import frozen
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from clickasync.cli.bulk.dry_run import Estimate
from clickasync.cli.bulk.projection import KINDS, Tally
from clickasync.cli.screen import console, notice, show_table

__all__ = ["BadRows", "Rate", "Summary", "in_words", "progress_bar", "show_estimate"]

_MOST_BAD_ROWS: Final = 20


class BadRows:
    """Shows bad rows by their lines: the first few of them, and how many more there are."""

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, line: int, why: str) -> None:
        """Another one."""
        self.seen += 1
        if self.seen <= _MOST_BAD_ROWS:
            notice(f"line {line}: {why}")

    def end(self) -> None:
        """There are no more."""
        if self.seen > _MOST_BAD_ROWS:
            notice(f"... and {self.seen - _MOST_BAD_ROWS} more bad rows")


class Rate(ProgressColumn):
    """Rows a second."""

    def render(self, task: Task) -> Text:
        """The cell."""
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s")


@contextmanager
def progress_bar(tally: Tally, *, visible: bool, is_away: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """A live bar while the block lasts, where somebody watches. It reads `tally` by itself.

    Args:
        is_away: says whether the gateway cannot be reached just now.
    """
    if not (visible and sys.stderr.isatty()):
        yield
        return
    bar = _Bar(tally, is_away)
    with bar:
        yield


class _Bar(Progress):
    """A bar that looks how far the run is whenever it is drawn, so that the run needs to know no bar."""

    def __init__(self, tally: Tally, is_away: Callable[[], bool]) -> None:
        self._tally = tally
        self._is_away = is_away
        self._away_since: str | None = None
        super().__init__(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            Rate(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[counts]}"),
            console=console(sys.stderr),
        )
        self._bar = self.add_task("sending", total=tally.rows, completed=tally.known, counts="")

    def get_renderables(self) -> Any:
        """Drawn now."""
        if not self._is_away():
            self._away_since = None
        elif self._away_since is None:
            self._away_since = time.strftime("%H:%M:%S")
        does = "sending" if self._away_since is None else f"the gateway cannot be reached since {self._away_since}"
        for task in self.tasks:
            if (self._tally.known, does) != (task.completed, task.description):
                self.update(task.id, completed=self._tally.known, description=does, counts=in_words(self._tally))
        return super().get_renderables()


def in_words(tally: Tally) -> str:
    """The counts in words."""
    return ", ".join(f"{tally.counts[kind]:,} {kind}" for kind in KINDS if tally.counts[kind]) or "nothing sent"


@frozen
class Summary:
    """The end of a run: its counts add up to all rows."""

    tally: Tally
    results: str
    seconds: float
    stopped_by: str | None
    """Why it ended before the recipients did, if it did."""
    again: str
    """The command that continues the run."""

    @property
    def not_told(self) -> int:
        """Rows that have no result: they were not sent yet, except those that are under way."""
        return self.tally.rows - self.tally.known

    @property
    def is_complete(self) -> bool:
        """Whether all was tried that could be."""
        return self.stopped_by is None and self.not_told == 0 == self.tally.counts["skipped"]

    def as_fields(self) -> dict[str, Any]:
        """For JSON."""
        counts = self.tally.counts
        return {
            "rows": self.tally.rows,
            **{kind: counts[kind] for kind in ("accepted", "rejected", "uncertain", "skipped")},
            "not_told": self.not_told,
            "under_way": self.tally.under_way,
            "duplicates": self.tally.duplicates,
            "dropped": counts["duplicate"],
            "results": self.results,
            "seconds": round(self.seconds, 3),
            "stopped_by": self.stopped_by,
            "continue": None if self.is_complete else self.again,
        }

    def show(self) -> None:
        """For people."""
        line = f"{self.tally.rows:,} rows in {self.seconds:.1f} s: {in_words(self.tally)}"
        if self.tally.under_way:
            line += f", {self.tally.under_way:,} under way when it ended"
        if not_sent := self.not_told - self.tally.under_way:
            line += f", {not_sent:,} not sent yet"
        if self.tally.duplicates and not self.tally.counts["duplicate"]:
            line += f"; duplicates: {self.tally.duplicates:,}"
        line += f"; see {self.results}"
        if self.stopped_by is not None:
            line += f"; stopped: {self.stopped_by}"
        print(line)
        if not self.is_complete:
            print(f"To continue: {self.again}")


def show_estimate(result: Estimate) -> None:
    """The estimate of a dry run, as a table and a line."""
    rows = []
    for prefix, parts in sorted(result.parts_by_prefix.items()):
        price = result.prices.get(prefix)
        covered = None if price is None else "yes" if price.covered else "no"
        rows.append((prefix, parts, covered, None if price is None else price.charge))
    show_table(("prefix", "parts", "covered", "credits a part"), rows)
    cost = "credits unknown: the gateway was not asked" if result.credits is None else f"{result.credits} credits"
    counts = f"{result.messages:,} messages, {result.parts:,} parts, {result.bad:,} bad rows"
    print(f"{counts}: {cost}; duplicates: {result.duplicates:,}")
