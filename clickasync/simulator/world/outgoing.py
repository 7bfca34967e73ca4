"""The callbacks that wait, and those that were tried.

======================  ======================================================================================
a notification          becomes
======================  ======================================================================================
waiting                 under way, when it is due and `take_due` hands it out
under way               an `Attempt`, when `attempted` says how it went
an attempt that failed  waiting again as the schedule of its event says, until that ends
======================  ======================================================================================
"""

from __future__ import annotations

from collections import deque
from typing import Final

from clickasync.simulator.world.agenda import Agenda
from clickasync.simulator.world.events import Attempt, Notification, Outcome

__all__ = ["Outgoing"]

MOST_WAITING: Final = 100_000


class Outgoing:
    """The gateway's callbacks.

    Args:
        keep: how many attempts are kept.
    """

    def __init__(self, keep: int) -> None:
        self.waiting: Agenda[Notification] = Agenda()
        self.attempts: deque[Attempt] = deque(maxlen=keep)
        self._under_way: dict[int, Notification] = {}

    def add(self, due: float, notification: Notification) -> None:
        """Let a callback wait. Where too many wait already, it is lost."""
        if len(self.waiting) < MOST_WAITING:
            self.waiting.add(due, notification)

    def take_due(self, now: float) -> list[Notification]:
        """Hand out what is due. For each, say by `attempted` how it went."""
        due = list(self.waiting.take_due(now))
        self._under_way.update({id(notification): notification for notification in due})
        return due

    def attempted(self, notification: Notification, outcome: Outcome, *, number: int, now: float) -> Attempt | None:
        """Note a try, and let the next one wait if it failed. None if all was forgotten in the meantime."""
        if self._under_way.pop(id(notification), None) is None:
            return None
        delay = None if outcome.is_success else notification.retry_delay
        next_at = None if delay is None else now + delay
        if next_at is not None:
            self.add(next_at, notification.again())
        attempt = Attempt(number, notification, outcome, now, next_at)
        self.attempts.append(attempt)
        return attempt

    def is_busy(self, now: float) -> bool:
        """Whether callbacks are due, or under way."""
        next_due = self.waiting.next_due()
        return bool(self._under_way) or (next_due is not None and next_due <= now)

    def clear(self) -> None:
        """Forget all of it, and what is under way."""
        self.waiting.clear()
        self.attempts.clear()
        self._under_way.clear()
