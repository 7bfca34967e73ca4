"""`Transport`: one gateway, at most so many posts at once, by connections of ours or by a client of httpx."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

import anyio
from attrs import frozen

from clickasync.background import Place, arrive
from clickasync.errors import ClosedError, ConfigurationError
from clickasync.law import Believed, Failure, NotSent, Reply, Sending
from clickasync.transport.connection import Limits
from clickasync.transport.guard import guarded
from clickasync.transport.pool import Pool
from clickasync.transport.urls import environment_has_proxy

if TYPE_CHECKING:
    import httpx

    from clickasync.transport.urls import BaseUrl

__all__ = ["Transport"]

T = TypeVar("T")


class Carrier(Protocol):
    """What takes a request to the gateway: `Pool`, or one of `httpx_client`."""

    async def post(
        self, path: str, form: bytes, believe: Callable[[Reply], Believed[T | Failure]], sending: Sending, /
    ) -> T | Failure:
        """POST a form; gives what `believe` makes of the reply, or why there is none."""

    async def aclose(self) -> None:
        """Close what is idle now, and the rest when it is done."""


@frozen(eq=False)
class _Home:
    """What belongs to one event loop in one process."""

    place: Place
    slots: anyio.Semaphore
    carrier: Carrier


class Transport:
    """One gateway, at most `max_connections` posts at once.

    Args:
        base: what paths are joined to.
        http_client: the user's `AsyncClient` of httpx or httpx2. It is used as it is, and not closed.
        timeout: seconds for each of connecting, writing and reading, or an `httpx.Timeout`. Waiting for a free slot is
            limited only by the ``pool`` of an `httpx.Timeout`: time in the queue says nothing about the gateway.
        max_connections: idle ones among them are closed after 4 s.

    Raises:
        ConfigurationError: `timeout` or `http_client` is wrong, or the environment names a proxy that cannot be used.
    """

    def __init__(
        self,
        base: BaseUrl,
        *,
        http_client: httpx.AsyncClient | None = None,
        timeout: float | httpx.Timeout = 30.0,
        max_connections: int = 8,
    ) -> None:
        self._base = base
        self._limits, self._queue_seconds = _limits(timeout)
        self.longest = self._limits.total
        """Seconds that a post may take, at most."""
        self._max_connections = max_connections
        self._client = _checked(http_client)
        self._is_proxied = http_client is None and environment_has_proxy(base)
        if self._is_proxied:
            from clickasync.transport.httpx_client import check_proxies

            check_proxies()
        self._home: _Home | None = None
        self._inherited: list[_Home] = []  # of the parent; kept, because to forget a connection is to close it
        self._closed = False

    async def post(
        self,
        path: str,
        form: bytes,
        believe: Callable[[Reply], Believed[T | Failure]],
        sending: Sending,
    ) -> T | Failure:
        """POST a form; gives what `believe` makes of the reply, or why there is none.

        Args:
            path: it is joined to the base.
            form: the body.
            believe: reads the reply, before anybody else can have its connection.
            sending: marked right before the request leaves.

        Raises:
            ClosedError: the client is closed; nothing was sent.
            ConfigurationError: CLICKASYNC_ONLY_LOOPBACK confines this process to its machine; nothing was sent.
        """
        self._check_open()
        home = self._home
        if home is None or not home.place.is_here():
            home = self._settle_in()
        slots = home.slots
        if self._queue_seconds == math.inf:
            await slots.acquire()
        elif not await self._acquired_in_time(home):
            return NotSent(f"no connection came free within {self._queue_seconds:g} s")
        try:
            self._check_open()
            return await home.carrier.post(path, form, believe, sending)
        finally:
            slots.release()

    async def aclose(self) -> None:
        """Close all connections: now, or those in use when their post is done. May be called twice."""
        self._closed = True
        home = self._home
        if home is not None and home.place.is_here():
            with anyio.CancelScope(shield=True):
                await home.carrier.aclose()

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("this client is closed; nothing was sent")
        if self._client is not None and self._client.is_closed:
            raise ClosedError("the http_client given to this client is closed; nothing was sent")

    def _settle_in(self) -> _Home:
        if self._home is not None and not self._home.place.is_in_this_process:
            self._inherited.append(self._home)
        place = arrive(None)
        self._home = _Home(place, anyio.Semaphore(self._max_connections, fast_acquire=True), self._new_carrier(place))
        return self._home

    def _new_carrier(self, place: Place) -> Carrier:
        if self._client is None and not self._is_proxied:
            return guarded(Pool(self._base, self._limits, place), self._base)
        from clickasync.transport.httpx_client import OwnClients, UsersClient  # and with it httpx

        if self._client is not None:
            return UsersClient(self._client, self._base, self._limits)
        return guarded(OwnClients(self._base, self._limits), self._base)

    async def _acquired_in_time(self, home: _Home) -> bool:
        slots = home.slots
        if home.place.is_trio:
            with anyio.move_on_after(self._queue_seconds) as scope:
                await slots.acquire()
            return not scope.cancelled_caught
        from clickasync.transport.on_asyncio import wait_at_most

        try:
            await wait_at_most(self._queue_seconds, slots.acquire(), abandon=lambda _: slots.release())
        except TimeoutError:
            return False
        return True


def _limits(timeout: float | httpx.Timeout) -> tuple[Limits, float]:
    """The limits of the phases, and of waiting for a slot."""
    if isinstance(timeout, int | float) and not isinstance(timeout, bool) and timeout > 0:
        return Limits(timeout, timeout, timeout), math.inf
    names = ("connect", "write", "read", "pool")
    given = [getattr(timeout, name, 0) for name in names]
    if not all(seconds is None or seconds > 0 for seconds in given):
        raise ConfigurationError(f"timeout must be a positive number of seconds, or an httpx.Timeout, not {timeout!r}")
    *phases, queue = [math.inf if seconds is None else float(seconds) for seconds in given]
    return Limits(*phases), queue


def _checked(client: httpx.AsyncClient | None) -> httpx.AsyncClient | None:
    """The user's client, by what it can do: httpx2 has the same, and is not httpx."""
    if client is not None and not (
        inspect.iscoroutinefunction(getattr(client, "send", None)) and hasattr(client, "build_request")
    ):
        raise ConfigurationError(f"http_client must be an httpx.AsyncClient, not {type(client).__name__}")
    return client
