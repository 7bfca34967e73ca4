"""What happens, as it happens, for those who want to know.

The gateway publishes an `Event` whenever something changed. A `Subscription` is a queue of them, for one reader in any
thread or event loop. Publishing never waits: a reader that is too slow loses the oldest events, and
`Subscription.missed` counts them. Without a subscription, publishing costs next to nothing.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Final, Literal, Self, TypeAlias

import anyio
from attrs import frozen

__all__ = ["Event", "Feed", "Kind", "Subscription"]

MOST_WAITING: Final = 10_000
"""Events that a subscription holds for a slow reader."""

Kind: TypeAlias = Literal[
    "message", "status", "refused", "fault", "inbound", "callback", "deleted", "changed", "clock", "reset"
]


@frozen
class Event:
    """Something that happened.

    ============  ================================================  ==================================
    kind          what happened                                     data
    ============  ================================================  ==================================
    ``message``   a message was accepted                            `Message`
    ``status``    a message took on another status                  `Message`
    ``refused``   a command was refused, or one of its recipients   `Refused`
    ``fault``     a fault was made                                  `Hit`
    ``inbound``   a handset wrote                                   `Received`
    ``callback``  a callback was tried                              `Attempt`
    ``deleted``   a message was deleted by hand                     its ID
    ``changed``   accounts, faults, sessions or batches changed     which of them
    ``clock``     time was advanced                                 the gateway's time
    ``reset``     all was forgotten                                 None
    ============  ================================================  ==================================
    """

    kind: Kind
    data: object


class Subscription:
    """The events from now on, until it is closed. Made by `Gateway.subscribe`.

    Loop over it with ``for`` (which waits in this thread) or with ``async for`` (asyncio and trio); or ask with `poll`
    or `wait`. One reader at a time.
    """

    def __init__(self, feed: Feed) -> None:
        self.missed = 0
        """Events that were lost since you last set it to 0, because they were not fetched in time."""
        self._feed = feed
        self._events: deque[Event] = deque()
        self._closed = False
        self._changed = threading.Condition()
        self._wake: Callable[[], object] = _nobody

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """No more events. Whoever waits for one stops waiting."""
        self._feed.remove(self)
        with self._changed:
            self._closed = True
        self._notify()

    def put(self, event: Event) -> None:
        """Take an event in."""
        with self._changed:
            if len(self._events) >= MOST_WAITING:
                self._events.popleft()
                self.missed += 1
            self._events.append(event)
        self._notify()

    def poll(self) -> list[Event]:
        """What has come since, without waiting."""
        with self._changed:
            events = list(self._events)
            self._events.clear()
            return events

    def wait(self, timeout: float | None = None) -> Event | None:
        """The next event; None if none came within `timeout` seconds, or it was closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._events or self._closed, timeout)
            return self._events.popleft() if self._events else None

    def __iter__(self) -> Iterator[Event]:
        while (event := self.wait()) is not None:
            yield event

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        await self.ready()
        with self._changed:
            if self._events:
                return self._events.popleft()
        raise StopAsyncIteration

    async def ready(self) -> None:
        """Wait, in an event loop, until there is an event or no more will come."""
        arrived = anyio.Event()
        run_soon = _run_soon()
        self._wake = lambda: run_soon(arrived.set)
        try:
            if not self._events and not self._closed:
                await arrived.wait()
        finally:
            self._wake = _nobody

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()
        with suppress(RuntimeError):  # the reader's event loop is over
            self._wake()


class Feed:
    """Those who want to know."""

    def __init__(self) -> None:
        self._subscriptions: tuple[Subscription, ...] = ()
        self._lock = threading.Lock()

    @property
    def has_readers(self) -> bool:
        """Whether anybody wants to know."""
        return bool(self._subscriptions)

    def subscribe(self) -> Subscription:
        """A new subscription."""
        subscription = Subscription(self)
        with self._lock:
            self._subscriptions += (subscription,)
        return subscription

    def remove(self, subscription: Subscription) -> None:
        """A subscription that is closed."""
        with self._lock:
            self._subscriptions = tuple(other for other in self._subscriptions if other is not subscription)

    def publish(self, kind: Kind, data: object = None) -> None:
        """Let all know."""
        if self._subscriptions:
            event = Event(kind, data)
            for subscription in self._subscriptions:
                subscription.put(event)


def _nobody() -> None:
    """Nobody waits in an event loop."""


def _run_soon() -> Callable[[Callable[[], object]], object]:
    """How another thread calls a function in this event loop."""
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_task():
        run: Callable[[Callable[[], object]], object] = trio.lowlevel.current_trio_token().run_sync_soon
        return run
    return asyncio.get_running_loop().call_soon_threadsafe
