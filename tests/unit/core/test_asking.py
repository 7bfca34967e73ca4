"""Asking about an unknown outcome: how often, with which pauses, and what each answer is worth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import anyio
import httpx
import pytest
from attrs import define, field

from clickasync import Accepted, OutcomeUnknownError
from clickasync.simulator import Gateway
from tests.support.virtual import answer, client_of, on_virtual_time, virtual_gateway

pytestmark = pytest.mark.anyio

TO = "27821234567"
KNOWN = "ID: 0123456789abcdef0123456789abcdef Status: 004"
LATE = "ID: 0123456789abcdef0123456789abcdef Status: 001"
UNKNOWN = "ERR: 104, Unknown client message ID"


@define
class Lossy:
    """A gateway that loses its replies to ``sendmsg``, and answers questions as scripted; the last answer for ever."""

    gateway: Gateway
    answers: list[str | Exception]
    takes: bool = True
    sends: list[float] = field(factory=list)
    asked: list[float] = field(factory=list)
    climsgids: set[str] = field(factory=set)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        fields = dict(parse_qsl(request.content.decode()))
        if request.url.path == "/http/sendmsg":
            self.sends.append(anyio.current_time())
            self.climsgids.add(fields["climsgid"])
            if self.takes:
                answer(self.gateway, request)
            raise httpx.ReadError("reset")
        if request.url.path == "/http/querymsg":
            self.asked.append(anyio.current_time())
            self.climsgids.add(fields["climsgid"])
            text = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if isinstance(text, Exception):
                raise text
            return httpx.Response(200, text=text)
        return answer(self.gateway, request)


async def sent(lossy: Lossy, **settings: Any) -> Accepted | OutcomeUnknownError:
    """What a send through it gives or raises."""
    options = {"climsgid": settings.pop("climsgid", None)}
    async with client_of(lossy.gateway, lossy, keep_session_alive=False, **settings) as client:
        try:
            return await client.send(TO, "Hi", **options)
        except OutcomeUnknownError as error:
            return error


def known(result: Accepted | OutcomeUnknownError) -> bool | None:
    assert isinstance(result, OutcomeUnknownError)
    return result.known_to_gateway


@on_virtual_time
async def test_the_first_question_comes_at_once() -> None:
    """And its answer decides: the message is there."""
    lossy = Lossy(virtual_gateway(), [KNOWN])
    result = await sent(lossy)
    assert isinstance(result, Accepted)
    assert result.id == "0123456789abcdef0123456789abcdef"
    assert lossy.asked == lossy.sends
    assert lossy.climsgids == {result.climsgid}


@on_virtual_time
async def test_a_104_is_evidence_that_is_not_acted_on() -> None:
    """One question, no second send, and what was said is in the error."""
    lossy = Lossy(virtual_gateway(), [UNKNOWN])
    result = await sent(lossy)
    assert known(result) is False
    assert (len(lossy.sends), len(lossy.asked)) == (1, 1)


@on_virtual_time
@pytest.mark.parametrize("unclear", [LATE, "ERR: 901, Internal error", "junk", httpx.ReadError("reset")])
async def test_no_clear_answer_is_asked_for_again(unclear: str | Exception) -> None:
    """``retries`` + 2 questions, with growing pauses; then unknown stays unknown."""
    lossy = Lossy(virtual_gateway(), [unclear])
    assert known(await sent(lossy, retries=3)) is None
    pauses = [later - earlier for earlier, later in zip(lossy.asked, lossy.asked[1:], strict=False)]
    assert len(pauses) == 4
    for number, pause in enumerate(pauses):
        assert 0.125 * 2**number <= pause <= 0.25 * 2**number


@on_virtual_time
async def test_a_104_after_a_001_counts_from_anew() -> None:
    """001 is also said while reporting is delayed, so that nothing before it is evidence."""
    lossy = Lossy(virtual_gateway(), [UNKNOWN, LATE, UNKNOWN, LATE])
    assert known(await sent(lossy, resend_unknown=True, retries=2)) is None
    assert len(lossy.sends) == 1


@on_virtual_time
async def test_a_question_that_takes_too_long_is_given_up() -> None:
    """All of them together may take fifteen seconds."""
    gateway = virtual_gateway()

    async def slow(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/http/sendmsg":
            raise httpx.ReadError("reset")
        if request.url.path == "/http/querymsg":
            await anyio.sleep(20)
        return answer(gateway, request)

    async with client_of(gateway, slow, keep_session_alive=False) as client:
        start = anyio.current_time()
        with pytest.raises(OutcomeUnknownError) as caught:
            await client.send(TO, "Hi")
        assert anyio.current_time() - start == pytest.approx(15.0)
        assert caught.value.known_to_gateway is None


@on_virtual_time
@pytest.mark.parametrize("said", ["ERR: 001, Authentication failed", "ERR: 108, Invalid or missing API ID"])
async def test_a_refused_account_is_asked_once(said: str) -> None:
    """Another question would get the same answer."""
    lossy = Lossy(virtual_gateway(), [said])
    assert known(await sent(lossy)) is None
    assert len(lossy.asked) == 1


@on_virtual_time
async def test_a_hit_on_an_id_of_the_users_proves_nothing() -> None:
    """It need not be unique."""
    lossy = Lossy(virtual_gateway(), [KNOWN])
    assert known(await sent(lossy, climsgid="mine")) is None


@on_virtual_time
async def test_an_answer_that_repeats_the_question_is_none() -> None:
    """Some stand-ins give the climsgid back as the ID."""
    lossy = Lossy(virtual_gateway(), ["ID: mine Status: 004"])
    assert known(await sent(lossy, climsgid="mine")) is None
    assert len(lossy.asked) == 4


@on_virtual_time
async def test_a_resend_needs_two_104s_three_seconds_apart() -> None:
    """The first of them three seconds after the connection was given up; the second try has the same climsgid."""
    lossy = Lossy(virtual_gateway(), [UNKNOWN], takes=False)
    assert known(await sent(lossy, resend_unknown=True, retries=1)) is False
    first, second = lossy.sends
    assert lossy.asked == pytest.approx([first + 3, first + 6, second])
    assert second == pytest.approx(first + 6)
    assert len(lossy.climsgids) == 1


@on_virtual_time
async def test_a_resend_is_made_as_often_as_there_are_retries() -> None:
    """And after the last one, a single question."""
    lossy = Lossy(virtual_gateway(), [UNKNOWN], takes=False)
    assert known(await sent(lossy, resend_unknown=True, retries=2)) is False
    assert (len(lossy.sends), len(lossy.asked)) == (3, 5)


@on_virtual_time
async def test_without_retries_nothing_is_sent_again() -> None:
    """Even where it is asked for."""
    lossy = Lossy(virtual_gateway(), [UNKNOWN], takes=False)
    assert known(await sent(lossy, resend_unknown=True, retries=0)) is False
    assert len(lossy.sends) == 1


@on_virtual_time
async def test_one_104_is_not_enough_for_a_resend() -> None:
    """The second question finds the message."""
    lossy = Lossy(virtual_gateway(), [UNKNOWN, KNOWN])
    assert isinstance(await sent(lossy, resend_unknown=True), Accepted)
    assert len(lossy.sends) == 1


Reply = Callable[[int], str]


@on_virtual_time
@pytest.mark.parametrize("said", ["ERR: 301, No credit left", "ERR: 105, Invalid destination address"])
async def test_a_refused_resend_proves_nothing(said: str) -> None:
    """It may be refused because the first try went through: there is no credit left, say."""
    gateway = virtual_gateway()
    sends = 0

    def handle(request: httpx.Request) -> httpx.Response:
        nonlocal sends
        if request.url.path == "/http/sendmsg":
            sends += 1
            if sends == 1:
                raise httpx.ReadError("reset")
            return httpx.Response(200, text=said)
        if request.url.path == "/http/querymsg":
            return httpx.Response(200, text=UNKNOWN)
        return answer(gateway, request)

    async with client_of(gateway, handle, resend_unknown=True, keep_session_alive=False) as client:
        with pytest.raises(OutcomeUnknownError) as caught:
            await client.send(TO, "Hi")
    assert caught.value.known_to_gateway is False
    assert sends == 2


@on_virtual_time
async def test_a_resend_that_gets_ids_is_believed_of_those_alone() -> None:
    """Of a call of many, who is refused the second time may have been taken the first time."""
    gateway = virtual_gateway()
    sends = 0

    def handle(request: httpx.Request) -> httpx.Response:
        nonlocal sends
        if request.url.path == "/http/sendmsg":
            sends += 1
            if sends == 1:
                raise httpx.ReadError("reset")
            return httpx.Response(200, text=f"ID: aa To: {TO}\nERR: 122, Opted out To: 27827654321")
        if request.url.path == "/http/querymsg":
            return httpx.Response(200, text=UNKNOWN)
        return answer(gateway, request)

    async with client_of(gateway, handle, resend_unknown=True, keep_session_alive=False) as client:
        results = await client.send_many([TO, "27827654321"], "Hi")
    assert [type(result).__name__ for result in results] == ["Accepted", "Uncertain"]
