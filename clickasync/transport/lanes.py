"""Lanes: each a transport of one connection, for one request at a time.

This is how it is fast. httpx's connection pool walks all its connections at every request, so its cost grows with the
square of the concurrency. Here each connection stands alone: it is taken from a stack for one exchange and put back.
The one used last is used first; the others grow old, and are closed after `IDLE_SECONDS`.

A lane of httpcore, which is httpx's own engine, goes without the client layer and the pool that httpx puts around it.
respx and the like, which put themselves in httpcore's place, see its requests all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import anyio
import httpcore
import httpx

from clickasync.errors import ConfigurationError

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable

__all__ = ["IDLE_SECONDS", "Body", "HttpLibrary", "close", "lane_factory", "limits"]

IDLE_SECONDS: Final = 4.0
"""How long an idle connection is kept: a little less than the 5 s after which common servers close theirs."""

HttpLibrary: TypeAlias = Literal["httpx", "aiohttp"]
"""What drives the connections: httpx, or aiohttp (``pip install clickasync[aiohttp]``; asyncio only)."""


def lane_factory(library: HttpLibrary, scheme: str) -> Callable[[], httpx.AsyncBaseTransport]:
    """What makes a lane.

    Raises:
        ConfigurationError: `library` is unknown, or not installed.
    """
    context: list[ssl.SSLContext] = []

    def tls() -> ssl.SSLContext | None:
        if scheme == "http":
            return None
        if not context:  # one for all lanes, and only when needed: to load the certificates takes milliseconds
            context.append(httpx.create_ssl_context())
        return context[0]

    if library == "httpx":
        return lambda: _HttpcoreLane(tls())
    if library != "aiohttp":
        raise ConfigurationError(f"transport must be 'httpx' or 'aiohttp', not {library!r}")
    try:
        from httpx_aiohttp import AiohttpTransport
    except ImportError:
        raise ConfigurationError("transport='aiohttp' needs httpx-aiohttp: pip install 'clickasync[aiohttp]'") from None
    return lambda: AiohttpTransport(verify=tls() or False, limits=limits(1))


def limits(connections: int) -> httpx.Limits:
    """So many connections, all of which may be idle."""
    return httpx.Limits(
        max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=IDLE_SECONDS
    )


async def close(lane: httpx.AsyncBaseTransport) -> None:
    """Close a lane's connection, even when cancelled."""
    with anyio.CancelScope(shield=True):
        await lane.aclose()


class Body(httpx.AsyncByteStream):
    """A request's body, once. Not an async generator: one that a cancelled call leaves unfinished upsets trio."""

    def __init__(self, body: bytes) -> None:
        self._rest = [body]

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if not self._rest:
            raise StopAsyncIteration
        return self._rest.pop()


class _HttpcoreLane(httpx.AsyncBaseTransport):
    def __init__(self, ssl_context: ssl.SSLContext | None) -> None:
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
                keepalive_expiry=IDLE_SECONDS,
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
