"""What a transport takes for its settings, how many posts it lets out at once, and what it says when it is closed."""

from __future__ import annotations

import asyncio
import gc
import math
import weakref
from typing import Any

import anyio
import httpx
import pytest
from anyio.abc import ByteStream

from clickasync import ClosedError, ConfigurationError
from clickasync.law import Believed, NotSent, Reply, Sending
from clickasync.simulator import Gateway
from clickasync.transport import Transport
from clickasync.transport.urls import BaseUrl, parse_base_url
from tests.support.raw import http, listening, read_request
from tests.support.served import served
from tests.support.virtual import VirtualLoop, on_virtual_time

pytestmark = pytest.mark.anyio


def base(url: str = "http://127.0.0.1:9") -> BaseUrl:
    """What paths are joined to."""
    return parse_base_url(url, allow_insecure=False)


def believed(reply: Reply) -> Believed[Any]:
    """All that it says."""
    return Believed(reply.body)


async def post(transport: Transport) -> Any:
    """What comes of a form."""
    return await transport.post("/http/ping", b"", believed, Sending())


class Door:
    """A gateway that answers when it is opened, and counts who came."""

    def __init__(self) -> None:
        self.opened = anyio.Event()
        self.came = 0
        self.connections = 0

    async def serve(self, stream: ByteStream) -> None:
        """Answer the requests of a connection."""
        self.connections += 1
        try:
            while True:
                await read_request(stream)
                self.came += 1
                await self.opened.wait()
                await stream.send(http("OK"))
        finally:
            self.connections -= 1

    async def wait_for(self, requests: int) -> None:
        """Until so many came."""
        with anyio.fail_after(10):
            while self.came < requests:
                await anyio.lowlevel.checkpoint()


async def soon(door: Door, connections: int) -> bool:
    """Whether so many connections are left, once all has settled."""
    for _ in range(200):
        await anyio.wait_all_tasks_blocked()
        if door.connections == connections:
            return True
    return False


@pytest.mark.parametrize(
    "timeout",
    [0, 0.0, -1, True, math.nan, "30", object(), (1, 2, 3), httpx.Timeout(5, read=0), httpx.Timeout(5, pool=-1)],
)
async def test_a_timeout_that_is_none_is_refused(timeout: Any) -> None:
    """Nothing would ever arrive with it, or it would be none at all."""
    with pytest.raises(ConfigurationError) as caught:
        Transport(base(), timeout=timeout)
    assert str(caught.value) == f"timeout must be a positive number of seconds, or an httpx.Timeout, not {timeout!r}"


@pytest.mark.parametrize(
    ("settings", "longest"),
    [
        ({}, 90),
        ({"timeout": 2}, 6),
        ({"timeout": httpx.Timeout(1, connect=2, read=4, write=8, pool=16)}, 14),
        ({"timeout": httpx.Timeout(1, connect=None)}, math.inf),
    ],
)
async def test_a_post_may_take_the_sum_of_its_limits(settings: dict[str, Any], longest: float) -> None:
    """Time in the queue is not among them."""
    assert Transport(base(), **settings).longest == longest


@pytest.mark.parametrize("client", [object(), httpx.Client, "client"])
async def test_what_is_no_client_of_httpx_is_refused(client: Any) -> None:
    """With the name of what it is."""
    with pytest.raises(ConfigurationError) as caught:
        Transport(base(), http_client=client)
    assert str(caught.value) == f"http_client must be an httpx.AsyncClient, not {type(client).__name__}"


async def test_eight_posts_are_out_at_once_unless_told_otherwise() -> None:
    """The others wait."""
    door = Door()
    async with listening(door.serve) as url:
        transport = Transport(base(url))
        async with anyio.create_task_group() as tasks:
            for _ in range(12):
                tasks.start_soon(post, transport)
            await door.wait_for(8)
            await anyio.wait_all_tasks_blocked()
            assert (door.came, door.connections) == (8, 8)
            door.opened.set()
        assert (door.came, door.connections) == (12, 8)
        await transport.aclose()
        assert await soon(door, 0)


async def test_a_closed_transport_says_so() -> None:
    """And that nothing was sent. What waits for its turn is told as well."""
    door = Door()
    told: list[str] = []

    async def be_told() -> None:
        with pytest.raises(ClosedError) as caught:
            await post(transport)
        told.append(str(caught.value))

    async with listening(door.serve) as url:
        transport = Transport(base(url), max_connections=1)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(post, transport)
            await door.wait_for(1)
            tasks.start_soon(be_told)
            await anyio.wait_all_tasks_blocked()
            await transport.aclose()
            door.opened.set()
        await be_told()
        await transport.aclose()
    assert told == ["this client is closed; nothing was sent"] * 2
    assert door.came == 1


async def test_a_users_client_that_is_closed_is_told() -> None:
    """It is theirs to close, and to make anew."""
    own = httpx.AsyncClient()
    transport = Transport(base(), http_client=own)
    await own.aclose()
    with pytest.raises(ClosedError) as caught:
        await post(transport)
    assert str(caught.value) == "the http_client given to this client is closed; nothing was sent"


async def test_a_close_that_is_cancelled_closes_all() -> None:
    """However many there are."""
    door = Door()
    async with listening(door.serve) as url:
        transport = Transport(base(url))
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(post, transport)
            await door.wait_for(3)
            door.opened.set()
        assert door.connections == 3
        with anyio.CancelScope() as scope:
            scope.cancel()
            await transport.aclose()
        assert await soon(door, 0)


@on_virtual_time
async def test_the_queue_is_left_when_its_time_is_up() -> None:
    """At that very second, and nothing was sent."""
    door = Door()
    async with listening(door.serve) as url:
        transport = Transport(base(url), timeout=httpx.Timeout(None, pool=2.5), max_connections=1)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(post, transport)
            await door.wait_for(1)
            begun = anyio.current_time()
            assert await post(transport) == NotSent("no connection came free within 2.5 s")
            assert anyio.current_time() - begun == pytest.approx(2.5)
            door.opened.set()
        assert await post(transport) == b"OK"
        await transport.aclose()


@pytest.mark.parametrize("anyio_backend", [pytest.param(("asyncio", {"loop_factory": VirtualLoop}), id="asyncio")])
async def test_who_leaves_the_queue_in_any_turn_takes_no_slot_along() -> None:
    """Not even in the turn in which a slot came free for it."""
    for turns in range(10):
        door = Door()
        async with listening(door.serve) as url:
            transport = Transport(base(url), timeout=httpx.Timeout(None, pool=2.5), max_connections=1)
            first = asyncio.create_task(post(transport))
            await door.wait_for(1)
            second = asyncio.create_task(post(transport))
            await anyio.wait_all_tasks_blocked()
            door.opened.set()
            await asyncio.wait([first])
            for _ in range(turns):
                await asyncio.sleep(0)
            second.cancel()
            await asyncio.wait([second])
            assert await post(transport) == b"OK", f"after {turns} turns"
            await transport.aclose()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_post_that_need_not_wait_leaves_in_its_first_turn() -> None:
    """A slot is free and a connection idle: there is nothing to give the event loop a turn for."""
    door = Door()
    door.opened.set()
    async with listening(door.serve) as url:
        transport = Transport(base(url))
        await post(transport)
        sending = Sending()
        task = asyncio.create_task(transport.post("/http/ping", b"", believed, sending))
        await asyncio.sleep(0)
        assert sending.maybe_sent is True
        assert await task == b"OK"
        await transport.aclose()


def test_nothing_of_an_event_loop_that_ended_is_kept() -> None:
    """A client that serves one run of asyncio after another does not grow."""
    loops: list[weakref.ref[asyncio.AbstractEventLoop]] = []

    async def work() -> None:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        assert await post(transport) == b"ERR: 005, Missing session ID"

    with served(Gateway()) as url:
        transport = Transport(base(url))
        for _ in range(3):
            asyncio.run(work())
        gc.collect()
        assert [each() is None for each in loops] == [True, True, False]
        asyncio.run(transport.aclose())
