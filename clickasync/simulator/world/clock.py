"""The gateway's clock: as fast as one likes, and moved forward by hand."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Clock"]


class Clock:
    """Seconds since some moment. Durations run on it: the life of a session, deliveries, retries.

    The calendar (a `scheduled_time`, the time stamp of a callback) is the real one, because callers live in it.

    Args:
        source: seconds; by default the machine's monotonic clock.
        speed: how many seconds pass here while one passes in `source`.
        calendar: Unix seconds.
    """

    def __init__(
        self,
        source: Callable[[], float] | None = None,
        *,
        speed: float = 1.0,
        calendar: Callable[[], float] = time.time,
    ) -> None:
        self.speed = speed
        self.calendar = calendar
        self._source = source or time.monotonic
        self._advanced = 0.0
        self._epoch: float | None = None

    @property
    def epoch(self) -> float:
        """What to add to a time of this clock to have a time of day: the real one, until somebody moves the clock."""
        if self._epoch is None:  # not before somebody asks: the source may need an event loop
            self._epoch = self.calendar() - self._source() * self.speed
        return self._epoch

    def now(self) -> float:
        """The time, in the gateway's seconds."""
        return self._source() * self.speed + self._advanced

    def advance(self, seconds: float) -> None:
        """Let that much time pass at once."""
        self._advanced += seconds
