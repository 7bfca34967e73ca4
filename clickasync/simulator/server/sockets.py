"""Sockets to listen with."""

from __future__ import annotations

import os
import socket

__all__ = ["bind", "url_of"]


def bind(host: str, port: int) -> socket.socket:
    """A socket to listen with.

    Raises:
        OSError: the port is taken, or the host is none of this machine's; it names both.
    """
    # Not `socket.create_server`: its sockets do not name their protocol, and asyncio then leaves Nagle's algorithm on,
    # which holds back the second half of each reply for 40 ms.
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
    )[0]
    bound = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        bound.close()
        raise OSError(error.errno, error.strerror, f"{host}:{port}") from None
    return bound


def url_of(bound: socket.socket, scheme: str = "http") -> str:
    """The URL of a bound socket."""
    host, port = bound.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
