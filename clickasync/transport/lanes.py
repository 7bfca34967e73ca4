"""Lanes: each a connection of its own, for one request at a time.

This is how it is fast. httpx's connection pool walks all its connections at every request, so its cost grows with the
square of the concurrency. Here each connection stands alone: it is taken from a stack for one exchange and put back.
The one used last is used first; the others grow old, and are closed after `IDLE_SECONDS`.

The usual lane is one of httpcore, httpx's own engine (`engine.py`); the fast one is of aiohttp (`fast.py`); behind a
proxy of the environment it is a client of httpx (`proxied.py`). Each looks, before it uses a connection again, whether
anything is left on it that nobody asked for, and makes another one then.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from functools import cache, cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias, get_args

import anyio
import httpx
import sniffio
from attrs import frozen

from clickasync._version import __version__
from clickasync.errors import ConfigurationError
from clickasync.transport.urls import DiscreetURL

if TYPE_CHECKING:
    import ssl

    import httpcore

__all__ = [
    "HEADERS",
    "IDLE_SECONDS",
    "Answer",
    "Body",
    "HttpLibrary",
    "Lane",
    "Target",
    "check_loop",
    "close",
    "is_framed",
    "lane_factory",
    "lower_names",
]

IDLE_SECONDS: Final = 4.0
"""How long an idle connection is kept: a little less than the 5 s after which common servers close theirs."""

HttpLibrary: TypeAlias = Literal["httpx", "aiohttp"]
"""What drives the connections: httpx, or aiohttp (``pip install clickasync[aiohttp]``; asyncio only)."""

HEADERS: Final = {
    "User-Agent": f"clickasync/{__version__}",
    "Accept": "*/*",
    "Accept-Encoding": "identity",  # replies are short, and what is not compressed cannot be a bomb
    "Content-Type": "application/x-www-form-urlencoded",
}


@frozen
class Answer:
    """What came back, read as far as its body."""

    status: int
    reason: str
    headers: Mapping[str, str]
    """By their names in lower case."""
    body: AsyncIterable[bytes]
    is_framed: bool
    """Whether it tells where the body ends."""
    aclose: Callable[[], Awaitable[None]]

    @classmethod
    def of(cls, response: httpx.Response) -> Answer:
        """One of httpx's."""
        headers = lower_names(response.headers.raw)
        # Past httpx's decoders, which cost more than our parser, unless someone compressed it unasked.
        plain = "content-encoding" not in headers and not response.is_stream_consumed
        return cls(
            response.status_code,
            response.reason_phrase,
            headers,
            response.stream if plain else response.aiter_bytes(),  # type: ignore[arg-type]
            is_framed(headers) or response.http_version == "HTTP/2",
            response.aclose,
        )


def lower_names(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by their names in lower case."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}


def is_framed(headers: Mapping[str, str]) -> bool:
    """Whether headers tell where the body ends."""
    return "content-length" in headers or "transfer-encoding" in headers


class Lane(Protocol):
    """One connection."""

    async def post(self, target: Target, body: Body) -> Answer:
        """POST a form; raises whatever its HTTP library does."""

    async def aclose(self) -> None:
        """Close the connection."""


def lane_factory(
    library: HttpLibrary, scheme: str, timeout: httpx.Timeout, *, is_proxied: bool = False
) -> Callable[[], Lane]:
    """What makes a lane; behind a proxy one of httpx, which knows them, whatever `library` is.

    Raises:
        ConfigurationError: `library` is unknown, or not installed.
    """
    if library not in get_args(HttpLibrary):
        raise ConfigurationError(f"transport must be 'httpx' or 'aiohttp', not {library!r}")
    if library == "aiohttp" and find_spec("httpx_aiohttp") is None:
        raise ConfigurationError("transport='aiohttp' needs httpx-aiohttp: pip install 'clickasync[aiohttp]'")

    @cache
    def tls() -> ssl.SSLContext | None:
        # One for all lanes, and only when it is needed: to load the certificates takes milliseconds.
        return None if scheme == "http" else httpx.create_ssl_context()

    def lane() -> Lane:  # imported here, for each needs this module, and brings its library
        if is_proxied:
            from clickasync.transport.proxied import ProxiedLane

            return ProxiedLane(tls(), extensions)
        if library == "aiohttp":
            from clickasync.transport.fast import AiohttpLane

            return AiohttpLane(tls(), extensions)
        from clickasync.transport.engine import HttpcoreLane

        return HttpcoreLane(tls(), extensions)

    extensions = {"timeout": timeout.as_dict()}
    return lane


def check_loop(library: HttpLibrary) -> None:
    """Check that `library` runs on the event loop that is running.

    Raises:
        ConfigurationError: it does not.
    """
    if library == "aiohttp" and (loop := sniffio.current_async_library()) != "asyncio":
        raise ConfigurationError(f"transport='aiohttp' runs on asyncio only; leave it out on {loop}")


async def close(lane: Lane) -> None:
    """Close a lane, even when cancelled."""
    with anyio.CancelScope(shield=True):
        await lane.aclose()


class Target:
    """Where a form is posted to, as each of the HTTP libraries wants it: worked out once."""

    def __init__(self, url: str) -> None:
        self.discreet = DiscreetURL(url)
        self.of_httpx = httpx.URL(url)
        raw_headers = ((name.encode(), value.encode()) for name, value in HEADERS.items())
        self._headers = [(b"Host", self.of_httpx.netloc), *raw_headers]

    @cached_property
    def of_httpcore(self) -> httpcore.URL:
        import httpcore  # not before it is needed, as httpx does with it

        url = self.of_httpx
        return httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)

    def headers(self, body: Body) -> list[tuple[bytes, bytes]]:
        """All the headers of a POST of `body`."""
        return [*self._headers, (b"Content-Length", b"%d" % len(body.data))]


class Body(httpx.AsyncByteStream):
    """A request's body. Not an async generator: one that a cancelled call leaves unfinished upsets trio."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.is_taken = False
        """Whether it was asked for. Before that, nothing of the request has left."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        self.is_taken = False
        return self

    async def __anext__(self) -> bytes:
        if self.is_taken:
            raise StopAsyncIteration
        self.is_taken = True
        return self.data
