"""Waiting for a delivery: by asking with growing pauses, which the reports that a receiver hands over cut short."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import anyio

from clickasync.codes import MessageStatus
from clickasync.results import MessageState

__all__ = ["DeliveryWatch", "Report"]

_REMEMBERED: Final = 10_000
"""Final reports that are kept for those who ask a little later than the report came."""
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 30.0


class Report(Protocol):
    """What is needed of a delivery report."""

    @property
    def id(self) -> str: ...
    @property
    def status(self) -> MessageStatus: ...


class DeliveryWatch:
    """Final statuses as they are reported, and those who wait for them."""

    def __init__(self) -> None:
        self._final: OrderedDict[str, MessageState] = OrderedDict()
        self._waiting: dict[str, set[anyio.Event]] = {}

    def report(self, report: Report) -> None:
        """A report came in."""
        if report.status.is_final:
            self._final[report.id] = MessageState(report.id, report.status)
            while len(self._final) > _REMEMBERED:
                self._final.popitem(last=False)
            for event in self._waiting.get(report.id, ()):
                event.set()

    @property
    def waiting(self) -> int:
        """How many messages are waited for."""
        return len(self._waiting)

    async def wait(self, id: str, ask: Callable[[], Awaitable[MessageState]]) -> MessageState:
        """Wait for the final status of a message.

        It is asked for at once and then with growing pauses, whether reports come or not: one may be lost, or go to
        another process. A report only makes it sooner.
        """
        reported = anyio.Event()
        self._waiting.setdefault(id, set()).add(reported)
        pause = _FIRST_PAUSE
        try:
            while id not in self._final:
                state = await ask()
                if state.status.is_final:
                    return state
                with anyio.move_on_after(pause):
                    await reported.wait()
                pause = min(pause * 2, _LONGEST_PAUSE)
            return self._final[id]
        finally:
            self._waiting[id].discard(reported)
            if not self._waiting[id]:
                del self._waiting[id]
