"""The only door to the network, and the only module that knows httpx. It answers one question: was anything sent?

`Transport.exchange` makes one POST and gives back a `Reply`, or the `Failure` that it was (`law.py`). It never
raises for what happens on the network, for exceptions of an HTTP library carry the request, and with it the secrets.

How it is fast. httpx's connection pool walks all its connections at every request, so its cost grows with the
square of the concurrency. Here every connection is a *lane*: a transport of its own that holds one connection, taken
from a stack for one exchange and put back. The connection used last is used first, the others grow old and are closed
after `IDLE_SECONDS`. The lanes are driven through httpx's transport interface, without the client layer around it.
Two things live in that layer and go through an ordinary `httpx.AsyncClient` instead: proxies from the environment, and
a client of the user's own.
"""

from __future__ import annotations

import email.utils
import ipaddress
import math
import sys
import time
import urllib.request
from collections import deque
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import anyio
import httpx
from attrs import frozen

from clickasync._version import __version__
from clickasync.background import BackgroundTask, spawn
from clickasync.errors import ConfigurationError, ProtocolError
from clickasync.law import Lost, NotSent, Unreadable

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable

__all__ = ["IDLE_SECONDS", "MAX_REPLY", "HttpLibrary", "Outcome", "Reply", "Transport", "check_base_url"]

MAX_REPLY: Final = 1 << 20
"""Bytes. The longest reply that the gateway has a reason to make is about 60 KiB: 600 recipients, a line each."""

IDLE_SECONDS: Final = 4.0
"""How long an idle connection is kept: a little less than the 5 s after which common servers close theirs."""

HttpLibrary: TypeAlias = Literal["httpx", "aiohttp"]
"""What drives the connections: httpx, or aiohttp (``pip install clickasync[aiohttp]``; asyncio only)."""


@frozen
class Reply:
    """The body of a ``200 OK``."""

    body: bytes

    @property
    def text(self) -> str:
        """The body as text; what is not UTF-8 is replaced, for it can only stand in a description."""
        return self.body.decode("utf-8", "replace")


Outcome: TypeAlias = Reply | NotSent | Lost | Unreadable


class Transport:
    """One gateway, at most `max_connections` requests at once.

    Args:
        base_url: what paths are joined to; see `check_base_url`.
        http_client: the user's own; used as it is, and not closed.
        timeout: seconds, or an `httpx.Timeout`. Waiting for a free connection is limited only by the ``pool`` of an
            `httpx.Timeout`: the time in the queue says nothing about the gateway.
        max_connections: of them, idle ones are closed after `IDLE_SECONDS`.
        library: what drives the connections where there is no `http_client`.

    Raises:
        ConfigurationError: `timeout` is wrong, or `library` is not installed.
    """

    def __init__(
        self,
        base_url: str,
        *,
        http_client: httpx.AsyncClient | None = None,
        timeout: float | httpx.Timeout = 30.0,
        max_connections: int = 8,
        library: HttpLibrary = "httpx",
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._urls: dict[str, _DiscreetURL] = {}
        if not isinstance(timeout, httpx.Timeout):
            if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not timeout > 0:
                raise ConfigurationError(f"timeout must be a positive number, or an httpx.Timeout, not {timeout!r}")
            timeout = httpx.Timeout(timeout, pool=None)
        self._extensions = {"timeout": timeout.as_dict()}
        self._queue_seconds = math.inf if timeout.pool is None else timeout.pool
        # Each phase has its limit; a gateway that drips a byte now and then is bounded by their sum.
        phases = (timeout.connect, timeout.write, timeout.read)
        self._total_seconds = math.inf if None in phases else float(sum(phases))  # type: ignore[arg-type]
        self._max_connections = max_connections
        self._slots: anyio.Semaphore | None = None
        self._idle: deque[tuple[httpx.AsyncBaseTransport, float]] = deque()  # lanes, and since when
        self._busy = 0
        self._reaper: BackgroundTask | None = None
        self._closed = False
        self._own_client: httpx.AsyncClient | None = None
        self._client = http_client
        scheme = httpx.URL(self._base_url).scheme
        if http_client is None and library == "httpx" and _environment_has_proxy(scheme):
            self._client = self._own_client = httpx.AsyncClient(limits=_limits(max_connections))
        self._new_lane = _lane_factory(library, scheme)

    async def exchange(self, path: str, body: bytes) -> Outcome:
        """POST the form `body` to `path`.

        Raises:
            RuntimeError: the client is closed.
        """
        if self._closed:
            raise RuntimeError("this client is closed")
        if self._client is not None and self._client.is_closed:
            raise RuntimeError("the http_client given to this client is closed")
        if self._slots is None:  # made here, for it belongs to the event loop
            self._slots = anyio.Semaphore(self._max_connections, fast_acquire=True)
        if self._queue_seconds == math.inf:
            await self._slots.acquire()
        else:
            with anyio.move_on_after(self._queue_seconds) as queue:
                await self._slots.acquire()
            if queue.cancelled_caught:
                return NotSent(f"no connection came free within {self._queue_seconds:g} s")
        try:
            return await self._post(path, body)
        finally:
            self._slots.release()

    async def aclose(self) -> None:
        """Close all connections: now, or those in use when their call is done. May be called twice."""
        self._closed = True
        with anyio.CancelScope(shield=True):
            if self._reaper is not None:
                self._reaper.cancel()
                await self._reaper.wait()
            if self._own_client is not None:
                await self._own_client.aclose()

    async def _post(self, path: str, body: bytes) -> Outcome:
        url = self._url(path)
        request = httpx.Request("POST", url, headers=_HEADERS, content=body, extensions=self._extensions)
        if self._client is self._own_client:
            request.stream = _Body(body)
        if self._own_client is not None:
            request.url = url  # as it is: a Request makes a plain URL of what it is given, and httpx logs it
        try:
            with anyio.move_on_after(self._total_seconds):
                if self._client is None:
                    return await self._through_lane(request)
                response = await self._client.send(request, stream=True, follow_redirects=False)
                return await _read(response)
        except Exception as error:  # noqa: BLE001 - a transport may raise anything; little of it means "not sent"
            return _classify(error)
        return Lost(f"no complete reply within {self._total_seconds:g} s")

    async def _through_lane(self, request: httpx.Request) -> Outcome:
        if self._reaper is None or self._reaper.is_done:
            self._reaper = spawn(self._reap, name="clickasync: close idle connections")
        lane = self._idle.pop()[0] if self._idle else self._new_lane()
        self._busy += 1
        try:
            return await _read(await lane.handle_async_request(request))
        finally:
            self._busy -= 1
            if self._closed:
                await _close(lane)
            else:
                self._idle.append((lane, anyio.current_time()))

    async def _reap(self) -> None:
        """Close what has been idle for `IDLE_SECONDS`; end when nothing is left, or the event loop ends."""
        idle = self._idle
        try:
            while idle or self._busy:
                await anyio.sleep_until((idle[0][1] if idle else anyio.current_time()) + IDLE_SECONDS)
                while idle and idle[0][1] + IDLE_SECONDS <= anyio.current_time():
                    await _close(idle.popleft()[0])
        finally:
            while idle:
                await _close(idle.pop()[0])

    def _url(self, path: str) -> _DiscreetURL:
        url = self._urls.get(path)
        if url is None:
            url = self._urls[path] = _DiscreetURL(self._base_url + path)
        return url


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


class _DiscreetURL(httpx.URL):
    """A URL that does not tell its path when it is written: the Connect API's path is a secret."""

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc.decode('ascii')}/***"


_HEADERS: Final = httpx.Headers(
    {
        "User-Agent": f"clickasync/{__version__}",
        "Accept": "*/*",
        "Accept-Encoding": "identity",  # replies are short, and what is not compressed cannot be a bomb
        "Content-Type": "application/x-www-form-urlencoded",
    }
)


def check_base_url(url: str, *, allow_insecure: bool) -> str:
    """`url` without a final slash.

    Raises:
        ConfigurationError: not an ``https://`` URL (``http://`` is for loopback, or `allow_insecure`), or one with
            user info, a query or a fragment.
    """
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError):
        raise ConfigurationError("base_url is not a URL; give one like https://api.clickatell.com") from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ConfigurationError(f"base_url must begin with https:// and name a host, not {url!r}")
    if parsed.userinfo or parsed.query or parsed.fragment:
        raise ConfigurationError("base_url must have no user info, query or fragment")
    if parsed.scheme == "http" and not (allow_insecure or _is_loopback(parsed.host)):
        raise ConfigurationError(
            f"base_url {url!r} would send the password unencrypted; use https://, or allow_insecure=True"
        )
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _environment_has_proxy(scheme: str) -> bool:
    """Whether httpx may find a proxy for `scheme` in the environment (or, on some systems, in the settings)."""
    proxies = urllib.request.getproxies()
    return bool(proxies.get(scheme) or proxies.get("all"))


def _limits(connections: int) -> httpx.Limits:
    return httpx.Limits(
        max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=IDLE_SECONDS
    )


def _lane_factory(library: HttpLibrary, scheme: str) -> Callable[[], httpx.AsyncBaseTransport]:
    context: list[ssl.SSLContext] = []

    def verify() -> ssl.SSLContext | bool:
        if scheme == "http":
            return False
        if not context:  # one for all lanes, and only when needed: to load the certificates takes milliseconds
            context.append(httpx.create_ssl_context())
        return context[0]

    if library == "httpx":
        return lambda: httpx.AsyncHTTPTransport(verify=verify(), limits=_limits(1))
    if library != "aiohttp":
        raise ConfigurationError(f"transport must be 'httpx' or 'aiohttp', not {library!r}")
    try:
        from httpx_aiohttp import AiohttpTransport
    except ImportError:
        raise ConfigurationError("transport='aiohttp' needs httpx-aiohttp: pip install 'clickasync[aiohttp]'") from None
    return lambda: AiohttpTransport(verify=verify(), limits=_limits(1))


async def _close(lane: httpx.AsyncBaseTransport) -> None:
    with anyio.CancelScope(shield=True):
        await lane.aclose()


async def _read(response: httpx.Response) -> Outcome:
    try:
        if response.status_code != 200:
            reason = f"HTTP {response.status_code} {response.reason_phrase}".rstrip()
            return (NotSent if response.status_code == 429 else Lost)(reason, _retry_after(response.headers))
        chunks: list[bytes] = []
        size = 0
        with anyio.CancelScope() as limit:
            async for chunk in response.aiter_bytes():
                chunks.append(chunk)
                size += len(chunk)
                if size > MAX_REPLY:
                    # Not `break`: only an exception from within unwinds all of httpx's iterators, as trio wants it.
                    limit.cancel()
        body = b"".join(chunks)
        if size > MAX_REPLY:
            beginning = body[:100].decode("utf-8", "replace")
            return Unreadable(ProtocolError(f"the reply is longer than {MAX_REPLY} bytes", beginning))
        return Reply(body)
    finally:
        await response.aclose()


def _retry_after(headers: httpx.Headers) -> float | None:
    """Seconds, from either form of Retry-After."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


_NOT_SENT: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)
_WORDS: Final[dict[type[Exception], str]] = {
    httpx.ConnectTimeout: "connecting timed out",
    httpx.ConnectError: "could not connect",
    httpx.PoolTimeout: "no connection came free in time",
    httpx.ProxyError: "the proxy refused to connect",
    httpx.ReadTimeout: "no reply in time",
    httpx.WriteTimeout: "the request could not be written in time",
    httpx.RemoteProtocolError: "the connection was closed, or the reply was not HTTP",
    httpx.NetworkError: "the connection broke",
}


def _classify(error: Exception) -> NotSent | Lost:
    """Was anything sent? Only what certainly comes before the request counts as no."""
    if isinstance(error, httpx.HTTPStatusError):  # an event hook of the user's own client raised it
        status = error.response.status_code
        return (NotSent if status == 429 else Lost)(f"HTTP {status}", _retry_after(error.response.headers))
    if isinstance(error, httpx.TooManyRedirects):
        return Lost("a redirect was followed")
    not_sent, words = _through_aiohttp(error) or (
        isinstance(error, _NOT_SENT),
        next((text for kind, text in _WORDS.items() if isinstance(error, kind)), type(error).__name__),
    )
    root = _root_cause(error)
    # Only the system's own words: those of HTTP libraries may hold a URL, and the Connect API's URL is a secret.
    detail = f": {root}" if isinstance(root, OSError) else ""
    return (NotSent if not_sent else Lost)(words + detail)


def _through_aiohttp(error: Exception) -> tuple[bool, str] | None:
    """What aiohttp said, where it was asked: httpx-aiohttp tells even a reset after sending as a ConnectTimeout."""
    cause = error.__cause__ or error
    if type(cause).__module__.partition(".")[0] != "aiohttp":
        return None
    aiohttp = sys.modules["aiohttp"]
    before = [aiohttp.ClientConnectorError, aiohttp.ClientHttpProxyError, aiohttp.InvalidURL]
    before.append(getattr(aiohttp, "ConnectionTimeoutError", aiohttp.ClientConnectorError))
    if isinstance(cause, tuple(before)):
        return True, "could not connect"
    return False, "no reply in time" if isinstance(cause, TimeoutError) else "the connection broke"


def _root_cause(error: BaseException) -> BaseException:
    for _ in range(8):
        deeper = error.__cause__ or error.__context__
        if isinstance(error, BaseExceptionGroup):
            deeper = error.exceptions[0]
        if deeper is None:
            break
        error = deeper
    return error
