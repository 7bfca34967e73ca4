"""`Transport`: one gateway, a limited number of requests at once, and an outcome for each."""

from __future__ import annotations

import math
import sys
import time
from collections import deque
from typing import Final, TypeAlias

import anyio
import httpx
from attrs import frozen

from clickasync.background import BackgroundTask, spawn
from clickasync.errors import ClosedError, ConfigurationError, ProtocolError
from clickasync.law import Flight, Lost, NotSent, Unreadable
from clickasync.transport.failures import classify, retry_after
from clickasync.transport.lanes import (
    HEADERS,
    IDLE_SECONDS,
    Answer,
    Body,
    HttpLibrary,
    Lane,
    Target,
    check_loop,
    close,
    lane_factory,
)
from clickasync.transport.proxied import check_proxies, environment_has_proxy

__all__ = ["MAX_REPLY", "Outcome", "Reply", "Transport"]

MAX_REPLY: Final = 1 << 20
"""Bytes. The longest reply that the gateway has a reason to make is about 60 KiB: 600 recipients, a line each."""

_ELSEWHERE: Final = frozenset({301, 302, 303, 307, 308, 404})


@frozen
class Reply:
    """The body of a ``200 OK``."""

    body: bytes
    is_framed: bool = True
    """Whether it came with its length, so that one that was cut would have been noticed."""

    @property
    def text(self) -> str:
        """The body as text; what is not UTF-8 is replaced, for it can only stand in a description."""
        return self.body.decode("utf-8", "replace")

    @property
    def whole_lines(self) -> str:
        """The text, without a last line that may have been cut: half a line can mean another than the whole one."""
        return self.text if self.is_framed else self.text[: self.text.rfind("\n") + 1]


Outcome: TypeAlias = Reply | NotSent | Lost | Unreadable


class Transport:
    """One gateway, at most `max_connections` requests at once.

    Args:
        base_url: what paths are joined to; see `check_base_url`.
        http_client: the user's own; used as it is, and not closed.
        timeout: seconds, or an `httpx.Timeout`. Waiting for a free connection is limited only by the ``pool`` of an
            `httpx.Timeout`: the time in the queue says nothing about the gateway.
        max_connections: of them, idle ones are closed after `IDLE_SECONDS`.
        library: what drives the connections where there is no `http_client`.

    Raises:
        ConfigurationError: `timeout` or `http_client` is wrong, `library` is not installed, or the environment names a
            proxy that cannot be used.
    """

    def __init__(
        self,
        base_url: str,
        *,
        http_client: httpx.AsyncClient | None = None,
        timeout: float | httpx.Timeout = 30.0,
        max_connections: int = 8,
        library: HttpLibrary = "httpx",
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._targets: dict[str, Target] = {}
        if not isinstance(timeout, httpx.Timeout):
            if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not timeout > 0:
                raise ConfigurationError(f"timeout must be a positive number, or an httpx.Timeout, not {timeout!r}")
            timeout = httpx.Timeout(timeout, pool=None)
        self._extensions = {"timeout": timeout.as_dict()}
        self._queue_seconds = math.inf if timeout.pool is None else timeout.pool
        # Each phase has its limit; a gateway that drips a byte now and then is bounded by their sum.
        phases = (timeout.connect, timeout.write, timeout.read)
        self._total_seconds = math.inf if None in phases else float(sum(phases))  # type: ignore[arg-type]
        self._max_connections = max_connections
        self._slots: anyio.Semaphore | None = None
        self._idle: deque[tuple[Lane, float]] = deque()  # lanes, and since when
        self._busy = 0
        self._reaper: BackgroundTask | None = None
        self._closed = False
        if not isinstance(http_client, httpx.AsyncClient | None):
            raise ConfigurationError(f"http_client must be an httpx.AsyncClient, not {type(http_client).__name__}")
        self._client = http_client
        scheme = httpx.URL(self._base_url).scheme
        is_proxied = http_client is None and environment_has_proxy(scheme)
        if is_proxied:
            check_proxies()
        self._new_lane = lane_factory(library, scheme, timeout, is_proxied=is_proxied)
        self._library: HttpLibrary = "httpx" if is_proxied else library

    async def exchange(self, path: str, body: bytes, flight: Flight | None = None) -> Outcome:
        """POST the form `body` to `path`; `flight` is told when the request goes out.

        Raises:
            ClosedError: the client is closed; nothing was sent.
            ConfigurationError: `library` does not run on this event loop; nothing was sent.
        """
        self._check_open()
        if self._slots is None:  # made here, for it belongs to the event loop
            if self._client is None:
                check_loop(self._library)
            self._slots = anyio.Semaphore(self._max_connections, fast_acquire=True)
        if self._queue_seconds == math.inf:
            await self._slots.acquire()
        else:
            with anyio.move_on_after(self._queue_seconds) as queue:
                await self._slots.acquire()
            if queue.cancelled_caught:
                return NotSent(f"no connection came free within {self._queue_seconds:g} s")
        try:
            self._check_open()
            if flight is not None:
                flight.leave()
            return await self._post(path, body)
        finally:
            self._slots.release()

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("this client is closed; nothing was sent")
        if self._client is not None and self._client.is_closed:
            raise ClosedError("the http_client given to this client is closed; nothing was sent")

    async def aclose(self) -> None:
        """Close all connections: now, or those in use when their call is done. May be called twice."""
        self._closed = True
        with anyio.CancelScope(shield=True):
            if self._reaper is not None:
                self._reaper.cancel()
                await self._reaper.wait()
            await self._close_idle()

    async def _post(self, path: str, form: bytes) -> Outcome:
        outer = sys.exception()  # what the caller is handling is no cause of ours
        body = Body(form)
        reading = _Reading()
        request: httpx.Request | None = None
        try:
            with anyio.move_on_after(self._total_seconds) as scope:
                target = self._target(path)
                if self._client is None:
                    return await self._through_lane(target, body, reading, scope)
                body.is_taken = True  # for all that is known
                request = httpx.Request(
                    "POST", target.of_httpx, headers=HEADERS, content=form, extensions=self._extensions
                )
                response = await self._client.send(request, stream=True, follow_redirects=False)
                return await reading.read(Answer.of(response), scope)
        except Exception as error:  # noqa: BLE001 - a transport may raise anything; little of it means "not sent"
            if request is not None and getattr(error, "_request", None) is not request:
                return Lost(type(error).__name__)  # of another request, which a hook of the user's client made
            failure = classify(error, outer)
            return failure if body.is_taken else NotSent(failure.reason)
        if not body.is_taken:
            return NotSent(f"no connection within {self._total_seconds:g} s")
        return reading.too_long() or Lost(f"no complete reply within {self._total_seconds:g} s")

    async def _through_lane(self, target: Target, body: Body, reading: _Reading, scope: anyio.CancelScope) -> Outcome:
        lane: Lane | None = None
        self._busy += 1
        try:
            if self._reaper is None or self._reaper.is_done:
                self._reaper = spawn(self._reap, name="clickasync: close idle connections")
            lane = await self._idle_lane() or self._new_lane()
            return await reading.read(await lane.post(target, body), scope)
        finally:
            self._busy -= 1
            if lane is not None:
                self._idle.append((lane, time.monotonic()))
            if self._closed:
                await self._close_idle()

    async def _idle_lane(self) -> Lane | None:
        """The one used last, unless it is too old: the reaper may be late, where the event loop was busy."""
        if not self._idle:
            return None
        lane, since = self._idle.pop()
        if time.monotonic() < since + IDLE_SECONDS:
            return lane
        await close(lane)
        return None

    async def _reap(self) -> None:
        """Close what has been idle for `IDLE_SECONDS`; end when nothing is left, or the event loop ends."""
        idle = self._idle
        try:
            while idle or self._busy:
                since = idle[0][1] if idle else time.monotonic()
                await anyio.sleep(max(0.0, since + IDLE_SECONDS - time.monotonic()))
                while idle and idle[0][1] + IDLE_SECONDS <= time.monotonic():
                    await close(idle.popleft()[0])
        finally:
            await self._close_idle()

    async def _close_idle(self) -> None:
        while self._idle:
            await close(self._idle.pop()[0])

    def _target(self, path: str) -> Target:
        target = self._targets.get(path)
        if target is None:
            target = self._targets[path] = Target(self._base_url + path)
        return target


class _Reading:
    """The reply to one request, as it comes in."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._size = 0

    async def read(self, answer: Answer, scope: anyio.CancelScope) -> Outcome:
        """Read a reply to its end, or cancel `scope` when it is too long."""
        try:
            if answer.status != 200:
                reason = f"HTTP {answer.status} {answer.reason}".rstrip()
                if answer.status in _ELSEWHERE:
                    reason += " (is base_url right?)"
                return (NotSent if answer.status == 429 else Lost)(reason, retry_after(answer.headers))
            async for chunk in answer.body:
                self._chunks.append(chunk)
                self._size += len(chunk)
                if self._size > MAX_REPLY:
                    # Not `break`: only an exception from within unwinds the iterators, as trio wants it.
                    scope.cancel()
            return self.too_long() or Reply(b"".join(self._chunks), answer.is_framed)
        finally:
            await answer.aclose()

    def too_long(self) -> Unreadable | None:
        """What to tell of a reply that is longer than any of the gateway's."""
        if self._size <= MAX_REPLY:
            return None
        beginning = b"".join(self._chunks)[:4096].decode("utf-8", "replace")
        return Unreadable(ProtocolError(f"the reply is longer than {MAX_REPLY} bytes", beginning))
