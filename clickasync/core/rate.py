"""A rate limit: recipients a second, smooth, on the event loop's clock."""

from __future__ import annotations

import anyio

from clickasync.background import Place, arrive

__all__ = ["RateLimit"]


class RateLimit:
    """Lets `per_second` recipients pass a second.

    Calls stand in line. Each takes the time of its recipients when its turn has come, so that who leaves the line, a
    call with a deadline of the user's, takes none. Nothing is saved up while nobody sends: there are no bursts.
    """

    _line: anyio.Lock

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second
        self._free_at = float("-inf")
        self._place: Place | None = None

    async def take(self, recipients: int) -> float:
        """Wait until a call of so many recipients may go out; gives the seconds that it took."""
        place = arrive(self._place)
        if place is not self._place:  # another event loop, with another clock
            self._place, self._free_at = place, float("-inf")
            self._line = anyio.Lock(fast_acquire=True)
        came = place.now()
        async with self._line:
            start = max(place.now(), self._free_at)
            if start > place.now():
                await anyio.sleep_until(start)
            self._free_at = start + recipients / self.per_second
        return place.now() - came
