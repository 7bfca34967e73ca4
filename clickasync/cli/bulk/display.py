"""What a person sees of a bulk run: a progress bar, the bad rows, the end. On stderr, but for the summary."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from clickasync.cli.bulk.dry_run import Estimate
from clickasync.cli.bulk.standing import Stand, Standing
from clickasync.cli.screen import console, notice, show_table
from clickasync.recipients import BadRow, Row

__all__ = ["BadRows", "Rate", "progress_bar", "show_estimate", "summary", "told"]

_MOST_BAD_ROWS: Final = 20
_KINDS: Final = (Stand.ACCEPTED, Stand.REJECTED, Stand.UNCERTAIN, Stand.SKIPPED)


class BadRows:
    """Tells of bad rows by their lines: the first few of them, and how many more there are."""

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, row: Row | BadRow, error: str) -> None:
        """Another one."""
        self.seen += 1
        if self.seen <= _MOST_BAD_ROWS:
            notice(f"line {row.line}: {error}")

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
def progress_bar(standing: Standing, total: int, *, visible: bool) -> Iterator[None]:
    """A live bar while the block lasts, where somebody watches. It reads `standing` by itself."""
    if not (visible and sys.stderr.isatty()):
        yield
        return
    bar = _Bar(standing, total)
    with bar:
        yield


class _Bar(Progress):
    """A bar that asks how far the run is whenever it is drawn, so that the run need not tell it."""

    def __init__(self, standing: Standing, total: int) -> None:
        self._standing = standing
        self._before = standing.lines
        super().__init__(
            TextColumn("sending"),
            BarColumn(),
            MofNCompleteColumn(),
            Rate(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[told]}"),
            console=console(sys.stderr),
        )
        self._bar = self.add_task("sending", total=total, told="")

    def get_renderables(self) -> Any:
        """Drawn now."""
        for task in self.tasks:
            done = self._standing.lines - self._before
            if done != task.completed:
                self.update(task.id, completed=done, told=told(self._standing))
        return super().get_renderables()


def told(standing: Standing) -> str:
    """The counts in words."""
    counts = standing.counts
    return ", ".join(f"{counts[kind]:,} {kind.name.lower()}" for kind in _KINDS if counts[kind]) or "nothing sent"


def summary(
    standing: Standing, rows: int, results: str, seconds: float, stopped_by: Exception | None
) -> dict[str, Any]:
    """The end of a run, for JSON."""
    counts = standing.counts
    return {
        "rows": rows,
        **{kind.name.lower(): counts[kind] for kind in _KINDS},
        "not_told": rows - sum(counts[kind] for kind in _KINDS),
        "results": results,
        "seconds": round(seconds, 3),
        "stopped_by": None if stopped_by is None else str(stopped_by),
    }


def show_estimate(result: Estimate) -> None:
    """The estimate of a dry run, as a table and a line."""
    rows = []
    for prefix, parts in sorted(result.parts_by_prefix.items()):
        price = result.prices.get(prefix)
        covered = None if price is None else "yes" if price.covered else "no"
        rows.append((prefix, parts, covered, None if price is None else price.charge))
    show_table(("prefix", "parts", "covered", "credits a part"), rows)
    cost = "credits unknown: the gateway was not asked" if result.credits is None else f"{result.credits} credits"
    print(f"{result.messages} messages, {result.parts} parts, {result.bad} bad rows: {cost}")
