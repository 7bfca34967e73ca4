"""The connections to one gateway: each post has one to itself, and gives it back only when it is spotless.

Theory of operation. A post takes a connection: the one used last, if it is clean, or a new one. It gives
the connection back only when its reply was read to its end and believed; any other is closed. The belief is formed
before anybody else can have the connection, so that a reply that was not asked for is never the next one's reply.

===========  ==================================================  =====================================
connection   who has it                                          what changes it
===========  ==================================================  =====================================
idle         the pool; it closes after `IDLE_SECONDS`            a post takes it, if it is still clean
in a post    one post, which alone may write to it               the reply: believed, idle; else closed
closed       nobody
===========  ==================================================  =====================================

Slots, connections and the task that closes them belong to one event loop in one process. Where a post finds itself in
another (`asyncio.run` a second time, `os.fork`), it begins again. What was inherited is neither written to nor closed:
after a fork it is the parent's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

import anyio

from clickasync._version import __version__
from clickasync.background import BackgroundTask, Place, spawn
from clickasync.law import Believed, Failure, NotSent, Reply, Sending
from clickasync.redaction import SecretBytes
from clickasync.transport.connection import Connection, Limits, describe
from clickasync.transport.tls import client_context

if TYPE_CHECKING:
    import ssl

    from clickasync.transport.urls import BaseUrl

__all__ = ["HEADERS", "IDLE_SECONDS", "Pool"]

T = TypeVar("T")

IDLE_SECONDS: Final = 4.0
"""How long an idle connection is kept: a little less than the 5 s after which common servers close theirs."""

HEADERS: Final = {
    "User-Agent": f"clickasync/{__version__}",
    "Accept": "*/*",
    "Accept-Encoding": "identity",  # replies are short, and what is not compressed cannot be a bomb
    "Content-Type": "application/x-www-form-urlencoded",
}


class Pool:
    """The connections to one gateway, on one event loop."""

    def __init__(self, base: BaseUrl, limits: Limits, place: Place) -> None:
        self._base = base
        self._limits = limits
        self._place = place
        self._tls: ssl.SSLContext | None = None  # made when it is needed: to load certificates takes milliseconds
        self._heads: dict[str, bytes] = {}
        self._idle: deque[tuple[Connection, float]] = deque()  # each with when it was last used
        self._busy = 0
        self._closer: BackgroundTask | None = None
        self._closed = False

    async def post(
        self, path: str, form: bytes, believe: Callable[[Reply], Believed[T | Failure]], sending: Sending
    ) -> T | Failure:
        """POST a form; gives what `believe` makes of the reply, or why there is none."""
        until = self._place.now() + self._limits.total
        self._busy += 1
        connection: Connection | None = None
        try:
            try:
                connection = await self._take(until)  # until this is done, nothing has left
            except Exception as error:  # whatever it is, there is no connection
                return NotSent(self._why_not(error, until))
            sending.mark_sent()  # from here on, nobody can know
            outcome = await connection.post(self._head(path, len(form)), form, self._limits, until)
            believed = believe(outcome) if isinstance(outcome, Reply) else Believed(outcome, in_step=False)
            if believed.in_step and connection.is_clean and not self._closed:
                self._idle.append((connection, self._place.now()))
                connection = None
            return believed.value
        finally:
            self._busy -= 1
            if connection is not None:
                await _close(connection)

    async def aclose(self) -> None:
        """Close all connections: the idle ones now, those in use when their post is done."""
        self._closed = True
        if self._closer is not None:
            await self._closer.end()
        await self._close_idle()

    async def _take(self, until: float) -> Connection:
        """The connection used last that is still clean, or a new one."""
        if self._closer is None:
            self._closer = spawn(self._close_old_ones, name="clickasync: close idle connections")
        while self._idle:
            connection, since = self._idle.pop()
            # The task that closes old ones may be late, where the event loop was busy.
            if connection.is_clean and connection.is_quiet() and self._place.now() < since + IDLE_SECONDS:
                return connection
            await _close(connection)
        if self._tls is None and self._base.scheme == "https":
            self._tls = client_context()
        connection = await _connect(self._base, self._tls, self._limits, self._place, until)
        # Through TLS, something to read may be a part of the handshake.
        if connection.is_clean and (self._tls is not None or connection.is_quiet()):
            return connection
        await _close(connection)
        raise ConnectionError("the gateway closed the connection, or spoke before it was asked")

    def _why_not(self, error: Exception, until: float) -> str:
        if not isinstance(error, TimeoutError):
            return describe("could not connect", error)
        is_total = self._place.now() >= until
        return f"no connection within {self._limits.total:g} s" if is_total else "connecting timed out"

    def _head(self, path: str, length: int) -> SecretBytes:
        head = self._heads.get(path)
        if head is None:
            lines = [f"POST {self._base.path}{path} HTTP/1.1", f"Host: {self._base.authority}"]
            lines += [f"{name}: {value}" for name, value in HEADERS.items()]
            head = self._heads[path] = "\r\n".join([*lines, "Content-Length: "]).encode("ascii")
        return SecretBytes(b"%b%d\r\n\r\n" % (head, length))  # the path of the Connect API is a secret

    async def _close_old_ones(self) -> None:
        """Close what has been idle for `IDLE_SECONDS`; end when nothing is left, or with the event loop."""
        idle, now = self._idle, self._place.now
        try:
            while idle or self._busy:
                since = idle[0][1] if idle else now()
                await anyio.sleep(max(0.0, since + IDLE_SECONDS - now()))
                while idle and idle[0][1] + IDLE_SECONDS <= now():
                    await _close(idle.popleft()[0])
        finally:
            self._closer = None
            await self._close_idle()

    async def _close_idle(self) -> None:
        while self._idle:
            await _close(self._idle.pop()[0])


async def _close(connection: Connection) -> None:
    with anyio.CancelScope(shield=True):
        await connection.aclose()


async def _connect(base: BaseUrl, tls: ssl.SSLContext | None, limits: Limits, place: Place, until: float) -> Connection:
    """Open a connection: to the first address of the host that answers, then TLS, each within ``limits.connect``.

    Raises:
        TimeoutError: it took too long.
        Exception: anything else that keeps a connection from being made. Nothing was sent.
    """
    # Each driver is imported where its loop runs: asyncio takes 15 ms.
    if place.is_trio:
        from clickasync.transport.on_trio import StreamConnection

        return await StreamConnection.open(base, tls, limits, place, until)
    from clickasync.transport.on_asyncio import ProtocolConnection

    return await ProtocolConnection.open(base, tls, limits, place, until)
