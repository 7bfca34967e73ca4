"""A lane of httpcore, httpx's own engine, without the client layer and the pool that httpx puts around it.

respx and the like, which put themselves in httpcore's place, see its requests all the same.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

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
        self._extensions = extensions
        self._connection: httpcore.AsyncHTTPConnection | None = None

    async def post(self, target: Target, body: Body) -> Answer:
        asked = target.of_httpcore
        headers = target.headers(body)
        request = httpcore.Request(b"POST", asked, headers=headers, content=body, extensions=self._extensions)
        connection = self._connection
        if connection is None or not (connection.is_idle() and _is_clean(connection)):
            connection = await self._connect(asked.origin)
        try:
            response = await connection.handle_async_request(request)
        except Stale:
            body.is_taken = False
            response = await (await self._connect(asked.origin)).handle_async_request(request)
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


class _Stream(httpx.AsyncByteStream):
    """A reply of httpcore's as a stream of httpx's."""

    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._response.stream)  # type: ignore[arg-type]

    async def aclose(self) -> None:
        await self._response.aclose()
