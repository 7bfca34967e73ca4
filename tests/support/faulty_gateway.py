"""A gateway that fails as scripted, over real sockets: the simulator's state machine behind a raw HTTP/1.1 server.

It runs in the test's own event loop, asyncio or trio. What the gateway accepted stands in the simulator's ledger,
whatever became of the reply: the ledger is the judge.
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import Enum
from urllib.parse import parse_qsl, urlsplit

import anyio
from anyio.abc import ByteStream, Listener, SocketAttribute
from anyio.streams.tls import TLSListener
from attrs import define, field

from clickasync.simulator import Gateway


class Fault(Enum):
    """What goes wrong with a call. The gateway handles the call first, unless the fault says that it never saw it."""

    RESET = "reset"
    RESET_UNSEEN = "reset, and the gateway never saw it"
    CLOSED = "closed without a reply"
    CUT = "cut in the middle of the reply"
    SILENCE = "no reply in time"
    DRIP = "a reply that drips and never ends"
    TOO_MANY = "429"
    TOO_MANY_WAIT = "429 with Retry-After"
    ERROR_PAGE = "500 with HTML"
    UNAVAILABLE = "503"
    EMPTY = "empty"
    JUNK = "junk"
    ECHO = "junk that shows what was sent"
    HUGE = "20 MB"
    REDIRECT = "a redirect"
    NO_CONTENT = "204"
    RETRY = "901"
    EXPIRED = "003"
    REFUSED_ACCOUNT = "001"
    NO_CREDIT = "301"
    FEWER_LINES = "a line is missing"
    SHUFFLED = "lines in another order"
    RETRY_SOME = "901 for every second recipient"


UNSEEN = {
    Fault.RESET_UNSEEN,
    Fault.TOO_MANY,
    Fault.TOO_MANY_WAIT,
    Fault.RETRY,
    Fault.EXPIRED,
    Fault.REFUSED_ACCOUNT,
    Fault.NO_CREDIT,
}

Script = Callable[[str, int], Fault | None]
"""From a command's name and how many calls of it there were before, to what goes wrong."""


def always(command: str, fault: Fault) -> Script:
    """Every call of `command` goes wrong."""
    return lambda name, _: fault if name == command else None


def once(command: str, *faults: Fault) -> Script:
    """The first calls of `command` go wrong, each in its way."""
    return lambda name, before: faults[before] if name == command and before < len(faults) else None


@define
class FaultyGateway:
    """Serves `gateway`, and fails as `script` says."""

    gateway: Gateway
    script: Script = lambda _name, _before: None
    calls: Counter[str] = field(factory=Counter)
    """Requests that arrived, by command."""
    bodies: list[dict[str, str]] = field(factory=list)
    """What each request carried."""
    targets: list[str] = field(factory=list)
    """What each request line asked for."""
    connections: int = 0
    open_connections: int = 0
    idle_seconds: float = 5.0
    url: str = ""

    @asynccontextmanager
    async def serve(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
        """Serve on a free port of loopback; gives the base URL."""
        listener: Listener[ByteStream] = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
        port = listener.extra(SocketAttribute.local_port)
        self.url = f"http://127.0.0.1:{port}"
        if tls is not None:
            self.url = f"https://localhost:{port}"
            listener = TLSListener(listener, tls, standard_compatible=False)
        async with listener, anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, self._connection)
            yield self.url
            tasks.cancel_scope.cancel()

    async def _connection(self, stream: ByteStream) -> None:
        self.connections += 1
        self.open_connections += 1
        try:
            async with stream:
                while await self._exchange(stream):
                    pass
        except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError, ConnectionError):
            pass
        finally:
            self.open_connections -= 1

    async def _exchange(self, stream: ByteStream) -> bool:
        with anyio.move_on_after(self.idle_seconds) as idle:
            target, fields = await _request(stream)
        if idle.cancelled_caught:
            return False
        self.targets.append(target)
        path = urlsplit(target).path
        name = path.rpartition("/")[2].removesuffix(".php")
        fault = self.script(name, self.calls[name])
        self.calls[name] += 1
        self.bodies.append(fields)
        if fault is Fault.RETRY_SOME and "to" in fields:
            text = self._retry_some(path, fields)
        elif fault in UNSEEN:
            text = ""
        else:
            text = self.gateway.handle(path, fields) or ""
        return await _reply(stream, fault, text, fields)

    def _retry_some(self, path: str, fields: dict[str, str]) -> str:
        numbers = fields["to"].split(",")
        chosen, others = numbers[::2], numbers[1::2]
        lines = [f"ERR: 901, Internal error To: {number}" for number in others]
        text = self.gateway.handle(path, {**fields, "to": ",".join(chosen)}) or ""
        if len(chosen) == 1 and text.startswith("ID:"):
            text = f"{text.strip()} To: {chosen[0]}"
        return "\n".join([*lines, text])


async def _request(stream: ByteStream) -> tuple[str, dict[str, str]]:
    data = await stream.receive()
    while b"\r\n\r\n" not in data:
        data += await stream.receive()
    head, _, body = data.partition(b"\r\n\r\n")
    request_line, *headers = head.decode("latin-1").split("\r\n")
    lengths = [line.partition(":")[2] for line in headers if line.lower().startswith("content-length:")]
    length = int(lengths[0]) if lengths else 0
    while len(body) < length:
        body += await stream.receive()
    target = request_line.split(" ")[1]
    return target, dict(parse_qsl(urlsplit(target).query) + parse_qsl(body.decode()))


async def _reply(stream: ByteStream, fault: Fault | None, text: str, fields: dict[str, str]) -> bool:
    match fault:
        case Fault.RESET | Fault.RESET_UNSEEN:
            raw = stream.extra(SocketAttribute.raw_socket)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        case Fault.CLOSED:
            return False
        case Fault.CUT:
            await stream.send(_http(200, text)[: -max(1, len(text) // 2)])
            return False
        case Fault.SILENCE:
            await anyio.sleep_forever()
        case Fault.DRIP:
            await stream.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
            while True:
                await stream.send(b" ")
                await anyio.sleep(0.02)
        case Fault.HUGE:
            await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 20000000\r\n\r\n")
            for _ in range(20):
                await stream.send(b"ID: " + b"a" * 999_996)
            return False
        case Fault.FEWER_LINES:
            text = "".join(text.splitlines(keepends=True)[:-1])
        case Fault.SHUFFLED:
            text = "\n".join(sorted(text.split("\n"), key=lambda line: line[::-1]))
        case Fault.ECHO:
            text = f"<pre>POST {fields}</pre>"
        case _:
            pass
    await stream.send(_INSTEAD[fault] if fault in _INSTEAD else _http(200, text))
    return True


def _http(status: int, text: str, *headers: str) -> bytes:
    body = text.encode()
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", "Content-Type: text/plain", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


_INSTEAD = {
    Fault.TOO_MANY: _http(429, "slow down"),
    Fault.TOO_MANY_WAIT: _http(429, "slow down", "Retry-After: 1"),
    Fault.ERROR_PAGE: _http(500, "<html><body>Internal error</body></html>"),
    Fault.UNAVAILABLE: _http(503, "no"),
    Fault.EMPTY: _http(200, ""),
    Fault.JUNK: _http(200, "<html>\nWelcome to the captive portal\n</html>"),
    Fault.REDIRECT: _http(302, "", "Location: /http/sendmsg?to=1"),
    Fault.NO_CONTENT: b"HTTP/1.1 204 No Content\r\n\r\n",
    Fault.RETRY: _http(200, "ERR: 901, Internal error"),
    Fault.EXPIRED: _http(200, "ERR: 003, Session ID expired"),
    Fault.REFUSED_ACCOUNT: _http(200, "ERR: 001, Authentication failed"),
    Fault.NO_CREDIT: _http(200, "ERR: 301, No credit left"),
}


def closed_port() -> int:
    """A port of loopback on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
