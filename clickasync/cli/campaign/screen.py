"""How a campaign looks: one screen, still or live."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final

import attrs
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from clickasync.cli.screen import clean, console, table
from clickasync.errors import ConfigurationError

if TYPE_CHECKING:
    from clickasync.campaigns import Campaign, Status

__all__ = ["as_json", "only_json_or_watch", "overview", "picture", "watch"]

_LOOK_SECONDS: Final = 1.0
_REMEMBERED: Final = 10
_MOST_ERRORS: Final = 8
_OUTCOMES: Final = ("accepted", "rejected", "uncertain", "suppressed", "skipped")


def as_json(status: Status) -> dict[str, Any]:
    """The attributes, by their names."""
    return {**attrs.asdict(status), "workers": [attrs.asdict(worker) for worker in status.workers]}


def picture(status: Status, rate: float | None = None) -> Group:
    """A campaign on a screen: how far, what became of them, who works, and why nothing moves."""
    done = status.done
    percent = 100.0 * done / status.recipients if status.recipients else 100.0
    head = Table.grid(padding=(0, 2))
    head.add_row(Text(clean(status.name), style="bold"), Text(status.state), Text(f"{done:,} of {status.recipients:,}"))
    lines = [_bar(percent)]
    if rate:
        left = (status.ready + status.out) / rate
        lines.append(Text(f"{rate:,.0f} a second, {_duration(left)} left"))
    counts = ", ".join(f"{getattr(status, name):,} {name}" for name in _OUTCOMES if getattr(status, name))
    lines.append(Text(counts or "nothing sent yet"))
    if status.out:
        lines.append(Text(f"{status.out:,} under way"))
    if status.delivered or status.failed or status.charge:
        lines.append(
            Text(f"{status.delivered:,} delivered, {status.failed:,} not delivered, {status.charge} credits so far")
        )
    if status.bad_rows or status.duplicates:
        lines.append(Text(f"{status.bad_rows:,} bad rows, {status.duplicates:,} numbers that came before"))
    parts: list[Any] = [head, *lines]
    if status.errors:
        parts.append(_errors(status))
    if status.workers:
        parts.append(_workers(status))
    if status.waits_for is not None:
        parts.append(Text(clean(f"Nothing moves: {status.waits_for}"), style="yellow"))
    return Group(*parts)


def _bar(percent: float) -> Text:
    full = int(percent * 0.4)
    return Text("━" * full, style="green") + Text("─" * (40 - full), style="dim") + Text(f" {percent:.1f} %")


def _errors(status: Status) -> Table:
    made = table("error", "recipients")
    for error, count in list(status.errors.items())[:_MOST_ERRORS]:
        made.add_row(Text(clean(error)), Text(f"{count:,}"))
    return made


def _workers(status: Status) -> Table:
    made = table("worker", "host", "process", "last beat", "in hand")
    for worker in status.workers:
        style = None if worker.is_alive else "red"
        beat = f"{worker.last_beat:.1f} s ago" if worker.is_alive else f"{worker.last_beat:.0f} s ago: taken for dead"
        cells = (worker.id, worker.host, worker.pid, beat, worker.in_hand)
        made.add_row(*(Text(clean(cell)) for cell in cells), style=style)
    return made


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def overview(statuses: list[Status]) -> Table:
    """All campaigns, a line each."""
    made = table("campaign", "state", "done", "of", "accepted", "rejected", "uncertain", "why nothing moves")
    for status in statuses:
        numbers = (status.done, status.recipients, status.accepted, status.rejected, status.uncertain)
        waits = status.waits_for or ""
        made.add_row(*(Text(clean(cell)) for cell in (status.name, status.state, *map("{:,}".format, numbers), waits)))
    return made


async def watch(campaign: Campaign, *, until_done: bool = True) -> Status:
    """Show a campaign live, on stderr, until it is done."""
    seen: deque[tuple[float, int]] = deque(maxlen=_REMEMBERED)
    with Live(console=console(sys.stderr), auto_refresh=False, transient=not until_done) as live:
        while True:
            status = await campaign.status()
            seen.append((time.monotonic(), status.done))
            (then, before), (now, done) = seen[0], seen[-1]
            rate = (done - before) / (now - then) if now > then else None
            live.update(picture(status, rate), refresh=True)
            if until_done and status.state in ("done", "cancelled") and not status.out:
                return status
            await asyncio.sleep(_LOOK_SECONDS)


def only_json_or_watch(*, as_json: bool, watching: bool) -> None:
    """Raise if both were asked for.

    Raises:
        ConfigurationError: they do not go together.
    """
    if as_json and watching:
        raise ConfigurationError("--json and --watch do not go together; ask for --json again and again")
