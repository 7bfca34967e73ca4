"""HTTP/1.1 on a socket: an ASGI server in small, with a door below ASGI for the faults of a connection.

h11 reads and writes HTTP. What is here is who acts when, and `Exchange`, which is both what an ASGI app gets
(`receive`, `send`) and the `Wire` for those who must break it: reset the connection, cut a reply, send one that nobody
asked for. An app finds it in ``scope["extensions"][WIRE]``. Under another server it is not there.

===========  ==========================  ================================================================
a connection becomes                     by
===========  ==========================  ================================================================
idle         answering                   the head of a request
answering    idle                        the end of the response, where both sides keep the connection
answering    closed                      the end of the response, where one of them does not; a fault
any          closed                      the client; `IDLE` seconds without a whole request; `Server.stop`
===========  ==========================  ================================================================
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Final, cast
from urllib.parse import unquote

import h11

from clickasync.simulator.server.asgi import App, Lifespan, Message

__all__ = ["WIRE", "Exchange", "Server"]

WIRE: Final = "clickasync.wire"
"""The name of the ASGI extension: its value is a `clickasync.simulator.faults.wire.Wire`."""
IDLE: Final = 75.0
"""Seconds that a connection may take to send a whole request."""
GRACE: Final = 1.0
"""Seconds that answers under way have left when the server stops."""
MOST_HEAD: Final = 64 * 1024
"""Bytes of the head of a request. 300 numbers in a query take some five thousand."""
MOST_WAITING: Final = 64 * 1024
"""Bytes of a body that wait for the app before no more are read."""

logger = logging.getLogger("clickasync.simulator")


class Server:
    """An ASGI app on a bound socket, until `stop`.

    Args:
        app: the app; its lifespan is kept.
        bound: a socket to listen with.
        tls: for HTTPS.
        on_listening: called when connections are taken.
    """

    def __init__(
        self,
        app: App,
        bound: socket.socket,
        *,
        tls: ssl.SSLContext | None = None,
        on_listening: Callable[[], object] = lambda: None,
    ) -> None:
        self.app = app
        self.scheme = "https" if tls else "http"
        self.made = 0
        """How many connections there ever were."""
        self.open: set[Connection] = set()
        """The connections that there are."""
        self.is_stopping = False
        self._bound = bound
        self._tls = tls
        self._on_listening = on_listening

    async def run(self) -> None:
        """Serve until `stop`."""
        self._loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        async with Lifespan(self.app):
            listener = await self._loop.create_server(
                lambda: Connection(self), sock=self._bound, ssl=self._tls, backlog=512
            )
            try:
                self._on_listening()
                await self._stopped.wait()
            finally:
                listener.close()
                await self._close_all()

    def stop(self) -> None:
        """Let `run` return; from any thread, once it listens."""
        with suppress(RuntimeError):  # it has returned already
            self._loop.call_soon_threadsafe(self._stopped.set)

    async def _close_all(self) -> None:
        self.is_stopping = True
        for connection in list(self.open):
            connection.leave()
        tasks = [connection.task for connection in self.open if connection.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=GRACE)
        for task in tasks:
            task.cancel()
        for connection in list(self.open):
            connection.transport.abort()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)


class Connection(asyncio.Protocol):
    """One client's connection."""

    transport: asyncio.Transport

    def __init__(self, server: Server) -> None:
        self.server = server
        self.h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=MOST_HEAD)
        self.task: asyncio.Task[None] | None = None
        self._exchange: Exchange | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._timer: asyncio.TimerHandle | None = None

    # -- what asyncio calls -------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.server.made += 1
        self.server.open.add(self)
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self.server.open.discard(self)
        self._stop_timer()
        self._writable.set()
        if self._exchange is not None:
            self._exchange.leave()

    def data_received(self, data: bytes) -> None:
        self.h11.receive_data(data)
        self.read()

    def eof_received(self) -> None:
        """The client has gone; asyncio closes the connection."""

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    # -- what an exchange needs ---------------------------------------------------------------------------------------

    def read(self) -> None:
        """Take out of h11 what has come."""
        try:
            while not self.transport.is_closing():
                event = self.h11.next_event()
                if event is h11.NEED_DATA:
                    return
                if event is h11.PAUSED:  # the next request, before the answer to this one
                    self.transport.pause_reading()
                    return
                self._take(event)
        except h11.RemoteProtocolError as error:
            self._refuse(error.error_status_hint)

    def write(self, event: h11.Event) -> None:
        """Send a part of the response."""
        data = self.h11.send(event)
        if data:
            self.transport.write(data)

    async def drain(self) -> None:
        """Wait until what was sent has left, more or less."""
        await self._writable.wait()

    def next_request(self, fresh: h11.Connection | None = None) -> None:
        """The response is complete: wait for the next request, or close."""
        self._exchange = None
        if fresh is not None:
            if trailing := self.h11.trailing_data[0]:
                fresh.receive_data(trailing)
            self.h11 = fresh
        elif self.h11.our_state is h11.DONE and self.h11.their_state is h11.DONE:
            self.h11.start_next_cycle()
        else:
            self.transport.close()
            return
        if self.server.is_stopping:
            self.transport.close()
            return
        self._await_request()
        self.transport.resume_reading()
        self.read()

    def leave(self) -> None:
        """The server stops: close what is idle, and let the rest come to an end."""
        if self._exchange is None:
            self.transport.close()
        else:
            self._exchange.leave()

    def _take(self, event: object) -> None:
        match event:
            case h11.Request():
                self._exchange = Exchange(self, event)
                self.task = asyncio.get_running_loop().create_task(self._exchange.run())
            case h11.Data(data=data) if self._exchange is not None:
                self._exchange.feed(bytes(data))
            case h11.EndOfMessage() if self._exchange is not None:
                self._stop_timer()
                self._exchange.end()
            case h11.ConnectionClosed():
                self.transport.close()

    def _refuse(self, status: int) -> None:
        """What came is no HTTP."""
        if self._exchange is None and self.h11.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            headers = [("content-length", "0"), ("connection", "close")]
            self.write(h11.Response(status_code=status or 400, headers=headers, reason=b"Bad request"))
        self.transport.close()

    def _await_request(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(IDLE, self.transport.close)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Exchange:
    """One request and its response: `receive` and `send` for an app, and a `Wire` for a fault."""

    def __init__(self, connection: Connection, request: h11.Request) -> None:
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
            await self._connection.server.app(self._scope(), self.receive, self.send)
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
        if connection.h11.they_are_waiting_for_100_continue and self._state == "silent":
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
        if self._connection.server.is_stopping:
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
            "scheme": self._connection.server.scheme,
            "path": unquote(path.decode("latin-1")),
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": [(name, value) for name, value in request.headers],
            "client": (transport.get_extra_info("peername") or ("", 0))[:2],
            "server": (transport.get_extra_info("sockname") or ("", 0))[:2],
            "extensions": {WIRE: self},
        }
