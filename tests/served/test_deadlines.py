"""Deadlines: of connecting, writing, reading and the whole call, and an event loop that is busy while they pass."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from typing import Any

import anyio
import httpx
import pytest
from anyio.abc import ByteStream

from clickasync import Accepted, Client, OutcomeUnknownError, TransportError
from clickasync.simulator import Gateway
from tests.support.faulty_gateway import Fault, FaultyGateway, always
from tests.support.raw import http, listening, read_request
from tests.support.ways import Client as ClientOfAnyWay
from tests.support.ways import both_ways, way

__all__ = ["way"]

pytestmark = pytest.mark.anyio

LOGIN: dict[str, Any] = {"api_id": 1, "user": "demo", "password": "demo"}
TO = "27821234567"
NAP = 0.03
"""Seconds for which the event loop is busy: longer than the deadlines of these tests."""


@contextlib.contextmanager
def deaf() -> Any:
    """A port that answers nobody."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.socket() as first, socket.socket() as second:
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        yield full.getsockname()[1]


async def nap_soon() -> None:
    """Let the event loop be busy while the deadlines of others pass."""
    await anyio.lowlevel.checkpoint()
    time.sleep(NAP)  # the busy loop is what is tested


LIMITS = [
    httpx.Timeout(connect=0.01, read=0.004, write=0.004, pool=None),
    0.01,
    1e-4,
]


@both_ways
@pytest.mark.parametrize("limits", LIMITS)
async def test_deadlines_that_pass_together_are_a_timeout(limits: float | httpx.Timeout) -> None:
    """Connecting and the whole call, in one turn of a busy loop: no cancellation comes out that nobody made."""
    with deaf() as port:
        base = f"http://127.0.0.1:{port}"
        async with ClientOfAnyWay(**LOGIN, base_url=base, retries=0, timeout=limits) as client:
            errors: list[BaseException] = []

            async def send() -> None:
                try:
                    await client.send(TO, "Hi")
                except BaseException as error:
                    errors.append(error)
                    raise

            for _ in range(5):
                with contextlib.suppress(BaseExceptionGroup):
                    async with anyio.create_task_group() as tasks:
                        tasks.start_soon(send)
                        tasks.start_soon(nap_soon)
            assert [type(error) for error in errors] == [TransportError] * 5


@both_ways
@pytest.mark.parametrize("timeout", [1e-4, 1e-3, 5e-3])
async def test_a_tiny_timeout_never_says_more_than_it_knows(timeout: float) -> None:
    """Wherever it strikes, a message that was taken is not said to be unsent, and nothing is cancelled."""
    faulty = FaultyGateway(Gateway())
    unsent = 0
    async with faulty.serve() as url:
        async with ClientOfAnyWay(**LOGIN, base_url=url, retries=0, timeout=timeout) as client:
            for _ in range(30):
                before = len(faulty.gateway.messages)
                try:
                    await client.send(TO, "Hi")
                except TransportError:
                    unsent += 1
                    await anyio.wait_all_tasks_blocked()
                    assert len(faulty.gateway.messages) == before
                except OutcomeUnknownError:
                    pass
    assert unsent <= 30


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_users_timeout_in_the_same_turn_is_the_users() -> None:
    """Ours and the user's pass while the loop is busy: one of both comes out, and not a bare cancellation."""
    with deaf() as port:
        async with Client(**LOGIN, base_url=f"http://127.0.0.1:{port}", retries=0, timeout=0.01) as client:
            for _ in range(10):
                with pytest.raises((TransportError, TimeoutError)):
                    async with asyncio.timeout(0.01):
                        asyncio.get_running_loop().call_soon(time.sleep, NAP)
                        await client.send(TO, "Hi")
                task = asyncio.current_task()
                assert task is not None
                assert task.cancelling() == 0


@both_ways
async def test_a_reply_that_came_while_the_loop_was_busy_counts() -> None:
    """It is there when the loop looks, whatever the clock says by then."""
    gateway = Gateway()

    async def serve(stream: ByteStream) -> None:
        while True:
            exchange = await read_request(stream)
            await stream.send(http(gateway.handle(exchange.path, exchange.fields) or ""))
            if exchange.command == "sendmsg":
                time.sleep(2 * NAP)

    async with listening(serve) as url:
        async with ClientOfAnyWay(**LOGIN, base_url=url, retries=0, timeout=NAP) as client:
            await client.authenticate()
            assert isinstance(await client.send(TO, "Hi"), Accepted)


@both_ways
async def test_waiting_for_a_connection_is_limited_by_pool_alone() -> None:
    """Time in the queue says nothing about the gateway, unless an `httpx.Timeout` limits it. Nothing was sent."""
    faulty = FaultyGateway(Gateway(), always("getbalance", Fault.SILENCE))
    limits = httpx.Timeout(30.0, pool=0.05)
    async with faulty.serve() as url:
        async with ClientOfAnyWay(
            **LOGIN, base_url=url, retries=0, timeout=limits, max_connections=1, keep_session_alive=False
        ) as client:
            await client.authenticate()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.balance)
                while not faulty.calls["getbalance"]:
                    await anyio.lowlevel.checkpoint()
                with pytest.raises(TransportError, match=r"no connection came free within 0\.05 s; nothing was sent"):
                    await client.send(TO, "Hi")
                tasks.cancel_scope.cancel()
            assert isinstance(await client.send(TO, "Hi"), Accepted), "the slot is free again"
