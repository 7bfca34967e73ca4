"""Cases in which a message could be sent twice, be lost, or be told wrongly: each was possible once, or nearly."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import anyio
import httpx
import pytest

from clickasync import (
    Accepted,
    ClickatellError,
    ClosedError,
    Message,
    OutcomeUnknownError,
    Rejected,
    Skipped,
    TransportError,
    Uncertain,
)
from clickasync.simulator import Gateway
from tests.support.faulty_gateway import Fault, FaultyGateway, always
from tests.support.virtual import answer, client_of, on_virtual_time, virtual_gateway
from tests.support.ways import Client, both_ways, way

__all__ = ["way"]


pytestmark = [pytest.mark.anyio, both_ways]

LOGIN: dict[str, Any] = {"api_id": 1, "user": "demo", "password": "demo"}
TO = "27821234567"


def numbers(count: int) -> list[str]:
    return [f"2782{number:07d}" for number in range(count)]


@on_virtual_time
async def test_a_run_left_during_a_resend() -> None:
    """The first try went out and was accepted; that the second one could not connect changes nothing of that."""
    gateway = virtual_gateway()
    sends = 0
    resent = anyio.Event()

    def lossy(request: httpx.Request) -> httpx.Response:
        nonlocal sends
        if request.url.path == "/http/querymsg":
            return httpx.Response(200, text="ERR: 104, Unknown client message ID")
        if request.url.path == "/http/sendmsg":
            sends += 1
            if sends > 1:
                resent.set()
                raise httpx.ConnectError("refused")
            answer(gateway, request)
            raise httpx.ReadError("reset")
        return answer(gateway, request)

    async with client_of(gateway, lossy, resend_unknown=True) as client:
        async with client.bulk([TO], "Hi") as run:
            await resent.wait()
        assert [type(result) for result in run.unfinished] == [Uncertain]
        assert [result async for result in run] == []
    assert len(gateway.messages) == 1


@pytest.mark.parametrize("status", [None, 429])
async def test_a_hook_of_the_users_client_that_fails(status: int | None) -> None:
    """A hook that reports to a metrics server which is down, or busy, runs when the message was sent long ago."""
    gateway = Gateway()

    def metrics(request: httpx.Request) -> httpx.Response:
        if status is None:
            raise httpx.ConnectError("the metrics server is down")
        return httpx.Response(status)

    async def report(response: httpx.Response) -> None:
        if response.request.url.path == "/http/sendmsg":
            async with httpx.AsyncClient(transport=httpx.MockTransport(metrics)) as other:
                (await other.post("http://metrics.example.org/")).raise_for_status()

    own = httpx.AsyncClient(
        transport=httpx.MockTransport(lambda request: answer(gateway, request)), event_hooks={"response": [report]}
    )
    async with Client(**LOGIN, http_client=own) as client:
        assert isinstance(await client.send(TO, "Hi"), Accepted)
    assert len(gateway.messages) == 1


async def test_payloads_never_change_places() -> None:
    gateway = Gateway()
    payloads = {to: bytes([0xA0 + index % 7, index]) for index, to in enumerate(numbers(40))}

    def source() -> Iterator[Message]:
        for to, payload in payloads.items():
            yield Message(to, data=payload)

    own = httpx.AsyncClient(transport=httpx.MockTransport(lambda request: answer(gateway, request)))
    async with Client(**LOGIN, http_client=own) as client, client.bulk(source(), batch_size=3) as run:
        assert all([result.ok async for result in run])
        async with client.bulk([Message(TO, data=memoryview(b"x"))]) as other:  # type: ignore[arg-type]
            assert [type(result) async for result in other] == [Rejected]
    assert {message.to: message.data for message in gateway.messages} == {
        to: payload.hex().upper() for to, payload in payloads.items()
    }


@pytest.mark.parametrize("keep", [24, 60, 200])
async def test_a_cut_reply_is_no_verdict_for_many(keep: int) -> None:
    """``ERR: 901, Internal error`` cut before its ``To:`` would read as a refusal of the whole call."""
    gateway = Gateway()
    sends = 0

    async def close_delimited(stream: anyio.abc.SocketStream) -> None:
        nonlocal sends
        async with stream:
            data = await stream.receive()
            while b"\r\n\r\n" not in data or len(data.partition(b"\r\n\r\n")[2]) < _length(data):
                data += await stream.receive()
            path = data.split(b" ")[1].decode()
            fields = dict(httpx.QueryParams(data.partition(b"\r\n\r\n")[2].decode()))
            text = gateway.handle(path, fields) or ""
            if path == "/http/sendmsg":
                sends += 1
                text = f"ERR: 901, Internal error To: 999901\n{text}"[:keep]
            await stream.send(b"HTTP/1.0 200 OK\r\n\r\n" + text.encode())

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, close_delimited)
        async with Client(**LOGIN, base_url=f"http://127.0.0.1:{port}") as client:
            results = await client.send_many([*numbers(5)], "Hi")
        tasks.cancel_scope.cancel()
    assert sends == 1
    assert Counter(message.to for message in gateway.messages) == Counter(numbers(5))
    ids = {message.id: message.to for message in gateway.messages}
    for result in results:
        assert isinstance(result, Accepted | Uncertain)
        assert not isinstance(result, Accepted) or ids[result.id] == result.to


def _length(data: bytes) -> int:
    head = data.partition(b"\r\n\r\n")[0].lower()
    return int(head.partition(b"content-length:")[2].split(b"\r\n")[0])


@on_virtual_time
@pytest.mark.parametrize("seed", range(10))
async def test_no_mixture_of_numbers_and_messages_stops_a_run(seed: int) -> None:
    dice = random.Random(seed)
    gateway = virtual_gateway(credits=100_000)
    source = [
        Message(to, f"Hi {index}") if dice.random() < dice.choice([0.1, 0.5, 0.9]) else to
        for index, to in enumerate(numbers(300))
    ]
    async with client_of(gateway, max_connections=dice.choice([1, 3])) as client:
        with anyio.fail_after(1000):
            async with client.bulk(source, "Hello", batch_size=dice.choice([2, 5, 20])) as run:
                count = 0
                async for _ in run:
                    count += 1
                    if dice.random() < 0.1:
                        await anyio.sleep(1)
    assert count == len(gateway.messages) == 300


@pytest.mark.parametrize("what", ["bulk", "send"])
def test_a_program_may_end_before_our_task_begins(what: str) -> None:
    """A task that is cancelled before its first step runs nothing of its own."""
    program = f"""
    import asyncio
    from clickasync import Client
    client = Client(api_id=1, user="demo", password="demo", base_url="http://127.0.0.1:9")
    async def bulk():
        async with client.bulk(["27821234567"], "Hi") as run:
            [result async for result in run]
    async def send():
        await client.send("27821234567", "Hi")
    async def main():
        main.task = asyncio.create_task({what}())
        await asyncio.sleep(0)
    asyncio.run(main())
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    subprocess.run(command, timeout=30, check=True)  # our own; it would hang, and run into the timeout


@on_virtual_time
async def test_an_unreadable_reply_to_auth_in_mid_run_loses_no_result() -> None:
    gateway = virtual_gateway()

    def portal(request: httpx.Request) -> httpx.Response:
        if len(gateway.messages) >= 10:
            gateway.forget_sessions()
            if request.url.path == "/http/auth":
                return httpx.Response(200, text="<html>Welcome to the captive portal</html>")
        return answer(gateway, request)

    async with client_of(gateway, portal, max_connections=1, batch_size=10) as client:
        results = await client.send_many(numbers(30), "Hi")
        assert [type(result) for result in results] == [Accepted] * 10 + [Rejected] * 20
        with pytest.raises(TransportError, match="authenticate"):
            await client.send(TO, "Hi")
    assert len(gateway.messages) == 10


async def test_closing_during_a_call_hides_no_unknown_outcome() -> None:
    """Closing the client during a call does not hide that its outcome is unknown."""
    faulty = FaultyGateway(Gateway(), always("sendmsg", Fault.SILENCE))
    async with faulty.serve() as url:
        client = Client(**LOGIN, base_url=url, timeout=0.3)
        told: list[object] = []

        async def send() -> None:
            try:
                await client.send(TO, "Hi")
            except ClickatellError as error:
                told.append(error)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(send)
            while not faulty.calls["sendmsg"]:
                await anyio.sleep(0.01)
            await client.aclose()
    assert [type(error) for error in told] == [OutcomeUnknownError]


async def test_what_waits_does_not_go_out_after_aclose() -> None:
    """A call that waits for a connection does not go out after `aclose`."""
    faulty = FaultyGateway(Gateway(), always("sendmsg", Fault.SILENCE))
    async with faulty.serve() as url:
        client = Client(**LOGIN, base_url=url, timeout=0.2, max_connections=1)
        told: list[type] = []

        async def send(to: str) -> None:
            try:
                await client.send(to, "Hi")
            except ClickatellError as error:
                told.append(type(error))

        async with anyio.create_task_group() as tasks:
            for to in numbers(3):
                tasks.start_soon(send, to)
            while not faulty.calls["sendmsg"]:
                await anyio.sleep(0.01)
            await client.aclose()
    assert Counter(told) == {OutcomeUnknownError: 1, ClosedError: 2}
    assert len(faulty.gateway.messages) == 1


async def test_closing_the_client_during_a_batch_loses_no_result() -> None:
    """What went out before has its results; the rest was certainly not sent."""
    gateway = Gateway()

    async def close_at_the_first(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/quicksend"):
            await client.aclose()
        return answer(gateway, request)

    client = client_of(gateway, close_at_the_first, batch_size=10)
    async with client, client.batch("Hi") as batch:
        results = await batch.send_many(numbers(30))
    assert [type(result) for result in results] == [Accepted] * 10 + [Rejected] * 20
    assert {type(result.error) for result in results if isinstance(result, Rejected)} == {ClosedError}
    assert len(gateway.messages) == 10


async def test_calls_that_only_waited_are_skipped() -> None:
    """Calls that only waited for a connection are skipped and not uncertain."""
    faulty = FaultyGateway(Gateway(), always("sendmsg", Fault.SILENCE))
    async with faulty.serve() as url, Client(**LOGIN, base_url=url, max_connections=1) as client:
        async with client.bulk(numbers(30), "Hi", batch_size=10, max_in_flight=3) as run:
            while not faulty.calls["sendmsg"]:
                await anyio.sleep(0.01)
        assert len(run.unfinished) == 10
        assert {type(result) async for result in run} == {Skipped}


@pytest.mark.parametrize("is_async", [True, False])
async def test_a_source_that_is_cancelled_is_told(is_async: bool) -> None:
    faulty = FaultyGateway(Gateway())

    async def source() -> Any:
        yield TO
        raise asyncio.CancelledError

    def plain_source() -> Any:
        yield TO
        raise asyncio.CancelledError  # as the result of a cancelled future does

    if not _on_asyncio():
        return
    async with faulty.serve() as url, Client(**LOGIN, base_url=url) as client:
        with pytest.raises(ClickatellError, match="cancelled"):
            async with client.bulk(source() if is_async else plain_source(), "Hi") as run:
                async for _ in run:
                    pass


def _on_asyncio() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


@on_virtual_time
async def test_a_retry_after_of_a_day_is_not_slept_through() -> None:
    """A Retry-After of a day does not make `send_many` sleep for one."""
    gateway = virtual_gateway()

    def busy(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/http/sendmsg" and not gateway.requests["sendmsg"]:
            answer(gateway, request)
            return httpx.Response(503, headers={"Retry-After": "86400"})
        return answer(gateway, request)

    async with client_of(gateway, busy, max_connections=1, batch_size=1) as client:
        start = anyio.current_time()
        results = await client.send_many(numbers(2), "Hi")
        assert anyio.current_time() - start <= 61
    assert results[1].ok


async def test_one_item_without_a_text_does_not_end_the_run() -> None:
    gateway = Gateway()
    own = httpx.AsyncClient(transport=httpx.MockTransport(lambda request: answer(gateway, request)))
    source: list[Any] = ["27820000001", Message("27820000002", "Hi"), Message("27820000003", ["no", "text"])]  # type: ignore[arg-type]
    async with Client(**LOGIN, http_client=own) as client, client.bulk(source) as run:
        assert {result.to: type(result) async for result in run} == {
            "27820000001": Rejected,
            "27820000002": Accepted,
            "27820000003": Rejected,
        }


async def test_a_run_is_made_once() -> None:
    faulty = FaultyGateway(Gateway())
    async with faulty.serve() as url, Client(**LOGIN, base_url=url) as client:
        async with client.bulk([TO], "Hi") as run:
            assert [result.ok async for result in run] == [True]
        with pytest.raises(RuntimeError, match="once"):
            await run.__aenter__()
    assert len(faulty.gateway.messages) == 1


@on_virtual_time
async def test_a_104_counts_only_if_nothing_unclear_comes_between() -> None:
    """Status 001 may mean that reporting is delayed, so the 104 before it proves less than it seems to."""
    gateway = virtual_gateway()
    replies = iter(
        ["ERR: 104, Unknown", f"ID: {'a' * 32} Status: 001", "ERR: 104, Unknown", "ERR: 901, Internal error"]
    )

    def unsure(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/http/querymsg":
            return httpx.Response(200, text=next(replies))
        if request.url.path == "/http/sendmsg":
            answer(gateway, request)
            raise httpx.ReadError("reset")
        return answer(gateway, request)

    async with client_of(gateway, unsure, resend_unknown=True) as client:
        with pytest.raises(OutcomeUnknownError):
            await client.send(TO, "Hi")
    assert len(gateway.messages) == 1


@on_virtual_time
async def test_a_slow_authentication_saves_up_no_burst() -> None:
    gateway = virtual_gateway(credits=10_000)
    sent: list[float] = []

    async def slow_auth(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/http/auth":
            await anyio.sleep(10)
        if request.url.path in ("/http/sendmsg", "/http_batch/quicksend"):
            sent.append(anyio.current_time())
        return answer(gateway, request)

    client = Client(**LOGIN, http_client=httpx.AsyncClient(transport=httpx.MockTransport(slow_auth)), rate_limit=100)
    async with client:
        await client.send_many(numbers(500), "Hi")
        async with client.batch("Hi") as batch:
            await batch.send_many(numbers(300))
    assert len(sent) == 8
    assert all(later - earlier >= 0.99 for earlier, later in pairwise(sent))


@pytest.mark.parametrize("password", ["a secret & four words of it", "pa<55>'word'"])
async def test_secrets_are_struck_out_before_a_page_is_cut(password: str) -> None:
    """A secret that a page shows anywhere is struck out before the page is cut."""
    import html

    gateway = Gateway(password=password)
    for filler in range(150, 215, 5):
        for shown in (password, html.escape(password)):

            def page(request: httpx.Request, filler: int = filler, shown: str = shown) -> httpx.Response:
                return httpx.Response(200, text="." * filler + shown + "." * 10)

            own = httpx.AsyncClient(transport=httpx.MockTransport(page))
            async with Client(api_id=1, user="demo", password=password, http_client=own, retries=0) as client:
                with pytest.raises(ClickatellError) as caught:
                    await client.authenticate()
            assert not [size for size in range(4, len(shown) + 1) if shown[:size] in str(caught.value)]
    assert gateway.messages == []
