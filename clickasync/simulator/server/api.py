"""The HTTP API and its faults over HTTP: requests in, fields to the gateway, what it answers out."""

from __future__ import annotations

from typing import Final

import anyio
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from clickasync.simulator.answer import Answer
from clickasync.simulator.faults.wire import Wire, WireFault, reply_bytes
from clickasync.simulator.gateway import Gateway
from clickasync.simulator.server.exchange import WIRE
from clickasync.simulator.server.forms import read_form, read_query

__all__ = ["HttpApi", "read_body"]

MAX_BODY: Final = 1024 * 1024
"""Bytes. A call of 600 recipients takes about twelve thousand."""
_PATIENCE: Final = 16
"""How many times `MAX_BODY` a client may send before the connection is closed on it."""


class HttpApi:
    """The commands of the HTTP API, by GET and POST."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        answer = await self._answer(request)
        if isinstance(answer, Response):
            await answer(scope, receive, send)
            return
        if answer.delay > 0:
            await _hold_back(receive, answer.delay)
        if answer.wire is None:
            response = Response(answer.text, answer.status, dict(answer.headers), answer.media_type)
        else:
            wire: Wire | None = scope.get("extensions", {}).get(WIRE)
            if wire is not None:
                await answer.wire.act(wire, reply_bytes(answer.text))
                return
            response = _needs_a_wire(answer.wire)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Answer | Response:
        if request.method not in ("GET", "POST"):
            return PlainTextResponse("Method not allowed", 405, headers={"Allow": "GET, POST"})
        body = await read_body(request)
        if body is None:
            return PlainTextResponse("Request body too large", 413, headers={"Connection": "close"})
        fields = read_query(request.scope["query_string"])
        fields |= read_form(body, request.headers.get("content-type", ""))
        answer = self._gateway.answer(request.scope["path"], fields, method=request.method)
        return PlainTextResponse("Not found", 404) if answer is None else answer


def _needs_a_wire(fault: WireFault) -> Response:
    return PlainTextResponse(f"This fault needs the simulator's own server: {fault.describe()}", 501)


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
