"""HTTP/1.1 on a socket: an ASGI server in small, with a door below ASGI for the faults of a connection.

h11 reads and writes HTTP. What is here is who acts when: `Server` listens, `Connection` takes requests off a socket one
by one, and an `Exchange` answers each. An app that must break the connection finds the exchange in
``scope["extensions"][WIRE]``. Under another server it is not there.

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
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Final, cast

import h11

from clickasync.simulator.server.asgi import App, Lifespan
from clickasync.simulator.server.exchange import MOST_HEAD, Exchange

__all__ = ["IDLE", "Server"]

IDLE: Final = 75.0
"""Seconds that a connection may take to send a whole request, unless somebody says otherwise."""
GRACE: Final = 1.0
"""Seconds that answers under way have left when the server stops."""
_TURNS: Final = 4
"""Turns of the event loop in which a connection just taken is made known, or one that was aborted is closed."""


class Server:
    """An ASGI app on a bound socket, until `stop`.

    Args:
        app: the app; its lifespan is kept.
        bound: a socket to listen with.
        tls: for HTTPS.
        idle: seconds that a connection may take to send a whole request.
        on_listening: called when connections are taken.
    """

    def __init__(
        self,
        app: App,
        bound: socket.socket,
        *,
        tls: ssl.SSLContext | None = None,
        idle: float = IDLE,
        on_listening: Callable[[], object] = lambda: None,
    ) -> None:
        self.app = app
        self.idle = idle
        self.made = 0
        """How many connections there ever were."""
        self.open: set[Connection] = set()
        """The connections that there are."""
        self.is_stopping = False
        self._bound = bound
        self._tls = tls
        self._on_listening = on_listening

    @property
    def scheme(self) -> str:
        """http or https."""
        return "https" if self._tls else "http"

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
                await self._take_no_more()
                listener.close()
                await self._close_all()

    def stop(self) -> None:
        """Let `run` return; from any thread, once it listens."""
        with suppress(RuntimeError):  # it has returned already
            self._loop.call_soon_threadsafe(self._stopped.set)

    async def _take_no_more(self) -> None:
        """Listen no longer, and let asyncio make its transports for what it has taken. A closed listener forgets it."""
        self.is_stopping = True
        with suppress(NotImplementedError):  # Windows takes them in another way
            self._loop.remove_reader(self._bound)
        await _turns()

    async def _close_all(self) -> None:
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
        await _turns()


async def _turns() -> None:
    for _ in range(_TURNS):
        await asyncio.sleep(0)


class Connection(asyncio.Protocol):
    """One client's connection."""

    transport: asyncio.Transport

    def __init__(self, server: Server) -> None:
        self.server = server
        self.parser = h11.Connection(h11.SERVER, max_incomplete_event_size=MOST_HEAD)
        self.task: asyncio.Task[None] | None = None
        self._exchange: Exchange | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._timer: asyncio.TimerHandle | None = None

    # -- what asyncio calls -------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        if self.server.is_stopping:  # it was taken in the moment before
            self.transport.abort()
            return
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
        self.parser.receive_data(data)
        self.read()

    def eof_received(self) -> None:
        """The client has gone; asyncio closes the connection."""

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    # -- what an exchange needs ---------------------------------------------------------------------------------------

    @property
    def app(self) -> App:
        """What answers."""
        return self.server.app

    @property
    def scheme(self) -> str:
        """http or https."""
        return self.server.scheme

    @property
    def is_stopping(self) -> bool:
        """Whether this response is the last one."""
        return self.server.is_stopping

    def read(self) -> None:
        """Take out of h11 what has come."""
        try:
            while not self.transport.is_closing():
                event = self.parser.next_event()
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
        data = self.parser.send(event)
        if data:
            self.transport.write(data)

    async def drain(self) -> None:
        """Wait until what was sent has left, more or less."""
        await self._writable.wait()

    def next_request(self, fresh: h11.Connection | None = None) -> None:
        """The response is complete: wait for the next request, or close."""
        self._exchange = None
        if fresh is not None:
            if trailing := self.parser.trailing_data[0]:
                fresh.receive_data(trailing)
            self.parser = fresh
        elif self.parser.our_state is h11.DONE and self.parser.their_state is h11.DONE:
            self.parser.start_next_cycle()
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
        if self._exchange is None and self.parser.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            headers = [("content-length", "0"), ("connection", "close")]
            self.write(h11.Response(status_code=status or 400, headers=headers, reason=b"Bad request"))
        self.transport.close()

    def _await_request(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self.server.idle, self.transport.close)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
