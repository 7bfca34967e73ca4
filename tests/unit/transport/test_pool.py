"""The connections to one gateway: what is written to them, which one is taken, and when each is closed.

The gateway is on the event loop of the test, and the time is virtual. What a form says is what the gateway does.
"""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import pytest
from anyio.abc import ByteStream
from attrs import define, field

from clickasync import __version__
from clickasync.background import arrive
from clickasync.law import Believed, Lost, NotSent, Reply, Sending
from clickasync.transport.connection import Limits
from clickasync.transport.pool import Pool
from clickasync.transport.urls import parse_base_url
from tests.support.faulty_gateway import closed_port
from tests.support.raw import http, listening, read_request
from tests.support.virtual import on_virtual_time, tasks_alive

pytestmark = [pytest.mark.anyio, on_virtual_time]

NO_LIMITS = Limits(math.inf, math.inf, math.inf)


@define
class Gateway:
    """Answers each form with the number of its connection."""

    url: str = ""
    came: int = 0
    open: set[int] = field(factory=set)

    async def serve(self, stream: ByteStream) -> None:
        """After so many seconds, or with more than a reply, or not at all."""
        self.came += 1
        number = self.came
        self.open.add(number)
        try:
            while True:
                fields = (await read_request(stream)).fields
                await anyio.sleep(float(fields["after"]))
                if fields.get("then") == "end":
                    return
                await stream.send(http(str(number)) + fields.get("and", "").encode())
        finally:
            self.open.remove(number)


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    it = Gateway()
    async with listening(it.serve) as it.url:
        yield it


def pool_of(url: str, limits: Limits = NO_LIMITS) -> Pool:
    """The connections to it, on this event loop."""
    return Pool(parse_base_url(url, allow_insecure=False), limits, arrive(None))


def believed(reply: Reply) -> Believed[Any]:
    """All that it says."""
    return Believed(reply.body)


def doubted(reply: Reply) -> Believed[Any]:
    """What it says is of somebody else."""
    return Believed(reply.body, in_step=False)


async def post(pool: Pool, after: float = 0, more: str = "", believe: Any = believed) -> Any:
    """What comes of a form."""
    return await pool.post("/http/ping", f"after={after}{more}".encode(), believe, Sending())


async def wait_until(at: float) -> None:
    """Of the event loop's clock."""
    await anyio.sleep(at - anyio.current_time())


async def soon(condition: Callable[[], bool]) -> bool:
    """Whether it holds within a fifth of a second: the gateway hears of an end a little later."""
    for _ in range(20):
        await anyio.wait_all_tasks_blocked()
        if condition():
            return True
        await anyio.sleep(0.01)
    return False


async def test_the_bytes_of_a_request() -> None:
    """Each path keeps its own, and each form its length."""
    seen: list[bytes] = []

    async def serve(stream: ByteStream) -> None:
        while True:
            seen.append(await stream.receive())
            await stream.send(http("OK: 1"))

    async with listening(serve) as url:
        pool = pool_of(f"{url}/base/")
        for path, form in (("/http/ping", b"a=1"), ("/http/sendmsg", b"to=27821234567"), ("/http/ping", b"")):
            assert await pool.post(path, form, believed, Sending()) == b"OK: 1"
        await pool.aclose()
    assert seen == [
        b"POST /base/%b HTTP/1.1\r\n"
        b"Host: %b\r\n"
        b"User-Agent: clickasync/%b\r\n"
        b"Accept: */*\r\n"
        b"Accept-Encoding: identity\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n"
        b"Content-Length: %b" % (path, url.removeprefix("http://").encode(), __version__.encode(), rest)
        for path, rest in (
            (b"http/ping", b"3\r\n\r\na=1"),
            (b"http/sendmsg", b"14\r\n\r\nto=27821234567"),
            (b"http/ping", b"0\r\n\r\n"),
        )
    ]


async def test_the_connection_used_last_is_taken_first(gateway: Gateway) -> None:
    """So that those of a rush grow old."""
    pool = pool_of(gateway.url)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(post, pool, 2)
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(post, pool, 1)
    assert [await post(pool) for _ in range(3)] == [b"1", b"1", b"1"]
    assert gateway.came == 2
    await pool.aclose()


async def test_each_is_closed_four_seconds_after_its_last_use(gateway: Gateway) -> None:
    """And when none is left, nothing looks after them any more."""
    await anyio.wait_all_tasks_blocked()
    begun = anyio.current_time()
    tasks_before = tasks_alive()
    pool = pool_of(gateway.url)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(post, pool, 0.5)
        tasks.start_soon(post, pool, 2)
    await wait_until(begun + 4.4)
    assert len(gateway.open) == 2
    await wait_until(begun + 4.5)
    assert await soon(lambda: len(gateway.open) == 1)
    await wait_until(begun + 5.9)
    assert len(gateway.open) == 1
    await wait_until(begun + 6)
    assert await soon(lambda: not gateway.open)
    await wait_until(begun + 20)
    assert await soon(lambda: tasks_alive() == tasks_before)
    assert await post(pool) == b"3"
    await pool.aclose()


async def test_one_that_is_used_again_is_kept_longer(gateway: Gateway) -> None:
    """Its four seconds begin with each use."""
    begun = anyio.current_time()
    pool = pool_of(gateway.url)
    for at in (0.0, 3.0, 6.0):
        await wait_until(begun + at)
        assert await post(pool) == b"1"
    await wait_until(begun + 9.9)
    assert gateway.open == {1}
    await wait_until(begun + 10)
    assert await soon(lambda: not gateway.open)
    await pool.aclose()


async def test_one_that_was_long_in_use_is_closed_too(gateway: Gateway) -> None:
    """Though another one came to its end meanwhile, and none was idle."""
    begun = anyio.current_time()
    pool = pool_of(gateway.url)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(post, pool, 1, "", doubted)
        tasks.start_soon(post, pool, 10)
    await wait_until(begun + 13.9)
    assert len(gateway.open) == 1
    await wait_until(begun + 14)
    assert await soon(lambda: not gateway.open)
    await pool.aclose()


@pytest.mark.parametrize(
    ("more", "believe", "outcome"),
    [
        ("", doubted, b"1"),
        ("&and=surplus", believed, b"1"),
        ("&then=end", believed, Lost("the connection was closed before the reply was complete")),
    ],
)
async def test_one_that_is_not_spotless_is_closed_at_once(
    gateway: Gateway, more: str, believe: Any, outcome: Any
) -> None:
    """What the reply said of others, what followed it, and that it never came."""
    pool = pool_of(gateway.url)
    assert await post(pool, 0, more, believe) == outcome
    assert await soon(lambda: not gateway.open)
    assert await post(pool) == b"2"
    await pool.aclose()


async def test_closing_leaves_posts_their_replies(gateway: Gateway) -> None:
    """What is idle is closed at once, the rest when its post is done."""
    pool = pool_of(gateway.url)
    outcomes: list[Any] = []

    async def note() -> None:
        outcomes.append(await post(pool, 5))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(post, pool, 1)
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(note)
        await anyio.sleep(2)
        await pool.aclose()
        assert await soon(lambda: gateway.open == {2})
        assert outcomes == []
    assert await soon(lambda: not gateway.open)
    assert outcomes == [b"2"]


async def test_a_close_that_is_cancelled_closes_all(gateway: Gateway) -> None:
    """However many there are."""
    pool = pool_of(gateway.url)
    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(post, pool, 1)
    assert len(gateway.open) == 5
    with anyio.CancelScope() as scope:
        scope.cancel()
        await pool.aclose()
    assert await soon(lambda: not gateway.open)


async def test_a_post_that_is_cancelled_closes_its_connection(gateway: Gateway) -> None:
    """It may have been sent, and its reply is nobody's."""
    pool = pool_of(gateway.url)
    sending = Sending()
    with anyio.move_on_after(1):
        await pool.post("/http/ping", b"after=10", believed, sending)
    assert sending.maybe_sent is True
    assert await post(pool) == b"2"
    await pool.aclose()


async def test_a_gateway_that_is_away_was_not_sent_anything() -> None:
    """With the system's words for it."""
    pool = pool_of(f"http://127.0.0.1:{closed_port()}")
    sending = Sending()
    outcome = await pool.post("/http/ping", b"", believed, sending)
    assert isinstance(outcome, NotSent)
    assert outcome.reason.startswith("could not connect: ")
    assert sending.maybe_sent is False
    await pool.aclose()


@contextmanager
def deaf() -> Iterator[str]:
    """A gateway that answers nobody."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.socket() as first, socket.socket() as second:
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        yield f"http://127.0.0.1:{full.getsockname()[1]}"


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(connect=5, write=7, read=11), "connecting timed out"),
        (Limits(connect=20, write=0, read=0), "no connection within 20 s"),
    ],
)
async def test_which_limit_a_silent_gateway_met_is_told(limits: Limits, reason: str) -> None:
    """That of connecting, or that of the whole call."""
    with deaf() as url:
        pool = pool_of(url, limits)
        begun = anyio.current_time()
        assert await pool.post("/http/ping", b"", believed, Sending()) == NotSent(reason)
        assert anyio.current_time() - begun == pytest.approx(limits.connect)
        await pool.aclose()


async def test_what_looks_after_them_has_a_name(gateway: Gateway) -> None:
    """By which others see what it is."""
    pool = pool_of(gateway.url)
    await post(pool)
    if not arrive(None).is_trio:
        assert "clickasync: close idle connections" in {task.get_name() for task in asyncio.all_tasks()}
    await pool.aclose()
