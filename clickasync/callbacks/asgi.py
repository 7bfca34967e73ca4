"""What the receiver needs of HTTP: who calls, what they send, how to answer. Plain ASGI, no framework."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from attrs import frozen

from clickasync.callbacks.parsing import MAX_SIZE
from clickasync.errors import ConfigurationError

__all__ = ["ASGIApp", "Answer", "Credentials", "Disconnected", "Receive", "Scope", "Send", "read_params"]

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


@frozen
class Answer:
    """A status, a reason in plain text, and a header or none."""

    status: int
    reason: str
    headers: tuple[tuple[bytes, bytes], ...] = ()
    error: type[Exception] | None = None
    """What went wrong, for an observer; it is not told to the caller."""

    async def send(self, send: Send) -> None:
        """Give it to the ASGI server."""
        body = f"{self.reason}\n".encode()
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", b"%d" % len(body)),
            *self.headers,
        ]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class Disconnected(Exception):  # nothing went wrong
    """The caller went away before all of the request was here."""


class Credentials:
    """The user name and password that a callback must have (HTTP Basic), compared in constant time."""

    def __init__(self, user: str, password: str) -> None:
        if ":" in user:
            raise ConfigurationError("the user name of a callback cannot hold a colon: HTTP Basic ends it there")
        self._digest = _digest(f"{user}:{password}".encode())

    def admit(self, scope: Scope) -> bool:
        """Whether the request has them.

        One comparison of digests of equal length: its time shows neither which of the two is wrong nor how long
        they are, nor whether there were any.
        """
        return hmac.compare_digest(_digest(_basic(_header(scope, b"authorization"))), self._digest)


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _header(scope: Scope, name: bytes) -> bytes:
    return next((bytes(value) for key, value in scope["headers"] if key.lower() == name), b"")


def _basic(header: bytes) -> bytes:
    scheme, _, token = header.partition(b" ")
    if scheme.lower() != b"basic":
        return b""
    try:
        return base64.b64decode(token.strip(), validate=True)
    except binascii.Error:
        return b""


async def read_params(scope: Scope, receive: Receive) -> bytes | None:
    """The raw parameters of a GET's query, or a POST's body and query; None when they are over 64 KiB.

    The body's parameters stand first, so that they count where the query repeats them. A body of XML or JSON stands
    alone.

    Raises:
        Disconnected: the caller went away.
    """
    params = bytes(scope.get("query_string", b""))
    if scope["method"] == "POST":
        body = await _read_body(scope, receive)
        if body is None:
            return None
        if not params or body.lstrip()[:1] in (b"<", b"{"):
            params = body
        elif body:
            params = body + b"&" + params
    return params if len(params) <= MAX_SIZE else None


async def _read_body(scope: Scope, receive: Receive) -> bytes | None:
    announced = _header(scope, b"content-length")
    if announced.isdigit() and len(announced) < 20 and int(announced) > MAX_SIZE:
        return None
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        body += message.get("body", b"")
        if len(body) > MAX_SIZE:
            return None
        if not message.get("more_body", False):
            return bytes(body)
