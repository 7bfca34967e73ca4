"""Lanes behind a proxy of the environment: httpx finds it, and the way through it."""

from __future__ import annotations

import urllib.request
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import httpx

from clickasync.errors import ConfigurationError
from clickasync.transport.lanes import HEADERS, IDLE_SECONDS, Answer, Body, Target

if TYPE_CHECKING:
    import ssl

__all__ = ["ProxiedLane", "check_proxies", "environment_has_proxy"]


def environment_has_proxy(scheme: str) -> bool:
    """Whether httpx may find a proxy for `scheme` in the environment (or, on some systems, in the settings)."""
    proxies = urllib.request.getproxies()
    return bool(proxies.get(scheme) or proxies.get("all"))


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


class ProxiedLane:
    """A client of httpx's, for one connection; it is made when it is needed, and again when it was closed."""

    def __init__(self, ssl_context: ssl.SSLContext | None, extensions: dict[str, Any]) -> None:
        self._ssl_context = ssl_context
        self._extensions = extensions
        self._client: httpx.AsyncClient | None = None

    async def post(self, target: Target, body: Body) -> Answer:
        if self._client is not None and not _is_clean(self._client):
            await self.aclose()
        if self._client is None:
            limits = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=IDLE_SECONDS)
            self._client = httpx.AsyncClient(verify=self._ssl_context or True, limits=limits)
        body.is_taken = True  # for all that is known
        request = httpx.Request(
            "POST", target.of_httpx, headers=HEADERS, content=body.data, extensions=self._extensions
        )
        request.url = target.discreet  # not to the constructor, which would make a plain one; httpx logs it
        return Answer.of(await self._client.send(request, stream=True, follow_redirects=False))

    async def aclose(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()


def _is_clean(client: Any) -> bool:
    """Whether nothing came after the end of the last reply: it would be taken for the next one.

    See `clickasync.transport.engine`. Where nobody can tell, the client is not used again.
    """
    with suppress(AttributeError):
        transports = filter(None, [client._transport, *client._mounts.values()])
        for connection in [connection for transport in transports for connection in transport._pool.connections]:
            inner = connection
            while (deeper := getattr(inner, "_connection", None)) is not None:
                inner = deeper
            surplus, _ = inner._h11_state.trailing_data
            if surplus:
                return False
        return True
    return False
