"""The fast lane: one of aiohttp, through httpx-aiohttp (``pip install clickasync[aiohttp]``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from clickasync.transport.lanes import HEADERS, IDLE_SECONDS, Answer, Body, Target
from clickasync.transport.network import is_readable

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from aiohttp.connector import Connection

__all__ = ["AiohttpLane"]


class AiohttpLane:
    """A transport of httpx-aiohttp, for one connection."""

    def __init__(self, ssl_context: ssl.SSLContext | None, extensions: dict[str, Any]) -> None:
        def session() -> aiohttp.ClientSession:
            connector = _Connector(limit=1, keepalive_timeout=IDLE_SECONDS, ssl=ssl_context or True)
            return aiohttp.ClientSession(connector=connector)

        self._transport = AiohttpTransport(verify=ssl_context or False, client=session)
        self._extensions = extensions

    async def post(self, target: Target, body: Body) -> Answer:
        request = _ReadyRequest(target.of_httpx, body, self._extensions)
        return Answer.of(await self._transport.handle_async_request(request))

    async def aclose(self) -> None:
        await self._transport.aclose()


class _Connector(aiohttp.TCPConnector):
    """Makes one connection, and another where anything came on it while it was idle.

    aiohttp would take that for the reply to the next request.
    """

    _used: object = None

    async def connect(self, *args: Any, **options: Any) -> Connection:
        connection = await super().connect(*args, **options)
        if connection.protocol is self._used and not _is_clean(connection):
            connection.close()
            connection = await super().connect(*args, **options)
        self._used = connection.protocol
        return connection


def _is_clean(connection: Connection) -> bool:
    if connection.protocol is None or connection.protocol.should_close or connection.transport is None:
        return False
    opened = connection.transport.get_extra_info("socket")
    return opened is not None and not is_readable(opened)


class _ReadyRequest(httpx.Request):
    """What the transport of httpx-aiohttp needs of a POST. aiohttp itself adds the headers that depend on it."""

    headers: Mapping[str, str]  # type: ignore[assignment]  # httpx takes long to make its own, and aiohttp to read them

    def __init__(self, url: httpx.URL, body: Body, extensions: dict[str, Any]) -> None:
        self.method = "POST"
        self.url = url
        self.headers = HEADERS
        self.extensions = extensions
        self.stream = self._body = body

    @property
    def content(self) -> bytes:
        """The body, whole."""
        self._body.is_taken = True
        return self._body.data
