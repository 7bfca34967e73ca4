"""Everybody who sends to one recipient a call: each an async context manager that gives a function to send with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import httpx

from benchmarks.workload import API_ID, PASSWORD, TEXT, TIMEOUT, USER, fields
from clickasync import Client

if TYPE_CHECKING:
    from clickasync import CallEnded, CallStarted, Observer

Send: TypeAlias = Callable[[str], Awaitable[object]]
Peer: TypeAlias = Callable[[str, int], AbstractAsyncContextManager[Send]]


def client(url: str, connections: int, observer: Observer | None = None) -> Client:
    """Ours."""
    settings: dict[str, Any] = {"max_connections": connections}
    if observer is not None:  # so that versions without it can be measured, too
        settings["observer"] = observer
    return Client(api_id=API_ID, user=USER, password=PASSWORD, base_url=url, **settings)


@asynccontextmanager
async def _ours(url: str, in_flight: int, most: int | None = None) -> AsyncIterator[Send]:
    async with client(url, most or in_flight) as ours:
        yield partial(ours.send, text=TEXT)


class _Counting:
    """An observer that does as little as one can."""

    def __init__(self) -> None:
        self.ended = 0

    def start(self, _: CallStarted) -> Callable[[CallEnded], None]:
        return self._end

    def _end(self, _: CallEnded) -> None:
        self.ended += 1


def _telemetry() -> Observer:
    """Spans and metrics by OpenTelemetry's SDK, which are made and thrown away."""
    trace, metrics = import_module("opentelemetry.sdk.trace"), import_module("opentelemetry.sdk.metrics")
    reader = import_module("opentelemetry.sdk.metrics.export").InMemoryMetricReader()
    observer: Observer = import_module("clickasync.otel").observer(
        tracer_provider=trace.TracerProvider(), meter_provider=metrics.MeterProvider([reader])
    )
    return observer


@asynccontextmanager
async def _observed(url: str, in_flight: int, make: Callable[[], Observer]) -> AsyncIterator[Send]:
    async with client(url, in_flight, make()) as ours:
        yield partial(ours.send, text=TEXT)


def _check(text: str) -> None:
    if not text.startswith("ID: "):
        raise ValueError(f"not accepted: {text[:80]!r}")


@asynccontextmanager
async def _posting(http: Any, url: str) -> AsyncIterator[Send]:
    """Plain use of any client that has httpx's interface."""
    target = url + "/http/sendmsg"

    async def send(number: str) -> None:
        _check((await http.post(target, data=fields(number))).text)

    async with http:
        yield send


def _httpx(url: str, in_flight: int) -> AbstractAsyncContextManager[Send]:
    return _posting(httpx.AsyncClient(timeout=TIMEOUT), url)


def _httpx_keeping(url: str, in_flight: int) -> AbstractAsyncContextManager[Send]:
    limits = httpx.Limits(max_connections=in_flight, max_keepalive_connections=in_flight)
    return _posting(httpx.AsyncClient(timeout=TIMEOUT, limits=limits), url)


def _httpx2(url: str, in_flight: int) -> AbstractAsyncContextManager[Send]:
    return _posting(import_module("httpx2").AsyncClient(timeout=TIMEOUT), url)


@asynccontextmanager
async def _aiohttp(url: str, in_flight: int) -> AsyncIterator[Send]:
    aiohttp = import_module("aiohttp")
    target = url + "/http/sendmsg"

    async def send(number: str) -> None:
        async with session.post(target, data=fields(number)) as response:
            _check(await response.text())

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(TIMEOUT)) as session:
        yield send


PEERS: Final[dict[str, Peer]] = {
    "clickasync": _ours,
    "clickasync, 8 connections": partial(_ours, most=8),
    "clickasync, observed": partial(_observed, make=_Counting),
    "clickasync, OpenTelemetry": partial(_observed, make=_telemetry),
    "httpx": _httpx,
    "httpx, keeping all connections": _httpx_keeping,
    "httpx2": _httpx2,
    "aiohttp": _aiohttp,
}
"""All with their default limits, but for ours, whose `max_connections` is the calls in flight unless it says 8."""
