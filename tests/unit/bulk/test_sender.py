"""What a run makes of what goes wrong: once more, a result for each, a pause, or its end."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from urllib.parse import parse_qsl

import anyio
import httpx
import pytest

from clickasync import (
    Accepted,
    AuthenticationError,
    ClosedError,
    CreditError,
    GatewayError,
    Message,
    OutcomeUnknownError,
    ProtocolError,
    QuotaExceededError,
    Rejected,
    SendResult,
    SessionExpiredError,
    Skipped,
    TransportError,
    Uncertain,
)
from clickasync.simulator import Gateway
from tests.support.virtual import answer, client_of, on_virtual_time, virtual_gateway
from tests.support.watcher import Watcher

pytestmark = [pytest.mark.anyio, on_virtual_time]

ANN, BEN, CAT, DAN = "27821234567", "27827654321", "27829999999", "27820000001"
BUSY = "ERR: 901, Internal error"


class Sends:
    """A gateway whose replies to ``sendmsg`` are those of `reply`, by the number of the call; None: its own."""

    def __init__(self, gateway: Gateway, reply: Callable[[int], str | httpx.Response | None]) -> None:
        self.gateway = gateway
        self.reply = reply
        self.calls: list[dict[str, str]] = []
        self.times: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        if request.url.path != "/http/sendmsg":
            return answer(self.gateway, request)
        self.calls.append(dict(parse_qsl(request.content.decode())))
        self.times.append(anyio.current_time())
        reply = self.reply(len(self.calls))
        if reply is None:
            return answer(self.gateway, request)
        return reply if isinstance(reply, httpx.Response) else httpx.Response(200, text=reply)


def replies(*texts: str | httpx.Response) -> Callable[[int], str | httpx.Response | None]:
    """These first, and then the gateway's own."""
    return lambda call: texts[call - 1] if call <= len(texts) else None


async def test_901_is_retried_so_often_and_no_more() -> None:
    """Each time under a new climsgid, after a pause that grows; then it is the result."""
    both = f"{BUSY} To: {ANN}\n{BUSY} To: {CAT}"
    sends = Sends(virtual_gateway(), replies(f"{both}\nID: bb To: {BEN}", both, both))
    messages = [Message(ANN, tag=1), Message(BEN, tag=2), Message(CAT, tag=3)]
    watcher = Watcher()
    async with client_of(sends.gateway, sends, retries=2, observer=watcher) as client:
        async with client.bulk(messages, "Hi") as run:
            results: dict[int, SendResult] = {}
            async for result in run:
                results[run.position] = result
    assert [call["to"] for call in sends.calls] == [f"{ANN},{BEN},{CAT}", f"{ANN},{CAT}", f"{ANN},{CAT}"]
    assert len({call["climsgid"] for call in sends.calls}) == 3
    first, second = sends.times[1] - sends.times[0], sends.times[2] - sends.times[1]
    assert 0.125 <= first <= 0.25
    assert 0.25 <= second <= 0.5
    assert results[1] == Accepted(BEN, "bb", sends.calls[0]["climsgid"], 2)
    for position, to, tag in [(0, ANN, 1), (2, CAT, 3)]:
        refused = results[position]
        assert isinstance(refused, Rejected)
        assert isinstance(refused.error, GatewayError)
        assert (refused.to, refused.error.to, refused.tag) == (to, to, tag)
    assert watcher.totals == (1, 2, 0)
    assert run.progress.done == 3


async def test_who_waits_for_a_retry_was_refused() -> None:
    """And is no longer tried when the run has ended in the meantime."""
    reply = f"{BUSY} To: {ANN}\nERR: 130, Maximum MT limit exceeded To: {BEN}\nID: cc To: {CAT}"
    sends = Sends(virtual_gateway(), replies(reply))
    watcher = Watcher()
    async with client_of(sends.gateway, sends, observer=watcher, batch_size=3, max_connections=1) as client:
        messages = [Message(to, "Hi", tag=to) for to in (ANN, BEN, CAT, DAN)]
        results = await client.send_many(messages)
    assert len(sends.calls) == 1
    ann, ben, cat, dan = results
    assert isinstance(ann, Rejected)
    assert isinstance(ann.error, GatewayError)
    assert (ann.to, ann.error.to) == (ANN, ANN)
    assert isinstance(ben, Rejected)
    assert isinstance(ben.error, QuotaExceededError)
    assert (ben.to, ben.error.to) == (BEN, BEN)
    assert cat == Accepted(CAT, "cc", sends.calls[0]["climsgid"], CAT)
    assert isinstance(dan, Skipped)
    assert isinstance(dan.reason, QuotaExceededError)
    assert [result.tag for result in results] == [ANN, BEN, CAT, DAN]
    assert watcher.totals == (1, 2, 0)


async def test_a_run_left_before_a_retry_says_refused() -> None:
    """What the gateway answered is known, and that nothing else was sent."""
    sends = Sends(virtual_gateway(), replies(f"{BUSY} To: {ANN}\n{BUSY} To: {BEN}"))
    watcher = Watcher()
    async with client_of(sends.gateway, sends, observer=watcher) as client:
        async with client.bulk([ANN, BEN], "Hi") as run:
            await anyio.sleep(0.1)
        results = [result async for result in run]
    assert len(sends.calls) == 1
    assert [result.to for result in results] == [ANN, BEN]
    assert all(isinstance(result, Rejected) and isinstance(result.error, GatewayError) for result in results)
    assert watcher.totals == (0, 2, 0)
    assert run.unfinished == []


async def test_no_credit_beside_the_lines_ends_the_run() -> None:
    """What has no line of its own is uncertain."""
    sends = Sends(virtual_gateway(), replies(f"ID: aa To: {ANN}\nERR: 301, No credit left"))
    async with client_of(sends.gateway, sends, batch_size=2, max_connections=1) as client:
        async with client.bulk([Message(ANN), Message(BEN, tag=2), CAT], "Hi") as run:
            results = {result.to: result async for result in run}
    assert len(sends.calls) == 1
    climsgid = sends.calls[0]["climsgid"]
    assert results[ANN] == Accepted(ANN, "aa", climsgid)
    ben = results[BEN]
    assert isinstance(ben, Uncertain)
    assert (ben.climsgid, ben.known_to_gateway, ben.tag) == (climsgid, None, 2)
    assert isinstance(ben.error, ProtocolError)
    assert str(ben.error) == "no line of the reply is clearly about this recipient"
    assert isinstance(results[CAT], Skipped)
    assert isinstance(run.stopped_by, CreditError)


@pytest.mark.parametrize("resend_unknown", [False, True])
async def test_an_unknown_outcome_is_sent_again_only_if_asked_for(resend_unknown: bool) -> None:
    """And what the gateway said of it stands in the result."""
    sends = Sends(virtual_gateway(), replies(httpx.Response(500)))
    async with client_of(sends.gateway, sends, resend_unknown=resend_unknown) as client:
        results = await client.send_many([Message(ANN, "Hi", tag=1), Message(BEN, "Hi", tag=2)])
    climsgid = sends.calls[0]["climsgid"]
    if resend_unknown:
        assert sends.calls[1] == sends.calls[0]
        assert sends.times[1] - sends.times[0] == pytest.approx(6.0)
        assert [(result.ok, result.to, result.tag) for result in results] == [(True, ANN, 1), (True, BEN, 2)]
        return
    assert len(sends.calls) == 1
    for result, to, tag in zip(results, [ANN, BEN], [1, 2], strict=True):
        assert isinstance(result, Uncertain)
        assert isinstance(result.error, OutcomeUnknownError)
        assert (result.to, result.climsgid, result.known_to_gateway, result.tag) == (to, climsgid, False, tag)
        assert (result.error.to, result.error.climsgid) == (to, climsgid)


async def test_a_refused_call_refuses_each_of_its_recipients() -> None:
    """Each with an error that is about it."""
    sends = Sends(virtual_gateway(), replies("ERR: 114, Cannot route message"))
    async with client_of(sends.gateway, sends) as client:
        results = await client.send_many([Message(ANN, "Hi", tag=1), Message(BEN, "Hi", tag=2)])
    for result, to, tag in zip(results, [ANN, BEN], [1, 2], strict=True):
        assert isinstance(result, Rejected)
        assert (result.to, result.error.to, result.error.code, result.tag) == (to, to, "114", tag)  # type: ignore[attr-defined]


@pytest.mark.parametrize("end", [None, "ERR: 114, Cannot route message"], ids=["a reply", "ERR"])
async def test_any_answer_ends_an_outage(end: str | None, caplog: pytest.LogCaptureFixture) -> None:
    """`is_away` says how it is, the log says it once, and with the next outage the patience begins anew."""
    caplog.set_level(logging.INFO, "clickasync")
    down_until = 9.0

    def down(_: int) -> str | None:
        nonlocal down_until
        now = anyio.current_time() - start
        if now < down_until:
            raise httpx.ConnectError("refused")
        down_until = now + 9
        return end

    sends = Sends(virtual_gateway(), down)
    async with client_of(sends.gateway, sends, retries=0, batch_size=1, max_connections=1) as client:
        start = anyio.current_time()
        async with client.bulk([ANN, BEN, CAT], "Hi", patience=12) as run:
            assert not run.is_away
            await anyio.sleep(5)
            assert run.is_away
            kinds = {type(result) async for result in run}
            assert not run.is_away
    assert run.stopped_by is None
    assert kinds == {Accepted if end is None else Rejected}
    said = [record.getMessage() for record in caplog.records if "the run" in record.getMessage()]
    gone = "the gateway cannot be reached: could not connect; the run waits for it"
    assert said == [gone, "the gateway answers again; the run goes on"] * 3


async def test_the_end_of_a_run_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """However many calls were out."""
    gateway = virtual_gateway(credits=0)

    async def handle(request: httpx.Request) -> httpx.Response:
        await anyio.sleep(1)
        return answer(gateway, request)

    async with client_of(gateway, handle, batch_size=1, max_connections=3) as client:
        await client.send_many([ANN, BEN, CAT, DAN], "Hi")
    assert gateway.requests["sendmsg"] == 3
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert warnings == ["the run stops: 301 No credit left"]


async def test_a_retry_after_counts_into_the_patience() -> None:
    """A gateway that asks for more time than there is patience ends the run at once."""
    sends = Sends(virtual_gateway(), replies(httpx.Response(429, headers={"Retry-After": "61"})))
    async with client_of(sends.gateway, sends, batch_size=1, max_connections=1) as client:
        start = anyio.current_time()
        async with client.bulk([ANN, BEN], "Hi", patience=60) as run:
            results = [result async for result in run]
        assert anyio.current_time() == start
    assert [type(result) for result in results] == [Rejected, Skipped]
    assert isinstance(run.stopped_by, TransportError)


async def test_a_503_delays_a_list_too() -> None:
    """Though it has no patience: the gateway's infrastructure asked for it."""
    sends = Sends(virtual_gateway(), replies(httpx.Response(503, headers={"Retry-After": "25"})))
    async with client_of(sends.gateway, sends, batch_size=1, max_connections=1) as client:
        results = await client.send_many([ANN, BEN], "Hi")
    assert [type(result) for result in results] == [Uncertain, Accepted]
    assert sends.times[1] - sends.times[0] == pytest.approx(25)


@pytest.mark.parametrize("patient", [False, True])
async def test_a_gateway_that_forgets_sessions_is_waited_for(patient: bool) -> None:
    """By a run. A list has no patience."""
    start = anyio.current_time()
    expired = "ERR: 003, Session ID expired"
    sends = Sends(virtual_gateway(), lambda _: expired if anyio.current_time() < start + 5 else None)
    async with client_of(sends.gateway, sends, retries=0) as client:
        if patient:
            async with client.bulk([Message(ANN, "Hi", tag=1)]) as run:
                assert [result.ok async for result in run] == [True]
            return
        [result] = await client.send_many([Message(ANN, "Hi", tag=1)])
    assert isinstance(result, Rejected)
    assert isinstance(result.error, SessionExpiredError)
    assert (result.to, result.error.to, result.tag) == (ANN, ANN, 1)
    assert len(sends.calls) == 1


async def test_a_client_that_is_closed_ends_its_runs() -> None:
    gateway = virtual_gateway()
    async with client_of(gateway, batch_size=1, max_connections=1, rate_limit=1) as client:
        async with client.bulk([Message(to, "Hi", tag=to) for to in (ANN, BEN, CAT)]) as run:
            first = await anext(run)
            await client.aclose()
            rest = [result async for result in run]
    assert first.ok
    assert isinstance(run.stopped_by, ClosedError)
    assert [(result.to, result.tag) for result in rest] == [(BEN, BEN), (CAT, CAT)]
    assert all(isinstance(result, Skipped) and result.reason is run.stopped_by for result in rest)


async def test_who_is_skipped_hears_it_at_once() -> None:
    """Though the source goes on: who was in the call that was refused, and who waited for a turn."""
    gateway = virtual_gateway(password="other")

    async def slow(request: httpx.Request) -> httpx.Response:
        await anyio.sleep(1)
        return answer(gateway, request)

    async def source() -> AsyncIterator[Message]:
        for to in (ANN, BEN, CAT):
            yield Message(to, "Hi", tag=to)
        await anyio.sleep_forever()

    async with client_of(gateway, slow, batch_size=1, max_connections=1) as client:
        async with client.bulk(source()) as run:
            with anyio.fail_after(5):
                results = [await anext(run) for _ in range(3)]
    assert isinstance(run.stopped_by, AuthenticationError)
    assert [(result.to, result.tag) for result in results] == [(to, to) for to in (ANN, BEN, CAT)]
    assert all(isinstance(result, Skipped) and result.reason is run.stopped_by for result in results)


async def test_progress_counts_the_calls_under_way() -> None:
    gateway = virtual_gateway()

    async def slow(request: httpx.Request) -> httpx.Response:
        await anyio.sleep(1)
        return answer(gateway, request)

    async with client_of(gateway, slow, batch_size=1) as client:
        async with client.bulk([ANN, BEN, CAT, DAN], "Hi", max_in_flight=3) as run:
            assert run.progress.in_flight == 0
            await anyio.sleep(1.5)
            assert run.progress.in_flight == 3
            await anyio.sleep(1)
            assert run.progress.in_flight == 1
            async for _ in run:
                pass
        assert run.progress.in_flight == 0
