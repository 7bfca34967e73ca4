"""One-time codes for code without an event loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Self, Unpack

from clickasync.blocking.loop import call
from clickasync.options import MessageOptions
from clickasync.pins import PinSender as AsyncPinSender
from clickasync.pins import PinSent
from clickasync.redaction import hidden

if TYPE_CHECKING:
    from types import TracebackType

    from sqlalchemy import Engine
    from sqlalchemy.ext.asyncio import AsyncEngine

    from clickasync.blocking.client import Client
    from clickasync.pins import PinStore

__all__ = ["PinSender"]


class PinSender:
    """`clickasync.pins.PinSender` for code without an event loop: the same settings, and errors.

    >>> from clickasync import blocking
    >>> with blocking.Client(api_id=1, user="demo", password="demo") as sms:
    ...     pins = blocking.PinSender(sms)
    ...     sent = pins.send("27821234567")
    ...     print(pins.verify("27821234567", "not it"))
    False

    Raises: as `clickasync.pins.PinSender`.
    """

    def __init__(
        self,
        client: Client,
        *,
        store: PinStore | str | Engine | AsyncEngine | None = None,
        template: str = "Your code is {pin}",
        digits: int = 6,
        lifetime: float = 300,
        tries: int = 3,
        pause: float = 30,
        per_hour: int = 5,
        secret: str | bytes | None = None,
        purpose: str = "",
        clock: Callable[[], float] = time.time,
        **options: Unpack[MessageOptions],
    ) -> None:
        secret, store = hidden(secret), hidden(store)
        self._pins = AsyncPinSender(
            client.wrapped,
            store=store,
            template=template,
            digits=digits,
            lifetime=lifetime,
            tries=tries,
            pause=pause,
            per_hour=per_hour,
            secret=secret,
            purpose=purpose,
            clock=clock,
            **options,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections to a database that was given as a URL."""
        call(self._pins.aclose)

    def send(self, number: str) -> PinSent:
        """Send a new code: see `clickasync.pins.PinSender.send`."""
        return call(partial(self._pins.send, number))

    def verify(self, number: str, pin: str) -> bool:
        """Whether `pin` is the code that is alive for this number: see `clickasync.pins.PinSender.verify`."""
        return call(partial(self._pins.verify, number, pin))
