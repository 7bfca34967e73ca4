"""Lanes: each a transport of one connection, for one request at a time.

This is how it is fast. httpx's connection pool walks all its connections at every request, so its cost grows with the
square of the concurrency. Here each connection stands alone: it is taken from a stack for one exchange and put back.
The one used last is used first; the others grow old, and are closed after `IDLE_SECONDS`.

The usual lane is one of httpcore, httpx's own engine (`engine.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import anyio
import httpx

from clickasync.errors import ConfigurationError

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable

__all__ = ["IDLE_SECONDS", "HttpLibrary", "ReadyRequest", "close", "lane_factory", "limits"]

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

        def lane() -> httpx.AsyncBaseTransport:
            from clickasync.transport.engine import HttpcoreLane  # not before it is needed, as httpx does with httpcore

            return HttpcoreLane(tls(), IDLE_SECONDS)

        return lane
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


class ReadyRequest(httpx.Request):
    """A POST with all its headers ready: httpx takes long to work them out."""

    def __init__(
        self, url: httpx.URL, headers: list[tuple[bytes, bytes]], body: bytes, extensions: dict[str, Any]
    ) -> None:
        complete = [(b"Host", url.netloc), *headers, (b"Content-Length", b"%d" % len(body))]
        super().__init__("POST", url, headers=complete, stream=_Body(body), extensions=extensions)
        self._body = body

    @property
    def content(self) -> bytes:
        """The body, for transports that want it whole."""
        return self._body


class _Body(httpx.AsyncByteStream):
    """A request's body, once. Not an async generator: one that a cancelled call leaves unfinished upsets trio."""

    def __init__(self, body: bytes) -> None:
        self._rest = [body]

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if not self._rest:
            raise StopAsyncIteration
        return self._rest.pop()
