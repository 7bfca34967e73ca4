"""Carrying out commands: the limits they wait for, who sees them, and what an unknown outcome carries."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import anyio
import httpx
import pytest

from clickasync import OutcomeUnknownError, ProtocolError, TransportError
from clickasync.core.executor import Executor, new_climsgid
from clickasync.core.rate import RateLimit
from clickasync.errors import CreditError
from clickasync.law import Sending
from clickasync.options import WireMessage
from clickasync.protocol import getbalance, sendmsg
from tests.support.scripted import Answer, Scripted, executor_of
from tests.support.virtual import on_virtual_time
from tests.support.watcher import Watcher

pytestmark = [pytest.mark.anyio, on_virtual_time]

ANN, BOB = "27821234567", "27827654321"
HELLO = WireMessage({"text": "Hi"}, 2, None)
KNOWN = "ID: 0123456789abcdef0123456789abcdef Status: 004"
UNKNOWN = "ERR: 104, Unknown client message ID"
LOST = httpx.ReadError("reset")


async def sent(executor: Executor, numbers: Sequence[str] = (ANN,), **options: Any) -> Any:
    """What a send gives or raises."""
    try:
        return await executor.send(numbers, HELLO, "mine", **options)
    except (OutcomeUnknownError, TransportError) as error:
        return error


# -- limits


async def test_what_is_limited_waits_for_each_of_its_rates() -> None:
    """And who watches sees the attempts, without the seconds of any wait."""
    watcher = Watcher()
    executor = executor_of(Scripted(), observer=watcher, rates=[RateLimit(0.5)]).limited(RateLimit(0.1))
    assert executor.is_limited
    start = anyio.current_time()
    for _ in range(2):
        await executor.send([ANN, BOB], HELLO, "mine")
    assert anyio.current_time() - start == pytest.approx(20)
    assert watcher.outcomes("sendmsg") == ["accepted"] * 2
    assert [ended.seconds for ended in watcher.of("sendmsg")] == pytest.approx([0, 0])


async def test_seconds_are_without_the_waits_for_all_rates() -> None:
    """Of which the first one lets pass what the second one holds up, and the other way round."""
    watcher = Watcher()
    slow = RateLimit(0.1)
    executor = executor_of(Scripted(), observer=watcher, rates=[slow, RateLimit(0.05)])
    await executor.send([ANN], HELLO, "mine")  # the first rate is free again 10 s from now, the second one 20 s
    await slow.take(1)
    start = anyio.current_time()
    await executor.send([ANN], HELLO, "mine")
    assert anyio.current_time() - start == pytest.approx(10)
    assert [ended.seconds for ended in watcher.of("sendmsg")] == pytest.approx([0, 0])


async def test_what_sends_to_nobody_waits_for_no_rate() -> None:
    """A limit is one of recipients."""
    executor = executor_of(Scripted(), rates=[RateLimit(0.1)])
    start = anyio.current_time()
    await executor.send([ANN], HELLO, "mine")
    await executor.execute(getbalance())
    assert anyio.current_time() == start


async def test_without_its_limits_it_is_the_same() -> None:
    """The same retries in the same session, before the same eyes."""
    gateway, watcher = Scripted({"getbalance": [LOST]}), Watcher()
    executor = executor_of(gateway, observer=watcher, rates=[RateLimit(0.1)], retries=2)
    free = executor.unlimited()
    assert executor.is_limited
    assert not free.is_limited
    start = anyio.current_time()
    for _ in range(3):
        await free.send([ANN], HELLO, "mine")
    await executor.send([ANN], HELLO, "mine")
    assert anyio.current_time() == start
    with pytest.raises(TransportError):
        await free.execute(getbalance())
    assert gateway.calls == {"auth": 1, "sendmsg": 4, "getbalance": 3}
    assert watcher.outcomes("sendmsg") == ["accepted"] * 4


async def test_a_turn_may_be_taken_before() -> None:
    """Of all rates, for so many recipients."""
    executor = executor_of(Scripted(), rates=[RateLimit(1), RateLimit(0.5)])
    start = anyio.current_time()
    for _ in range(3):
        await executor.take_turn(5)
    assert anyio.current_time() - start == pytest.approx(20)


async def test_a_session_may_end_while_a_send_waits_for_its_turn() -> None:
    """What auth answers then decides nothing about the message: it was not sent."""
    gateway = Scripted({"auth": [f"OK: {1:032x}", "junk"]})
    executor = executor_of(gateway, rates=[RateLimit(0.001)], retries=0)
    await executor.send([ANN], HELLO, "mine")
    error = await sent(executor)  # a thousand seconds later the session is over
    assert isinstance(error, TransportError)
    assert error.reason == "could not authenticate: the reply to auth cannot be read; the reply begins with 'junk'"
    assert gateway.calls == {"auth": 2, "sendmsg": 1}


# -- a session that cannot be had


async def test_an_unreadable_auth_is_told_as_it_is_to_a_question() -> None:
    """It sends nothing, whatever the reply meant."""
    executor = executor_of(Scripted({"auth": ["junk"]}), retries=0)
    with pytest.raises(ProtocolError, match="auth"):
        await executor.execute(getbalance())


# -- repeats


async def test_a_question_that_was_lost_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    """It changes nothing. Who watches is told that the gateway was not reached."""
    gateway, watcher = Scripted({"getbalance": [LOST, "Credit: 7"]}), Watcher()
    with caplog.at_level(logging.INFO, "clickasync"):
        assert await executor_of(gateway, observer=watcher).execute(getbalance()) == 7
    lost, answered = watcher.of("getbalance")
    assert (lost.outcome, lost.error) == ("uncertain", TransportError)
    assert (lost.renewed, answered.renewed) == (True, False)
    assert [line for line in caplog.messages if line.startswith("getbalance: ")]


async def test_the_number_of_repeats_may_be_given() -> None:
    """Otherwise it is that of all commands."""
    gateway = Scripted({"getbalance": [LOST]})
    executor = executor_of(gateway, retries=2)
    for retries, calls in ((None, 3), (0, 4), (1, 6)):
        with pytest.raises(TransportError):
            await executor.execute(getbalance(), retries=retries)
        assert gateway.calls["getbalance"] == calls


@pytest.mark.parametrize(
    ("answer", "maybe_sent"),
    [
        ("ID: a", False),
        ("ERR: 105, no", False),
        (httpx.ConnectError("refused"), False),
        (LOST, True),
        ("junk", True),
    ],
    ids=["accepted", "refused", "not sent", "lost", "unreadable"],
)
async def test_it_is_known_whether_it_may_have_been_sent(answer: Answer, maybe_sent: bool) -> None:
    """From the moment that the request leaves until a reply is believed."""
    executor = executor_of(Scripted({"sendmsg": [answer]}), retries=0)
    sending = Sending(maybe_sent=not maybe_sent)
    try:
        await executor.execute(sendmsg([ANN], {"text": "Hi"}, "mine"), sending=sending)
    except Exception as error:
        assert isinstance(error, OutcomeUnknownError) is maybe_sent
    assert sending.maybe_sent is maybe_sent


# -- unknown outcomes


async def test_by_default_nothing_is_sent_again() -> None:
    """Whoever does not ask for it would not expect it."""
    gateway = Scripted({"sendmsg": [LOST], "querymsg": [UNKNOWN]})
    error = await sent(executor_of(gateway))
    assert (error.climsgid, error.known_to_gateway) == ("mine", False)
    assert gateway.calls == {"auth": 1, "sendmsg": 1, "querymsg": 1}


async def test_a_call_of_many_that_is_known_stays_unknown() -> None:
    """The gateway knows one of its messages, which says nothing of the others. Nothing is sent again."""
    gateway = Scripted({"sendmsg": [LOST], "querymsg": [KNOWN]})
    error = await sent(executor_of(gateway), [ANN, BOB], resend_unknown=True)
    assert isinstance(error, OutcomeUnknownError)
    assert error.climsgid == "mine"
    assert error.known_to_gateway is True
    assert gateway.calls["sendmsg"] == 1


async def test_each_request_is_looked_at_before_it_leaves() -> None:
    """That of a second try, too. What the look raises stops it."""
    looks: list[float] = []
    gateway = Scripted({"sendmsg": [LOST, "ID: a"], "querymsg": [UNKNOWN]})
    sending = Sending(lambda: looks.append(anyio.current_time()))
    lines = await sent(executor_of(gateway), resend_unknown=True, sending=sending)
    assert lines.each == ["a"]
    assert len(looks) == gateway.calls["sendmsg"] == 2
    assert sending.maybe_sent is True


async def test_what_ends_a_run_is_told_after_a_second_try() -> None:
    """Beside lines that it leaves open."""
    second = f"ID: a To: {ANN}\nERR: 114, gone To: {BOB}\nERR: 301, No credit left"
    gateway = Scripted({"sendmsg": [LOST, second], "querymsg": [UNKNOWN]})
    lines = await sent(executor_of(gateway), [ANN, BOB], resend_unknown=True)
    assert lines.each == ["a", None]
    assert isinstance(lines.stop, CreditError)


async def test_a_question_is_asked_at_once_and_one_104_answers_it() -> None:
    """Unless patience is asked for."""
    gateway = Scripted({"querymsg": [UNKNOWN]})
    executor = executor_of(gateway)
    start = anyio.current_time()
    assert await executor.ask_outcome("mine", chosen=False) is False
    assert anyio.current_time() == start
    assert gateway.calls["querymsg"] == 1
    assert await executor.ask_outcome("mine", chosen=False, patient=True) is False
    assert anyio.current_time() - start == pytest.approx(6)
    assert gateway.calls["querymsg"] == 3


async def test_no_two_calls_have_the_same_climsgid() -> None:
    """And each is 32 digits that a gateway takes."""
    ids = {new_climsgid() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(len(id) == 32 and int(id, 16) >= 0 for id in ids)
