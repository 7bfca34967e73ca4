"""A rate limit: recipients a second, smooth, on the event loop's clock."""

from __future__ import annotations

import anyio

from clickasync.background import Place, arrive

__all__ = ["RateLimit"]


class RateLimit:
    """Lets `per_second` recipients pass a second.

    Each call takes the time of its recipients from one line of time; the next one starts where it ends. Nothing is
    saved up while nobody sends, so there are no bursts.
    """

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second
        self._free_at = float("-inf")
        self._place: Place | None = None

    async def take(self, recipients: int) -> float:
        """Wait until a call of so many recipients may go out; gives the seconds that it took."""
        place = arrive(self._place)
        if place is not self._place:  # another event loop, with another clock
            self._place, self._free_at = place, float("-inf")
        now = place.now()
        start = max(now, self._free_at)
        self._free_at = start + recipients / self.per_second
        if start > now:
            await anyio.sleep_until(start)
        return start - now
