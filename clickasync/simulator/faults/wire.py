"""Faults that only a connection can show: resets, cut replies, silence, a reply that nobody asked for.

Each is a value with a method `act`, which the server calls with the connection and the reply as it would have stood on
it. The server's own protocol does this, below ASGI: an ASGI app cannot reset a connection, and a 500 is no reset.
"""

from __future__ import annotations

import secrets
from typing import Protocol, runtime_checkable

from attrs import frozen

__all__ = ["Cut", "Hang", "Reset", "Second", "Wire", "WireFault", "reply_bytes"]


class Wire(Protocol):
    """A connection on which a request was read and nothing was answered yet.

    `write` writes bytes as they are. One of the other three ends it: `keep` waits for the next request, `close` ends
    the connection in good order (a FIN after what was sent), `reset` breaks it (a RST, what was not read is lost).
    """

    def write(self, data: bytes) -> None:
        """Write bytes."""

    async def drain(self) -> None:
        """Wait until what was written has left, more or less."""

    def keep(self) -> None:
        """The answer is complete; the connection lives on."""

    def close(self) -> None:
        """Close the connection."""

    def reset(self) -> None:
        """Reset the connection."""

    async def wait(self, seconds: float) -> bool:
        """Wait, but not longer than the client stays; give whether it is still there."""


@runtime_checkable
class WireFault(Protocol):
    """What goes wrong on a connection."""

    async def act(self, wire: Wire, reply: bytes) -> None:
        """Do it, in the place of sending `reply` (head and body)."""

    def describe(self) -> str:
        """The fault in a few words."""


@frozen
class Reset:
    """The connection is reset without a byte of a reply."""

    async def act(self, wire: Wire, reply: bytes) -> None:
        """Do it."""
        wire.reset()

    def describe(self) -> str:
        """The fault in a few words."""
        return "connection reset"


@frozen
class Cut:
    """The reply ends in the middle of its body, and the connection with it. The head promises all of it."""

    async def act(self, wire: Wire, reply: bytes) -> None:
        """Do it."""
        head, blank, body = reply.partition(b"\r\n\r\n")
        wire.write(head + blank + body[: len(body) // 2])
        wire.close()

    def describe(self) -> str:
        """The fault in a few words."""
        return "reply cut off"


@frozen
class Hang:
    """Nothing is said for so many seconds; then the connection is closed."""

    seconds: float

    async def act(self, wire: Wire, reply: bytes) -> None:
        """Do it."""
        await wire.wait(self.seconds)
        wire.close()

    def describe(self) -> str:
        """The fault in a few words."""
        return f"no reply for {self.seconds:g} s"


@frozen
class Second:
    """Behind the reply comes another one, of the same form, that nobody asked for. The connection lives on."""

    async def act(self, wire: Wire, reply: bytes) -> None:
        """Do it."""
        wire.write(reply + reply_bytes(f"ID: {secrets.token_hex(16)}"))
        wire.keep()

    def describe(self) -> str:
        """The fault in a few words."""
        return "a second reply that nobody asked for"


def reply_bytes(text: str) -> bytes:
    """A reply of the gateway as it stands on a connection."""
    body = text.encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body
