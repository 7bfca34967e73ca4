"""A lean gateway, so that what is measured is the client: ``python -m benchmarks.gateway [latency in seconds] [PEM]``.

With a PEM file, a key and its certificates, it speaks TLS. It reads HTTP/1.1 by hand, keeps connections alive and
answers auth, ping, getbalance and sendmsg. It prints its port and ends when its standard input does, that is, with
whoever started it.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import sys
from itertools import count
from typing import Final

from benchmarks.workload import SESSION

MOST_BYTES: Final = 1 << 20  # of one request
MOST_CONNECTIONS: Final = 512
LONGEST_LIFE: Final = 3600.0  # seconds, should nobody close our standard input

_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,7})", re.IGNORECASE)
_TO: Final = re.compile(rb"(?:^|&)to=([^&]*)")
_ids = count(1)
_connections: set[asyncio.BaseTransport] = set()


def answer(target: bytes, body: bytes) -> bytes:
    """The text of the reply to one call."""
    path, _, query = target.partition(b"?")
    form = query or body
    if path == b"/http/auth":
        return b"OK: " + SESSION.encode()
    if SESSION.encode() not in form and b"user=" not in form:
        return b"ERR: 003, Session ID expired"
    if path == b"/http/ping":
        return b"OK:"
    if path == b"/http/getbalance":
        return b"Credit: 1000.0"
    to = _TO.search(form)
    if path != b"/http/sendmsg" or to is None:
        return b"ERR: 105, Invalid Destination Address"
    numbers = to[1].replace(b"%2C", b",").decode("ascii").split(",")
    if len(numbers) == 1:
        return b"ID: %032x" % next(_ids)
    return "\n".join([f"ID: {next(_ids):032x} To: {number}" for number in numbers]).encode("ascii")


class Connection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, latency: float) -> None:
        self._latency = latency
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        _connections.add(transport)
        if len(_connections) > MOST_CONNECTIONS:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        _connections.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        while (end := buffer.find(b"\r\n\r\n") + 4) > 3:
            length = _LENGTH.search(buffer, 0, end)
            whole = end + (int(length[1]) if length else 0)
            if len(buffer) < whole:
                break
            text = answer(buffer[:end].split(b" ", 2)[1], buffer[end:whole])
            self._reply(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(text) + text)
            buffer = buffer[whole:]
        self._buffer = buffer
        if len(buffer) > MOST_BYTES:
            self._transport.abort()

    def _reply(self, reply: bytes) -> None:
        if self._latency:
            asyncio.get_running_loop().call_later(self._latency, self._transport.write, reply)
        else:
            self._transport.write(reply)


async def serve(latency: float, pem: str | None) -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    tls: ssl.SSLContext | None = None
    if pem is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(pem)
    server = await loop.create_server(lambda: Connection(latency), "127.0.0.1", 0, backlog=MOST_CONNECTIONS, ssl=tls)
    print(server.sockets[0].getsockname()[1], flush=True)
    end = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), end.set)
    async with asyncio.timeout(LONGEST_LIFE):
        await end.wait()


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1]) if len(sys.argv) > 1 else 0.0, sys.argv[2] if len(sys.argv) > 2 else None))
