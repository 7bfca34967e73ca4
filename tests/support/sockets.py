"""What a raw socket sees of a server: the bytes, and how they end."""

from __future__ import annotations

import socket

from attrs import frozen

from tests.support.simulator import LOGIN

__all__ = ["Seen", "connect", "form", "read_one", "see"]


@frozen
class Seen:
    """What came back on a connection until it ended, or until nothing more came."""

    data: bytes
    end: str
    """fin, rst, or open."""

    @property
    def body(self) -> bytes:
        """What is behind the first head."""
        return self.data.partition(b"\r\n\r\n")[2]

    @property
    def status(self) -> int:
        """Of the first head."""
        return int(self.data.split(b" ", 2)[1])


def connect(url: str) -> socket.socket:
    """A connection to a server."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    return socket.create_connection((host, int(port)), timeout=20)


def form(path: str = "/http/sendmsg", **fields: str) -> bytes:
    """A POST with credentials."""
    body = "&".join(f"{name}={value}" for name, value in {**LOGIN, **fields}.items()).encode()
    return b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (path.encode(), len(body), body)


def see(stream: socket.socket) -> Seen:
    """Read until the connection ends."""
    data = b""
    try:
        while chunk := stream.recv(65536):
            data += chunk
    except ConnectionResetError:
        return Seen(data, "rst")
    return Seen(data, "fin")


def read_one(stream: socket.socket) -> Seen:
    """Read one response whose head announces its length; what comes with it is in `data` too."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(stream)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += _more(stream)
    return Seen(head + b"\r\n\r\n" + body, "open")


def _more(stream: socket.socket) -> bytes:
    data = stream.recv(65536)
    assert data, "the connection ended early"
    return data
