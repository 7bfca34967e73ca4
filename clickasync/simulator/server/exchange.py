"""One request and its response: what an ASGI app gets (`receive`, `send`), and what a fault gets (a `Wire`).

===========  ==================  =====================================================
an exchange  becomes             by
===========  ==================  =====================================================
silent       begun               the first piece of the app's body
begun        done                the last piece
silent       done                `write`, `keep`, `close` or `reset`: past the app's back
===========  ==================  =====================================================
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
import sys
from contextlib import suppress
from typing import Final, Protocol
from urllib.parse import unquote

import h11

from clickasync.simulator.server.asgi import App, Message

__all__ = ["MOST_HEAD", "WIRE", "Exchange", "Line"]

WIRE: Final = "clickasync.wire"
"""The name of the ASGI extension: its value is a `clickasync.simulator.faults.wire.Wire`."""
MOST_HEAD: Final = 64 * 1024
"""Bytes of the head of a request. 300 numbers in a query take some five thousand."""
MOST_WAITING: Final = 64 * 1024
"""Bytes of a body that wait for the app before no more are read."""

logger = logging.getLogger("clickasync.simulator")


class Line(Protocol):
    """What an exchange needs of its connection."""

    parser: h11.Connection
    transport: asyncio.Transport

    @property
    def app(self) -> App:
        """What answers."""

    @property
    def scheme(self) -> str:
        """http or https."""

    @property
    def is_stopping(self) -> bool:
        """Whether this response is the last one."""

    def write(self, event: h11.Event) -> None:
        """Send a part of the response."""

    async def drain(self) -> None:
        """Wait until what was sent has left, more or less."""

    def next_request(self, fresh: h11.Connection | None = None) -> None:
        """The response is complete."""


class Exchange:
    """One request and its response: `receive` and `send` for an app, and a `Wire` for a fault."""

    def __init__(self, connection: Line, request: h11.Request) -> None:
        self._connection = connection
        self._request = request
        self._body = bytearray()
        self._is_read = False
        """Whether the body has come to its end."""
        self._is_over = False
        """Whether the app has got that end."""
        self._has_left = False
        """Whether the client is gone, as far as the app shall know."""
        self._changed = asyncio.Event()
        self._start: Message | None = None
        self._state = "silent"
        """silent, begun, or done."""

    # -- what the connection calls ------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Let the app answer."""
        try:
            await self._connection.app(self._scope(), self.receive, self.send)
        except Exception:
            logger.exception("the simulator failed to answer a request")
            if self._state == "silent":
                await self._fail()
        if self._state != "done":
            self.close()

    def feed(self, data: bytes) -> None:
        """A piece of the body."""
        self._body += data
        if len(self._body) > MOST_WAITING:
            self._connection.transport.pause_reading()
        self._changed.set()

    def end(self) -> None:
        """The end of the body."""
        self._is_read = True
        self._changed.set()

    def leave(self) -> None:
        """The client is gone, or it shall seem so."""
        self._has_left = True
        self._changed.set()

    # -- what the app calls -------------------------------------------------------------------------------------------

    async def receive(self) -> Message:
        """ASGI's receive."""
        connection = self._connection
        if connection.parser.they_are_waiting_for_100_continue and self._state == "silent":
            connection.write(h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue"))
        while not (self._has_left or self._body or (self._is_read and not self._is_over)):
            self._changed.clear()
            await self._changed.wait()
        if self._has_left:
            return {"type": "http.disconnect"}
        body = bytes(self._body)
        self._body.clear()
        self._is_over = self._is_read
        if not self._is_read:
            connection.transport.resume_reading()
        return {"type": "http.request", "body": body, "more_body": not self._is_read}

    async def send(self, message: Message) -> None:
        """ASGI's send."""
        if self._connection.transport.is_closing() or self._state == "done":
            return
        if message["type"] == "http.response.start":
            self._start = message
            return
        if self._start is not None:
            self._begin(self._start)
            self._start = None
        self._go_on(bytes(message.get("body", b"")))
        if message.get("more_body", False):
            await self._connection.drain()
        else:
            self._state = "done"
            self._connection.write(h11.EndOfMessage())
            self._connection.next_request()

    def _begin(self, start: Message) -> None:
        headers = [*start.get("headers", ())]
        self._state = "begun"
        if self._connection.is_stopping:
            headers.append((b"connection", b"close"))
        self._connection.write(h11.Response(status_code=start["status"], headers=headers))

    def _go_on(self, body: bytes) -> None:
        if body and self._request.method != b"HEAD":
            self._connection.write(h11.Data(data=body))

    async def _fail(self) -> None:
        headers = [(b"content-length", b"0"), (b"connection", b"close")]
        await self.send({"type": "http.response.start", "status": 500, "headers": headers})
        await self.send({"type": "http.response.body"})

    # -- the wire -----------------------------------------------------------------------------------------------------

    @property
    def target(self) -> str:
        """What the request line asks for, as it stands there."""
        return self._request.target.decode("latin-1")

    def write(self, data: bytes) -> None:
        """Write bytes, past all that knows HTTP."""
        self._state = "done"
        self._connection.transport.write(data)

    async def drain(self) -> None:
        """Wait until what was written has left, more or less."""
        await self._connection.drain()

    def keep(self) -> None:
        """What was written is a whole answer; the connection lives on, unless the client wants it closed."""
        self._state = "done"
        if self._is_read and (b"connection", b"close") not in [(n, v.lower()) for n, v in self._request.headers]:
            self._connection.next_request(h11.Connection(h11.SERVER, max_incomplete_event_size=MOST_HEAD))
        else:
            self.close()

    def close(self) -> None:
        """Close the connection when what was written has left."""
        self._state = "done"
        self._connection.transport.close()

    def reset(self) -> None:
        """Reset the connection: the peer sees a RST."""
        self._state = "done"
        transport = self._connection.transport
        # On, and zero seconds: closing then throws away what is unsent, and says so to the peer.
        linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()

    async def wait(self, seconds: float) -> bool:
        """Wait, but not longer than the client stays; give whether it is still there."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self._has_left:
                    self._changed.clear()
                    await self._changed.wait()
        return not self._has_left

    def _scope(self) -> Message:
        request, transport = self._request, self._connection.transport
        target = request.target
        if not target.startswith(b"/") and b"://" in target:  # as clients ask a proxy
            target = b"/" + target.partition(b"://")[2].partition(b"/")[2]
        path, _, query = target.partition(b"?")
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": request.http_version.decode("ascii"),
            "method": request.method.decode("ascii"),
            "scheme": self._connection.scheme,
            "path": unquote(path.decode("latin-1")),
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": [(name, value) for name, value in request.headers],
            "client": (transport.get_extra_info("peername") or ("", 0))[:2],
            "server": (transport.get_extra_info("sockname") or ("", 0))[:2],
            "extensions": {WIRE: self},
        }
