"""How a source is read: how far, when a group goes out, and what becomes of the source in the end."""

from __future__ import annotations

import contextvars
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import Any

import anyio
import httpx
import pytest

from clickasync import CreditError, InvalidOptionError, Message, Rejected, Skipped
from tests.support.virtual import answer, client_of, on_virtual_time, virtual_gateway

pytestmark = [pytest.mark.anyio, on_virtual_time]

ANN, BEN, CAT = "27821234567", "27827654321", "27829999999"


def numbers(count: int) -> list[str]:
    return [f"2782{number:07d}" for number in range(count)]


async def slowly(items: Iterable[str | Message]) -> AsyncIterator[str | Message]:
    """An async source of `items`."""
    for item in items:
        yield item


@pytest.mark.parametrize("is_async", [False, True])
async def test_so_many_are_inside_and_no_more(is_async: bool) -> None:
    """Calls' worth twice, and one group. Reading goes on when a calls' worth is left."""
    gateway = virtual_gateway(credits=1000)
    source = slowly(numbers(200)) if is_async else numbers(200)
    async with client_of(gateway) as client, client.bulk(source, "Hi", batch_size=10, max_in_flight=2) as run:
        await anyio.sleep(1)
        assert run.progress.submitted == 50
        for _ in range(3):
            assert len(await run.next_results()) == 10
        await anyio.sleep(1)
        assert run.progress.submitted == 80


@pytest.mark.parametrize(("texts", "goes_at"), [(10, 0.0), (9, 0.1)])
async def test_a_group_waits_for_company_for_two_looks(texts: int, goes_at: float) -> None:
    """Two looks are a tenth of a second. Where ten recipients wait, the oldest goes at once."""
    gateway = virtual_gateway()
    calls: list[tuple[float, bytes]] = []

    def note(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/http/sendmsg":
            calls.append((anyio.current_time() - start, request.content))
        return answer(gateway, request)

    async def source() -> AsyncIterator[Message]:
        for number in range(texts):
            yield Message(ANN, f"text{number}")
        await anyio.sleep(60)

    async with client_of(gateway, note) as client:
        start = anyio.current_time()
        async with client.bulk(source(), batch_size=10, max_in_flight=1) as run:
            async for _ in run:
                pass
    assert calls[0][0] == pytest.approx(goes_at, abs=0.01)
    assert b"text0" in calls[0][1]
    assert [moment for moment, _ in calls[1:]] == pytest.approx([0.1] * (texts - 1), abs=0.01)


async def test_what_is_read_after_the_end_is_skipped_as_it_is() -> None:
    """With its number, its tag, and the reason."""
    source: list[str | Message] = [Message(to, "Hi", tag=index) for index, to in enumerate(numbers(30))]
    async with client_of(virtual_gateway(credits=0), batch_size=1, max_connections=1) as client:
        async with client.bulk([*source, ANN], "Hi") as run:
            results = [result async for result in run]
    assert isinstance(results[0], Rejected)
    assert [result.to for result in results] == [*numbers(30), ANN]
    assert [result.tag for result in results] == [*range(30), None]
    assert isinstance(run.stopped_by, CreditError)
    assert all(isinstance(result, Skipped) and result.reason is run.stopped_by for result in results[1:])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (ANN, "source must be several numbers or messages, not one str"),
        (ANN.encode(), "source must be several numbers or messages, not one str"),
        (27821234567, "source must be an iterable or async iterable, not int"),
    ],
)
async def test_what_is_no_source_is_refused(source: Any, message: str) -> None:
    async with client_of(virtual_gateway()) as client:
        with pytest.raises(InvalidOptionError) as caught:
            client.bulk(source, "Hi")
    assert str(caught.value) == message


class Broken:
    """A list that is gone."""

    def __iter__(self) -> Iterator[str]:
        raise OSError("the disk is gone")


class BrokenStream:
    """An async one."""

    def __aiter__(self) -> AsyncIterator[str]:
        raise OSError("the disk is gone")


@pytest.mark.parametrize("source", [Broken(), BrokenStream()])
async def test_a_source_that_does_not_even_begin_is_told(source: Iterable[str] | AsyncIterable[str]) -> None:
    """Its own exception comes out, and no group of exceptions. Then the run is over."""
    async with client_of(virtual_gateway()) as client, client.bulk(source, "Hi") as run:
        with pytest.raises(OSError, match=r"^the disk is gone$"):
            await anext(run)
        with pytest.raises(StopAsyncIteration):
            await anext(run)


async def test_a_generator_is_closed_when_the_run_is_left() -> None:
    """Not when it is collected."""
    closed = False

    def source() -> Iterator[str]:
        nonlocal closed
        try:
            yield from numbers(1000)
        finally:
            closed = True

    held = source()
    async with client_of(virtual_gateway()) as client, client.bulk(held, "Hi", batch_size=1) as run:
        await anext(run)
    assert closed


async def test_an_async_source_may_wait_while_it_is_closed() -> None:
    """Its `finally` runs to the end, also where the run is left early."""
    closed = False

    async def source() -> AsyncIterator[str]:
        nonlocal closed
        try:
            for to in numbers(1000):
                yield to
        finally:
            await anyio.sleep(1)
            closed = True

    async with client_of(virtual_gateway()) as client, client.bulk(source(), "Hi", batch_size=1) as run:
        await anext(run)
    assert closed


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_source_sees_the_context_of_who_enters_the_run(is_async: bool) -> None:
    """Its context variables: the request that it reads for, say."""
    request_id = contextvars.ContextVar("request_id", default="none")
    request_id.set("seven")
    seen: list[str] = []

    def source() -> Iterator[str]:
        seen.append(request_id.get())
        yield ANN

    async def slow_source() -> AsyncIterator[str]:
        for to in source():
            yield to

    async with client_of(virtual_gateway()) as client:
        async with client.bulk(slow_source() if is_async else source(), "Hi") as run:
            assert [result.ok async for result in run] == [True]
    assert seen == ["seven"]
