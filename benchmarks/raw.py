"""Sockets and nothing else: what an exchange costs on this machine at the very least."""

from __future__ import annotations

import re
import selectors
import socket
from collections.abc import Iterable
from contextlib import ExitStack
from itertools import islice
from typing import Final

_SECONDS: Final = 30.0  # without any reply
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,7})", re.IGNORECASE)


def exchange(port: int, in_flight: int, requests: Iterable[bytes]) -> int:
    """Send `requests` over so many connections, one at a time on each; gives how many were answered with 200."""
    todo = iter(requests)
    answered = 0
    with ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        for request in list(islice(todo, in_flight)):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), _SECONDS))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sendall(request)
            selector.register(connection, selectors.EVENT_READ, (connection, bytearray()))
        while selector.get_map():
            ready = selector.select(_SECONDS)
            if not ready:
                raise TimeoutError("no reply in time")
            for key, _ in ready:
                connection, reply = key.data
                reply += connection.recv(65536)
                if not _is_whole(reply):
                    continue
                reply.clear()
                answered += 1
                following = next(todo, None)
                if following is None:
                    selector.unregister(connection)
                else:
                    connection.sendall(following)
    return answered


def _is_whole(reply: bytearray) -> bool:
    if not b"HTTP/1.1 200".startswith(reply[:12]) or not reply:
        raise ConnectionError(f"not a reply that was hoped for: {bytes(reply[:80])!r}")
    end = reply.find(b"\r\n\r\n") + 4
    length = _LENGTH.search(reply, 0, end)
    return end > 3 and length is not None and len(reply) >= end + int(length[1])
