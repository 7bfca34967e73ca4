"""The simulator without sockets, on trio's virtual clock: fifteen minutes pass in a moment."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from urllib.parse import parse_qsl

import anyio
import httpx
import trio.testing

from clickasync import Client
from clickasync.simulator import Gateway

VIRTUAL_TIME = ("trio", {"clock": trio.testing.MockClock(autojump_threshold=0)})
"""For ``anyio_backend``: an event loop on which nobody waits for real."""


def virtual_gateway(**settings: object) -> Gateway:
    """A simulator whose clock is the event loop's."""
    return Gateway(clock=anyio.current_time, **settings)  # type: ignore[arg-type]


Handler = Callable[[httpx.Request], httpx.Response] | Callable[[httpx.Request], Coroutine[None, None, httpx.Response]]


def answer(gateway: Gateway, request: httpx.Request) -> httpx.Response:
    """The gateway's reply to a request of the client."""
    text = gateway.handle(request.url.path, dict(parse_qsl(request.content.decode())))
    return httpx.Response(404) if text is None else httpx.Response(200, text=text)


def client_of(gateway: Gateway, handler: Handler | None = None, **settings: object) -> Client:
    """A client whose requests go to `handler`, or straight to `gateway`."""
    transport = httpx.MockTransport(handler or (lambda request: answer(gateway, request)))
    return Client(
        api_id=1,
        user="demo",
        password="demo",
        http_client=httpx.AsyncClient(transport=transport),
        **settings,  # type: ignore[arg-type]
    )
