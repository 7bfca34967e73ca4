"""A rate limit: recipients a second, smooth, on the event loop's clock."""

from __future__ import annotations

import asyncio

import anyio
import pytest

from clickasync.core.rate import RateLimit
from tests.support.virtual import VirtualLoop, on_virtual_time

pytestmark = pytest.mark.anyio


@on_virtual_time
async def test_each_call_takes_the_time_of_its_recipients() -> None:
    """The first goes at once, and the next when the time of the first is over. Each is told how long it waited."""
    rate = RateLimit(10)
    start = anyio.current_time()
    times, waits = [], []
    for recipients in (5, 1, 20, 1):
        waits.append(await rate.take(recipients))
        times.append(anyio.current_time() - start)
    assert times == pytest.approx([0.0, 0.5, 0.6, 2.6])
    assert waits == pytest.approx([0.0, 0.5, 0.1, 2.0])


@on_virtual_time
async def test_calls_at_the_same_time_stand_in_line() -> None:
    """In the order in which they came."""
    rate = RateLimit(4)
    start = anyio.current_time()
    times: list[float] = []

    async def call() -> None:
        await rate.take(2)
        times.append(anyio.current_time() - start)

    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(call)
    assert times == pytest.approx([0.0, 0.5, 1.0, 1.5])


@on_virtual_time
async def test_nothing_is_saved_up_in_silence() -> None:
    """There is no burst after a pause."""
    rate = RateLimit(10)
    await rate.take(10)
    await anyio.sleep(100)
    start = anyio.current_time()
    await rate.take(10)
    await rate.take(1)
    assert anyio.current_time() - start == pytest.approx(1.0)


@on_virtual_time
async def test_who_no_longer_waits_takes_no_time() -> None:
    """Those behind go earlier. Otherwise calls with a deadline, once they are too many, would wait for nobody."""
    rate = RateLimit(1)
    start = anyio.current_time()
    await rate.take(1)
    for _ in range(100):
        with anyio.move_on_after(0.001):
            await rate.take(10)
    await rate.take(1)
    assert anyio.current_time() - start == pytest.approx(1.0)


@on_virtual_time
async def test_who_leaves_the_line_moves_the_others_up() -> None:
    """Also out of its middle."""
    rate = RateLimit(1)
    start = anyio.current_time()
    times: list[float] = []

    async def call(patience: float) -> None:
        with anyio.move_on_after(patience):
            await rate.take(10)
            times.append(anyio.current_time() - start)

    async with anyio.create_task_group() as tasks:
        for patience in (100, 5, 100, 15, 100):
            tasks.start_soon(call, patience)
            await anyio.wait_all_tasks_blocked()
    assert times == pytest.approx([0.0, 10.0, 20.0])


def test_another_event_loop_begins_anew() -> None:
    """Its clock may be another."""
    rate = RateLimit(1)

    async def take() -> float:
        start = anyio.current_time()
        await rate.take(1000)
        return anyio.current_time() - start

    for _ in range(3):
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            assert runner.run(take()) == 0.0
