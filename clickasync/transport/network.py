"""What httpcore reaches the network through: a request goes out at once, and nothing is done twice.

On asyncio these are asyncio's own transports. httpcore's go through anyio there, which for every read and write opens
a cancel scope, starts and stops watching the socket and takes a turn of the event loop: a quarter of what a call costs.
"""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import ip_address
from typing import Any, Final, cast

import anyio
import httpcore
import sniffio

__all__ = ["Network", "Stale", "is_readable"]

_EYEBALLS: Final = 0.25
"""Seconds after which the next address of a host is tried besides (RFC 8305)."""
_MOST_UNREAD: Final = 1 << 18
"""Bytes. With so many that nobody has asked for, the socket is not read any further."""


class Stale(httpcore.ConnectError):
    """An idle connection was closed, or written to, by the gateway. It was not used again: nothing was sent."""


class Network(httpcore.AsyncNetworkBackend):
    """Makes connections."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        if sniffio.current_async_library() == "asyncio":
            return await _AsyncioStream.connect(host, port, timeout)
        elsewhere = httpcore.AnyIOBackend()
        return _OtherStream(await elsewhere.connect_tcp(host, port, timeout, local_address, socket_options))


class _Joining(httpcore.AsyncNetworkStream):
    """Writes head and body of a request at once: httpcore writes them one by one, and each costs a system call."""

    _head = b""
    _was_used = False

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if not self._head and buffer.startswith(b"POST "):
            self._head = buffer  # every request of ours has a body, which follows
        elif buffer:  # the end of a request has no bytes
            if self._was_used and self._head and self.get_extra_info("is_readable"):
                raise Stale("the gateway closed the connection before anything was sent")
            self._was_used = True
            data, self._head = self._head + buffer, b""
            await self._send(data, timeout)

    async def _send(self, data: bytes, timeout: float | None) -> None:
        raise NotImplementedError


class _OtherStream(_Joining):
    """One of httpcore's own, but for how it writes."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self.read = stream.read  # type: ignore[method-assign]
        self.aclose = stream.aclose  # type: ignore[method-assign]
        self.get_extra_info = stream.get_extra_info  # type: ignore[method-assign]

    async def _send(self, data: bytes, timeout: float | None) -> None:
        await self._stream.write(data, timeout)

    async def start_tls(self, *args: Any, **options: Any) -> httpcore.AsyncNetworkStream:
        try:
            return _OtherStream(await self._stream.start_tls(*args, **options))
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._stream.aclose()  # which httpcore leaves open when it is cancelled
            raise


class _AsyncioStream(_Joining, asyncio.Protocol):
    """A connection of asyncio's, for one reader or writer at a time."""

    _transport: asyncio.Transport
    _socket: socket.socket

    def __init__(self) -> None:
        self._unread = b""
        self._has_read = False  # since the last request
        self._is_full = False
        self._is_over = False
        self._error: Exception | None = None
        self._waiting: asyncio.Future[None] | None = None

    # -- what httpcore calls

    @classmethod
    async def connect(cls, host: str, port: int, timeout: float | None) -> _AsyncioStream:
        try:
            async with asyncio.timeout(timeout):
                return await _first_to_connect(host, port)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout from error
        except OSError as error:
            raise httpcore.ConnectError from error

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout):
                transport = await loop.start_tls(self._transport, self, ssl_context, server_hostname=server_hostname)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout from error
        except OSError as error:  # ssl.SSLError is one
            raise httpcore.ConnectError from error
        if transport is None:
            raise httpcore.ConnectError("the connection was closed")
        self._transport = transport
        return self

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._has_read:
            await asyncio.sleep(0)  # however fast a reply comes, it can be cancelled when it is too long or too late
        self._has_read = True
        while not self._unread:
            if self._is_over:
                if self._error is not None:
                    raise httpcore.ReadError from self._error
                return b""
            await self._wait(timeout, httpcore.ReadTimeout)
        data, self._unread = self._unread[:max_bytes], self._unread[max_bytes:]
        self._transport.resume_reading()
        return data

    async def _send(self, data: bytes, timeout: float | None) -> None:
        self._has_read = False
        self._transport.write(data)
        while self._is_full and not self._is_over:
            await self._wait(timeout, httpcore.WriteTimeout)
        if self._is_over:
            raise httpcore.WriteError from self._error

    def abort(self) -> None:
        self._transport.abort()

    async def aclose(self) -> None:
        self.abort()
        await asyncio.sleep(0)  # asyncio closes the socket in its next turn

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":  # of an idle connection: has the gateway closed it?
            return self._is_over or bool(self._unread) or is_readable(self._socket)
        return self._transport.get_extra_info(info)

    async def _wait(self, seconds: float | None, late: type[httpcore.TimeoutException]) -> None:
        """Wait for the next thing that happens; raises `late` when nothing does for so many seconds."""
        loop = asyncio.get_running_loop()
        self._waiting = waiting = loop.create_future()
        timer = None if seconds is None else loop.call_later(seconds, _fail, waiting, late)
        try:
            await waiting
        finally:
            self._waiting = None
            del waiting  # whose error leads back to this frame
            if timer is not None:
                timer.cancel()

    # -- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast("asyncio.Transport", transport)  # uvloop's are none
        transport.set_write_buffer_limits(0)  # a write lasts until the system (or TLS) has taken all
        self._transport = transport
        self._socket = transport.get_extra_info("socket")

    def data_received(self, data: bytes) -> None:
        self._unread += data
        if len(self._unread) > _MOST_UNREAD:
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        self._is_over = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_over = True
        self._error = exc
        self._wake()

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


def _fail(waiting: asyncio.Future[None], late: type[httpcore.TimeoutException]) -> None:
    if not waiting.done():
        waiting.set_exception(late())


async def _first_to_connect(host: str, port: int) -> _AsyncioStream:
    """A connection to the first address of `host` that answers: each gets `_EYEBALLS` before the next is tried too.

    asyncio has this, but not with eager tasks, and it forgets the socket when it is cancelled; uvloop has it not.
    """
    loop = asyncio.get_running_loop()
    connected: list[_AsyncioStream] = []
    errors: list[OSError] = []

    async def attempt(address: str, failed: anyio.Event) -> None:
        try:
            _, stream = await loop.create_connection(_AsyncioStream, address, port)
        except OSError as error:
            errors.append(error)
            failed.set()
        else:
            connected.append(stream)
            tasks.cancel_scope.cancel()

    addresses = await _addresses(host, port)
    if not addresses:
        raise OSError(f"{host} has no address")
    try:
        async with anyio.create_task_group() as tasks:
            for address in addresses:
                failed = anyio.Event()
                tasks.start_soon(attempt, address, failed)
                with anyio.move_on_after(_EYEBALLS):
                    await failed.wait()
        if not connected:
            raise errors[0]
        return connected.pop(0)
    finally:
        for stream in connected:  # too late
            stream.abort()


async def _addresses(host: str, port: int) -> list[str]:
    with suppress(ValueError):
        return [str(ip_address(host))]
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def is_readable(connection: socket.socket) -> bool:
    """Whether something waits to be read: of an idle connection, that is its end."""
    if not hasattr(select, "poll"):  # on Windows
        return bool(select.select([connection], [], [], 0)[0])
    poll = select.poll()
    with suppress(ValueError):  # it is closed
        poll.register(connection, select.POLLIN)
        return bool(poll.poll(0))
    return True
