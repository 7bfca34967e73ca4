"""A connection on asyncio and uvloop: an `asyncio.Protocol`. See `connection`."""

from __future__ import annotations

import asyncio
import math
import socket
from functools import partial
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

import anyio
import anyio.to_thread
from aiohappyeyeballs import AddrInfoType, start_connection

from clickasync.law import Lost, Reply
from clickasync.transport.connection import EYEBALLS, MOMENT, NOT_WRITTEN, TOO_LATE, Limits, Poll, describe
from clickasync.transport.exchange import Incoming, Outcome

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Coroutine

    from clickasync.background import Place
    from clickasync.transport.urls import BaseUrl

__all__ = ["ProtocolConnection", "addresses_of", "first_to_answer", "wait_at_most"]

T = TypeVar("T")


class ProtocolConnection(asyncio.Protocol):
    """A connection of asyncio's or uvloop's."""

    _transport: asyncio.Transport  # these two from `connection_made` on
    _has_input: Poll
    _limits: Limits  # and these from the first `post` on
    _until: float  # of the whole call
    _late_at: float  # of this phase of it
    _was_late: bool

    def __init__(self, place: Place) -> None:
        self._loop: asyncio.AbstractEventLoop = place.loop
        self._incoming = Incoming()
        self._waiting: asyncio.Future[Outcome] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_writing = False

    @classmethod
    async def open(cls, base: BaseUrl, tls: ssl.SSLContext | None, limits: Limits, place: Place, until: float) -> Self:
        raw = await wait_at_most(
            min(limits.connect, until - place.now()), _connected(base.host, base.port), abandon=socket.socket.close
        )
        adopting = cls._adopt(raw, base, tls, place)
        return await wait_at_most(min(limits.connect, until - place.now()), adopting, abandon=cls.abort)

    @classmethod
    async def _adopt(cls, raw: socket.socket, base: BaseUrl, tls: ssl.SSLContext | None, place: Place) -> Self:
        # The limit of the handshake is ours. asyncio's, 60 s by default, must not come before it.
        options: dict[str, Any] = {"server_hostname": base.host, "ssl_handshake_timeout": 3600.0} if tls else {}
        connection = cls(place)
        try:
            await place.loop.create_connection(lambda: connection, sock=raw, ssl=tls, **options)
        except BaseException:
            # Cancelled in the turn that completed TLS, asyncio keeps a transport that waits for the gateway's goodbye.
            # If its socket were closed alone, the next one of that number would be deaf.
            connection.abort()
            raw.close()
            raise
        return connection

    @property
    def is_clean(self) -> bool:
        # A transport that broke says so in a later turn. uvloop's raises when it is written to until then.
        return self._incoming.is_clean and not self._transport.is_closing()

    def is_quiet(self) -> bool:
        return not self._has_input()

    async def post(self, head: bytes, form: bytes, limits: Limits, until: float) -> Outcome:
        self._limits, self._until = limits, until
        self._was_late = False
        self._incoming.expect()
        self._waiting = self._loop.create_future()
        self._transport.write(head + form)
        self._expect_progress(limits.write if self._is_writing else limits.read)
        try:
            return await self._waiting
        except BaseException:  # the caller was cancelled, and the reply is still to come
            self._incoming.is_clean = False
            raise
        finally:
            self._waiting = None
            if self._is_writing:
                self._incoming.is_clean = False

    def abort(self) -> None:
        """Close it, without waiting; or nothing, if it was never made."""
        if self._timer is not None:
            self._timer.cancel()
        if hasattr(self, "_transport"):
            self._transport.abort()

    async def aclose(self) -> None:
        self.abort()
        await asyncio.sleep(0)  # asyncio closes the socket in its next turn

    def _expect_progress(self, seconds: float) -> None:
        """Something must happen within so many seconds."""
        self._late_at = late_at = min(self._loop.time() + seconds, self._until)
        if late_at == math.inf:
            return
        if self._timer is None:
            self._timer = self._loop.call_at(late_at, self._look_at_the_clock)
        elif self._timer.when() > late_at:
            self._timer.cancel()
            self._timer = self._loop.call_at(late_at, self._look_at_the_clock)

    def _look_at_the_clock(self) -> None:
        self._timer = None
        if self._waiting is None or self._late_at == math.inf:
            return
        if self._loop.time() < self._late_at:
            self._timer = self._loop.call_at(self._late_at, self._look_at_the_clock)
        elif self._is_writing:
            self._finish(NOT_WRITTEN)
        elif self._was_late or not self._has_input():
            self._finish(TOO_LATE)
        else:  # a reply, as it seems, that came while the process was suspended
            self._was_late = True
            self._timer = self._loop.call_later(MOMENT, self._look_at_the_clock)

    def _finish(self, outcome: Outcome | None) -> None:
        if outcome is not None and self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(outcome)
            if not isinstance(outcome, Reply):
                self._incoming.is_clean = False

    # -- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        # A write lasts until the system has taken all of it. Not 0: in TLS, asyncio takes no bytes for too many then.
        self._transport.set_write_buffer_limits(high=1, low=0)
        self._has_input = Poll(transport.get_extra_info("socket"))

    def data_received(self, data: bytes) -> None:
        outcome = self._incoming.feed(data)
        if outcome is not None:
            self._finish(outcome)
        elif self._waiting is not None and not self._is_writing:
            self._expect_progress(self._limits.read)

    def eof_received(self) -> None:
        self._finish(self._incoming.end())

    def connection_lost(self, exc: Exception | None) -> None:
        self._incoming.is_clean = False
        self._finish(self._incoming.end() if exc is None else Lost(describe("the connection broke", exc)))

    def pause_writing(self) -> None:
        self._is_writing = True

    def resume_writing(self) -> None:
        self._is_writing = False
        if self._waiting is not None:
            self._expect_progress(self._limits.read)


async def wait_at_most(seconds: float, step: Coroutine[Any, Any, T], *, abandon: Callable[[T], object]) -> T:
    """What `step` gives, on asyncio. What it gives too late goes to `abandon`.

    It runs in a separate task, and to end it that task is cancelled, never the caller's. If two deadlines cancel one
    task in the same turn of a busy loop, neither knows which of them it was.

    Raises:
        TimeoutError: it took longer than `seconds`.
    """
    task = asyncio.get_running_loop().create_task(step, name="clickasync: connect")
    try:
        await asyncio.wait([task], timeout=None if seconds == math.inf else seconds)
    except BaseException:
        _end(task, abandon)
        raise
    if not task.done():
        _end(task, abandon)
        raise TimeoutError
    if task.cancelled():
        raise ConnectionAbortedError("the event loop is ending")
    return task.result()


def _end(task: asyncio.Task[T], abandon: Callable[[T], object]) -> None:
    def clear_away(task: asyncio.Task[T]) -> None:
        if not task.cancelled() and task.exception() is None:
            abandon(task.result())

    task.cancel()
    task.add_done_callback(clear_away)


async def _connected(host: str, port: int) -> socket.socket:
    return await first_to_answer(await addresses_of(host, port))


async def addresses_of(host: str, port: int) -> list[AddrInfoType]:
    """The addresses of a host. A literal one needs no thread to be looked up in."""
    try:
        ip_address(host)
    except ValueError:
        numeric = {}
    else:
        numeric = {"flags": socket.AI_NUMERICHOST}
    resolve: partial[Any] = partial(
        socket.getaddrinfo, host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, **numeric
    )
    found: list[AddrInfoType]
    if numeric:
        found = resolve()
    else:
        # Not in the loop's executor: it takes nothing once the main thread has ended, when other threads may still
        # send. And with a limit to itself, or it could wait for threads of the user's that wait for it.
        try:
            found = await anyio.to_thread.run_sync(resolve, abandon_on_cancel=True, limiter=anyio.CapacityLimiter(1))
        except RuntimeError:  # Python 3.12 starts no thread any more, then
            found = resolve()
    return found


async def first_to_answer(addresses: list[AddrInfoType]) -> socket.socket:
    """A socket connected to the first address that answers. Each gets a quarter of a second before the next is tried.

    Raises:
        OSError: none answers.
    """
    if not addresses:
        raise OSError("the host has no address")
    return await start_connection(addresses, happy_eyeballs_delay=EYEBALLS)
