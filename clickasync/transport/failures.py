"""What a failure of an HTTP library means. Only what certainly comes before the request counts as not sent."""

from __future__ import annotations

import email.utils
import sys
import time
from collections.abc import Mapping
from typing import Final

import httpx

from clickasync.law import Lost, NotSent

__all__ = ["classify", "retry_after"]


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds, from either form of Retry-After."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
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


def classify(error: Exception, outer: BaseException | None = None) -> NotSent | Lost:
    """Was anything sent? Only what certainly comes before the request counts as no.

    `outer` is what the caller was handling when it made the call: no cause of ours.
    """
    if isinstance(error, httpx.HTTPStatusError):  # an event hook of the user's own client raised it
        status = error.response.status_code
        return (NotSent if status == 429 else Lost)(f"HTTP {status}", retry_after(error.response.headers))
    if isinstance(error, httpx.TooManyRedirects):
        return Lost("a redirect was followed")
    kind = type(error)
    if kind.__module__.partition(".")[0] == "httpcore":  # which has httpx's exceptions, by the same names
        kind = getattr(httpx, kind.__name__, kind)
    not_sent, words = _through_aiohttp(error) or (
        issubclass(kind, _NOT_SENT),
        next((text for known, text in _WORDS.items() if issubclass(kind, known)), kind.__name__),
    )
    root = _root_cause(error, outer)
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


def _root_cause(error: BaseException, outer: BaseException | None) -> BaseException:
    for _ in range(8):
        deeper = error.__cause__ or error.__context__
        if isinstance(error, BaseExceptionGroup):
            deeper = error.exceptions[0]
        if deeper is None or deeper is outer:
            break
        error = deeper
    return error
