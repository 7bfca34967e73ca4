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
from clickasync.cli.bulk.standing import Stand, Standing
from clickasync.cli.screen import console, notice, show_table
from clickasync.cli.typed import words
from clickasync.errors import ClickatellError
from clickasync.recipients import BadRow, Row

__all__ = ["BadRows", "Rate", "Summary", "in_words", "progress_bar", "show_estimate"]

_MOST_BAD_ROWS: Final = 20
_KINDS: Final = (Stand.ACCEPTED, Stand.REJECTED, Stand.UNCERTAIN, Stand.SKIPPED)
_ALL: Final = (*_KINDS, Stand.DUPLICATE)


class BadRows:
    """Shows bad rows by their lines: the first few of them, and how many more there are."""

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, row: Row | BadRow, error: ClickatellError) -> None:
        """Another one."""
        self.seen += 1
        if self.seen <= _MOST_BAD_ROWS:
            notice(f"line {row.line}: {words(error)}")

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
def progress_bar(
    standing: Standing, total: int, *, visible: bool, is_away: Callable[[], bool] = lambda: False
) -> Iterator[None]:
    """A live bar while the block lasts, where somebody watches. It reads `standing` by itself.

    Args:
        is_away: says whether the gateway cannot be reached just now.
    """
    if not (visible and sys.stderr.isatty()):
        yield
        return
    bar = _Bar(standing, total, is_away)
    with bar:
        yield


class _Bar(Progress):
    """A bar that looks how far the run is whenever it is drawn, so that the run needs to know no bar."""

    def __init__(self, standing: Standing, total: int, is_away: Callable[[], bool]) -> None:
        self._standing = standing
        self._before = standing.lines
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
        self._bar = self.add_task("sending", total=total, counts="")

    def get_renderables(self) -> Any:
        """Drawn now."""
        if not self._is_away():
            self._away_since = None
        elif self._away_since is None:
            self._away_since = time.strftime("%H:%M:%S")
        does = "sending" if self._away_since is None else f"the gateway cannot be reached since {self._away_since}"
        for task in self.tasks:
            done = self._standing.lines - self._before
            if (done, does) != (task.completed, task.description):
                self.update(task.id, completed=done, description=does, counts=in_words(self._standing))
        return super().get_renderables()


def in_words(standing: Standing) -> str:
    """The counts in words."""
    counts = standing.counts
    return ", ".join(f"{counts[kind]:,} {kind.name.lower()}" for kind in _ALL if counts[kind]) or "nothing sent"


@frozen
class Summary:
    """The end of a run: its counts add up to all rows."""

    standing: Standing
    rows: int
    duplicates: int
    """How many rows have a number that stands in an earlier one, sent to or not."""
    results: str
    seconds: float
    stopped_by: Exception | None
    again: str
    """The command that continues the run."""

    @property
    def not_told(self) -> int:
        """Rows that no result was written of: they were not tried yet."""
        return self.rows - sum(self.standing.counts[kind] for kind in _ALL)

    @property
    def is_complete(self) -> bool:
        """Whether all was tried that could be."""
        return self.stopped_by is None and self.not_told == 0 == self.standing.counts[Stand.SKIPPED]

    def as_fields(self) -> dict[str, Any]:
        """For JSON."""
        counts = self.standing.counts
        return {
            "rows": self.rows,
            **{kind.name.lower(): counts[kind] for kind in _KINDS},
            "not_told": self.not_told,
            "duplicates": self.duplicates,
            "dropped": counts[Stand.DUPLICATE],
            "results": self.results,
            "seconds": round(self.seconds, 3),
            "stopped_by": None if self.stopped_by is None else words(self.stopped_by),
            "continue": None if self.is_complete else self.again,
        }

    def show(self) -> None:
        """For people."""
        counts = in_words(self.standing) + (f", {self.not_told:,} not sent yet" if self.not_told else "")
        line = f"{self.rows:,} rows in {self.seconds:.1f} s: {counts}"
        if self.duplicates and not self.standing.counts[Stand.DUPLICATE]:
            line += f"; duplicates: {self.duplicates:,}"
        line += f"; see {self.results}"
        if self.stopped_by is not None:
            line += f"; stopped: {words(self.stopped_by)}"
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
