"""Faults on command: what can be asked for, what is hit, what a gateway without a server makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clickasync.simulator import Gateway, WireError
from tests.support.simulator import LOGIN

if TYPE_CHECKING:
    from tests.support.simulator import Api

SEND = "/http/sendmsg"
ANN = "27821234567"
BOB = "27827654321"


def test_the_next_call_fails_and_the_one_after_it_does_not(gateway: Gateway, api: Api) -> None:
    gateway.fail_next("sendmsg", error="901")
    assert api("/http/getbalance") == "Credit: 100.0"
    assert api(SEND, to=ANN, text="Hi") == "ERR: 901, Internal error"
    assert api(SEND, to=ANN, text="Hi").startswith("ID: ")
    assert gateway.faults.rules == []


def test_faults_for_several_calls_are_used_up_in_order(gateway: Gateway, api: Api) -> None:
    gateway.fail_next("*", error="901", times=2)
    gateway.fail_next("sendmsg", error="301")
    codes = [api(SEND, to=ANN, text="Hi")[:8] for _ in range(4)]
    assert codes == ["ERR: 901", "ERR: 901", "ERR: 301", codes[3]]
    assert codes[3].startswith("ID: ")


def test_a_fault_by_chance_follows_its_seed() -> None:
    """A fault by chance is the same with the same seed until healed."""

    def codes(seed: int) -> str:
        gateway = Gateway(clock=lambda: 0.0)
        rule = gateway.fail("getbalance", probability=0.5, seed=seed, error="901")
        said = "".join((gateway.handle("/http/getbalance", LOGIN) or "")[0] for _ in range(50))
        assert rule.hits == said.count("E")
        gateway.heal()
        assert gateway.handle("/http/getbalance", LOGIN) == "Credit: 1000.0"
        return said

    assert codes(1) == codes(1) != codes(2)
    assert {"C", "E"} == set(codes(3))


def test_the_next_calls_come_before_chance(gateway: Gateway, api: Api) -> None:
    gateway.fail("getbalance", error="901")
    gateway.fail_next("getbalance", error="301")
    assert [api("/http/getbalance")[:8] for _ in range(2)] == ["ERR: 301", "ERR: 901"]


def test_a_rule_that_is_off_hits_nobody(gateway: Gateway, api: Api) -> None:
    rule = gateway.fail("getbalance", error="901")
    rule.is_on = False
    assert api("/http/getbalance") == "Credit: 100.0"
    assert rule.hits == 0


def test_a_session_that_dies_is_refused_as_expired(gateway: Gateway) -> None:
    session = (gateway.handle("/http/auth", LOGIN) or "").removeprefix("OK: ")
    gateway.fail_next("getbalance", expire=True)
    assert gateway.handle("/http/getbalance", {"session_id": session}) == "ERR: 003, Session ID expired"
    assert gateway.handle("/http/ping", {"session_id": session}) == "ERR: 003, Session ID expired"


def test_a_quota_that_is_spent_says_until_when(gateway: Gateway, api: Api) -> None:
    gateway.fail_next("sendmsg", error="130")
    assert api(SEND, to=ANN, text="Hi").removeprefix("ERR: 130, Maximum MT limit exceeded until ").isdigit()


@pytest.mark.parametrize(
    ("fault", "messages"),
    [
        ({"reset": "before"}, 0),
        ({"reset": "after"}, 1),
        ({"cut": True}, 1),
        ({"hang": 1.0}, 1),
        ({"second": True}, 1),
        ({"http": 503}, 0),
        ({"http": 500, "taken": True}, 1),
        ({"cut": True, "taken": False}, 0),
    ],
)
def test_without_a_server_a_fault_is_an_exception_or_a_value(
    gateway: Gateway, fault: dict[str, Any], messages: int
) -> None:
    """The ledger holds what the gateway took all the same."""
    gateway.fail_next("sendmsg", **fault, times=2)
    with pytest.raises(WireError) as caught:
        gateway.handle(SEND, {**LOGIN, "to": ANN, "text": "Hi"})
    assert isinstance(caught.value, ConnectionError)
    assert len(gateway.messages) == messages
    answer = gateway.answer(SEND, {**LOGIN, "to": ANN, "text": "Hi"})
    assert answer is not None
    assert answer.wire is not None or answer.status != 200
    assert len(gateway.messages) == 2 * messages


def test_latency_is_a_value_for_the_server(gateway: Gateway) -> None:
    gateway.latency = 1.0
    gateway.fail("getbalance", latency=2.0, jitter=0.5, seed=7)
    delays = [answer.delay for _ in range(20) if (answer := gateway.answer("/http/getbalance", LOGIN)) is not None]
    assert all(2.5 <= delay <= 3.5 for delay in delays)
    assert len(set(delays)) > 1
    assert gateway.hits == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "say what goes wrong"),
        ({"error": "1"}, "three digits"),
        ({"error": 301}, "three digits"),
        ({"http": 99}, "200 to 599"),
        ({"http": True}, "200 to 599"),
        ({"retry_after": 1}, "goes with http"),
        ({"http": 503, "retry_after": -1}, "whole number"),
        ({"reset": "during"}, "before"),
        ({"reset": "after", "taken": False}, "leave taken out"),
        ({"cut": True, "junk": True}, "one effect"),
        ({"error": "301", "taken": True}, "not taken"),
        ({"hang": -1}, "seconds"),
        ({"hang": float("nan")}, "seconds"),
        ({"latency": "long"}, "seconds"),
        ({"cut": True, "times": 0}, "from 1"),
        ({"cut": True, "command": "fly"}, "there are auth"),
    ],
)
def test_a_fault_that_cannot_be_is_refused_in_words(gateway: Gateway, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        gateway.fail_next(**arguments)
    assert gateway.faults.rules == []


@pytest.mark.parametrize("probability", [0, -1, 1.1, float("nan"), True])
def test_a_probability_is_above_0_and_at_most_1(gateway: Gateway, probability: float) -> None:
    with pytest.raises(ValueError, match="probability"):
        gateway.fail("sendmsg", probability=probability, cut=True)


# -- test numbers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "messages"),
    [("950", 0), ("951", 2), ("952", 2), ("954", 2), ("955", 0), ("959", 2)],
)
def test_some_test_numbers_are_a_fault_of_their_call(gateway: Gateway, code: str, messages: int) -> None:
    with pytest.raises(WireError):
        gateway.handle(SEND, {**LOGIN, "to": f"{ANN},999{code}7", "text": "Hi"})
    assert len(gateway.messages) == messages
    assert [hit.taken for hit in gateway.hits] == [messages > 0]


def test_a_test_number_gets_junk(gateway: Gateway, api: Api) -> None:
    assert "<html>" in api(SEND, to="999953", text="Hi")
    assert len(gateway.messages) == 1


def test_a_test_number_has_no_line(gateway: Gateway, api: Api) -> None:
    assert api(SEND, to=f"{ANN},999956", text="Hi") == f"ID: {gateway.messages[0].id} To: {ANN}"
    assert api(SEND, to="9999561", text="Hi") == ""
    assert len(gateway.messages) == 3


def test_a_test_number_has_a_line_about_somebody_else(gateway: Gateway, api: Api) -> None:
    lines = api(SEND, to=f"{ANN},999957", text="Hi").split("\n")
    assert lines[1] == f"ID: {gateway.messages[1].id} To: 999957999999999"
    assert " To: 999957999999999" in api(SEND, to="9999571", text="Hi")


def test_a_test_number_is_refused_once(gateway: Gateway, api: Api) -> None:
    assert api(SEND, to="9999581", text="Hi") == "ERR: 901, Internal error"
    assert api(SEND, to="9999581", text="Hi").startswith("ID: ")
    assert api(SEND, to="9999582", text="Hi") == "ERR: 901, Internal error"
    gateway.reset()
    assert api(SEND, to="9999581", text="Hi") == "ERR: 901, Internal error"
