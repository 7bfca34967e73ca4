"""The end of a run, however it comes: every recipient has its result, and it says what was so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import anyio
import httpx
import pytest

from clickasync import (
    Accepted,
    ClickatellError,
    Message,
    OutcomeUnknownError,
    SendResult,
    Skipped,
    Uncertain,
)
from tests.support.virtual import VirtualLoop, answer, client_of, on_virtual_time, virtual_gateway
from tests.support.watcher import Watcher

pytestmark = pytest.mark.anyio

only_asyncio = pytest.mark.parametrize("anyio_backend", [("asyncio", {"loop_factory": VirtualLoop})], ids=["asyncio"])
"""On trio nobody can cancel a task from outside."""


def numbers(count: int) -> list[str]:
    return [f"2782{number:07d}" for number in range(count)]


async def silence(_: httpx.Request) -> httpx.Response:
    await anyio.sleep_forever()
    raise AssertionError


@on_virtual_time
async def test_a_run_that_is_left_tells_what_was_out_and_what_was_not() -> None:
    """The first call is answered, two are out then, and the rest of what was read was not tried."""
    gateway = virtual_gateway()

    async def silent(request: httpx.Request) -> httpx.Response:
        if request.url.path != "/http/sendmsg":
            return answer(gateway, request)
        if b"27820000000" in request.content:
            return httpx.Response(500)
        answer(gateway, request)
        return await silence(request)

    async def source() -> AsyncIterator[Message]:
        for index, to in enumerate(numbers(100)):
            yield Message(to, "Hi", tag=index)

    watcher = Watcher()
    async with client_of(gateway, silent, observer=watcher) as client:
        async with client.bulk(source(), batch_size=3, max_in_flight=2) as run:
            await anyio.sleep(1)
            assert run.progress.uncertain == 3
        climsgids = {message.climsgid for message in gateway.messages}
    assert [result.to for result in run.unfinished] == numbers(9)[3:]
    assert [result.tag for result in run.unfinished] == list(range(3, 9))
    assert {result.climsgid for result in run.unfinished} == climsgids
    for out in run.unfinished:
        assert isinstance(out.error, OutcomeUnknownError)
        assert out.error.reason == "the run was left while the call was under way"
        assert (out.error.to, out.error.climsgid, out.known_to_gateway) == (out.to, out.climsgid, None)
    assert (run.progress.submitted, run.progress.uncertain, run.progress.skipped) == (15, 9, 6)
    assert (run.progress.done, run.progress.in_flight, run.progress.total) == (15, 0, None)
    rest: dict[int, SendResult] = {}
    async for result in run:
        rest[run.position] = result
    assert list(rest) == [0, 1, 2, *range(9, 15)]
    assert {position: (result.to, result.tag) for position, result in rest.items()} == {
        position: (f"2782{position:07d}", position) for position in rest
    }
    reasons = [str(result.reason) for result in rest.values() if isinstance(result, Skipped)]
    assert reasons == ["the run was left before this was tried"] * 6
    assert watcher.totals == (0, 0, 9)


@on_virtual_time
async def test_who_waits_for_company_when_the_run_is_left_is_skipped() -> None:
    """They are in no call yet."""
    async with client_of(virtual_gateway(), silence) as client:

        async def source() -> AsyncIterator[Message]:
            for to in numbers(2):
                yield Message(to, f"Hi {to}")
            await anyio.sleep_forever()

        async with client.bulk(source(), batch_size=4, max_in_flight=1) as run:
            await anyio.sleep(0.04)
        results = [result async for result in run]
    assert [(type(result), result.to) for result in results] == [(Skipped, to) for to in numbers(2)]
    assert run.progress.skipped == run.progress.done == 2


@on_virtual_time
async def test_results_can_be_taken_in_both_ways() -> None:
    """One by one and by groups: nothing is lost, and each has its position."""
    async with client_of(virtual_gateway()) as client:
        async with client.bulk(numbers(20), "Hi", batch_size=5, max_in_flight=1) as run:
            first = await anext(run)
            assert run.position == 0
            taken: list[tuple[int, SendResult]] = [(0, first)]
            taken += await run.next_results()
            assert run.position == 4
            second = await anext(run)
            assert run.position == 5
            taken.append((5, second))
            await anyio.sleep(1)
        taken += run.left_over()
        assert run.left_over() == []
    assert [position for position, _ in taken] == list(range(20))
    assert [result.to for _, result in taken] == numbers(20)
    assert all(isinstance(result, Accepted) for _, result in taken)


@on_virtual_time
async def test_a_run_can_be_made_once() -> None:
    """Not even again after it."""
    async with client_of(virtual_gateway()) as client:
        run = client.bulk(numbers(1), "Hi")
        for way in (anext, type(run).next_results):
            with pytest.raises(RuntimeError) as early:
                await way(run)
            assert str(early.value) == "the run is not started; use: async with client.bulk(...) as run"
        async with run:
            with pytest.raises(RuntimeError) as caught:
                await run.__aenter__()
            assert str(caught.value) == "a run can be made once; call bulk again for another"
            assert [result.ok async for result in run] == [True]
        with pytest.raises(RuntimeError, match="made once"):
            await run.__aenter__()


@on_virtual_time
async def test_a_source_without_a_length_may_be_given_one() -> None:
    """What is given comes first."""
    async with client_of(virtual_gateway()) as client:
        assert client.bulk(iter(numbers(3)), "Hi").progress.total is None
        assert client.bulk(iter(numbers(3)), "Hi", total=5).progress.total == 5
        assert client.bulk(numbers(3), "Hi", total=5).progress.total == 5
        assert client.bulk(numbers(3), "Hi").progress.total == 3


@only_asyncio
async def test_a_run_that_somebody_cancels_says_so_once() -> None:
    """Its task has a name. What it raised is told once; then the run is over."""
    gateway = virtual_gateway()

    async def slow(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/http/sendmsg":
            await anyio.sleep(1)
        return answer(gateway, request)

    async with client_of(gateway, slow) as client:
        async with client.bulk(numbers(20), "Hi", batch_size=5, max_in_flight=1) as run:
            await anext(run)
            await anyio.sleep(0.5)
            [task] = [task for task in asyncio.all_tasks() if task.get_name() == "clickasync: bulk"]
            task.cancel()
            results = []
            with pytest.raises(ClickatellError) as caught:
                async for result in run:
                    results.append(result)
            with pytest.raises(StopAsyncIteration):
                await anext(run)
    assert str(caught.value) == "the run was cancelled from outside; `unfinished` has what was under way"
    assert [type(result) for result in results] == [Accepted] * 4
    assert [result.to for result in run.unfinished] == numbers(10)[5:]


@on_virtual_time
async def test_a_failure_is_told_once() -> None:
    """Whoever iterates again hears that there is nothing more."""

    def source() -> Iterator[str]:
        yield from numbers(2)
        raise StopAsyncIteration

    async with client_of(virtual_gateway()) as client:
        async with client.bulk(source(), "Hi") as run:
            for _ in range(2):
                assert (await anext(run)).ok
            with pytest.raises(RuntimeError) as caught:
                await anext(run)
            with pytest.raises(StopAsyncIteration):
                await anext(run)
    assert str(caught.value) == "the source raised StopAsyncIteration"
    assert isinstance(caught.value.__cause__, StopAsyncIteration)


@on_virtual_time
async def test_a_cancelled_list_says_why_each_was_not_tried() -> None:
    """What was read by then, and what was not."""
    gateway = virtual_gateway()

    async def silent(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/http/sendmsg" and gateway.requests["sendmsg"]:
            await anyio.sleep(0.5)
            during.extend(into)
            return await silence(request)
        return answer(gateway, request)

    items: list[str | Message] = [Message(to, tag=index) if index % 2 else to for index, to in enumerate(numbers(30))]
    into: list[SendResult] = []
    during: list[SendResult] = []
    async with client_of(gateway, silent, batch_size=2, max_connections=1) as client:
        with anyio.move_on_after(1):
            await client.send_many(items, "Hi", into=into)
    assert during == into[:1]
    assert [result.to for result in into] == numbers(30)
    assert [result.tag for result in into] == [index if index % 2 else None for index in range(30)]
    kinds = [type(result) for result in into]
    assert {kind: kinds.count(kind) for kind in kinds} == {Accepted: 1, Uncertain: 1, Skipped: 28}
    reasons = [str(result.reason) for result in into if isinstance(result, Skipped)]
    read = reasons.count("the run was left before this was tried")
    assert read > 0
    assert set(reasons[read:]) == {"the call was left before this was tried"}
