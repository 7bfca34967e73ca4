"""The log `clickasync`: calls at DEBUG, what else went on at INFO and WARNING, and never whom or what it is about."""

from __future__ import annotations

import re
from typing import Any

import anyio
import httpx
import pytest

from clickasync import AuthenticationError, Client, OutcomeUnknownError, TransportError
from clickasync.simulator import Gateway
from tests.support.faulty_gateway import Fault, FaultyGateway, always, closed_port, once
from tests.support.virtual import answer, client_of, on_virtual_time, virtual_gateway

pytestmark = pytest.mark.anyio

LOGIN: dict[str, Any] = {"api_id": 1, "user": "demo", "password": "demo"}
TO = "27821234567"
OTHER = "27827654321"


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """All loggers, at their finest."""
    caplog.set_level(1)
    caplog.set_level(1, "clickasync")
    return caplog


def lines(log: pytest.LogCaptureFixture, level: str = "") -> list[str]:
    """What ``clickasync`` logged, at that level or at any, with times struck out."""
    return [
        re.sub(r"[0-9.]+ (m?s)\b", r"… \1", record.getMessage())
        for record in log.records
        if record.name == "clickasync" and level in ("", record.levelname)
    ]


async def test_each_attempt_is_a_line_at_debug(log: pytest.LogCaptureFixture) -> None:
    faulty = FaultyGateway(Gateway())
    async with faulty.serve() as url, Client(**LOGIN, base_url=url) as client:
        await client.send(TO, "Hi")
        await client.send_many([TO, "999114"], "Hi")
    assert lines(log, "DEBUG") == [
        "auth: done, … ms, attempt 1",
        "sendmsg to 1: accepted, … ms, attempt 1",
        "sendmsg to 2: mixed (1 accepted, 1 rejected, 0 uncertain) 114, … ms, attempt 1",
    ]
    assert lines(log, "INFO") == ["a new session was opened"]


async def test_no_other_library_logs_through_us(log: pytest.LogCaptureFixture) -> None:
    """Not one record at any level."""
    faulty = FaultyGateway(Gateway())
    async with faulty.serve() as url, Client(**LOGIN, base_url=url) as client:
        log.clear()  # of what event loops say of themselves when they are made
        await client.send_many([TO, OTHER], "Hi")
    assert {record.name for record in log.records} == {"clickasync"}


async def test_at_warning_a_send_that_goes_well_says_nothing(log: pytest.LogCaptureFixture) -> None:
    faulty = FaultyGateway(Gateway())
    async with faulty.serve() as url, Client(**LOGIN, base_url=url) as client:
        await client.send(TO, "Hi")
    assert lines(log, "WARNING") == []


async def test_repeats_and_renewals_are_told_at_info(log: pytest.LogCaptureFixture) -> None:
    faulty = FaultyGateway(Gateway(), once("sendmsg", Fault.RETRY, Fault.TOO_MANY, Fault.EXPIRED))
    async with faulty.serve() as url, Client(**LOGIN, base_url=url, retries=3) as client:
        await client.send(TO, "Hi")
    assert lines(log, "INFO") == [
        "a new session was opened",
        "sendmsg: 901 Internal error; again in … s, 1 of 3",
        "sendmsg: HTTP 429; again in … s, 2 of 3",
        "the gateway does not know the session any more",
        "sendmsg: 003 Session ID expired; again in another session, 3 of 3",
        "a new session was opened",
    ]


async def test_an_unknown_outcome_is_told_and_what_was_answered(log: pytest.LogCaptureFixture) -> None:
    faulty = FaultyGateway(Gateway(), once("sendmsg", Fault.CLOSED, Fault.RESET_UNSEEN, Fault.CLOSED))
    async with faulty.serve() as url, Client(**LOGIN, base_url=url, retries=0) as client:
        await client.send(TO, "Hi")
        with pytest.raises(OutcomeUnknownError):
            await client.send(TO, "Hi")
        await client.send_many([TO, OTHER], "Hi")
    said = [line for line in lines(log) if "asked" in line]
    assert said == [
        "sendmsg to 1: the gateway was asked, and knows the call",
        "sendmsg to 1: the gateway was asked, and does not know the call (104)",
        "sendmsg to 2: the gateway was asked, and knows the call",
    ]
    assert len([line for line in lines(log, "WARNING") if line.endswith("the outcome is unknown")]) == 3


@on_virtual_time
async def test_a_question_without_an_answer_is_told(log: pytest.LogCaptureFixture) -> None:
    gateway = virtual_gateway()

    def mute(request: httpx.Request) -> httpx.Response:
        if request.url.path in ("/http/sendmsg", "/http/querymsg"):
            raise httpx.ReadError("broken")
        return answer(gateway, request)

    async with client_of(gateway, mute) as client:
        with pytest.raises(OutcomeUnknownError):
            await client.send(TO, "Hi")
    assert "sendmsg to 1: the gateway was asked, and gave no clear answer" in lines(log, "WARNING")


@on_virtual_time
async def test_sending_again_is_told(log: pytest.LogCaptureFixture) -> None:
    gateway = virtual_gateway()
    seen: list[str] = []

    def once_mute(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.path)
        if request.url.path == "/http/sendmsg" and seen.count(request.url.path) == 1:
            raise httpx.ReadError("broken")
        return answer(gateway, request)

    async with client_of(gateway, once_mute, resend_unknown=True) as client:
        await client.send(TO, "Hi")
    assert "sendmsg to 1: sent again under the same climsgid" in lines(log, "WARNING")


async def test_refused_credentials_are_a_warning(log: pytest.LogCaptureFixture) -> None:
    faulty = FaultyGateway(Gateway(), always("auth", Fault.REFUSED_ACCOUNT))
    async with faulty.serve() as url, Client(**LOGIN, base_url=url) as client:
        with pytest.raises(AuthenticationError):
            await client.send(TO, "Hi")
    assert lines(log, "WARNING") == ["the credentials are refused: 001 Authentication failed; for … s all calls fail"]


async def test_a_gateway_that_cannot_be_reached_is_a_warning(log: pytest.LogCaptureFixture) -> None:
    base_url = f"http://127.0.0.1:{closed_port()}"
    async with Client(**LOGIN, base_url=base_url, retries=0) as client:
        with pytest.raises(TransportError):
            await client.send(TO, "Hi")
    [line] = lines(log, "WARNING")
    assert line.startswith("no session could be opened: could not connect: ")


async def test_an_outage_begins_and_ends_in_the_log(log: pytest.LogCaptureFixture) -> None:
    faulty = FaultyGateway(Gateway(), once("sendmsg", Fault.TOO_MANY, Fault.TOO_MANY))
    async with faulty.serve() as url, Client(**LOGIN, base_url=url, retries=0) as client:
        async with client.bulk([TO, OTHER], "Hi", batch_size=1, max_in_flight=1) as run:
            assert all([result.ok async for result in run])
    told = [line for line in lines(log) if "run" in line]
    assert told == [
        "the gateway cannot be reached: HTTP 429; the run waits for it",
        "the gateway answers again; the run goes on",
    ]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault.NO_CREDIT, "the run stops: 301 No credit left"),
        (Fault.REFUSED_ACCOUNT, "the run stops: 001 Authentication failed"),
    ],
)
async def test_a_run_that_stops_says_why_once(fault: Fault, words: str, log: pytest.LogCaptureFixture) -> None:
    faulty = FaultyGateway(Gateway(), always("sendmsg", fault))
    numbers = [f"2782{number:07d}" for number in range(50)]
    async with faulty.serve() as url, Client(**LOGIN, base_url=url, retries=0) as client:
        async with client.bulk(numbers, "Hi", batch_size=5) as run:
            assert not any([result.ok async for result in run])
    assert [line for line in lines(log, "WARNING") if "run" in line] == [words]


async def test_a_run_that_loses_patience_says_so(log: pytest.LogCaptureFixture) -> None:
    base_url = f"http://127.0.0.1:{closed_port()}"
    async with Client(**LOGIN, base_url=base_url, retries=0) as client:
        async with client.bulk([TO], "Hi", patience=0.05) as run:
            with anyio.fail_after(10):
                assert not any([result.ok async for result in run])
    told = [line for line in lines(log, "WARNING") if "run" in line]
    assert [line.partition(":")[0] for line in told] == ["the gateway cannot be reached", "the run stops"]
