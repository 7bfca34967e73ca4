"""A run without an event loop: the source is read in the caller's thread, and each recipient is accounted for."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any

import pytest

from clickasync import (
    Accepted,
    CallStarted,
    CreditError,
    InvalidOptionError,
    Message,
    Rejected,
    SendResult,
    Skipped,
    Uncertain,
)
from clickasync.blocking import Client
from clickasync.simulator import Gateway
from tests.support.faulty_gateway import Fault, FaultyGateway, always
from tests.support.served import served, wait_until
from tests.support.watcher import Watcher

LOGIN: dict[str, Any] = {"api_id": 1, "user": "demo", "password": "demo"}


def numbers(count: int) -> list[str]:
    return [f"2782{number:07d}" for number in range(count)]


@pytest.fixture
def gateway() -> Gateway:
    return Gateway(credits=10_000)


@pytest.fixture
def client(gateway: Gateway) -> Iterator[Client]:
    with served(gateway) as url, Client(**LOGIN, base_url=url) as client:
        yield client


@pytest.mark.parametrize("count", [0, 1, 299, 300, 301, 2000])
def test_each_recipient_has_its_result(count: int, gateway: Gateway, client: Client) -> None:
    with client.bulk(iter(numbers(count)), "Hi") as run:
        results = list(run)
    assert {result.to: result.ok for result in results} == dict.fromkeys(numbers(count), True)
    assert len(results) == len(gateway.messages) == run.progress.accepted == run.progress.submitted == count
    assert (run.unfinished, run.stopped_by, run.is_away) == ([], None, False)


def test_the_total_is_known_where_the_source_knows_it(client: Client) -> None:
    with client.bulk(numbers(5), "Hi") as run:
        assert run.progress.total == 5
        assert len(list(run)) == 5
    with client.bulk(iter(numbers(5)), "Hi", total=7) as run:
        assert run.progress.total == 7


def test_the_source_is_read_in_the_callers_thread(client: Client) -> None:
    """A database's cursor may be used nowhere else."""
    threads: set[int] = set()

    def source() -> Iterator[Message]:
        for number in numbers(1000):
            threads.add(threading.get_ident())
            yield Message(number, "Hi", tag=number)

    with client.bulk(source()) as run:
        assert all(result.tag == result.to for result in run)
    assert threads == {threading.get_ident()}


def test_a_slow_source_holds_up_no_results(client: Client) -> None:
    """The second number is read only once the first has been answered."""
    read: list[int] = []

    def source() -> Iterator[str]:
        yield "27821234567"
        deadline = time.monotonic() + 10
        while not run.progress.accepted and time.monotonic() < deadline:
            time.sleep(0.01)
            yield "not a number"
        read.append(run.progress.accepted)
        yield "27827654321"

    with client.bulk(source(), "Hi") as run:
        results = list(run)
    assert read == [1]
    assert [result.to for result in results if result.ok] == ["27821234567", "27827654321"]


def test_no_more_is_read_than_fits(client: Client) -> None:
    """As many as may be under way, and a handful."""
    read = 0

    def source() -> Iterator[str]:
        nonlocal read
        for number in numbers(10_000):
            read += 1
            yield number

    most = 0
    with client.bulk(source(), "Hi", batch_size=10, max_in_flight=2) as run:
        for taken, _ in enumerate(run):
            most = max(most, read - taken)
    assert most <= 2 * 10 * 2 + 10 + 300 + 10


def test_what_the_source_raises_comes_out_in_the_end(client: Client) -> None:
    def source() -> Iterator[str]:
        yield from numbers(400)
        raise ZeroDivisionError

    results: list[SendResult] = []
    with pytest.raises(ZeroDivisionError), client.bulk(source(), "Hi") as run:
        results.extend(run)
    assert len(results) == 400
    assert all(result.ok for result in results)


def test_a_source_cannot_pretend_to_have_ended(client: Client) -> None:
    def source() -> Iterator[str]:
        yield from numbers(2)
        raise StopAsyncIteration

    with pytest.raises(RuntimeError, match="StopAsyncIteration"), client.bulk(source(), "Hi") as run:
        for _ in run:
            pass


def test_ctrl_c_in_the_source_comes_out_at_once(client: Client) -> None:
    def source() -> Iterator[str]:
        yield from numbers(2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), client.bulk(source(), "Hi") as run:
        list(run)


def test_a_run_left_early_accounts_for_all_that_was_read() -> None:
    """What was out is uncertain, what was not is skipped, and nothing that was read is missing."""
    faulty = FaultyGateway(Gateway(credits=5000), always("sendmsg", Fault.SILENCE))
    read: list[str] = []
    closed: list[bool] = []
    results: list[SendResult] = []

    def source() -> Iterator[str]:
        try:
            for number in numbers(5000):
                read.append(number)
                yield number
        finally:
            closed.append(True)

    with served(faulty) as url, Client(**LOGIN, base_url=url) as client:
        with client.bulk(source(), "Hi", batch_size=100, max_in_flight=2) as run:
            looping = threading.Thread(target=lambda: results.extend(run))
            looping.start()
            wait_until(lambda: faulty.calls["sendmsg"] == 2)
        looping.join(10)
    assert not looping.is_alive()
    assert {type(result) for result in results} == {Skipped}
    assert len(run.unfinished) == 200
    assert all(isinstance(result, Uncertain) for result in run.unfinished)
    assert sorted(result.to for result in [*results, *run.unfinished]) == sorted(read)
    assert closed == [True]


class Collecting(Watcher):
    """Collects garbage, in the thread of the loop."""

    def start(self, call: CallStarted) -> Any:
        gc.collect()
        return super().start(call)


@pytest.mark.parametrize("where", ["at once", "in the loop"])
def test_a_generator_around_a_run_may_be_abandoned(where: str, gateway: Gateway) -> None:
    """It is closed when it is collected, whichever thread does so; the run then ends, and nothing more is sent."""
    closed = threading.Event()

    def source() -> Iterator[str]:
        try:
            yield from numbers(5000)
        finally:
            closed.set()

    def results(client: Client) -> Iterator[SendResult]:
        with client.bulk(source(), "Hi", batch_size=10, max_in_flight=1) as run:
            yield from run

    with served(gateway) as url, Client(**LOGIN, base_url=url, observer=Collecting()) as client:
        generator = results(client)
        assert next(generator).ok
        holder: list[object] = [generator]
        if where == "in the loop":
            holder.append(holder)  # a circle, which only the collector finds
        gc.disable()
        try:
            del generator, holder
            assert closed.is_set() == (where == "at once")
            client.balance()
            client.balance()
        finally:
            gc.enable()
        assert closed.wait(10)
        sent = len(gateway.messages)
        client.balance()
        assert len(gateway.messages) == sent < 5000


def test_a_run_that_stops_skips_the_rest(gateway: Gateway, client: Client) -> None:
    gateway.account.credits = Decimal(10)
    with client.bulk(numbers(1000), "Hi", batch_size=10, max_in_flight=1) as run:
        results = list(run)
    kinds = [type(result) for result in results]
    assert (kinds.count(Accepted), len(kinds)) == (10, 1000)
    assert kinds.count(Skipped) > 900
    assert isinstance(run.stopped_by, CreditError)


def test_a_wrong_item_is_rejected_and_the_rest_goes_out(client: Client) -> None:
    with client.bulk(["nobody", "27821234567"], "Hi") as run:
        kinds = {result.to: type(result) for result in run}
    assert kinds == {"nobody": Rejected, "27821234567": Accepted}


def test_a_wrong_source_is_refused_before_anything_is_read(client: Client) -> None:
    async def source() -> AsyncIterator[str]:
        yield "27821234567"

    for wrong in ("27821234567", 27821234567, source()):
        with pytest.raises(InvalidOptionError, match="source"):
            client.bulk(wrong, "Hi")  # type: ignore[arg-type]
    with pytest.raises(InvalidOptionError, match="deliv_time"):
        client.bulk(["27821234567"], "Hi", deliv_time=-1)
    with pytest.raises(InvalidOptionError, match="patience"):
        client.bulk(["27821234567"], "Hi", patience=0)


def test_a_run_is_entered_once(client: Client) -> None:
    run = client.bulk(["27821234567"], "Hi")
    with pytest.raises(RuntimeError, match="with client"):
        next(run)
    with run:
        assert len(list(run)) == 1
        with pytest.raises(RuntimeError, match="once"):
            run.__enter__()
    assert list(run) == []
