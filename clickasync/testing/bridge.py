"""Callbacks into an app without a port of its own.

Theory of operation. The gateway makes callbacks over HTTP, from its own thread. The bridge is a server on a port of
loopback, which hands each request on to the app of the test, where that app lives:

=================================  ============================================================================
the app is                         its requests are handled
=================================  ============================================================================
an ASGI app, given in an async     in the test's own event loop, whenever the test awaits something
test
an ASGI app, given in a sync test  in the event loop of the bridge
a test client (Starlette's)        by the client, in the event loop where its app lives
=================================  ============================================================================
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from functools import partial
from typing import Any, Final, Protocol, TypeAlias

import anyio
import anyio.to_thread
from attrs import define, field

from clickasync.simulator.server.serving import ServerThread

__all__ = ["App", "Bridge", "WebClient", "in_event_loop"]

logger = logging.getLogger("clickasync.testing")

Message: TypeAlias = MutableMapping[str, Any]
App: TypeAlias = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]


class WebClient(Protocol):
    """What is needed of a test client: Starlette's, which is FastAPI's."""

    def request(self, method: str, url: str, *, content: bytes, headers: dict[str, str]) -> Any:
        """Make a request; gives its response."""


@define
class _Reply:
    status: int = 500
    headers: list[tuple[bytes, bytes]] = field(factory=list)
    body: bytes = b""


Handle: TypeAlias = Callable[[Message, bytes], Coroutine[Any, Any, _Reply]]


class Bridge:
    """The server that hands requests on. It starts when the first app is given."""

    def __init__(self) -> None:
        self._thread: ServerThread | None = None
        self._handle: Handle | None = None

    def lead_to(self, target: App | WebClient) -> str:
        """Hand requests to `target` from now on; gives the URL that leads there."""
        if self._thread is None:
            self._thread = ServerThread(self, "127.0.0.1", 0)
            self._thread.start()
        self._handle = _way_to(target)
        return self._thread.url

    def forget(self) -> None:
        """Hand requests to nobody."""
        self._handle = None

    def close(self) -> None:
        """End the server."""
        if self._thread is not None:
            self._thread.stop()

    async def __call__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        if scope["type"] == "lifespan":
            while True:
                event = await receive()
                await send({"type": f"{event['type']}.complete"})
                if event["type"] == "lifespan.shutdown":
                    return
        body = b""
        more = True
        while more:
            event = await receive()
            body += event.get("body", b"")
            more = event.get("more_body", False)
        reply = _Reply(404)
        if self._handle is not None:
            try:
                reply = await self._handle(scope, body)
            except Exception:
                logger.exception("the app that callbacks were reported to failed")
                reply = _Reply(500)
        headers = [(name, value) for name, value in reply.headers if name.lower() != b"content-length"]
        headers.append((b"content-length", b"%d" % len(reply.body)))
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})


def in_event_loop() -> bool:
    """Whether this is called in an event loop, so that to wait here would keep it from turning."""
    return _trio_token() is not None or _asyncio_loop() is not None


def _asyncio_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _trio_token() -> Any:
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_task():
        return trio.lowlevel.current_trio_token()
    return None


def _way_to(target: App | WebClient) -> Handle:
    if hasattr(target, "request"):
        return partial(_by_client, target)
    token, loop = _trio_token(), _asyncio_loop()
    if token is not None:
        return partial(_in_trio, token, target)
    if loop is not None:
        return partial(_in_asyncio, loop, target)
    return partial(_run, target)


async def _run(app: App, scope: Message, body: bytes) -> _Reply:
    """A request and its reply, in the event loop that is running."""
    reply = _Reply()
    events: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if not events:
            await anyio.sleep_forever()
        return events.pop()

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            reply.status, reply.headers = message["status"], list(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            reply.body += message.get("body", b"")

    plain = {name: scope[name] for name in _PLAIN if name in scope}
    await app({**plain, "state": {}, "extensions": {}}, receive, send)
    return reply


_PLAIN: Final = (
    "type",
    "asgi",
    "http_version",
    "method",
    "scheme",
    "path",
    "raw_path",
    "query_string",
    "root_path",
    "headers",
    "client",
    "server",
)


async def _in_asyncio(loop: asyncio.AbstractEventLoop, app: App, scope: Message, body: bytes) -> _Reply:
    run = _run(app, scope, body)
    try:
        future = asyncio.run_coroutine_threadsafe(run, loop)
    except RuntimeError:  # the loop is over
        run.close()
        raise
    return await asyncio.wrap_future(future)


async def _in_trio(token: Any, app: App, scope: Message, body: bytes) -> _Reply:
    run = partial(sys.modules["trio"].from_thread.run, _run, app, scope, body, trio_token=token)
    reply: _Reply = await anyio.to_thread.run_sync(run, abandon_on_cancel=True)
    return reply


async def _by_client(client: WebClient, scope: Message, body: bytes) -> _Reply:
    query = scope["query_string"].decode("latin-1")
    url = scope["path"] + (f"?{query}" if query else "")
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    for name in ("host", "content-length", "connection"):
        headers.pop(name, None)
    response = await anyio.to_thread.run_sync(
        partial(client.request, scope["method"], url, content=body, headers=headers), abandon_on_cancel=True
    )
    return _Reply(response.status_code, [], response.content)
