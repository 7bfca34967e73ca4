"""Every command of the HTTP API, over real sockets, against the simulator."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import anyio
import pytest

from clickasync import (
    Accepted,
    ApiError,
    Callback,
    CreditError,
    InvalidNumberError,
    InvalidOptionError,
    InvalidRequestError,
    MessageStatus,
    OutcomeUnknownError,
    Rejected,
    UnknownMessageError,
    UnreachableError,
)
from clickasync.callbacks import DeliveryReport
from clickasync.simulator import VOUCHER, Gateway
from tests.support.faulty_gateway import Fault, FaultyGateway, always, once
from tests.support.virtual import client_of, on_virtual_time, virtual_gateway
from tests.support.ways import Client, both_ways, way

__all__ = ["way"]


pytestmark = [pytest.mark.anyio, both_ways]

LOGIN: dict[str, Any] = {"api_id": 1, "user": "demo", "password": "demo"}
TO = "27821234567"


@pytest.fixture
async def faulty(anyio_backend: object) -> AsyncIterator[FaultyGateway]:
    """The simulator behind a raw server."""
    faulty = FaultyGateway(Gateway())
    async with faulty.serve():
        yield faulty


@pytest.fixture
async def client(faulty: FaultyGateway) -> AsyncIterator[Client]:
    """A client of it."""
    async with Client(**LOGIN, base_url=faulty.url) as client:
        yield client


async def test_send_gives_the_ids_of_the_message(client: Client, faulty: FaultyGateway) -> None:
    """`send` gives the IDs under which the gateway knows the message."""
    sent = await client.send("+27 (82) 123-4567", "Your code is 4711")
    [message] = faulty.gateway.messages
    assert sent == Accepted("+27 (82) 123-4567", message.id, message.climsgid)
    assert (message.to, message.text) == (TO, "Your code is 4711")


@pytest.mark.parametrize(
    "text", ["Ωmega: €5 [5]", "Привет", "你好", "emoji 🦊 in it", "x" * 161, "я" * 200, "line\nbreak"]
)
async def test_a_text_arrives_as_it_was_written(client: Client, faulty: FaultyGateway, text: str) -> None:
    await client.send(TO, text)
    assert [message.text for message in faulty.gateway.messages] == [text]


async def test_options_reach_the_gateway_by_their_own_names(client: Client, faulty: FaultyGateway) -> None:
    at = int(time.time()) + 3600
    await client.send(
        TO,
        "Hi",
        from_="27827654321",
        callback=Callback.FINAL | Callback.ERROR,
        concat=2,
        deliv_time=timedelta(hours=1),
        mo=True,
        max_credits=Decimal("1.5"),
        req_feat=1,
        queue=1,
        escalate=True,
        validity=timedelta(minutes=30),
        msg_type="SMS_TEXT",
        deliv_ack=False,
        climsgid="mine1",
    )
    await client.send(TO, "Hi", scheduled_time=datetime.fromtimestamp(at, UTC))
    first, second = [body for body in faulty.bodies if "text" in body]
    assert {name: value for name, value in first.items() if name not in ("session_id", "to", "text")} == {
        "from": "27827654321",
        "callback": "6",
        "concat": "2",
        "deliv_time": "60",
        "mo": "1",
        "max_credits": "1.5",
        "req_feat": "1",
        "queue": "1",
        "escalate": "1",
        "validity": "30",
        "msg_type": "SMS_TEXT",
        "deliv_ack": "0",
        "climsgid": "mine1",
    }
    assert second["scheduled_time"] == str(at)


@pytest.mark.parametrize(
    ("to", "text", "options", "error"),
    [
        ("nobody", "Hi", {}, InvalidNumberError),
        (TO, "", {}, InvalidOptionError),
        (TO, "x" * 1000, {}, InvalidOptionError),
        (TO, "Hi", {"validity": 0}, InvalidOptionError),
        (TO, "Hi", {"climsgid": "not valid"}, InvalidOptionError),
    ],
)
async def test_what_is_wrong_in_itself_never_reaches_the_gateway(
    client: Client, faulty: FaultyGateway, to: str, text: str, options: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await client.send(to, text, **options)
    assert faulty.connections == 0


@pytest.mark.parametrize(
    ("to", "error"),
    [("999105", InvalidRequestError), ("999122", UnreachableError), ("999301", CreditError), ("999555", ApiError)],
)
async def test_a_refusal_names_its_code_and_the_recipient(client: Client, to: str, error: type[ApiError]) -> None:
    with pytest.raises(error) as caught:
        await client.send(to, "Hi")
    assert (caught.value.code, caught.value.to) == (to[3:], to)
    assert "nothing was sent" in str(caught.value)


async def test_status_charge_and_cancel_by_either_id(client: Client) -> None:
    sent = await client.send(TO, "x" * 161, deliv_time=60)
    queued = MessageStatus.QUEUED_FOR_LATER
    assert (await client.status(sent.id)).status is queued
    assert (await client.status(climsgid=sent.climsgid)).id == sent.id
    charge = await client.charge(climsgid=sent.climsgid)
    assert (charge.id, charge.charge, charge.status) == (sent.id, Decimal(2), queued)
    assert (await client.cancel(sent.id)).status is MessageStatus.USER_CANCELLED
    assert await client.balance() == 1000


async def test_an_unknown_message_is_told(client: Client) -> None:
    with pytest.raises(UnknownMessageError):
        await client.status("0" * 32)
    with pytest.raises(UnknownMessageError):
        await client.cancel(climsgid="nobodys")


async def test_a_question_needs_one_id_of_the_two(client: Client) -> None:
    for wrong in ({}, {"id": "1", "climsgid": "1"}, {"id": ""}, {"climsgid": "a b"}):
        with pytest.raises(InvalidOptionError):
            await client.status(**wrong)


async def test_a_voucher_is_redeemed_once(client: Client) -> None:
    assert await client.redeem(VOUCHER) == "605"
    assert await client.balance() == 1100
    with pytest.raises(ApiError):
        await client.redeem(VOUCHER)


async def test_coverage_is_an_answer_either_way() -> None:
    faulty = FaultyGateway(Gateway(uncovered=["850"]))
    async with faulty.serve() as url, Client(**LOGIN, base_url=url) as client:
        covered, uncovered = await client.coverage("+27 82 1"), await client.coverage("850123")
    assert (covered.msisdn, covered.covered, covered.charge) == ("27821", True, Decimal(1))
    assert (uncovered.covered, uncovered.charge) == (False, None)
    assert "not currently supported" in uncovered.message


async def test_a_batch_fills_the_template_for_each_recipient(client: Client, faulty: FaultyGateway) -> None:
    async with client.batch("Dear #field1#, you owe #field2#", from_="Shop") as batch:
        first = await batch.send(TO, "Ann", "R 12")
        second = await batch.send("27827654321", "Bob", "€5")
        with pytest.raises(InvalidOptionError, match="takes 2 fields"):
            await batch.send(TO, "Ann")
        with pytest.raises(InvalidOptionError, match="field1"):
            await batch.send(TO, "Аня", "1")
        with pytest.raises(InvalidOptionError, match="one by one"):
            await batch.send_many([TO])
    assert [(message.id, message.text) for message in faulty.gateway.messages] == [
        (first.id, "Dear Ann, you owe R 12"),
        (second.id, "Dear Bob, you owe €5"),
    ]
    assert faulty.calls["endbatch"] == 1


async def test_a_batch_without_holes_goes_to_many(client: Client, faulty: FaultyGateway) -> None:
    async with client.batch("Привет") as batch:
        results = await batch.send_many([TO, "nobody", "999105", "27827654321"])
    assert [type(result) for result in results] == [Accepted, Rejected, Rejected, Accepted]
    assert [message.text for message in faulty.gateway.messages] == ["Привет"] * 2


async def test_a_unicode_template_cannot_have_holes(client: Client) -> None:
    with pytest.raises(InvalidOptionError, match="Unicode"):
        client.batch("Дорогая #field1#")


async def test_pushes(client: Client, faulty: FaultyGateway) -> None:
    url = "http://example.org/1"
    mms = await client.push_mms(TO, mms_subject="s", mms_class=80, mms_expire=60, mms_from="f", mms_url=url)
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    wap = await client.push_wap(
        TO, si_id="1", si_url=url, si_text="t", si_created=moment, si_expires=moment, si_action="signal-high"
    )
    assert [message.id for message in faulty.gateway.messages] == [mms.id, wap.id]
    assert faulty.bodies[-1]["si_created"] == "2026-01-02T03:04:05Z"
    with pytest.raises(InvalidOptionError, match="mms_class"):
        await client.push_mms(TO, mms_subject="s", mms_class=1, mms_expire=60, mms_from="f", mms_url=url)
    with pytest.raises(InvalidOptionError, match="si_url"):
        await client.push_wap(TO, si_id="1", si_url="example.org", si_text="t")


async def test_an_unknown_outcome_of_the_users_own_climsgid(faulty: FaultyGateway) -> None:
    """It need not be unique: a hit may be an earlier message."""
    async with Client(**LOGIN, base_url=faulty.url, retries=0) as client:
        await client.send(TO, "Hi", climsgid="mine")
        faulty.script = always("sendmsg", Fault.RESET_UNSEEN)
        with pytest.raises(OutcomeUnknownError) as caught:
            await client.send(TO, "Hi", climsgid="mine")
    assert caught.value.known_to_gateway is None


@on_virtual_time
async def test_what_is_twice_unknown_is_sent_again_when_asked_for() -> None:
    """What the gateway twice does not know is sent again when asked for."""
    import httpx

    from tests.support.virtual import answer

    gateway = virtual_gateway()
    sends: list[tuple[float, str]] = []
    questions: list[float] = []

    def lossy(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/http/querymsg":
            questions.append(anyio.current_time())
        if request.url.path == "/http/sendmsg":
            climsgid = httpx.QueryParams(request.content.decode())["climsgid"]
            sends.append((anyio.current_time(), climsgid))
            if len(sends) == 1:
                raise httpx.ReadError("reset")
        return answer(gateway, request)

    async with client_of(gateway, lossy, resend_unknown=True) as client:
        sent = await client.send(TO, "Hi")
    assert len(gateway.messages) == 1
    (gave_up, first), (again, second) = sends
    assert first == second == sent.climsgid
    assert questions[0] - gave_up >= 3
    assert questions[1] - questions[0] >= 3
    assert again >= questions[1]


@on_virtual_time
async def test_a_second_try_proves_nothing_of_the_first() -> None:
    """The first request is slow behind a proxy, takes the last credit, and arrives after both questions."""
    import httpx

    from tests.support.virtual import answer

    gateway = virtual_gateway(credits=1)
    late: list[httpx.Request] = []

    def lossy(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/http/sendmsg":
            if not late:
                late.append(request)
                raise httpx.ReadTimeout("slow")
            answer(gateway, late[0])
        return answer(gateway, request)

    async with client_of(gateway, lossy, resend_unknown=True) as client:
        with pytest.raises(OutcomeUnknownError):
            await client.send(TO, "Hi")
    assert len(gateway.messages) == 1


@on_virtual_time
async def test_an_unknown_outcome_is_asked_about_for_a_bounded_time() -> None:
    import httpx

    from tests.support.virtual import answer

    gateway = virtual_gateway()
    questions = 0

    def mute(request: httpx.Request) -> httpx.Response:
        nonlocal questions
        if request.url.path in ("/http/sendmsg", "/http/querymsg"):
            questions += request.url.path == "/http/querymsg"
            raise httpx.ReadError("reset")
        return answer(gateway, request)

    async with client_of(gateway, mute, retries=2) as client:
        start = anyio.current_time()
        with pytest.raises(OutcomeUnknownError) as caught:
            await client.send(TO, "Hi")
        assert anyio.current_time() - start <= 15
    assert caught.value.known_to_gateway is None
    assert questions == 4


@on_virtual_time
async def test_waiting_for_a_delivery_polls_until_the_status_is_final() -> None:
    gateway = virtual_gateway(gateway_delay=5, handset_delay=20)
    async with client_of(gateway) as client:
        sent = await client.send(TO, "Hi")
        state = await client.wait_for_delivery(sent.id)
        assert state.status is MessageStatus.RECEIVED_BY_RECIPIENT
        assert 3 <= gateway.requests["querymsg"] <= 8
        failed = await client.send("999007", "Hi")
        assert (await client.wait_for_delivery(failed.id)).status is MessageStatus.ERROR_DELIVERING


@on_virtual_time
async def test_waiting_for_a_delivery_has_a_timeout() -> None:
    gateway = virtual_gateway()
    async with client_of(gateway) as client:
        sent = await client.send(TO, "Hi", deliv_time=60)
        with pytest.raises(TimeoutError):
            await client.wait_for_delivery(sent.id, timeout=10)


@on_virtual_time
async def test_waiting_for_a_delivery_uses_reports_where_they_come() -> None:
    gateway = virtual_gateway(gateway_delay=5, handset_delay=20)

    def report(id: str, status: str) -> DeliveryReport:
        now = datetime.now(UTC)
        return DeliveryReport(id, "", TO, "", MessageStatus(status), Decimal(1), now, "1")

    async with client_of(gateway) as client:
        sent, other = await client.send(TO, "Hi"), await client.send(TO, "Hi")
        client.deliver_report(report(sent.id, "003"))

        async def arrive() -> None:
            await anyio.sleep(7)
            client.deliver_report(report(sent.id, "004"))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(arrive)
            start = anyio.current_time()
            for _ in range(2):  # whoever asks later is told as well
                assert (await client.wait_for_delivery(sent.id)).status is MessageStatus.RECEIVED_BY_RECIPIENT
            assert anyio.current_time() - start == pytest.approx(7)
        assert (await client.wait_for_delivery(other.id)).status == "004", "a report that is lost is asked for"


@on_virtual_time
async def test_waiting_for_a_delivery_asks_at_once() -> None:
    """A report may have come to another process, so that none comes here."""
    gateway = virtual_gateway()
    async with client_of(gateway) as client:
        sent, other = await client.send(TO, "Hi"), await client.send(TO, "Hi")
        await anyio.sleep(10)
        now = datetime.now(UTC)
        report = DeliveryReport(other.id, "", TO, "", MessageStatus("004"), Decimal(1), now, "1")
        client.deliver_report(report)
        start = anyio.current_time()
        assert (await client.wait_for_delivery(sent.id)).status == "004"
        assert anyio.current_time() == start


async def test_a_gateway_whose_first_answer_fails_is_asked_again(client: Client, faulty: FaultyGateway) -> None:
    faulty.script = once("getbalance", Fault.UNAVAILABLE, Fault.JUNK)
    assert await client.balance() == 1000
    assert faulty.calls["getbalance"] == 3
