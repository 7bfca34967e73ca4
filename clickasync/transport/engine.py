"""A lane of httpcore, httpx's own engine, without the client layer and the pool that httpx puts around it.

respx and the like, which put themselves in httpcore's place, see its requests all the same.
"""

from __future__ import annotations

from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any, Final

import httpcore
import httpx

from clickasync.transport.lanes import Answer, Body, Target, is_framed, lower_names
from clickasync.transport.network import Network, Stale

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

__all__ = ["HttpcoreLane"]


class HttpcoreLane:
    """One connection of httpcore; it is made when it is needed, and again when it was closed."""

    def __init__(self, ssl_context: ssl.SSLContext | None, extensions: dict[str, Any]) -> None:
        self._ssl_context = ssl_context
        # One for all calls, for of a new one httpcore checks every part, and h11 does so anyway.
        self._request = httpcore.Request(b"POST", "", extensions=extensions)
        self._connection: httpcore.AsyncHTTPConnection | None = None

    async def post(self, target: Target, body: Body) -> Answer:
        request = self._request
        request.url, request.headers, request.stream = target.of_httpcore, target.headers(body), body
        connection = self._connection
        if connection is None or not (connection.is_idle() and _is_clean(connection)):
            connection = await self._connect(request.url.origin)
        try:
            response = await connection.handle_async_request(request)
        except Stale:
            body.is_taken = False
            connection = await self._connect(request.url.origin)
            response = await connection.handle_async_request(request)
        _unlock(connection)
        told = lower_names(response.headers)
        if "content-encoding" in told:  # unasked; httpx knows how to decode it
            return Answer.of(httpx.Response(response.status, headers=response.headers, stream=_Stream(response)))
        return Answer(
            response.status,
            response.extensions.get("reason_phrase", b"").decode("ascii", "ignore"),
            told,
            response.stream,  # type: ignore[arg-type]
            is_framed(told),
            response.aclose,
        )

    async def _connect(self, origin: httpcore.Origin) -> httpcore.AsyncHTTPConnection:
        await self.aclose()
        self._connection = httpcore.AsyncHTTPConnection(
            origin, ssl_context=self._ssl_context, network_backend=Network()
        )
        return self._connection

    async def aclose(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.aclose()


def _is_clean(connection: httpcore.AsyncHTTPConnection) -> bool:
    """Whether nothing came after the end of the last reply: httpcore would take it for the next one.

    It does not tell, so that h11 is asked. Where it cannot be, nobody knows, and the connection is not used again.
    """
    with suppress(AttributeError):
        surplus, _ = connection._connection._h11_state.trailing_data  # type: ignore[union-attr]
        return not surplus
    return False


def _unlock(connection: httpcore.AsyncHTTPConnection) -> None:
    """Take away httpcore's locks, by which several tasks share a connection: here one call at a time has it.

    Each of the three that a call takes waits for a turn of the event loop, even if it is free. Where httpcore has no
    such locks (any more), this does nothing.
    """
    connection._request_lock = _UNLOCKED  # type: ignore[assignment]
    with suppress(AttributeError):
        connection._connection._state_lock = _UNLOCKED  # type: ignore[union-attr]


_UNLOCKED: Final = nullcontext()


class _Stream(httpx.AsyncByteStream):
    """A reply of httpcore's as a stream of httpx's."""

    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._response.stream)  # type: ignore[arg-type]

    async def aclose(self) -> None:
        await self._response.aclose()
