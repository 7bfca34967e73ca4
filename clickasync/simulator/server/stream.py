"""What happens, as a stream of server-sent events.

It begins with ``hello``: the clock, and which gateway this is, so that a page that comes back after a restart knows
that all it has is gone. ``pulse`` says the time every two seconds. A reader who is too slow gets ``missed``, and asks
for what it lacks at ``/simulator/log``.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Final

import anyio
from starlette.responses import StreamingResponse

from clickasync.simulator.gateway import Gateway
from clickasync.simulator.server import views
from clickasync.simulator.world.feed import Event, Subscription

__all__ = ["event_stream"]

PULSE: Final = 2.0
"""Seconds."""
RETRY: Final = 500
"""Milliseconds after which a reader comes back whose connection broke."""
GATHER: Final = 0.02
"""Seconds in which events are gathered, so that a burst of them is not a packet each."""
_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def event_stream(gateway: Gateway) -> StreamingResponse:
    """The stream, from now on."""
    return StreamingResponse(_lines(gateway, gateway.subscribe()), media_type="text/event-stream", headers=_HEADERS)


async def _lines(gateway: Gateway, events: Subscription) -> AsyncIterator[str]:
    with events:
        yield f"retry: {RETRY}\n" + _line("hello", {"run": gateway.world.journal.run, "clock": views.clock(gateway)})
        while True:
            with anyio.move_on_after(PULSE) as waiting:
                await events.ready()
            if waiting.cancelled_caught:
                yield _line("pulse", views.clock(gateway))
                continue
            await anyio.sleep(GATHER)
            come = events.poll()
            if events.missed:
                events.missed = 0
                yield _line("missed", {})
            yield "".join(_rendered(gateway, event) for event in come)


def _rendered(gateway: Gateway, event: Event) -> str:
    match event.kind:
        case "message" | "status":
            return _line(event.kind, views.entry(event.data))
        case "refused" | "fault" | "inbound" | "callback":
            return _line(event.kind, views.entry(event.data))
        case "clock" | "reset":
            return _line(event.kind, views.clock(gateway))
        case _:
            return _line(event.kind, {"what": event.data})


def _line(kind: str, data: object) -> str:
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n"
