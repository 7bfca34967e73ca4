"""A lane of httpcore, httpx's own engine, without the client layer and the pool that httpx puts around it.

respx and the like, which put themselves in httpcore's place, see its requests all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpcore
import httpx

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

__all__ = ["HttpcoreLane"]


class HttpcoreLane(httpx.AsyncBaseTransport):
    """One connection of httpcore; it is made when it is needed, and again when it was closed."""

    def __init__(self, ssl_context: ssl.SSLContext | None, idle_seconds: float) -> None:
        self._idle_seconds = idle_seconds
        self._ssl_context = ssl_context
        self._connection: httpcore.AsyncHTTPConnection | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        asked = request.url
        url = httpcore.URL(scheme=asked.raw_scheme, host=asked.raw_host, port=asked.port, target=asked.raw_path)
        connection = self._connection
        if connection is not None and (connection.is_closed() or connection.has_expired()):
            await self.aclose()  # `has_expired` also looks whether the gateway has closed it
            connection = None
        if connection is None:
            connection = self._connection = httpcore.AsyncHTTPConnection(
                url.origin,
                ssl_context=self._ssl_context,
                keepalive_expiry=self._idle_seconds,
                network_backend=_JoiningBackend(),
            )
        response = await connection.handle_async_request(
            httpcore.Request(
                b"POST", url, headers=request.headers.raw, content=request.stream, extensions=request.extensions
            )
        )
        return httpx.Response(
            response.status, headers=response.headers, stream=_Stream(response), extensions=response.extensions
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


class _JoiningBackend(httpcore.AnyIOBackend):
    """httpcore's network, but for how a request is written."""

    async def connect_tcp(self, *args: Any, **options: Any) -> httpcore.AsyncNetworkStream:
        return _JoiningStream(await super().connect_tcp(*args, **options))


class _JoiningStream(httpcore.AsyncNetworkStream):
    """Writes head and body of a request at once: httpcore writes them one by one, and each costs a system call."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._head = b""
        self.read = stream.read  # type: ignore[method-assign]
        self.get_extra_info = stream.get_extra_info  # type: ignore[method-assign]

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if buffer.startswith(b"POST ") and not self._head:
            self._head = buffer  # every request of ours has a body, which follows
        else:
            head, self._head = self._head, b""
            await self._stream.write(head + buffer, timeout)

    async def start_tls(self, *args: Any, **options: Any) -> httpcore.AsyncNetworkStream:
        return _JoiningStream(await self._stream.start_tls(*args, **options))

    async def aclose(self) -> None:
        await self._stream.aclose()
