"""A callback, as an observer sees it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import anyio
from attrs import evolve

from clickasync.callbacks.asgi import Answer
from clickasync.callbacks.models import DeliveryReport, InboundMessage
from clickasync.observe import CallEnded, CallStarted, Observer, begin, finish

__all__ = ["observed"]

Event: TypeAlias = DeliveryReport | InboundMessage | Answer

_COMMANDS: Final[dict[type[Event], str]] = {
    DeliveryReport: "report",
    InboundMessage: "message",
    Answer: "callback",  # it brought no event, and its answer stands
}


async def observed(observer: Observer, event: Event, handle: Callable[[Event], Awaitable[Answer]]) -> Answer:
    """Handle a callback while `observer` watches."""
    end = begin(observer, CallStarted(_COMMANDS[type(event)], 0, 0, "", 1))
    since = anyio.current_time()
    ended = CallEnded("cancelled")
    try:
        answer = await handle(event)
        ended = CallEnded("done")
        if answer.status != 200:
            ended = CallEnded("rejected", error=answer.error, code=str(answer.status))
    finally:
        finish(end, evolve(ended, seconds=anyio.current_time() - since))
    return answer
