"""Virtual time: fifteen minutes pass in a moment, for whatever needs no socket. The simulator without sockets."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import parse_qsl

import anyio
import httpx
import pytest
import trio.testing

from clickasync import Client
from clickasync.simulator import Gateway


class _Hasty(selectors.DefaultSelector):
    """Where it would wait for a while, the while is over. Threads take real time: while one works, so does it."""

    passed = 0.0
    threads = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if not timeout or self.threads:
            return super().select(timeout)
        happened = super().select(0)
        if not happened:
            self.passed += timeout
        return happened


class VirtualLoop(asyncio.SelectorEventLoop):
    """What trio has in its `MockClock`."""

    def __init__(self) -> None:
        self._hasty = _Hasty()
        super().__init__(self._hasty)

    def time(self) -> float:
        return self._hasty.passed

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        self._hasty.threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._returned)
        return future

    def _returned(self, future: asyncio.Future[Any]) -> None:
        self._hasty.threads -= 1

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        await super().shutdown_default_executor()


on_virtual_time = pytest.mark.parametrize(
    "anyio_backend",
    [
        pytest.param(("asyncio", {"loop_factory": VirtualLoop}), id="asyncio"),
        pytest.param(("trio", {"clock": trio.testing.MockClock(autojump_threshold=0)}), id="trio"),
    ],
)
"""On event loops on which nobody waits for real."""


def virtual_gateway(**settings: Any) -> Gateway:
    """A simulator whose clock is the event loop's."""
    return Gateway(clock=anyio.current_time, **settings)


Handler = Callable[[httpx.Request], httpx.Response] | Callable[[httpx.Request], Coroutine[None, None, httpx.Response]]


def answer(gateway: Gateway, request: httpx.Request) -> httpx.Response:
    """The gateway's reply to a request of the client."""
    text = gateway.handle(request.url.path, dict(parse_qsl(request.content.decode())))
    return httpx.Response(404) if text is None else httpx.Response(200, text=text)


def client_of(gateway: Gateway, handler: Handler | None = None, **settings: Any) -> Client:
    """A client whose requests go to `handler`, or straight to `gateway`."""
    transport = httpx.MockTransport(handler or (lambda request: answer(gateway, request)))
    return Client(
        api_id=1,
        user="demo",
        password="demo",
        http_client=httpx.AsyncClient(transport=transport),
        **settings,
    )


def tasks_alive() -> int:
    """How many tasks the event loop runs."""
    if trio.lowlevel.in_trio_task():
        return trio.lowlevel.current_statistics().tasks_living
    return len(asyncio.all_tasks())
