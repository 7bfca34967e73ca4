"""What becomes of messages as time goes by, and how it is asked about."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from clickasync.simulator import Gateway

if TYPE_CHECKING:
    from tests.support.simulator import Api

SEND = "/http/sendmsg"
QUERY = "/http/querymsg"
STOP = "/http/delmsg"
ANN = "27821234567"
LOGIN = {"api_id": "1", "user": "demo", "password": "demo"}


def send(api: Api, **fields: str) -> str:
    reply = api(SEND, **{"to": ANN, "text": "Hi", **fields})
    assert re.fullmatch("ID: [0-9a-f]{32}", reply)
    return reply.removeprefix("ID: ")


def status(api: Api, id: str) -> str:
    said = re.fullmatch(rf"ID: {id} Status: (\d{{3}})", api(QUERY, apimsgid=id))
    assert said is not None
    return str(said[1])


def test_a_message_reaches_the_network_and_then_the_handset(gateway: Gateway, api: Api) -> None:
    id = send(api)
    assert status(api, id) == "008"
    gateway.advance(1)
    assert status(api, id) == "003"
    gateway.advance(2)
    assert status(api, id) == gateway.messages[0].status == "004"


@pytest.mark.parametrize("code", [f"{n:03}" for n in range(1, 15)])
def test_a_test_number_ends_in_its_status(gateway: Gateway, api: Api, code: str) -> None:
    id = send(api, to=f"999{code}555")
    gateway.advance(3)
    assert status(api, id) == code
    gateway.advance(10**6)
    assert status(api, id) == code


@pytest.mark.parametrize("number", ["999", "99900", "999000", "99901512", "999099"])
def test_a_number_that_only_resembles_a_test_number_is_delivered(gateway: Gateway, api: Api, number: str) -> None:
    id = send(api, to=number)
    gateway.advance(3)
    assert status(api, id) == "004"


def test_a_charge_is_told_in_the_words_of_the_real_gateway(gateway: Gateway, api: Api) -> None:
    id = send(api, text="a" * 200, concat="3", climsgid="mine")
    gateway.advance(3)
    assert api("/http/getmsgcharge", apimsgid=id) == f"apiMsgId: {id} charge: 2.0 status: 004"
    assert api("/http/getmsgcharge", climsgid="mine") == f"apiMsgId: {id} charge: 2.0 status: 004"


@pytest.mark.parametrize("path", [QUERY, "/http/getmsgcharge", STOP])
def test_a_message_nobody_knows_is_an_error(api: Api, path: str) -> None:
    assert api(path, apimsgid="0" * 32) == "ERR: 103, Unknown API message ID"
    assert api(path, climsgid="none") == "ERR: 104, Unknown client message ID"
    assert api(path) == "ERR: 109, Missing message ID"


def test_of_messages_that_share_a_climsgid_the_latest_answers(api: Api) -> None:
    send(api, climsgid="twice")
    latest = send(api, climsgid="twice")
    assert api(QUERY, climsgid="twice") == f"ID: {latest} Status: 008"


def test_an_expired_message_is_not_charged(gateway: Gateway, api: Api) -> None:
    id = send(api, to="999010")
    assert gateway.credits == 99
    gateway.advance(1)
    assert gateway.credits == 100
    assert api("/http/getmsgcharge", apimsgid=id) == f"apiMsgId: {id} charge: 0.0 status: 010"


def test_a_deferred_message_waits_its_minutes(gateway: Gateway, api: Api) -> None:
    id = send(api, deliv_time="10")
    assert status(api, id) == "011"
    gateway.advance(599)
    assert status(api, id) == "011"
    gateway.advance(1)
    assert status(api, id) == "008"
    gateway.advance(3)
    assert status(api, id) == "004"


@pytest.mark.parametrize("form", ["unix", "date"])
def test_a_scheduled_message_waits_for_its_time_in_either_form(gateway: Gateway, api: Api, form: str) -> None:
    due = int(time.time()) + 3600
    text = str(due) if form == "unix" else datetime.fromtimestamp(due, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    id = send(api, scheduled_time=text)
    gateway.advance(3500)
    assert status(api, id) == "011"
    gateway.advance(120)
    assert status(api, id) == "004"


def test_a_scheduled_time_a_moment_ago_means_now(api: Api) -> None:
    assert status(api, send(api, scheduled_time=str(int(time.time()) - 60))) == "008"


def test_stopping_a_queued_message_gives_its_credit_back(gateway: Gateway, api: Api) -> None:
    """A queued message can be stopped and its credit comes back."""
    id = send(api, deliv_time="10", climsgid="later")
    assert gateway.credits == 99
    assert api(STOP, climsgid="later") == f"ID: {id} Status: 006"
    assert gateway.credits == 100
    gateway.advance(10**4)
    assert status(api, id) == "006"
    assert api(STOP, apimsgid=id) == f"ID: {id} Status: 006"
    assert gateway.credits == 100


def test_a_message_that_left_the_queue_cannot_be_stopped(gateway: Gateway, api: Api) -> None:
    id = send(api)
    assert api(STOP, apimsgid=id) == f"ID: {id} Status: 008"
    gateway.advance(3)
    assert api(STOP, apimsgid=id) == f"ID: {id} Status: 004"
    assert gateway.credits == 99


def test_a_stopped_message_is_not_refunded_again(gateway: Gateway, api: Api) -> None:
    """A stopped message is not refunded again when it would have expired."""
    id = send(api, to="999010", deliv_time="10")
    api(STOP, apimsgid=id)
    gateway.advance(10**4)
    assert gateway.credits == 100


def test_time_may_come_from_anywhere_and_go_faster() -> None:
    seconds = 0.0
    gateway = Gateway(clock=lambda: seconds, speed=60)
    gateway.handle(SEND, {**LOGIN, "to": ANN, "text": "Hi", "deliv_time": "10"})
    seconds = 9.9
    assert gateway.messages[0].status == "011"
    seconds = 10.1
    assert gateway.messages[0].status == "004"


BATCH = "/http_batch"


def start(api: Api, template: str, **fields: str) -> str:
    reply = api(f"{BATCH}/startbatch", template=template, **fields)
    assert re.fullmatch("ID: [0-9a-f]{32}", reply)
    return reply.removeprefix("ID: ")


def test_a_batch_fills_its_template_for_each_recipient(gateway: Gateway, api: Api) -> None:
    batch = start(api, "Hi #field1#, code #field2# #field3", from_="27833001171", callback="3")
    reply = api(f"{BATCH}/senditem", batch_id=batch, to=ANN, field1="Ann", field2="#field1#")
    [message] = gateway.messages
    assert reply == f"ID: {message.id}"
    assert message.text == "Hi Ann, code #field1# #field3"
    assert (message.sender, message.callback, message.command) == ("27833001171", 3, "senditem")
    assert api(f"{BATCH}/endbatch", batch_id=batch).startswith("OK")
    assert api(f"{BATCH}/endbatch", batch_id=batch) == "ERR: 201, Invalid batch ID"


def test_a_batch_sends_one_text_to_many(gateway: Gateway, api: Api) -> None:
    batch = start(api, "4F60597D", unicode="1")
    lines = api(f"{BATCH}/quicksend", batch_id=batch, to=f"{ANN},999901").split("\n")
    assert lines == [f"ID: {gateway.messages[0].id} To: {ANN}", "ERR: 901, Internal error To: 999901"]
    assert gateway.messages[0].text == "你好"
    assert api(f"{BATCH}/quicksend", batch_id=batch, to=ANN) == f"ID: {gateway.messages[1].id} To: {ANN}"


@pytest.mark.parametrize(
    ("fields", "reply"),
    [
        ({}, "ERR: 202, No batch template"),
        ({"template": "Hi #field1#", "unicode": "1"}, "ERR: 116, Invalid Unicode data"),
        ({"template": "#field1#".encode("utf-16-be").hex(), "unicode": "1"}, "ERR: 116, Invalid Unicode data"),
        ({"template": "Hi", "callback": "9"}, "ERR: 101, Invalid or missing parameters"),
    ],
)
def test_a_batch_that_cannot_work_does_not_begin(api: Api, fields: dict[str, str], reply: str) -> None:
    assert api(f"{BATCH}/startbatch", **fields) == reply


def test_a_batch_item_can_be_wrong_in_itself(gateway: Gateway, api: Api) -> None:
    batch = start(api, "#field1#")
    item = f"{BATCH}/senditem"
    assert api(item, batch_id=batch, to=ANN) == "ERR: 107, Empty message"
    assert api(item, batch_id=batch, to=ANN, field1="") == "ERR: 107, Empty message"
    assert api(item, batch_id=batch, to=ANN, field1="a" * 161) == "ERR: 113, Maximum message parts exceeded"
    assert api(item, batch_id=batch, to=f"{ANN},{ANN}", field1="a") == "ERR: 105, Invalid destination address"
    assert api(item, batch_id=batch, to="x", field1="a") == "ERR: 105, Invalid destination address"
    assert api(item, to=ANN, field1="a") == "ERR: 201, Invalid batch ID"
    assert gateway.messages == []


def test_a_batch_dies_by_itself_after_a_day(gateway: Gateway, api: Api) -> None:
    batch = start(api, "Hi")
    gateway.advance(24 * 3600 - 1)
    assert api(f"{BATCH}/quicksend", batch_id=batch, to=ANN).startswith("ID: ")
    gateway.advance(1)
    assert api(f"{BATCH}/quicksend", batch_id=batch, to=ANN) == "ERR: 201, Invalid batch ID"
