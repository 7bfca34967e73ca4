"""A lane of httpcore, httpx's own engine, without the client layer and the pool that httpx puts around it.

respx and the like, which put themselves in httpcore's place, see its requests all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpcore
import httpx

from clickasync.transport.lanes import IDLE_SECONDS, Answer, Body, ready_headers
from clickasync.transport.network import Network

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

    async def post(self, url: httpx.URL, body: bytes) -> Answer:
        asked = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        connection = self._connection
        if connection is not None and (not connection.is_idle() or connection.has_expired()):
            await self.aclose()  # `has_expired` also looks whether the gateway has closed it
            connection = None
        if connection is None:
            connection = self._connection = httpcore.AsyncHTTPConnection(
                asked.origin,
                ssl_context=self._ssl_context,
                keepalive_expiry=IDLE_SECONDS,
                network_backend=Network(),
            )
        request = httpcore.Request(
            b"POST", asked, headers=ready_headers(url, body), content=Body(body), extensions=self._extensions
        )
        response = await connection.handle_async_request(request)
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
        if "content-encoding" in headers:  # unasked; httpx knows how to decode it
            return Answer.of(httpx.Response(response.status, headers=response.headers, stream=_Stream(response)))
        return Answer(
            response.status,
            response.extensions.get("reason_phrase", b"").decode("ascii", "ignore"),
            headers,
            response.stream,  # type: ignore[arg-type]
            "content-length" in headers or "transfer-encoding" in headers,
            response.aclose,
        )

    async def aclose(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.aclose()


class _Stream(httpx.AsyncByteStream):
    """A reply of httpcore's as a stream of httpx's."""

    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._response.stream)  # type: ignore[arg-type]

    async def aclose(self) -> None:
        await self._response.aclose()
