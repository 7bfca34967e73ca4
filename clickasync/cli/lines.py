"""What happens in the simulator, a line each, on a terminal.

The lines are written by a thread that nobody waits for: where they go may be a pipe that nobody reads, and the gateway
answers all the same. What the thread cannot keep up with is lost, and it says how much that was.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from clickasync.cli.screen import clean
from clickasync.simulator import Event, Gateway, Message, Refused, Subscription
from clickasync.simulator.world.journal import Hit, Received

__all__ = ["printing"]

_LAST_LINES: Final = 1.0
"""Seconds that what has happened last may take to be written."""


@contextmanager
def printing(gateway: Gateway, descriptor: int = 1) -> Iterator[None]:
    """Write a line to a file descriptor for each message, as long as the block lasts."""
    events = gateway.subscribe()
    # A daemon, and no stream of Python's: a write that blocks must not hold up the end of the program.
    thread = threading.Thread(target=_print, args=(events, descriptor), name="clickasync-lines", daemon=True)
    thread.start()
    with events:
        yield
    thread.join(_LAST_LINES)


def _print(events: Subscription, descriptor: int) -> None:
    try:
        for event in events:
            if events.missed:
                _write(descriptor, f"({events.missed} lines are missing here: they came too fast)")
                events.missed = 0
            if line := _line(event):
                _write(descriptor, line)
    except OSError:  # nobody reads any more
        return


def _write(descriptor: int, line: str) -> None:
    data = f"{line}\n".encode("utf-8", "replace")
    while data:
        data = data[os.write(descriptor, data) :]


def _line(event: Event) -> str:
    match event.data:
        case Message(to=to, text=text, data=data, id=id) if event.kind == "message":
            return _row("to", to, text or f"(data) {data}", id)
        case Received(text=text, parts=(part, *_)):
            return _row("from", part.sender, text, part.id)
        case Refused(to=to, command=command, error=error, description=description):
            return _row("to", to or "", f"{command} refused: {error} {description}", "")
        case Hit(to=to, command=command, fault=fault):
            return _row("to", to or "", f"{command}: {fault}", "")
    return ""


def _row(direction: str, number: str, text: str, id: str) -> str:
    shown = clean(text)
    shown = f"{shown[:77]}…" if len(shown) > 78 else shown
    return f"{time.strftime('%H:%M:%S')}  {direction:<4} {clean(number)[:34]:<16}  {shown}  {id}".rstrip()
