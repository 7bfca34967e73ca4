"""Any number of recipients: grouping, backpressure, stopping early, leaving early, progress."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import anyio.lowlevel
import httpx
import pytest

from clickasync import (
    Accepted,
    AuthenticationError,
    Bulk,
    Callback,
    ClickatellError,
    CreditError,
    InvalidNumberError,
    InvalidOptionError,
    Message,
    QuotaExceededError,
    Rejected,
    SendResult,
    Skipped,
    TransportError,
    Uncertain,
)
from clickasync.simulator import Gateway
from tests.support.faulty_gateway import Fault, FaultyGateway, always, closed_port, once
from tests.support.virtual import answer, client_of, on_virtual_time, tasks_alive, virtual_gateway
from tests.support.ways import Client, both_ways, way

__all__ = ["way"]


pytestmark = [pytest.mark.anyio, both_ways]

ANN = "27821234567"
BOB = "27827654321"
CAT = "27829999999"
DAN = "27820000001"
LOGIN: dict[str, Any] = {"api_id": 1, "user": "demo", "password": "demo"}


def numbers(count: int) -> list[str]:
    return [f"2782{number:07d}" for number in range(count)]


def batches(faulty: FaultyGateway) -> list[int]:
    """How many recipients each sendmsg had."""
    return [body["to"].count(",") + 1 for body in faulty.bodies if "text" in body]


async def test_send_many_gives_a_result_for_each_in_the_order_given() -> None:
    faulty = FaultyGateway(Gateway(), once("sendmsg", Fault.SHUFFLED, Fault.SHUFFLED))
    to = ["+27 82 000 0001", "nobody", "9991050000", "27820000001", "0820000002", "9991140000"]
    async with faulty.serve() as url, Client(**LOGIN, base_url=url, batch_size=3) as client:
        results = await client.send_many(to, "Hi")
    assert [result.to for result in results] == to
    assert [type(result) for result in results] == [Accepted, Rejected, Rejected, Accepted, Accepted, Rejected]
    assert isinstance(results[1], Rejected)
    assert isinstance(results[1].error, InvalidNumberError)
    assert sorted(batches(faulty)) == [2, 3]
    assert len({result.id for result in results if isinstance(result, Accepted)}) == 3


async def test_an_iterable_that_is_one_str_is_refused() -> None:
    async with Client(**LOGIN) as client:
        with pytest.raises(InvalidOptionError, match="one str|several numbers"):
            await client.send_many("27821234567", "Hi")
        with pytest.raises(InvalidOptionError, match="not one str"):
            client.bulk("27821234567", "Hi")


@pytest.mark.parametrize("options", [{"climsgid": "x"}, {"callback": 9}, {"form_": "x"}])
async def test_wrong_options_are_refused_before_anything_is_read(options: Any) -> None:
    async with Client(**LOGIN) as client:
        with pytest.raises(InvalidOptionError):
            client.bulk(numbers(3), "Hi", **options)
        with pytest.raises(InvalidOptionError):
            await client.send_many(numbers(3), "Hi", **options)


async def test_one_climsgid_cannot_stand_for_many() -> None:
    async with Client(**LOGIN) as client:
        with pytest.raises(InvalidOptionError) as caught:
            client.bulk(numbers(3), "Hi", climsgid="mine")  # type: ignore[call-arg]
    assert str(caught.value) == "one climsgid cannot stand for many messages; give each Message its own"


async def test_a_run_may_be_scheduled() -> None:
    """Its messages are accepted now, and leave in an hour."""
    faulty = FaultyGateway(Gateway())
    later, before = (datetime.now(UTC) + timedelta(hours=hours) for hours in (1, -1))
    async with faulty.serve() as url, Client(**LOGIN, base_url=url) as client:
        async with client.bulk([ANN, Message(BOB, scheduled_time=before)], "Hi", scheduled_time=later) as run:
            told = {result.to: type(result) async for result in run}
    assert told == {ANN: Accepted, BOB: Rejected}
    assert [body["scheduled_time"] for body in faulty.bodies if "text" in body] == [str(int(later.timestamp()))]


async def test_send_many_needs_a_text() -> None:
    async with Client(**LOGIN) as client:
        with pytest.raises(InvalidOptionError, match="no text was given"):
            await client.send_many(numbers(3))


async def test_interleaved_texts_are_grouped_into_full_calls() -> None:
    faulty = FaultyGateway(Gateway())
    source = [Message(to, f"Hi {index % 3}", callback=Callback.FINAL) for index, to in enumerate(numbers(30))]
    async with faulty.serve() as url, Client(**LOGIN, base_url=url, batch_size=10) as client:
        async with client.bulk(source) as run:
            results = [result async for result in run]
    assert all(result.ok for result in results)
    assert batches(faulty) == [10, 10, 10]
    assert {message.text: message.callback for message in faulty.gateway.messages} == {
        "Hi 0": 2,
        "Hi 1": 2,
        "Hi 2": 2,
    }
    assert {message.to: message.text for message in faulty.gateway.messages} == {
        message.to: message.text for message in source
    }


async def test_a_message_with_a_climsgid_of_its_own_travels_alone() -> None:
    faulty = FaultyGateway(Gateway())
    source = [Message(to, "Hi", climsgid=f"mine{to}") for to in numbers(3)]
    async with faulty.serve() as url, Client(**LOGIN, base_url=url) as client:
        async with client.bulk(source) as run:
            results = [result async for result in run]
    assert batches(faulty) == [1, 1, 1]
    assert {result.climsgid for result in results if isinstance(result, Accepted)} == {f"mine{to}" for to in numbers(3)}


async def test_every_call_carries_a_fresh_climsgid() -> None:
    faulty = FaultyGateway(Gateway())
    async with faulty.serve() as url, Client(**LOGIN, base_url=url, batch_size=5) as client:
        await client.send_many(numbers(20), "Hi")
    ids = [body["climsgid"] for body in faulty.bodies if "text" in body]
    assert len(set(ids)) == 4


async def test_what_is_wrong_is_rejected_and_the_rest_goes_out() -> None:
    """What is wrong in itself is rejected and the rest goes out."""
    faulty = FaultyGateway(Gateway())
    source: list[str | Message] = [
        "27820000001",
        "not a number",
        Message("27820000002", ""),
        Message("27820000003", "x" * 1000),
        Message("27820000004", "Hi", queue=7),
        Message("27820000005", "Hello"),
    ]
    async with faulty.serve() as url, Client(**LOGIN, base_url=url) as client:
        async with client.bulk(source, "Hi") as run:
            told = {result.to: type(result) async for result in run}
    assert told == {
        "27820000001": Accepted,
        "not a number": Rejected,
        "27820000002": Rejected,
        "27820000003": Rejected,
        "27820000004": Rejected,
        "27820000005": Accepted,
    }


async def test_a_group_goes_out_when_the_source_pauses() -> None:
    """A group does not wait for company when the source pauses."""
    faulty = FaultyGateway(Gateway())
    answered = anyio.Event()

    async def source() -> AsyncIterator[str]:
        yield "27820000001"
        await answered.wait()
        yield "27820000002"

    async with faulty.serve() as url, Client(**LOGIN, base_url=url) as client:
        with anyio.fail_after(10):
            async with client.bulk(source(), "Hi") as run:
                results: list[SendResult] = []
                async for result in run:
                    results.append(result)
                    answered.set()
    assert [result.to for result in results] == numbers_of(results)
    assert batches(faulty) == [1, 1]


def numbers_of(results: list[SendResult]) -> list[str]:
    return [f"2782000000{index}" for index in range(1, len(results) + 1)]


async def test_a_source_that_never_pauses_keeps_no_group() -> None:
    """A source that never pauses does not keep a group waiting either."""
    faulty = FaultyGateway(Gateway())
    answered = anyio.Event()

    async def source() -> AsyncIterator[Message]:
        yield Message("27820000001", "the only one of its kind")
        number = 0
        while not answered.is_set():
            number += 1
            yield Message(f"2783{number:07d}", "Hi")
            await anyio.sleep(0.005)

    async with faulty.serve() as url, Client(**LOGIN, base_url=url) as client:
        with anyio.fail_after(10):
            async with client.bulk(source()) as run:
                async for result in run:
                    if result.to == "27820000001":
                        answered.set()


async def test_a_slow_consumer_stops_the_source_from_being_read() -> None:
    faulty = FaultyGateway(Gateway(credits=100_000))
    read = 0

    def source() -> Iterator[str]:
        nonlocal read
        for to in numbers(50_000):
            read += 1
            yield to

    async with faulty.serve() as url, Client(**LOGIN, base_url=url, batch_size=10, max_connections=2) as client:
        async with client.bulk(source(), "Hi") as run:
            await anext(run)
            for _ in range(20):
                await anyio.wait_all_tasks_blocked()
                await anyio.sleep(0.01)
            assert read <= 100
            assert run.progress.submitted == read
    assert read <= 100, "leaving early stops reading"


async def test_at_most_max_in_flight_calls_are_under_way() -> None:
    gateway = Gateway(credits=10_000)
    under_way = most = 0

    async def slow(request: httpx.Request) -> httpx.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await anyio.sleep(0.005)
        under_way -= 1
        return answer(gateway, request)

    own = httpx.AsyncClient(transport=httpx.MockTransport(slow))
    async with Client(**LOGIN, http_client=own, max_connections=20) as client:
        async with client.bulk(numbers(500), "Hi", batch_size=5, max_in_flight=3) as run:
            assert len([result async for result in run]) == 500
    assert most == 3


async def test_a_source_that_raises_is_told_after_what_it_gave() -> None:
    faulty = FaultyGateway(Gateway())

    def source() -> Iterator[str]:
        yield from numbers(25)
        raise OSError("the disk is gone")

    async def slow_source() -> AsyncIterator[str]:
        for to in source():
            yield to

    async with faulty.serve() as url, Client(**LOGIN, base_url=url, batch_size=10) as client:
        for each in (source(), slow_source()):
            results: list[SendResult] = []
            with pytest.raises(OSError, match="the disk is gone"):
                async with client.bulk(each, "Hi") as run:
                    async for result in run:
                        results.append(result)
            assert sorted(result.to for result in results) == numbers(25)
            assert all(result.ok for result in results)


class _Skipped(BaseException):
    """What test runners raise to leave a test is no `Exception`."""


@pytest.mark.parametrize("failure", [_Skipped, SystemExit])
@pytest.mark.parametrize("is_async", [True, False])
async def test_a_source_that_wants_to_leave_is_heard(is_async: bool, failure: type[BaseException]) -> None:
    """What it gave is sent and told; then its exception comes out, and not one of the event loop's or of ours."""

    def source() -> Iterator[str]:
        yield from numbers(25)
        raise failure

    async def slow_source() -> AsyncIterator[str]:
        for to in source():
            yield to

    faulty = FaultyGateway(Gateway())
    async with faulty.serve() as url, Client(**LOGIN, base_url=url, batch_size=10) as client:
        results: list[SendResult] = []
        with pytest.raises(failure):
            async with client.bulk(slow_source() if is_async else source(), "Hi") as run:
                async for result in run:
                    results.append(result)
    assert sorted(result.to for result in results) == numbers(25)
    assert all(result.ok for result in results)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # on trio nobody can raise it
@pytest.mark.parametrize("is_async", [True, False])
async def test_a_cancelled_source_is_raised_after_what_it_gave(is_async: bool) -> None:
    """A source that is cancelled is reported after what it gave."""

    def source() -> Iterator[str]:
        yield from numbers(4)
        raise asyncio.CancelledError

    async def slow_source() -> AsyncIterator[str]:
        for to in source():
            yield to

    faulty = FaultyGateway(Gateway())
    async with faulty.serve() as url, Client(**LOGIN, base_url=url, batch_size=3) as client:
        results = []
        with pytest.raises(ClickatellError) as caught:
            async with client.bulk(slow_source() if is_async else source(), "Hi") as run:
                async for result in run:
                    results.append(result)
    assert str(caught.value) == "the source was cancelled"
    assert len(results) == 4
    assert all(result.ok for result in results)


async def test_a_failed_source_is_no_end_of_the_run() -> None:
    """A source cannot pass off its failure as the end of the run."""

    def source() -> Iterator[str]:
        yield from numbers(2)
        raise StopAsyncIteration

    faulty = FaultyGateway(Gateway())
    async with faulty.serve() as url, Client(**LOGIN, base_url=url) as client:
        with pytest.raises(RuntimeError, match="the source raised StopAsyncIteration"):
            async with client.bulk(source(), "Hi") as run:
                async for _ in run:
                    pass
    assert run.progress.accepted == 2


async def test_a_source_may_have_a_cancel_scope_open() -> None:
    """A source may have a cancel scope open when the run is left."""
    closed = False

    async def source() -> AsyncIterator[str]:
        nonlocal closed
        try:
            with anyio.move_on_after(60):
                for to in numbers(1000):
                    yield to
        finally:
            closed = True

    faulty = FaultyGateway(Gateway())
    async with faulty.serve() as url, Client(**LOGIN, base_url=url, batch_size=10, max_connections=2) as client:
        async with client.bulk(source(), "Hi") as run:
            async for _ in run:
                await anyio.wait_all_tasks_blocked()  # there is no room for more
                break
        async for _ in run:
            pass
    assert closed


@pytest.mark.parametrize("last", ["", "00", "001", "1" * 17])
async def test_no_number_at_the_end_of_a_full_call(last: str) -> None:
    """What is no number is refused by itself at the end of a full call too."""
    faulty = FaultyGateway(Gateway())
    async with faulty.serve() as url, Client(**LOGIN, base_url=url, batch_size=2) as client:
        results = await client.send_many([ANN, last, BOB], "Hi")
    assert [type(result) for result in results] == [Accepted, Accepted if last == "001" else Rejected, Accepted]
    assert len(faulty.gateway.messages) == sum(result.ok for result in results)


async def test_several_may_share_the_results_of_a_run() -> None:
    faulty = FaultyGateway(Gateway(credits=3000))
    told: list[str] = []

    async def consume(run: Bulk) -> None:
        async for result in run:
            told.append(result.to)
            await anyio.lowlevel.checkpoint()

    async with faulty.serve() as url, Client(**LOGIN, base_url=url, batch_size=3) as client:
        async with client.bulk(numbers(600), "Hi") as run, anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(consume, run)
    assert sorted(told) == numbers(600)


async def test_an_exception_of_the_user_comes_out_as_it_is() -> None:
    faulty = FaultyGateway(Gateway(credits=10_000))
    async with faulty.serve() as url, Client(**LOGIN, base_url=url) as client:
        with pytest.raises(LookupError, match="mine"):
            async with client.bulk(numbers(5000), "Hi") as run:
                async for _ in run:
                    raise LookupError("mine")


async def test_leaving_early_leaves_no_task_and_closes_the_source() -> None:
    faulty = FaultyGateway(Gateway(credits=100_000))
    closed = False

    async def source() -> AsyncIterator[str]:
        nonlocal closed
        try:
            for to in numbers(100_000):
                yield to
        finally:
            closed = True

    async with faulty.serve() as url:
        async with Client(**LOGIN, base_url=url) as client:
            await client.balance()
            async with client.bulk(source(), "Hi", batch_size=20) as run:
                async for _ in run:
                    break
            assert closed
        await anyio.wait_all_tasks_blocked()
        gc.collect()
    assert run.progress.done == run.progress.submitted


async def test_being_cancelled_leaves_no_task_and_tells_what_was_out() -> None:
    faulty = FaultyGateway(Gateway(credits=100_000), always("sendmsg", Fault.SILENCE))
    before = tasks_alive()

    async def cancel_when_two_calls_are_taken(scope: anyio.CancelScope) -> None:
        with anyio.fail_after(30):
            while len(faulty.gateway.messages) < 20:
                await anyio.lowlevel.checkpoint()
        scope.cancel()

    async with faulty.serve() as url:
        async with (
            Client(**LOGIN, base_url=url, max_connections=2) as client,
            anyio.create_task_group() as tasks,
        ):
            with anyio.CancelScope() as scope:
                tasks.start_soon(cancel_when_two_calls_are_taken, scope)
                two_texts = (Message(to, f"Hi {index % 3 > 0}") for index, to in enumerate(numbers(1000)))
                async with client.bulk(two_texts, batch_size=10) as run:
                    async for _ in run:
                        raise AssertionError("nothing was answered")
            assert [type(result) for result in run.unfinished] == [Uncertain] * 20
            rest = [result async for result in run]
            assert {type(result) for result in rest} == {Skipped}
            assert run.progress.done == run.progress.submitted == len(rest) + 20
    assert {result.to for result in run.unfinished} == {message.to for message in faulty.gateway.messages}
    await anyio.wait_all_tasks_blocked()
    assert tasks_alive() == before


async def test_a_run_may_be_used_inside_an_async_generator() -> None:
    """Which another task may close: no cancel scope of ours is open in it."""
    faulty = FaultyGateway(Gateway(credits=10_000))
    async with faulty.serve() as url, Client(**LOGIN, base_url=url) as client:

        async def stream() -> AsyncIterator[str]:
            async with client.bulk(numbers(2000), "Hi") as run:
                async for result in run:
                    yield result.to

        lines = stream()
        await anext(lines)

        async def close() -> None:
            await lines.aclose()  # type: ignore[attr-defined]

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(close)


async def test_no_credit_ends_the_run_and_the_rest_is_skipped() -> None:
    faulty = FaultyGateway(Gateway(credits=1000))
    async with faulty.serve() as url, Client(**LOGIN, base_url=url, batch_size=100, max_connections=4) as client:
        async with client.bulk(iter(numbers(100_000)), "Hi") as run:
            counts: dict[type, int] = {}
            async for result in run:
                counts[type(result)] = counts.get(type(result), 0) + 1
    assert counts[Accepted] == 1000
    assert counts[Rejected] <= 4 * 100
    assert sum(counts.values()) == 100_000
    assert faulty.calls["sendmsg"] <= 10 + 4
    assert isinstance(run.stopped_by, CreditError)
    assert run.progress.skipped == counts[Skipped]


async def test_a_spent_quota_ends_the_run() -> None:
    faulty = FaultyGateway(Gateway())
    async with faulty.serve() as url, Client(**LOGIN, base_url=url, batch_size=2, max_connections=1) as client:
        results = await client.send_many(["27820000001", "999130", *numbers(10)], "Hi")
    assert [type(result) for result in results] == [Accepted, Rejected] + [Skipped] * 10
    reason = results[-1]
    assert isinstance(reason, Skipped)
    assert isinstance(reason.reason, QuotaExceededError)
    assert reason.reason.until is not None


async def test_refused_credentials_end_a_run() -> None:
    """Refused credentials end a bulk run and are raised by `send_many`."""
    faulty = FaultyGateway(Gateway(password="other"))
    async with faulty.serve() as url, Client(**LOGIN, base_url=url) as client:
        async with client.bulk(numbers(10), "Hi") as run:
            results = [result async for result in run]
        assert [type(result) for result in results] == [Skipped] * 10
        assert isinstance(run.stopped_by, AuthenticationError)
        with pytest.raises(AuthenticationError):
            await client.send_many(numbers(10), "Hi")
    assert faulty.calls == {"auth": 1}


async def test_send_many_has_no_patience_beyond_the_retries() -> None:
    async with Client(**LOGIN, base_url=f"http://127.0.0.1:{closed_port()}", retries=0, batch_size=2) as client:
        results = await client.send_many(numbers(5), "Hi")
    assert all(isinstance(result, Rejected) and isinstance(result.error, TransportError) for result in results)


@on_virtual_time
async def test_a_gateway_that_is_away_pauses_the_run() -> None:
    """A gateway that cannot be reached for a while only pauses the run."""
    gateway = virtual_gateway()
    down_until = 40.0

    def gone(request: httpx.Request) -> httpx.Response:
        if anyio.current_time() - start < down_until:
            raise httpx.ConnectError("refused")
        return answer(gateway, request)

    async with client_of(gateway, gone) as client:
        start = anyio.current_time()
        async with client.bulk(numbers(100), "Hi", patience=60, batch_size=10) as run:
            results = [result async for result in run]
    assert all(result.ok for result in results)
    assert len(gateway.messages) == 100


@on_virtual_time
async def test_nothing_goes_out_after_the_run_has_stopped() -> None:
    """A call that waits for the gateway does not go out then. Who was turned away before is rejected, else skipped."""
    gateway = virtual_gateway()
    calls: list[str] = []

    async def handle(request: httpx.Request) -> httpx.Response:
        to = dict(parse_qsl(request.content.decode())).get("to")
        if to is None:
            return answer(gateway, request)
        calls.append(to)
        if to == ANN:
            return httpx.Response(429, headers={"Retry-After": "20"})
        if to == BOB:
            await anyio.sleep(1)
            return answer(gateway, request)
        await anyio.sleep(5)
        return httpx.Response(200, text="ERR: 301, No credit left")

    async with client_of(gateway, handle, batch_size=1, max_connections=3, retries=0) as client:
        async with client.bulk([ANN, BOB, CAT, DAN], "Hi") as run:
            results = {result.to: result async for result in run}
    assert sorted(calls) == sorted([ANN, BOB, CAT])
    refused, waited = results[ANN], results[DAN]
    assert isinstance(refused, Rejected)
    assert isinstance(refused.error, TransportError)
    assert results[BOB].ok
    assert isinstance(waited, Skipped)
    assert isinstance(waited.reason, CreditError)


@on_virtual_time
async def test_a_gateway_that_stays_away_ends_the_run() -> None:
    """A gateway that cannot be reached for longer than the patience ends the run."""
    gateway = virtual_gateway()

    def gone(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/http/sendmsg":
            raise httpx.ConnectError("refused")
        return answer(gateway, request)

    async with client_of(gateway, gone) as client:
        start = anyio.current_time()
        async with client.bulk(numbers(1000), "Hi", patience=20, batch_size=10) as run:
            told = [type(result) async for result in run]
        assert 20 <= anyio.current_time() - start < 40
    assert isinstance(run.stopped_by, TransportError)
    assert set(told) == {Rejected, Skipped}
    assert told.count(Rejected) <= 8 * 10
    assert gateway.messages == []


@on_virtual_time
async def test_a_503_with_retry_after_delays_what_comes_next() -> None:
    """A Retry-After on a 503 delays what comes next; that call is uncertain."""
    gateway = virtual_gateway()
    times: list[float] = []

    def busy(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/http/sendmsg":
            times.append(anyio.current_time())
            if len(times) == 1:
                return httpx.Response(503, headers={"Retry-After": "25"})
        return answer(gateway, request)

    async with client_of(gateway, busy, max_connections=1) as client:
        async with client.bulk(numbers(20), "Hi", batch_size=10) as run:
            told = [type(result) async for result in run]
    assert told == [Uncertain] * 10 + [Accepted] * 10
    assert times[1] - times[0] == pytest.approx(25, abs=0.5)


@on_virtual_time
async def test_recipients_a_second_are_limited_smoothly() -> None:
    gateway = virtual_gateway(credits=10_000)
    sent: list[tuple[float, int]] = []

    def note(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/http/sendmsg":
            sent.append((anyio.current_time(), request.content.count(b"%2C") + 1))
        return answer(gateway, request)

    async with client_of(gateway, note, rate_limit=100) as client:
        start = anyio.current_time()
        await client.send_many(numbers(950), "Hi")
        await client.send("27821234567", "Hi")
    for moment, _ in sent:
        in_a_second = sum(count for other, count in sent if moment <= other < moment + 0.999)
        assert in_a_second <= 100
    assert 9 <= sent[-1][0] - start <= 10


@on_virtual_time
async def test_a_rate_for_one_run_holds_besides_that_of_the_client() -> None:
    gateway = virtual_gateway()
    async with client_of(gateway, rate_limit=1000) as client:
        start = anyio.current_time()
        async with client.bulk(numbers(100), "Hi", rate_limit=10) as run:
            assert all([result.ok async for result in run])
        assert anyio.current_time() - start == pytest.approx(9.0)


async def test_901_for_some_is_retried_for_those_alone() -> None:
    faulty = FaultyGateway(Gateway(), once("sendmsg", Fault.RETRY_SOME))
    async with faulty.serve() as url, Client(**LOGIN, base_url=url) as client:
        results = await client.send_many(numbers(10), "Hi")
    assert all(result.ok for result in results)
    assert batches(faulty) == [10, 5]
    assert sorted(message.to for message in faulty.gateway.messages) == numbers(10)


async def test_progress_counts_what_came_and_what_will_come() -> None:
    faulty = FaultyGateway(Gateway())
    async with faulty.serve() as url, Client(**LOGIN, base_url=url) as client:
        async with client.bulk([*numbers(5), "nobody", "999105"], "Hi") as run:
            assert run.progress.total == 7
            async for _ in run:
                pass
        progress = run.progress
    assert (progress.submitted, progress.accepted, progress.rejected, progress.done) == (7, 5, 2, 7)
    assert (progress.uncertain, progress.skipped, progress.in_flight) == (0, 0, 0)


async def test_a_run_that_was_not_entered_says_so() -> None:
    async with Client(**LOGIN) as client:
        run = client.bulk(numbers(1), "Hi")
        with pytest.raises(RuntimeError, match="async with"):
            await anext(run)


async def test_nothing_to_send_sends_nothing() -> None:
    faulty = FaultyGateway(Gateway())
    async with faulty.serve() as url, Client(**LOGIN, base_url=url) as client:
        assert await client.send_many([], "Hi") == []
    assert faulty.connections == 0
