"""One open connection through TLS, on asyncio and on trio: what is hidden in records changes nothing of its outcome."""

from __future__ import annotations

import asyncio
import math
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import pytest
import trio
import trustme
from anyio.abc import TaskGroup, UNIXSocketStream
from anyio.streams.tls import TLSStream
from attrs import define

from clickasync.background import arrive
from clickasync.law import Lost, Reply
from clickasync.transport.connection import Connection, Limits
from clickasync.transport.on_asyncio import ProtocolConnection
from clickasync.transport.on_trio import StreamConnection
from tests.support.raw import Held, http
from tests.support.virtual import on_virtual_time

pytestmark = [pytest.mark.anyio, on_virtual_time]

HOST = "gateway.test"
WRITE, READ, MOMENT = 7.0, 11.0, 0.001
LIMITS = Limits(connect=100.0, write=WRITE, read=READ)
HEAD, FORM = b"POST / HTTP/1.1\r\n\r\n", b"to=1"
LARGE = b"x" * 4_000_000
RECORD = b"\x17\x03\x03\x01\x00"
"""The beginning of a record of 256 bytes."""


@define
class Line:
    """A connection, and its other end: the socket, and what speaks TLS on it."""

    near: Connection
    raw: socket.socket
    far: TLSStream
    held: Held
    tasks: TaskGroup

    async def ends(self, form: bytes = FORM) -> tuple[Any, float]:
        """What a post ends with, and after how many seconds."""
        begun = anyio.current_time()
        outcome = await self.near.post(HEAD, form, LIMITS, math.inf)
        return outcome, round(anyio.current_time() - begun, 6)

    def after(self, seconds: float, do: Callable[[], object]) -> None:
        """Do something at the other end, before the deadlines of that moment are looked at."""
        if isinstance(self.near, ProtocolConnection):
            asyncio.get_running_loop().call_later(seconds, do)
            return

        async def do_later(at: float) -> None:
            await trio.sleep_until(at)
            do()

        self.tasks.start_soon(do_later, anyio.current_time() + seconds)

    async def answer(self, data: bytes, unencrypted: bytes = b"") -> None:
        """Read a request, and send something, in one piece with what is no TLS."""
        await self.far.receive()
        self.held.holds = True
        await self.far.send(data)
        await self.held.send(unencrypted)
        await self.held.release()

    async def read_on(self) -> None:
        """Read a large request to its end, and answer it."""
        read = 0
        while read < len(HEAD + LARGE):
            read += len(await self.far.receive(1 << 20))
        await self.far.send(http("ID: 1"))

    @property
    def can_be_used(self) -> bool:
        """As the pool asks before each use."""
        return self.near.is_clean and self.near.is_quiet()


@pytest.fixture(scope="module")
def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A client's and a server's."""
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return client, server


@pytest.fixture
async def line(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> AsyncIterator[Line]:
    sockets = socket.socketpair()
    for each in sockets:
        each.setblocking(False)
    near, far = sockets
    client, server = contexts
    place = arrive(None)
    connections: list[Connection] = []

    async def open_near() -> None:
        if place.is_trio:
            raw = await UNIXSocketStream.from_socket(near)
            stream = await TLSStream.wrap(raw, hostname=HOST, ssl_context=client, standard_compatible=False)
            connections.append(StreamConnection(stream, place))
        else:
            protocol = ProtocolConnection(place)
            await place.loop.create_connection(lambda: protocol, sock=near, ssl=client, server_hostname=HOST)
            connections.append(protocol)

    async with anyio.create_task_group() as tasks:
        stream = await UNIXSocketStream.from_socket(far)
        async with anyio.create_task_group() as opening:
            opening.start_soon(open_near)
            held = Held(stream)
            answered = await TLSStream.wrap(held, server_side=True, ssl_context=server, standard_compatible=False)
        yield Line(connections[0], far, answered, held, tasks)
        await connections[0].aclose()
        await anyio.aclose_forcefully(stream)
        tasks.cancel_scope.cancel()
    near.close()
    far.close()


async def test_after_a_reply_it_can_be_used_again(line: Line) -> None:
    """Nothing of TLS is left over that would speak against it."""
    for number in range(3):
        line.tasks.start_soon(line.answer, http(f"ID: {number}"))
        assert await line.ends() == (Reply(b"ID: %d" % number), 0.0)
        assert line.can_be_used is True


async def test_after_a_large_request_it_can_be_used_again(line: Line) -> None:
    """Once it was read and answered."""
    line.after(5.0, lambda: line.tasks.start_soon(line.read_on))
    assert await line.ends(LARGE) == (Reply(b"ID: 1"), 5.0)
    assert line.can_be_used is True


async def test_a_request_that_nobody_reads_is_lost(line: Line) -> None:
    """Where asyncio undoes TLS, it takes all of it at once, and what is said to be missing is the reply."""
    outcome, seconds = await line.ends(LARGE)
    assert (outcome.reason, seconds) in {
        ("the request could not be written in time", WRITE),
        ("no reply in time", READ),
    }
    assert line.near.is_clean is False


async def test_a_part_of_a_record_at_the_deadline_is_waited_for(line: Line) -> None:
    """For a moment: something came, and nobody can see yet what it is."""
    line.after(READ, lambda: line.raw.send(RECORD))
    assert await line.ends() == (Lost("no reply in time"), READ + MOMENT)
    assert line.near.is_clean is False


async def test_parts_of_a_record_after_the_deadline_change_nothing(line: Line) -> None:
    """There is one moment, however often something comes."""

    def drip_twice() -> None:
        line.raw.send(RECORD)
        line.after(MOMENT, lambda: line.raw.send(b"x"))

    line.after(READ, drip_twice)
    assert await line.ends() == (Lost("no reply in time"), READ + MOMENT)


async def test_an_end_without_a_goodbye_is_an_end(line: Line) -> None:
    """Of a reply without length: many servers say no goodbye, and whether it was cut is for others to ask."""
    line.tasks.start_soon(line.answer, b"HTTP/1.1 200 OK\r\n\r\nID: 1")
    line.after(1.0, lambda: line.raw.shutdown(socket.SHUT_WR))
    assert await line.ends() == (Reply(b"ID: 1", is_framed=False), 1.0)
    assert line.near.is_clean is False


async def test_what_is_no_tls_any_more_spoils_the_connection(line: Line) -> None:
    """It comes while the connection is idle."""
    line.tasks.start_soon(line.answer, http("ID: 1"))
    assert await line.ends() == (Reply(b"ID: 1"), 0.0)
    line.raw.send(b"no TLS any more")
    assert line.can_be_used is False
    await anyio.wait_all_tasks_blocked()
    assert line.can_be_used is False


async def test_what_is_no_tls_in_one_piece_with_a_reply_spoils_it(line: Line) -> None:
    """The socket is silent then, and what is wrong waits where TLS is undone. asyncio drops the reply, too."""
    line.tasks.start_soon(line.answer, http("ID: 1"), b"no TLS any more")
    outcome, _ = await line.ends()
    assert outcome == Reply(b"ID: 1") or isinstance(outcome, Lost)
    assert line.can_be_used is False
