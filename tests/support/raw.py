"""Gateways on raw sockets, which say every byte of their replies themselves."""

from __future__ import annotations

import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl

import anyio
from anyio.abc import ByteStream, SocketAttribute
from attrs import define

__all__ = ["Exchange", "Held", "http", "listening", "read_request", "reset"]


@define
class Exchange:
    """A request, and the connection that it came on."""

    stream: ByteStream
    path: str
    fields: dict[str, str]
    size: int
    """Bytes, head included."""

    @property
    def command(self) -> str:
        """As the documents call it."""
        return self.path.rpartition("/")[2].removesuffix(".php")


def http(text: str, *headers: str) -> bytes:
    """A whole reply."""
    body = text.encode()
    return "\r\n".join(["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers, "", ""]).encode() + body


def reset(stream: ByteStream) -> None:
    """Let the close of a connection be a reset."""
    raw: socket.socket = stream.extra(SocketAttribute.raw_socket)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def read_request(stream: ByteStream) -> Exchange:
    """The next request of a connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += await stream.receive()
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    length = next(int(line[15:]) for line in lines if line.lower().startswith("content-length:"))
    while len(body) < length:
        body += await stream.receive()
    path = lines[0].split(" ")[1]
    return Exchange(stream, path, dict(parse_qsl(body.decode())), len(head) + 4 + length)


@asynccontextmanager
async def listening(handle: Callable[[ByteStream], Awaitable[None]]) -> AsyncIterator[str]:
    """Serve each connection by `handle`; gives the base URL."""

    async def serve(stream: ByteStream) -> None:
        async with stream:
            try:
                await handle(stream)
            except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError, ConnectionError):
                return

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, serve)
        yield f"http://127.0.0.1:{listener.extra(SocketAttribute.local_port)}"
        tasks.cancel_scope.cancel()


class Held(ByteStream):
    """A stream that can hold back what is sent, to send it in one piece."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._data = b""
        self.holds = False

    async def receive(self, max_bytes: int = 65536) -> bytes:
        return await self._stream.receive(max_bytes)

    async def send(self, item: bytes) -> None:
        self._data += item
        if not self.holds:
            await self.release()

    async def release(self) -> None:
        """Send what was held back."""
        data, self._data, self.holds = self._data, b"", False
        await self._stream.send(data)

    async def send_eof(self) -> None:
        await self._stream.send_eof()

    async def aclose(self) -> None:
        await self._stream.aclose()
