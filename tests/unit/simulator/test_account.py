"""Logging in, sessions, balance, vouchers, coverage."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from clickasync.simulator import VOUCHER, Gateway

if TYPE_CHECKING:
    from tests.support.simulator import Api

LOGIN = {"api_id": "1", "user": "demo", "password": "demo"}
SUPPORTED = "OK: This prefix is currently supported. Messages sent to this prefix will be routed. Charge: 1"


def open_session(gateway: Gateway) -> str:
    reply = gateway.handle("/http/auth", LOGIN)
    assert reply is not None
    assert re.fullmatch("OK: [0-9a-f]{32}", reply)
    return reply.removeprefix("OK: ")


def test_a_path_that_does_not_exist_has_no_reply(gateway: Gateway) -> None:
    assert gateway.handle("/http/nothing", LOGIN) is None


@pytest.mark.parametrize(
    ("wrong", "reply"),
    [
        ({"password": "guess"}, "ERR: 001, Authentication failed"),
        ({"user": "other"}, "ERR: 001, Authentication failed"),
        ({"api_id": "2"}, "ERR: 001, Authentication failed"),
        ({"api_id": ""}, "ERR: 108, Invalid or missing API ID"),
        ({"api_id": "one"}, "ERR: 108, Invalid or missing API ID"),
    ],
)
@pytest.mark.parametrize("path", ["/http/auth", "/http/getbalance"])
def test_a_refused_login_reads_exactly_so(gateway: Gateway, path: str, wrong: dict[str, str], reply: str) -> None:
    assert gateway.handle(path, LOGIN | wrong) == reply
    assert gateway.authentications == 0


def test_a_call_without_authentication_misses_its_session(gateway: Gateway) -> None:
    assert gateway.handle("/http/getbalance", {}) == "ERR: 005, Missing session ID"
    assert gateway.handle("/http/getbalance", {"session_id": ""}) == "ERR: 005, Missing session ID"


def test_only_ping_cannot_do_without_a_session(gateway: Gateway) -> None:
    assert gateway.handle("/http/ping", LOGIN) == "ERR: 005, Missing session ID"
    assert gateway.handle("/http/ping", {"session_id": open_session(gateway)}) == "OK: "


def test_a_session_dies_of_fifteen_minutes_of_silence(gateway: Gateway) -> None:
    """A session dies of fifteen minutes without a successful call."""
    session = {"session_id": open_session(gateway)}
    gateway.advance(899)
    assert gateway.handle("/http/getbalance", session) == "Credit: 100.0"
    gateway.advance(899)
    assert gateway.handle("/http/ping", session) == "OK: "
    gateway.advance(899)
    assert gateway.handle("/http/querymsg", session) == "ERR: 109, Missing message ID"
    gateway.advance(2)
    assert gateway.handle("/http/ping", session) == "ERR: 003, Session ID expired"


def test_several_sessions_are_open_at_once(gateway: Gateway) -> None:
    """Several sessions are open at once and die together when forgotten."""
    sessions = [open_session(gateway) for _ in range(3)]
    assert all(gateway.handle("/http/ping", {"session_id": session}) == "OK: " for session in sessions)
    gateway.forget_sessions()
    assert {gateway.handle("/http/ping", {"session_id": session}) for session in sessions} == {
        "ERR: 003, Session ID expired"
    }
    assert gateway.authentications == 3


def test_dead_sessions_are_not_kept(gateway: Gateway) -> None:
    for _ in range(3):
        open_session(gateway)
    gateway.advance(901)
    open_session(gateway)
    assert len(gateway.sessions) == 1


def test_calls_are_counted_by_command(gateway: Gateway, api: Api) -> None:
    open_session(gateway)
    api("/http/sendmsg", to="27821234567", text="Hi")
    api("/http/sendmsg")
    api("/utils/routeCoverage", msisdn="27")
    api("/utils/routeCoverage.php", msisdn="27")
    assert gateway.requests == {"auth": 1, "sendmsg": 2, "routeCoverage": 2}


@pytest.mark.parametrize("amount", [10, 10.0, "10", Decimal("10.0")])
def test_credits_are_exact_whatever_they_are_given_as(amount: float | str | Decimal) -> None:
    gateway = Gateway(credits=amount)
    assert gateway.credits == Decimal(10)
    assert isinstance(gateway.credits, Decimal)
    assert gateway.handle("/http/getbalance", LOGIN) == "Credit: 10.0"


def test_a_voucher_is_worth_its_credits_once(gateway: Gateway, api: Api) -> None:
    assert api("/http/token_pay", token=VOUCHER) == "OK: 605"
    assert gateway.credits == 200
    assert api("/http/token_pay", token=VOUCHER) == "ERR: 607, Expired Voucher"
    assert api("/http/token_pay", token="0" * 16) == "ERR: 606, Invalid Voucher"
    assert gateway.credits == 200
    gateway.reset()
    assert api("/http/token_pay", token=VOUCHER) == "OK: 605"


@pytest.mark.parametrize("path", ["/utils/routeCoverage", "/utils/routeCoverage.php"])
def test_coverage_is_told_in_whole_sentences(path: str) -> None:
    gateway = Gateway(uncovered=["850"])
    ask = {**LOGIN, "msisdn": "27821234567"}
    assert gateway.handle(path, ask) == SUPPORTED
    for number in ("85012345", "99911412345", "nonsense"):
        reply = gateway.handle(path, ask | {"msisdn": number})
        assert reply is not None
        assert reply.startswith("ERR: This prefix is not currently supported.")
    assert gateway.handle(path, LOGIN) == "ERR: 101, Invalid or missing parameters"


def test_what_is_not_covered_is_not_routed() -> None:
    gateway = Gateway(uncovered=["850"])
    reply = gateway.handle("/http/sendmsg", {**LOGIN, "to": "85012345", "text": "Hi"})
    assert reply == "ERR: 114, Cannot route message"


def test_accounts_do_not_see_each_other(gateway: Gateway, api: Api) -> None:
    gateway.add_account("2", "ann", "secret", credits=5)
    second = {"api_id": "2", "user": "ann", "password": "secret"}
    first_id = api("/http/sendmsg", to="27821234567", text="Hi", climsgid="one").removeprefix("ID: ")
    assert gateway.handle("/http/querymsg", {**second, "apimsgid": first_id}) == "ERR: 103, Unknown API message ID"
    assert gateway.handle("/http/querymsg", {**second, "climsgid": "one"}) == "ERR: 104, Unknown client message ID"
    assert gateway.handle("/http/getbalance", second) == "Credit: 5.0"
