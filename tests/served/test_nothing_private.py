"""Whatever goes well or wrong: no number, text, chosen ID or secret is in the log, in spans or in metrics."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import httpx
import pytest

from clickasync import ClickatellError, Client, ConnectClient, Message
from clickasync.callbacks import DeliveryReport, InboundMessage, receiver
from clickasync.pins import PinSender
from clickasync.simulator import Gateway
from tests.support import callback_samples as samples
from tests.support.faulty_gateway import Fault, FaultyGateway, always
from tests.support.telemetry import Telemetry

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", ["asyncio"])]

TO = "27821234567"
OTHER = "27827654321"
REFUSED = "999114"
TEXT = "Meet me at the station"
CHOSEN = "myOwnIdOfIt"
SENDER = "Confidant"
PASSWORD = "corr3ct+h0rse&battery"
VOUCHER = "9876543210987654"
TOKEN = "0123456789abcdef0123456789abcdef"


async def _many(client: Client) -> object:
    return await client.send_many([TO, OTHER, REFUSED, "nobody at all"], TEXT, from_=SENDER)


async def _bulk(client: Client) -> object:
    messages = [Message(TO, TEXT, climsgid=CHOSEN), Message(OTHER, TEXT, tag=TEXT), Message(REFUSED, TEXT)]
    async with client.bulk(messages, patience=0.2) as run:
        return [result async for result in run]


async def _item(client: Client) -> object:
    async with client.batch(f"{TEXT} #field1#") as batch:
        return await batch.send(TO, SENDER)


async def _quick(client: Client) -> object:
    async with client.batch(TEXT) as batch:
        return await batch.send_many([TO, OTHER])


async def _code(client: Client) -> object:
    pins = PinSender(client, secret=PASSWORD, digits=10)
    try:
        return await pins.send(TO)
    finally:
        await pins.verify(TO, "123456")


CALLS: dict[str, tuple[str, Callable[[Client], Awaitable[object]]]] = {
    "authenticate": ("auth", lambda client: client.authenticate()),
    "ping": ("ping", lambda client: client.ping()),
    "balance": ("getbalance", lambda client: client.balance()),
    "send": ("sendmsg", lambda client: client.send(TO, TEXT, climsgid=CHOSEN, from_=SENDER)),
    "send_many": ("sendmsg", _many),
    "bulk": ("sendmsg", _bulk),
    "pins": ("sendmsg", _code),
    "batch.send": ("senditem", _item),
    "batch.send_many": ("quicksend", _quick),
    "status": ("querymsg", lambda client: client.status(climsgid=CHOSEN)),
    "cancel": ("delmsg", lambda client: client.cancel(climsgid=CHOSEN)),
    "charge": ("getmsgcharge", lambda client: client.charge(climsgid=CHOSEN)),
    "coverage": ("routeCoverage", lambda client: client.coverage(TO)),
    "redeem": ("token_pay", lambda client: client.redeem(VOUCHER)),
    "push_wap": (
        "si_push",
        lambda client: client.push_wap(TO, si_id=CHOSEN, si_url=f"http://{SENDER}.example.org/", si_text=TEXT),
    ),
}


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """All loggers, at their finest."""
    for name in ("", "clickasync", "httpx", "httpcore", "asyncio"):
        caplog.set_level(1, logger=name)
    return caplog


def found_in(text: str, *more: str) -> list[str]:
    """What of all that is private stands in a text."""
    private = (TO, OTHER, REFUSED, TEXT, "station", CHOSEN, SENDER, "nobody", PASSWORD, "h0rse", VOUCHER, TOKEN, *more)
    return [word for word in private if word.casefold() in text.casefold()]


@pytest.mark.parametrize("fault", [None, *Fault])
async def test_no_call_tells_whom_or_what_it_is_about(fault: Fault | None, log: pytest.LogCaptureFixture) -> None:
    telemetry = Telemetry()
    sessions: set[str] = set()
    codes: set[str] = set()
    for command, call in CALLS.values():
        gateway = Gateway(password=PASSWORD, vouchers={VOUCHER: 5})
        faulty = FaultyGateway(gateway, always(command, fault)) if fault else FaultyGateway(gateway)
        async with faulty.serve() as url:
            settings: dict[str, Any] = {"api_id": 1, "user": "demo", "password": PASSWORD, "base_url": url}
            async with Client(**settings, retries=0, timeout=0.1, observer=telemetry.observer) as client:
                with suppress(ClickatellError):
                    await call(client)
        sessions |= {body["session_id"] for body in faulty.bodies if "session_id" in body}
        codes |= {body["text"][-10:] for body in faulty.bodies if body.get("text", "").startswith("Your code is ")}
    assert len(telemetry.spans) > len(CALLS)
    assert sum(record.name == "clickasync" for record in log.records) > len(CALLS)
    assert len(codes) == 1
    assert found_in(log.text, *sessions, *codes) == []
    assert found_in(telemetry.exported(), *sessions, *codes) == []


async def test_what_a_gateway_quotes_is_not_told(log: pytest.LogCaptureFixture) -> None:
    """Its descriptions, its codes, its status lines and its pages may all repeat the request."""
    replies = [
        httpx.Response(200, text=f"ERR: 105, {TO} is no number for {TEXT}"),
        httpx.Response(200, text=f"ERR: {TO}, {TEXT}"),
        httpx.Response(200, text=f"<html>{TO} {TEXT} {PASSWORD}</html>"),
        httpx.Response(429, extensions={"reason_phrase": f"no {TO} {TEXT}".encode()}),
        httpx.Response(503, extensions={"reason_phrase": f"no {TO} {TEXT}".encode()}),
    ]
    telemetry = Telemetry()
    for at in ("/http/auth", "/http/sendmsg"):
        for reply in replies:

            def answer(request: httpx.Request, at: str = at, reply: httpx.Response = reply) -> httpx.Response:
                return reply if request.url.path == at else httpx.Response(200, text="OK: 1")

            own = httpx.AsyncClient(transport=httpx.MockTransport(answer))
            login: dict[str, Any] = {"api_id": 1, "user": "demo", "password": PASSWORD, "http_client": own}
            async with Client(**login, retries=0, observer=telemetry.observer) as client:
                with suppress(ClickatellError):
                    await client.send(TO, TEXT)
    ours = "\n".join(record.getMessage() for record in log.records if record.name == "clickasync")
    assert "105 Invalid destination address" in ours
    assert found_in(ours) == []
    assert found_in(telemetry.exported()) == []


async def test_no_action_of_the_connect_api_tells_its_token(log: pytest.LogCaptureFixture) -> None:
    telemetry = Telemetry()
    faulty = FaultyGateway(Gateway())  # which speaks another API, so that each reply is unreadable
    async with faulty.serve() as url:
        async with ConnectClient(TOKEN, base_url=url, retries=0, observer=telemetry.observer) as connect:
            for call in (
                connect.get_list_country(),
                connect.authenticate_user(CHOSEN, PASSWORD.translate(dict.fromkeys(map(ord, "+&")))),
                connect.send_activation_sms(CHOSEN, "pa55w0rd", mobile_number=TO),
            ):
                with suppress(ClickatellError):
                    await call
    assert len(telemetry.spans) == 3
    assert found_in(log.text, "pa55w0rd", "corr3cth0rsebattery") == []
    assert found_in(telemetry.exported(), "pa55w0rd", "corr3cth0rsebattery") == []


async def test_no_callback_tells_whom_or_what_it_is_about(log: pytest.LogCaptureFixture) -> None:
    telemetry = Telemetry()

    async def fail(event: DeliveryReport | InboundMessage) -> None:
        raise ZeroDivisionError

    async def save(event: DeliveryReport | InboundMessage) -> None:
        """Content."""

    for handler in (save, fail):
        app = receiver(on_report=handler, on_message=handler, observer=telemetry.observer)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://hook.example.com") as web:
            for body in (
                samples.report(to=TO, cliMsgId=CHOSEN, **{"from": OTHER}),
                samples.message(from_=TO, text=TEXT),
                f"to={TO}&text={TEXT}".encode(),
            ):
                await web.post("/", content=body, headers={"content-type": "application/x-www-form-urlencoded"})
    assert len(telemetry.spans) == 6
    ours = "\n".join(record.getMessage() for record in log.records if record.name.startswith("clickasync"))
    assert "the handler of" in ours
    assert found_in(log.text) == []
    assert found_in(telemetry.exported()) == []
