"""`Outages`: what the lanes of a worker know together of a gateway that cannot be reached. No I/O of its own.

Nothing is lost while it cannot be reached: calls are released, and the worker waits, longer each time, as `bulk` does.
"""

from __future__ import annotations

import asyncio
import time

from clickasync.bulk.outage import Outage
from clickasync.errors import ClickatellError

__all__ = ["Outages"]


class Outages:
    """How long to wait before the next request, and when to give up.

    Args:
        patience: seconds without success after which the worker ends; None: never.
    """

    def __init__(self, patience: float | None) -> None:
        self._patience = patience
        self._outage = Outage(float("inf") if patience is None else patience)
        self.gave_up: ClickatellError | None = None
        """Why the worker ends, if patience is lost."""
        self.reason: str | None = None
        """What the first request said that did not get through; None once the gateway answers."""

    @property
    def is_on(self) -> bool:
        """Whether the gateway has not answered since it could not be reached."""
        return self._outage.is_on

    async def wait(self) -> None:
        """Wait until a request may be tried."""
        while (left := self._outage.resume_at - time.monotonic()) > 0.0 and self.gave_up is None:
            await asyncio.sleep(min(left, 0.5))

    def end(self) -> None:
        """The gateway answered."""
        self._outage.end()
        self.reason = None

    def note(self, error: ClickatellError) -> None:
        """A request did not get through."""
        self.reason = self.reason or str(error)
        if not self._outage.wait(time.monotonic(), getattr(error, "retry_after", None)) and self.gave_up is None:
            self.gave_up = error

    def delay(self, error: ClickatellError) -> None:
        """The gateway's infrastructure asked to wait."""
        self._outage.delay(time.monotonic(), getattr(error, "retry_after", None))
