"""Posts through an `AsyncClient` of httpx or httpx2: the user's, or clients of ours behind a proxy of the environment.

httpx finds proxies and tunnels, and users give a client of theirs for instrumentation and tests. It does not always
know whether anything was sent, as `connection` does. What it leaves open counts as "it may have been sent":

- An exception means "not sent" only where it certainly comes before the request (`_NOT_SENT`).
- An odd redirect makes httpx raise after the request has gone out. Redirects are never followed, and clients of ours
  do not even look at them.
- httpx does not say whether anything came after a reply. So a client of ours uses each connection once, and after an
  exception, the caller's cancellation included, it is not used again at all.

Exceptions of httpx hold the request, and with it secrets. None leaves this module.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

import anyio
import httpx
from attrs import define, field

from clickasync.background import arrive
from clickasync.errors import ConfigurationError, ProtocolError
from clickasync.law import Believed, Failure, Lost, NotSent, Reply, Sending, Unreadable
from clickasync.redaction import Secret, SecretBytes
from clickasync.transport.connection import Limits, describe
from clickasync.transport.exchange import MAX_REPLY, Outcome, failure_of_status
from clickasync.transport.pool import HEADERS

if TYPE_CHECKING:
    from clickasync.transport.urls import BaseUrl

__all__ = ["OwnClients", "UsersClient", "check_proxies"]

T = TypeVar("T")

_NOT_SENT: Final = {
    "ConnectTimeout": "connecting timed out",
    "ConnectError": "could not connect",
    "PoolTimeout": "no connection came free in time",
    "ProxyError": "the proxy refused to connect",
    "UnsupportedProtocol": "the URL or its proxy has a scheme that httpx does not know",
}
"""By their names, which httpx and httpx2 share."""
_LOST: Final = {
    "ReadTimeout": "no reply in time",
    "WriteTimeout": "the request could not be written in time",
    "RemoteProtocolError": "the connection was closed, or the reply was not HTTP",
    "InvalidURL": "the reply leads to a URL that is none",
    "TooManyRedirects": "a redirect was followed",
    "NetworkError": "the connection broke",
}


class UsersClient:
    """The user's own client. It is used as it is, but redirects are not followed, and it is not closed."""

    def __init__(self, client: httpx.AsyncClient, base: BaseUrl, limits: Limits) -> None:
        self._client = client
        self._base = base
        self._limits = limits

    async def post(
        self, path: str, form: bytes, believe: Callable[[Reply], Believed[T | Failure]], sending: Sending
    ) -> T | Failure:
        """POST a form; gives what `believe` makes of the reply, or why there is none."""
        url = Secret(self._base.url + path)  # the path of the Connect API is a secret
        outcome = await _exchange(self._client, url, form, self._limits, sending)
        return believe(outcome).value if isinstance(outcome, Reply) else outcome

    async def aclose(self) -> None:
        """Nothing: the client is the user's."""


class OwnClients:
    """Our own clients, for the proxies of the environment: one for each post at a time."""

    def __init__(self, base: BaseUrl, limits: Limits) -> None:
        self._base = base
        self._limits = limits
        self._idle: list[httpx.AsyncClient] = []
        self._closed = False

    async def post(
        self, path: str, form: bytes, believe: Callable[[Reply], Believed[T | Failure]], sending: Sending
    ) -> T | Failure:
        """POST a form; gives what `believe` makes of the reply, or why there is none."""
        client: httpx.AsyncClient | None = None
        try:
            try:
                client = self._idle.pop() if self._idle else _own_client()
            except (OSError, ValueError) as error:
                return NotSent(describe("could not connect", error))
            outcome = await _exchange(client, _DiscreetURL(self._base.url + path), form, self._limits, sending)
            if not isinstance(outcome, Reply):
                return outcome
            if not self._closed:
                self._idle.append(client)
                client = None
            return believe(outcome).value
        finally:
            if client is not None:
                await _close(client)

    async def aclose(self) -> None:
        """Close the idle clients now, and those in use when their post is done."""
        self._closed = True
        while self._idle:
            await _close(self._idle.pop())


def check_proxies() -> None:
    """Check that httpx can use the proxies of the environment.

    Raises:
        ConfigurationError: it cannot.
    """
    try:
        httpx.AsyncClient(verify=False)  # noqa: S501 - it is not used
    except ImportError:
        raise ConfigurationError(
            "the environment names a SOCKS proxy, which needs: pip install 'httpx[socks]'"
        ) from None
    except (ValueError, httpx.InvalidURL):  # whose words may hold the proxy's password
        raise ConfigurationError(
            "the environment names a proxy that is no URL like http://proxy:8080: see HTTPS_PROXY and ALL_PROXY"
        ) from None


def _own_client() -> httpx.AsyncClient:
    once = httpx.Limits(max_connections=1, max_keepalive_connections=0)
    return httpx.AsyncClient(limits=once, event_hooks={"response": [_forget_redirect]})


async def _forget_redirect(response: httpx.Response) -> None:
    """httpx raises for a redirect to no URL, although it is not to be followed."""
    response.headers.pop("location", None)


async def _close(client: httpx.AsyncClient) -> None:
    with anyio.CancelScope(shield=True):
        await client.aclose()


class _DiscreetURL(httpx.URL):
    """A URL that does not show its path where httpx logs it: the Connect API's path is a secret."""

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc.decode('ascii')}/***"

    def __repr__(self) -> str:
        return str(self)


@define(eq=False)
class _Held:
    """A request, held by our frames without showing its URL."""

    request: httpx.Request = field(repr=False)


async def _exchange(
    client: httpx.AsyncClient, url: Secret | _DiscreetURL, form: bytes, limits: Limits, sending: Sending
) -> Outcome:
    """One request; gives its reply, or why there is none."""
    seconds = {"connect": limits.connect, "read": limits.read, "write": limits.write}
    timeout = {name: _or_none(value) for name, value in seconds.items()} | {"pool": None}
    try:
        held = _Held(
            client.build_request(
                "POST", url, headers=HEADERS, content=SecretBytes(form), extensions={"timeout": timeout}
            )
        )
        held.request.stream = _body_class(held.request)(form)
        if isinstance(url, _DiscreetURL):
            held.request.url = url  # `build_request` makes a plain one of it
    except Exception as error:  # whatever it is, nothing was sent
        return NotSent(describe("the request could not be built", error))
    sending.mark_sent()
    outcome = await _within(_or_none(limits.total), _send(client, held))
    return outcome or Lost(f"no complete reply within {limits.total:g} s")


@cache
def _body_class_of(base: type) -> type:
    class Body(base):  # type: ignore[misc] # which of the two libraries has it is known when it runs
        """A body that is no async generator: one that is left unfinished, by a cancelled call, upsets trio."""

        def __init__(self, form: bytes) -> None:
            self._form = form
            self._left = b""

        def __aiter__(self) -> Self:
            self._left = self._form
            return self

        async def __anext__(self) -> bytes:
            left, self._left = self._left, b""
            if not left:
                raise StopAsyncIteration
            return left

    return Body


def _body_class(request: httpx.Request) -> Any:
    """A class of bodies for this request: httpx's and httpx2's want their own."""
    return _body_class_of(next(kind for kind in type(request.stream).__mro__ if kind.__name__ == "AsyncByteStream"))


async def _send(client: httpx.AsyncClient, held: _Held) -> Outcome:
    try:
        response = await client.send(held.request, stream=True, follow_redirects=False)
        try:
            return await _read(response)
        finally:
            await response.aclose()
    except Exception as error:  # a transport may raise anything; little of it means "not sent"
        return _meaning(error, held.request)


async def _read(response: httpx.Response) -> Outcome:
    headers = response.headers
    if response.status_code != 200:
        words = response.reason_phrase
        return failure_of_status(response.status_code, words, headers.get("retry-after", "").strip())
    coding = headers.get("transfer-encoding", "").strip().lower()
    if headers.get("content-encoding", "identity").lower() != "identity" or coding not in ("", "chunked"):
        return Unreadable(ProtocolError("the reply is compressed, and was asked not to be"))
    body = bytearray()
    with anyio.CancelScope() as scope:
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > MAX_REPLY:
                # Not `break`: only an exception from within unwinds the iterators, as trio wants it.
                scope.cancel()
    if len(body) > MAX_REPLY:
        return Unreadable(
            ProtocolError(f"the reply is longer than {MAX_REPLY} bytes", body[:4096].decode("utf-8", "replace"))
        )
    return Reply(bytes(body), bool(coding) or "content-length" in headers or response.http_version == "HTTP/2")


async def _within(seconds: float | None, step: Coroutine[Any, Any, Outcome]) -> Outcome | None:
    """What `step` gives, or None if it takes longer. On asyncio in a separate task; see `wait_at_most`."""
    if arrive(None).is_trio:
        with anyio.move_on_after(seconds):
            return await step
        return None
    task = asyncio.get_running_loop().create_task(step, name="clickasync: post through httpx")
    try:
        await asyncio.wait([task], timeout=seconds)
    finally:
        if not task.done():
            task.cancel()
            with anyio.CancelScope(shield=True):
                await asyncio.wait([task])
    return None if task.cancelled() else task.result()


def _meaning(error: Exception, request: httpx.Request) -> NotSent | Lost:
    """Was anything sent? Only what certainly comes before the request counts as no."""
    names = [kind.__name__ for kind in type(error).__mro__]
    lost = Lost(describe(next((_LOST[name] for name in names if name in _LOST), names[0]), error))
    if not _is_about(error, request):
        return lost
    if "HTTPStatusError" in names:  # a hook of the user's client raised for status
        response: httpx.Response = error.response  # type: ignore[attr-defined] # it is httpx's or httpx2's
        return failure_of_status(response.status_code, "", response.headers.get("retry-after", "").strip())
    if not _comes_from_aiohttp(error):
        for name in names:
            if name in _NOT_SENT:
                return NotSent(describe(_NOT_SENT[name], error))
    return lost


def _is_about(error: Exception, request: httpx.Request) -> bool:
    """Whether an exception is about this request, and not about one that a hook of the user's client made."""
    try:
        return getattr(error, "request", None) is request
    except RuntimeError:  # httpx raises it where there is none
        return False


def _comes_from_aiohttp(error: Exception) -> bool:
    """Whether aiohttp said something else than that it did not connect.

    httpx-aiohttp raises a ConnectTimeout even for a reset after sending.
    """
    names = {kind.__name__ for kind in type(error.__cause__).__mro__}
    return "ClientError" in names and not names & {
        "ClientConnectorError",
        "ClientHttpProxyError",
        "ConnectionTimeoutError",
        "InvalidURL",
    }


def _or_none(seconds: float) -> float | None:
    return None if seconds == math.inf else seconds
