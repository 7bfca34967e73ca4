"""One open connection, on asyncio and on trio: what ends a post, when, and what the connection is worth afterwards.

Its other end is a socket of the test's, and the time is virtual: an outcome comes at the second that it is due.
"""

from __future__ import annotations

import asyncio
import errno
import math
import os
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import anyio
import pytest
import trio
from anyio.abc import TaskGroup, UNIXSocketStream
from attrs import define, field

from clickasync.background import arrive
from clickasync.law import Lost, Reply
from clickasync.transport.connection import Connection, Limits
from clickasync.transport.on_asyncio import ProtocolConnection
from clickasync.transport.on_trio import StreamConnection
from tests.support.raw import http
from tests.support.virtual import on_virtual_time

pytestmark = [pytest.mark.anyio, on_virtual_time]

T = TypeVar("T")

WRITE, READ = 7.0, 11.0
LIMITS = Limits(connect=100.0, write=WRITE, read=READ)
HEAD, FORM = b"POST / HTTP/1.1\r\n\r\n", b"to=1"
LARGE = b"x" * 4_000_000
"""More than the system takes from one end before the other reads."""
REPLY = http("ID: 1")
TOO_LATE = Lost("no reply in time")
NOT_WRITTEN = Lost("the request could not be written in time")
CUT = Lost("the connection was closed before the reply was complete")
MOMENT = 0.001


@define
class Line:
    """A connection, and its other end."""

    near: Connection
    far: socket.socket
    tasks: TaskGroup
    ended: list[tuple[Any, float]] = field(factory=list)
    """The outcome of each post, and how long it took."""

    @property
    def moment(self) -> float:
        """On trio, what may be there is read before a reply is said to be late. On asyncio the socket is asked."""
        return 0.0 if isinstance(self.near, ProtocolConnection) else MOMENT

    async def post(self, form: bytes = FORM, limits: Limits = LIMITS, seconds: float = math.inf) -> Any:
        """Its outcome; the whole call may take so many seconds."""
        begun = anyio.current_time()
        outcome = await self.near.post(HEAD, form, limits, begun + seconds)
        self.ended.append((outcome, round(anyio.current_time() - begun, 6)))
        return outcome

    async def ends(self, form: bytes = FORM, limits: Limits = LIMITS, seconds: float = math.inf) -> tuple[Any, float]:
        """What a post ends with, and after how many seconds."""
        await self.post(form, limits, seconds)
        return self.ended[-1]

    def after(self, seconds: float, do: Callable[..., object], *args: Any) -> None:
        """Do something at the other end, before the deadlines of that moment are looked at."""
        if isinstance(self.near, ProtocolConnection):
            asyncio.get_running_loop().call_later(seconds, do, *args)
            return

        async def do_later(at: float) -> None:
            await trio.sleep_until(at)
            do(*args)

        self.tasks.start_soon(do_later, anyio.current_time() + seconds)

    def send(self, data: bytes) -> None:
        """From the other end."""
        assert self.far.send(data) == len(data)

    def read_all(self) -> None:
        """What was written so far, and what the system takes in because of that."""
        while True:
            try:
                self.far.recv(1 << 20)
            except BlockingIOError:
                return

    async def read_on(self) -> None:
        """Until nothing comes any more."""
        for _ in range(100):
            self.read_all()
            await anyio.wait_all_tasks_blocked()


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    near, far = socket.socketpair()
    near.setblocking(False)
    far.setblocking(False)
    place = arrive(None)
    connection: Connection
    if place.is_trio:
        connection = StreamConnection(await UNIXSocketStream.from_socket(near), place)
    else:
        protocol = connection = ProtocolConnection(place)
        await place.loop.create_connection(lambda: protocol, sock=near)
    async with anyio.create_task_group() as tasks:
        with far:
            yield Line(connection, far, tasks)
        await connection.aclose()
        tasks.cancel_scope.cancel()


async def test_a_reply_is_given_and_the_connection_is_clean(line: Line) -> None:
    """Once, and again."""
    for number in range(2):
        line.after(READ - 1, line.send, http(f"ID: {number}"))
        assert await line.ends() == (Reply(b"ID: %d" % number), READ - 1)
        assert (line.near.is_clean, line.near.is_quiet()) == (True, True)
        assert line.far.recv(1000) == HEAD + FORM


async def test_silence_is_waited_for_as_long_as_reading_may_take(line: Line) -> None:
    """However little writing may take: the system took all of the request at once."""
    assert await line.ends() == (TOO_LATE, READ + line.moment)
    assert line.near.is_clean is False


async def test_the_whole_call_ends_a_silence_before(line: Line) -> None:
    """Of two limits the nearer one counts."""
    assert await line.ends(seconds=2.5) == (TOO_LATE, 2.5 + line.moment)
    assert line.near.is_clean is False


async def test_each_piece_of_a_reply_may_take_as_long_as_reading(line: Line) -> None:
    """It is the silence that is limited."""
    for number, at in enumerate((10.0, 20.0, 30.0)):
        line.after(at, line.send, REPLY[number : number + 1])
    assert await line.ends() == (TOO_LATE, 30 + READ + line.moment)


async def test_the_whole_call_ends_a_reply_that_drips(line: Line) -> None:
    """However often a piece of it comes."""
    for number, at in enumerate((10.0, 20.0, 30.0)):
        line.after(at, line.send, REPLY[number : number + 1])
    assert await line.ends(seconds=24.0) == (TOO_LATE, 24.0 + line.moment)


async def test_without_limits_a_reply_may_take_days(line: Line) -> None:
    """Each of them can be switched off."""
    line.after(1e6, line.send, REPLY)
    assert await line.ends(limits=Limits(math.inf, math.inf, math.inf)) == (Reply(b"ID: 1"), 1e6)


async def test_a_later_post_may_have_less_time(line: Line) -> None:
    """Or more: what counts is what it was given itself."""
    line.after(1.0, line.send, REPLY)
    assert await line.ends(limits=Limits(1.0, 100.0, 100.0)) == (Reply(b"ID: 1"), 1.0)
    line.after(1.0, line.send, REPLY)
    assert await line.ends(limits=Limits(1.0, 1.0, 3.0)) == (Reply(b"ID: 1"), 1.0)
    assert await line.ends(limits=Limits(1.0, 1.0, 5.0)) == (TOO_LATE, 5.0 + line.moment)


async def test_a_request_that_nobody_reads_is_not_written_in_time(line: Line) -> None:
    """It says so, because it is another thing to look for than a slow gateway."""
    assert await line.ends(LARGE) == (NOT_WRITTEN, WRITE)
    assert line.near.is_clean is False


async def test_a_beginning_of_a_reply_gives_writing_no_more_time(line: Line) -> None:
    """Nor the end of it less: the limit of writing is for the whole request."""
    line.after(5.0, line.send, REPLY[:5])
    assert await line.ends(LARGE) == (NOT_WRITTEN, WRITE)


async def test_the_whole_call_ends_a_request_that_nobody_reads(line: Line) -> None:
    """Of two limits the nearer one counts."""
    assert await line.ends(LARGE, seconds=2.5) == (NOT_WRITTEN, 2.5)


async def test_the_limit_of_reading_begins_when_all_is_written(line: Line) -> None:
    """A slow upload does not use up the time of its reply."""
    line.after(5.0, line.tasks.start_soon, line.read_on)
    assert await line.ends(LARGE) == (TOO_LATE, 5 + READ + line.moment)


async def test_a_large_request_leaves_a_clean_connection(line: Line) -> None:
    """One that was read and answered is as good as a short one."""
    line.after(5.0, line.tasks.start_soon, line.read_on)
    line.after(15.0, line.send, REPLY)
    assert await line.ends(LARGE) == (Reply(b"ID: 1"), 15.0)
    assert line.near.is_clean is True
    line.after(10.0, line.send, REPLY)
    assert await line.ends() == (Reply(b"ID: 1"), 10.0)


async def test_an_end_in_the_middle_of_a_reply_is_lost(line: Line) -> None:
    """Nobody can know what the rest would have said."""
    line.after(1.0, line.send, REPLY[:-1])
    line.after(2.0, line.read_all)
    line.after(3.0, line.far.close)
    assert await line.ends() == (CUT, 3.0)
    assert line.near.is_clean is False


async def test_an_end_instead_of_a_reply_is_lost(line: Line) -> None:
    """The gateway may have read the request."""
    line.after(2.0, line.far.shutdown, socket.SHUT_WR)
    assert await line.ends() == (CUT, 2.0)


async def test_a_reply_without_length_ends_with_the_connection(line: Line) -> None:
    """It is a reply, whose end nobody marked."""
    line.after(1.0, line.send, b"HTTP/1.1 200 OK\r\n\r\nID: 1")
    line.after(2.0, line.far.shutdown, socket.SHUT_WR)
    assert await line.ends() == (Reply(b"ID: 1", is_framed=False), 2.0)
    assert line.near.is_clean is False


async def test_an_end_before_all_is_written_is_seen_on_asyncio(line: Line) -> None:
    """At once. On trio nobody reads while it writes, and the limit of writing ends it."""
    line.after(2.0, line.far.shutdown, socket.SHUT_WR)
    assert await line.ends(LARGE) == ((CUT, 2.0) if line.moment == 0 else (NOT_WRITTEN, WRITE))


async def test_a_post_whose_connection_is_closed_is_lost(line: Line) -> None:
    """By ourselves, in another task."""
    line.tasks.start_soon(line.post)
    await anyio.wait_all_tasks_blocked()
    await line.near.aclose()
    await anyio.wait_all_tasks_blocked()
    assert line.ended == [(CUT if line.moment == 0 else Lost("the connection broke"), 0.0)]


async def test_a_reset_is_lost_with_the_systems_words(line: Line) -> None:
    """To close a socket whose input was not read is a reset."""
    line.after(2.0, line.far.close)
    reset = ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
    assert await line.ends(b"x" * 10_000) == (Lost(f"the connection broke: {reset}"), 2.0)
    assert line.near.is_clean is False


async def test_a_failure_of_http_leaves_no_clean_connection(line: Line) -> None:
    """Who speaks then is not the gateway."""
    line.after(1.0, line.send, b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
    assert await line.ends() == (Lost("HTTP 503 Busy"), 1.0)
    assert line.near.is_clean is False


async def test_a_post_that_is_cancelled_leaves_no_clean_connection(line: Line) -> None:
    """Its reply is still to come."""
    with anyio.move_on_after(3.0):
        await line.post()
    assert line.ended == []
    assert line.near.is_clean is False


async def test_an_end_makes_an_idle_connection_unclean_or_loud(line: Line) -> None:
    """Whether the event loop has looked or not."""
    line.after(1.0, line.send, REPLY)
    await line.post()
    line.far.shutdown(socket.SHUT_WR)
    assert line.near.is_quiet() is False
    await anyio.sleep(1)
    assert (line.near.is_clean and line.near.is_quiet()) is False


async def test_a_reset_makes_an_idle_connection_unclean_or_loud(line: Line) -> None:
    """Whether the event loop has looked or not."""
    line.after(1.0, line.send, REPLY)
    await line.post()
    line.far.close()  # and the request was not read
    assert line.near.is_quiet() is False
    await anyio.sleep(1)
    assert (line.near.is_clean and line.near.is_quiet()) is False


async def test_a_reply_that_is_there_at_the_deadline_counts(line: Line) -> None:
    """As after a suspension: the clock is looked at first, and then the socket."""
    line.after(READ, line.send, REPLY)
    assert (await line.post()) == Reply(b"ID: 1")
    assert READ <= line.ended[0][1] <= READ + MOMENT


async def test_at_the_deadline_a_part_of_a_reply_is_none(line: Line) -> None:
    """It is read, and no more of it comes."""
    line.after(READ, line.send, REPLY[:5])
    assert await line.ends(seconds=READ) == (TOO_LATE, READ + line.moment)
    assert line.near.is_clean is False


async def test_at_the_deadline_an_end_completes_a_reply(line: Line) -> None:
    """One without length."""

    def send_and_end() -> None:
        line.send(b"HTTP/1.1 200 OK\r\n\r\nID: 1")
        line.far.shutdown(socket.SHUT_WR)

    line.after(READ, send_and_end)
    assert await line.post() == Reply(b"ID: 1", is_framed=False)


async def test_a_second_post_has_a_moment_of_its_own(line: Line) -> None:
    """What the one before needed is not held against it."""
    for _ in range(2):
        line.after(READ, line.send, REPLY)
        assert await line.post() == Reply(b"ID: 1")


async def test_after_a_post_its_deadline_ends_nothing(line: Line) -> None:
    """It passes while the connection is idle, and while the next post has time left."""
    line.after(1.0, line.send, REPLY)
    await line.post()
    await anyio.sleep(READ - 2)
    line.after(READ - 1, line.send, REPLY)
    assert await line.ends() == (Reply(b"ID: 1"), READ - 1)
    await anyio.sleep(10 * READ)
    assert line.near.is_clean is True


async def test_a_closed_connection_ends_at_the_other_end(line: Line) -> None:
    """At once."""
    await line.near.aclose()
    assert line.far.recv(1) == b""
