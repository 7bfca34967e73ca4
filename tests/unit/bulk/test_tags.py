"""Tags, and a list that is filled as results come."""

from __future__ import annotations

from collections import Counter
from typing import Any

import anyio
import httpx
import pytest

from clickasync import (
    Accepted,
    Client,
    InvalidOptionError,
    Message,
    Rejected,
    SendResult,
    Skipped,
    Uncertain,
)
from clickasync.simulator import Gateway
from tests.support.virtual import answer, client_of, on_virtual_time, virtual_gateway

pytestmark = pytest.mark.anyio

ANN, BEN, CAT, DAN = "27821234567", "27827654321", "27829999999", "27820000001"


def own(handler: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.MockTransport(handler))


async def test_every_kind_of_result_gives_its_tag_back() -> None:
    """Accepted, Rejected for itself and by the gateway, Uncertain and Skipped."""
    gateway = Gateway(credits=1)

    def lossy(request: httpx.Request) -> httpx.Response:
        response = answer(gateway, request)
        is_lost = b"text=lost" in request.content or request.url.path == "/http/querymsg"
        return httpx.Response(500) if is_lost else response

    messages = [
        Message(ANN, "lost", tag={"row": 1}),
        Message("nobody", "Hi", tag=2),
        Message("9991051", "Hi", tag="three"),
        Message(BEN, "Hi", tag=(4,)),
        Message(CAT, "more than the credits allow", tag=5),
        Message(DAN, "never tried", tag=6),
        Message(DAN, "never tried"),
    ]
    async with Client(api_id=1, user="demo", password="demo", http_client=own(lossy), max_connections=1) as client:
        results = await client.send_many(messages)
    assert [result.tag for result in results] == [message.tag for message in messages]
    assert {type(result) for result in results} == {Uncertain, Rejected, Skipped}


async def test_tags_do_not_decide_who_travels_together() -> None:
    """Nor are they sent."""
    gateway = Gateway()
    bodies: list[bytes] = []

    def note(request: httpx.Request) -> httpx.Response:
        bodies.append(request.content)
        return answer(gateway, request)

    async with Client(api_id=1, user="demo", password="demo", http_client=own(note)) as client:
        messages = [Message(ANN, "Hi", tag="secret"), Message(BEN, "Hi"), Message(CAT, "Hi", tag=object())]
        results = await client.send_many(messages)
    assert gateway.requests["sendmsg"] == 1
    assert all(isinstance(result, Accepted) for result in results)
    assert [result.tag for result in results] == [message.tag for message in messages]
    assert not [body for body in bodies if b"secret" in body]


async def test_numbers_have_no_tag() -> None:
    """None without."""
    gateway = Gateway()
    handler = lambda request: answer(gateway, request)
    async with Client(api_id=1, user="demo", password="demo", http_client=own(handler)) as client:
        results = await client.send_many([ANN, "nobody", Message(BEN, "Ho", tag=3)], "Hi")
        assert [result.tag for result in results] == [None, None, 3]


async def test_tags_survive_a_901_for_some() -> None:
    """Those who are sent to again have theirs."""
    gateway = Gateway()
    calls = 0

    def busy(request: httpx.Request) -> httpx.Response:
        nonlocal calls
        if request.url.path == "/http/sendmsg":
            calls += 1
            if calls == 1:
                text = f"ERR: 901, Internal error To: {ANN}\nERR: 901, Internal error To: {CAT}"
                return httpx.Response(200, text=f"{text}\nID: bb To: {BEN}")
        return answer(gateway, request)

    messages = [Message(number, "Hi", tag=number) for number in (ANN, BEN, CAT)]
    async with Client(api_id=1, user="demo", password="demo", http_client=own(busy)) as client:
        results = await client.send_many(messages)
    assert [(type(result), result.tag) for result in results] == [(Accepted, ANN), (Accepted, BEN), (Accepted, CAT)]


async def test_the_list_ends_in_the_order_given() -> None:
    """As what is returned."""
    gateway = Gateway()
    handler = lambda request: answer(gateway, request)
    seen: list[SendResult] = []
    async with Client(
        api_id=1, user="demo", password="demo", http_client=own(handler), batch_size=3, max_connections=2
    ) as client:
        results = await client.send_many([f"2782{number:07d}" for number in range(20)], "Hi", into=seen)
    assert seen == results


@on_virtual_time
async def test_a_cancelled_call_leaves_the_truth_in_the_list() -> None:
    """What was answered is there, what was out is Uncertain, and the rest is Skipped; with tags, in order."""
    gateway = virtual_gateway()

    async def slower_and_slower(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/http/sendmsg" and gateway.requests["sendmsg"]:
            answer(gateway, request)
            await anyio.sleep(60)
        return answer(gateway, request)

    messages = [Message(f"2782{number:07d}", "Hi", tag=number) for number in range(100)]
    seen: list[SendResult] = []
    during: list[int] = []
    async with client_of(gateway, slower_and_slower, batch_size=10, max_connections=2) as client:

        async def look() -> None:
            await anyio.sleep(5)
            during.append(len(seen))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(look)
            with anyio.move_on_after(10):
                await client.send_many(messages, into=seen)
    assert during == [10]
    assert [result.tag for result in seen] == list(range(100))
    assert Counter(map(type, seen)) == {Accepted: 10, Uncertain: 20, Skipped: 70}
    ledger = {message.to for message in gateway.messages}
    assert {result.to for result in seen if not isinstance(result, Skipped)} == ledger


async def test_into_must_be_a_list() -> None:
    """It is refused before anything is sent."""
    async with Client(api_id=1, user="demo", password="demo") as client:
        with pytest.raises(InvalidOptionError, match="into must be a list, not tuple"):
            await client.send_many([ANN], "Hi", into=())  # type: ignore[arg-type]
