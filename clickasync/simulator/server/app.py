"""The gateway as an ASGI app: HTTP in, fields to the gateway, text out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final
from urllib.parse import parse_qsl

import anyio
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from clickasync.simulator import courier
from clickasync.simulator.connect.web import connect_routes
from clickasync.simulator.control import control_routes
from clickasync.simulator.gateway import Gateway

__all__ = ["build_app", "read_body"]

MAX_BODY: Final = 1024 * 1024
"""Bytes. A call of 600 recipients takes about twelve thousand."""
_PATIENCE: Final = 16
"""How many times `MAX_BODY` a client may send before the connection is closed on it."""


def build_app(gateway: Gateway, routes: Sequence[BaseRoute] = ()) -> Starlette:
    """The app: the control interface, whatever `routes` are put beside it, the Connect API, and the HTTP API."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(courier.run, gateway)
            yield
            tasks.cancel_scope.cancel()

    api = Route("/{path:path}", HttpApi(gateway))
    connect = connect_routes(gateway.connect)
    return Starlette(
        routes=[*control_routes(gateway), *routes, *connect, api],
        middleware=[Middleware(PartWithoutWords)],
        lifespan=lifespan,
    )


class PartWithoutWords:
    """A client that goes away in the middle of its request is nobody's error."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        with suppress(ClientDisconnect):
            await self._app(scope, receive, send)


class HttpApi:
    """The commands of the HTTP API, by GET and POST."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        response = await self._respond(Request(scope, receive))
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        if request.method not in ("GET", "POST"):
            return PlainTextResponse("Method not allowed", 405, headers={"Allow": "GET, POST"})
        body = await read_body(request)
        if body is None:
            return PlainTextResponse("Request body too large", 413, headers={"Connection": "close"})
        fields = _parse(request.scope["query_string"]) | _form(request, body)
        reply = self._gateway.handle(request.url.path, fields, method=request.method)
        if reply is None:
            return PlainTextResponse("Not found", 404)
        if self._gateway.latency > 0:
            await _hold_back(request.receive, self._gateway.latency)
        return PlainTextResponse(reply)


async def _hold_back(receive: Receive, seconds: float) -> None:
    """Wait before a reply, but not for a client that has gone: the server could not stop until the time is up."""
    with anyio.move_on_after(seconds):
        while (await receive())["type"] != "http.disconnect":
            pass


async def read_body(request: Request, limit: int = MAX_BODY) -> bytes | None:
    """The body of a request, or None if it is longer than `limit` bytes.

    What is too much is read and thrown away, up to a point: few clients look for a reply while they are still sending.
    """
    body = bytearray()
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= limit:
            body += chunk
        elif size > _PATIENCE * limit:
            break
    return bytes(body) if size <= limit else None


def _form(request: Request, body: bytes) -> dict[str, str]:
    """The fields of a form. Any other body is none of the gateway's business: some clients send a stray one."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return _parse(body) if content_type in ("", "application/x-www-form-urlencoded") else {}


def _parse(encoded: bytes) -> dict[str, str]:
    text = encoded.decode("latin-1")
    try:
        pairs = parse_qsl(text, keep_blank_values=True, encoding="utf-8", errors="strict")
    except UnicodeDecodeError:
        # Older clients send ISO-8859-1, which the gateway has always taken.
        pairs = parse_qsl(text, keep_blank_values=True, encoding="latin-1")
    return dict(pairs)
