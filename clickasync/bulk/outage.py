"""`Outage`: how long a run waits for a gateway that cannot be reached, and when it looks again. No I/O."""

from __future__ import annotations

from clickasync.core.retrying import backoff
from clickasync.law import LONGEST_PAUSE

__all__ = ["Outage"]


class Outage:
    """What the calls of a run know of the gateway together.

    Args:
        patience: seconds without success after which a run gives up.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._since: float | None = None
        self._tries = 0
        self.resume_at = float("-inf")
        """Nothing goes out before."""

    @property
    def is_on(self) -> bool:
        """Whether the gateway has not answered since it could not be reached."""
        return self._since is not None

    def end(self) -> None:
        """The gateway answered."""
        self._since = None
        self._tries = 0

    def wait(self, now: float, retry_after: float | None) -> bool:
        """A call was certainly not sent: whether to try it again, once `resume_at` has come."""
        if self._since is None:
            self._since = now
        deadline = self._since + self._patience
        asked_until = now + (retry_after or 0.0)
        if now >= deadline or asked_until > deadline:
            return False
        if now >= self.resume_at:  # the first of those that failed together
            self._tries += 1
            self.resume_at = min(now + backoff(self._tries), deadline)
        self.resume_at = max(self.resume_at, asked_until)
        return True

    def delay(self, now: float, retry_after: float | None) -> None:
        """The gateway's infrastructure asked to wait (a Retry-After on 503)."""
        if retry_after:
            self.resume_at = max(self.resume_at, now + min(retry_after, self._patience or LONGEST_PAUSE))
