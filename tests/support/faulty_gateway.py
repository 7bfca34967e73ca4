"""A gateway that fails as scripted, over real sockets: the simulator's own server and wire faults, and a few more.

Nothing here reads or writes HTTP by hand but the replies that are wrong on purpose. The server has a thread of its own.
What the gateway accepted stands in the ledger of the simulator, whatever became of the reply: the ledger is the judge.
"""

from __future__ import annotations

import socket
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable, MutableMapping
from contextlib import asynccontextmanager
from enum import Enum
from typing import Any, Final

import anyio
import anyio.to_thread
from attrs import define, field, frozen

from clickasync.simulator import Gateway
from clickasync.simulator.faults.effects import JUNK
from clickasync.simulator.faults.wire import Cut, Hang, Reset, Wire, WireFault
from clickasync.simulator.server.exchange import WIRE, Exchange
from clickasync.simulator.server.forms import read_query
from clickasync.simulator.server.serving import ServerThread


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


UNSEEN: Final = {
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


@frozen
class Drip:
    """A reply that never ends."""

    async def act(self, wire: Wire, reply: bytes) -> None:
        """Do it."""
        wire.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
        while await wire.wait(0.02):
            wire.write(b" ")
        wire.close()

    def describe(self) -> str:
        """In a few words."""
        return "a reply that drips"


@frozen
class Huge:
    """A reply of twenty megabytes."""

    async def act(self, wire: Wire, reply: bytes) -> None:
        """Do it."""
        wire.write(b"HTTP/1.1 200 OK\r\nContent-Length: 20000000\r\n\r\n")
        for _ in range(20):
            wire.write(b"ID: " + b"a" * 999_996)
            await wire.drain()
        wire.close()

    def describe(self) -> str:
        """In a few words."""
        return "a huge reply"


_ON_THE_WIRE: Final[dict[Fault, WireFault]] = {
    Fault.RESET: Reset(),
    Fault.RESET_UNSEEN: Reset(),
    Fault.CLOSED: Hang(0.0),
    Fault.CUT: Cut(),
    Fault.SILENCE: Hang(86400.0),
    Fault.DRIP: Drip(),
    Fault.HUGE: Huge(),
}


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
    idle_seconds: float = 5.0
    url: str = ""
    _thread: ServerThread | None = None

    @property
    def connections(self) -> int:
        """How many there ever were."""
        return self._thread.server.made if self._thread else 0

    @property
    def open_connections(self) -> int:
        """How many there are."""
        return len(self._thread.server.open) if self._thread else 0

    @asynccontextmanager
    async def serve(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
        """Serve on a free port of loopback; gives the base URL."""
        self._thread = thread = ServerThread(self._app, "127.0.0.1", 0, tls=tls, idle=self.idle_seconds)
        self.url = thread.url if tls is None else thread.url.replace("127.0.0.1", "localhost")
        await anyio.to_thread.run_sync(thread.start)
        try:
            yield self.url
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(thread.stop)

    async def _app(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for _ in range(2):
                await send({"type": f"{(await receive())['type']}.complete"})
            return
        wire: Exchange = scope["extensions"][WIRE]
        body = b""
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            more = message["more_body"]
        await self._answer(wire, scope["path"], read_query(scope["query_string"]) | read_query(body))

    async def _answer(self, wire: Exchange, path: str, fields: dict[str, str]) -> None:
        self.targets.append(wire.target)
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
        if fault in _ON_THE_WIRE:
            await _ON_THE_WIRE[fault].act(wire, _http(200, text))
            return
        wire.write(_INSTEAD[fault] if fault in _INSTEAD else _http(200, _changed(fault, text, fields)))
        wire.keep()

    def _retry_some(self, path: str, fields: dict[str, str]) -> str:
        numbers = fields["to"].split(",")
        chosen, others = numbers[::2], numbers[1::2]
        lines = [f"ERR: 901, Internal error To: {number}" for number in others]
        text = self.gateway.handle(path, {**fields, "to": ",".join(chosen)}) or ""
        if len(chosen) == 1 and text.startswith("ID:"):
            text = f"{text.strip()} To: {chosen[0]}"
        return "\n".join([*lines, text])


def _changed(fault: Fault | None, text: str, fields: dict[str, str]) -> str:
    match fault:
        case Fault.FEWER_LINES:
            return "".join(text.splitlines(keepends=True)[:-1])
        case Fault.SHUFFLED:
            return "\n".join(sorted(text.split("\n"), key=lambda line: line[::-1]))
        case Fault.ECHO:
            return f"<pre>POST {fields}</pre>"
    return text


def _http(status: int, text: str, *headers: str) -> bytes:
    body = text.encode()
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", "Content-Type: text/plain", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


_INSTEAD: Final[dict[Fault | None, bytes]] = {
    Fault.TOO_MANY: _http(429, "slow down"),
    Fault.TOO_MANY_WAIT: _http(429, "slow down", "Retry-After: 1"),
    Fault.ERROR_PAGE: _http(500, "<html><body>Internal error</body></html>"),
    Fault.UNAVAILABLE: _http(503, "no"),
    Fault.EMPTY: _http(200, ""),
    Fault.JUNK: _http(200, JUNK),
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
