"""Windows: when a campaign may send. No I/O: times are given.

A window is written ``"mon-fri 09:00-17:30 Africa/Johannesburg"``. The days and the end belong together: a window that
ends before it begins ends on the next day. It opens and closes by the clocks of its zone, summer time included.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from attrs import frozen

from clickasync.errors import InvalidOptionError

__all__ = ["Window", "next_span", "parse_window"]

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WRITTEN: Final = re.compile(
    r"(?:(?P<days>[a-z]{3}(?:[-,][a-z]{3})*)\s+)?"
    r"(?P<start>\d{1,2}:\d\d)\s*-\s*(?P<end>\d{1,2}:\d\d)"
    r"\s+(?P<zone>[A-Za-z][A-Za-z0-9_+/-]*)",
    re.IGNORECASE,
)
_LOOK_AHEAD: Final = 9  # days: a window that is open on one day of the week, from the day before on


@frozen
class Window:
    """When to send, week by week."""

    days: frozenset[int]
    """0 is Monday."""
    start: time
    end: time
    zone: ZoneInfo

    def span(self, day: date) -> tuple[float, float]:
        """When it opens and closes on `day`, in Unix seconds."""
        end_day = day if self.start < self.end else day + timedelta(days=1)
        opens = datetime.combine(day, self.start, self.zone)
        closes = datetime.combine(end_day, self.end, self.zone)
        return opens.timestamp(), closes.timestamp()


def parse_window(written: str) -> Window:
    """A window as people write it.

    >>> parse_window("mon-fri 09:00-17:30 Europe/Berlin").start
    datetime.time(9, 0)

    Raises:
        InvalidOptionError: it is none; the message says what would be right.
    """
    found = _WRITTEN.fullmatch(written.strip()) if isinstance(written, str) else None
    try:
        if found is None:
            raise ValueError  # told below, as all that is wrong with it
        start, end = (time.fromisoformat(found[name].zfill(5)) for name in ("start", "end"))
        days = _days(found["days"])
        zone = ZoneInfo(found["zone"])
    except (ValueError, KeyError, OSError):  # ZoneInfo: no such zone, or a folder of zones
        raise InvalidOptionError(
            f"a window must be days, times and a time zone, as in 'mon-fri 09:00-17:30 Europe/Berlin' or "
            f"'08:00-20:00 UTC', not {written!r}"
        ) from None
    return Window(days, start, end, zone)


def _days(written: str | None) -> frozenset[int]:
    if written is None:
        return frozenset(range(7))
    days: set[int] = set()
    for part in written.lower().split(","):
        first, *rest = (_DAYS.index(name) for name in part.split("-"))
        if len(rest) > 1:
            raise ValueError(part)
        last = rest[0] if rest else first
        days.update((first + step) % 7 for step in range((last - first) % 7 + 1))
    return frozenset(days)


def next_span(windows: Iterable[Window], now: float) -> tuple[float, float]:
    """When sending is possible next, or now: from when and until when, in Unix seconds.

    Windows that touch are one span, as far as nine days ahead.
    """
    spans: list[tuple[float, float]] = []
    for window in windows:
        today = datetime.fromtimestamp(now, UTC).astimezone(window.zone).date()
        for ahead in range(-1, _LOOK_AHEAD):
            day = today + timedelta(days=ahead)
            if day.weekday() in window.days:
                spans.append(window.span(day))
    spans = sorted(span for span in spans if span[1] > now)
    opens, closes = spans[0]
    for start, end in spans[1:]:
        if start > closes:
            break
        closes = max(closes, end)
    return opens, closes
