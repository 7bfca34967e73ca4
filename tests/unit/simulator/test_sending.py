"""sendmsg and the pushes: replies, prices, test numbers and what is refused."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest

from clickasync.codes import Callback, ErrorCode
from clickasync.simulator import Gateway

if TYPE_CHECKING:
    from tests.support.simulator import Api

SEND = "/http/sendmsg"
ANN = "27821234567"
BOB = "27827654321"
ID = "[0-9a-f]{32}"


def refusal(code: str) -> str:
    return f"ERR: {code}, {ErrorCode(code).description}"


def test_one_recipient_gets_one_line_without_its_number(gateway: Gateway, api: Api) -> None:
    reply = api(SEND, to=ANN, text="Hi", from_="27833001171", callback="3", climsgid="abc123", mo="1")
    assert re.fullmatch(f"ID: {ID}", reply)
    [message] = gateway.messages
    assert reply == f"ID: {message.id}"
    assert (message.to, message.text, message.sender, message.climsgid) == (ANN, "Hi", "27833001171", "abc123")
    assert (message.parts, str(message.charge), message.callback) == (1, "1", Callback(3))
    assert message.options["mo"] == "1"
    assert "password" not in message.options
    assert gateway.credits == 99


def test_several_recipients_get_a_line_each_that_names_them(gateway: Gateway, api: Api) -> None:
    lines = api(SEND, to=f"{ANN},nobody,{BOB},{ANN}", text="Hi").split("\n")
    assert re.fullmatch(f"ID: {ID} To: {ANN}", lines[0])
    assert lines[1] == "ERR: 105, Invalid destination address To: nobody"
    assert re.fullmatch(f"ID: {ID} To: {BOB}", lines[2])
    assert re.fullmatch(f"ID: {ID} To: {ANN}", lines[3])
    assert [message.to for message in gateway.messages] == [ANN, BOB, ANN]
    assert gateway.credits == 97


def test_a_leading_zero_gives_way_to_the_account_s_prefix(gateway: Gateway, api: Api) -> None:
    lines = api(SEND, to="0821234567,0827654321", text="Hi").split("\n")
    assert [line.partition(" To: ")[2] for line in lines] == [ANN, BOB]
    assert [message.to for message in gateway.messages] == [ANN, BOB]


@pytest.mark.parametrize("number", ["", "abc", "+27821234567", "0027821234567", "12345678901234567", "278 212", "٢٧٨٢"])
def test_a_number_that_is_none_is_refused(gateway: Gateway, api: Api, number: str) -> None:
    assert api(SEND, to=number, text="Hi") == refusal("105")
    assert gateway.messages == []


@pytest.mark.parametrize(("method", "most"), [("GET", 300), ("POST", 600)])
def test_a_call_has_only_so_many_recipients(api: Api, gateway: Gateway, method: str, most: int) -> None:
    gateway.account.credits *= 1000
    numbers = [f"2782{n:07}" for n in range(most + 1)]
    assert api(SEND, method=method, to=",".join(numbers), text="Hi") == refusal("101")
    assert api(SEND, method=method, to=",".join(numbers[:most]), text="Hi").count("ID: ") == most


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"text": ""}, "107"),
        ({"text": "a" * 161}, "113"),
        ({"text": "€" * 81}, "113"),
        ({"text": "a" * 307, "concat": "2"}, "113"),
        ({"text": "0416" * 71, "unicode": "1"}, "113"),
        ({"text": "041", "unicode": "1"}, "116"),
        ({"text": "D83D", "unicode": "1"}, "116"),
        ({"text": "Hi", "unicode": "1"}, "116"),
        ({"deliv_time": "10081"}, "120"),
        ({"deliv_time": "soon"}, "120"),
        ({"deliv_time": "-5"}, "120"),
        ({"scheduled_time": "tomorrow"}, "120"),
        ({"scheduled_time": "2020-01-01T00:00:00Z"}, "120"),
        ({"scheduled_time": str(int(time.time()) + 8 * 24 * 3600)}, "120"),
        ({"from": "+27821234567"}, "106"),
        ({"from": "twelve chars"}, "106"),
        ({"from": "1" * 17}, "106"),
        ({"from": "Shop", "data": "00", "binary": "1"}, "106"),
        ({"callback": "8"}, "101"),
        ({"queue": "0"}, "101"),
        ({"validity": "1441"}, "101"),
        ({"climsgid": "a" * 33}, "101"),
        ({"climsgid": "no-hyphens"}, "101"),
        ({"concat": "0"}, "101"),
        ({"mo": "yes"}, "101"),
        ({"max_credits": "much"}, "101"),
        ({"req_feat": "64"}, "101"),
        ({"data": "xyz"}, "101"),
        ({"max_credits": "0.8"}, "302"),
        ({"udh": "050003"}, "102"),
        ({"udh": "zz"}, "102"),
        ({"data": "00" * 135, "udh": "050003010201"}, "113"),
        ({"msg_type": "SMS_SMOKE"}, "112"),
    ],
)
def test_a_wrong_parameter_has_its_own_error(gateway: Gateway, api: Api, fields: dict[str, str], code: str) -> None:
    assert api(SEND, **{"to": ANN, "text": "Hi", **fields}) == refusal(code)
    assert api(SEND, **{"to": f"{ANN},{BOB}", "text": "Hi", **fields}) == refusal(code)
    assert gateway.messages == []
    assert gateway.credits == 100


@pytest.mark.parametrize(
    ("fields", "parts"),
    [
        ({"text": "a" * 160}, 1),
        ({"text": "a" * 161, "concat": "2"}, 2),
        ({"text": "€" * 80}, 1),
        ({"text": "a" * 459, "concat": "3"}, 3),
        ({"text": "0416" * 70, "unicode": "1"}, 1),
        ({"text": "D83DDE00" * 36, "unicode": "1", "concat": "2"}, 2),
        ({"data": "00" * 140}, 1),
        ({"data": "00" * 134, "udh": "050003010201"}, 1),
        ({"data": "00" * 141}, 2),
        ({"data": "00" * 135, "udh": "06050415810000"}, 2),
        ({"data": "00" * 600, "concat": "1"}, 5),
        ({"text": "00" * 130, "msg_type": "SMS_NOKIA_OLOGO"}, 1),
        ({"text": "00" * 200, "msg_type": "SMS_NOKIA_RINGTONE"}, 2),
    ],
)
def test_a_message_costs_one_credit_a_part(gateway: Gateway, api: Api, fields: dict[str, str], parts: int) -> None:
    assert api(SEND, to=ANN, **fields).startswith("ID: ")
    assert gateway.messages[0].parts == parts
    assert gateway.credits == 100 - parts


def test_the_ledger_holds_what_the_handset_shows(gateway: Gateway, api: Api) -> None:
    api(SEND, to=ANN, text="4F60597D", unicode="1")
    api(SEND, to=ANN, text="Привет ΩΨΘ")
    assert [message.text for message in gateway.messages] == ["你好", "?????? ΩΨΘ"]


def test_an_empty_parameter_counts_as_not_given(api: Api) -> None:
    assert api(SEND, to=ANN, text="Hi", from_="", climsgid="", deliv_time="", callback="").startswith("ID: ")


@pytest.mark.parametrize("code", ["105", "114", "121", "122", "128", "301", "901"])
def test_a_test_number_is_refused_with_its_error(gateway: Gateway, api: Api, code: str) -> None:
    assert api(SEND, to=f"999{code}7", text="Hi") == refusal(code)
    assert refusal(code) + f" To: 999{code}7" in api(SEND, to=f"{ANN},999{code}7", text="Hi").split("\n")
    assert len(gateway.messages) == 1


def test_an_error_that_no_table_lists_is_refused_all_the_same(api: Api) -> None:
    assert re.fullmatch("ERR: 555, .+", api(SEND, to="999555", text="Hi"))


def test_a_spent_quota_tells_until_when(api: Api) -> None:
    reply = api(SEND, to="99913000", text="Hi")
    stated = re.fullmatch(r"ERR: 130, Maximum MT limit exceeded until (\d+)", reply)
    assert stated is not None
    assert time.time() < int(stated[1]) <= time.time() + 86400


def test_without_credit_the_whole_call_is_refused(gateway: Gateway, api: Api) -> None:
    gateway.account.credits *= 0
    assert api(SEND, to=ANN, text="Hi") == refusal("301")
    assert api(SEND, to=f"{ANN},nobody,{BOB}", text="Hi") == refusal("301")


def test_credit_that_runs_out_pays_for_the_first_in_the_list() -> None:
    gateway = Gateway(credits=3)
    fields = {"api_id": "1", "user": "demo", "password": "demo", "to": f"{ANN},{BOB}", "text": "a" * 200, "concat": "2"}
    first, second = (gateway.handle(SEND, fields) or "").split("\n")
    assert re.fullmatch(f"ID: {ID} To: {ANN}", first)
    assert second == f"ERR: 301, No credit left To: {BOB}"
    assert gateway.credits == 1


MMS = {
    "mms_subject": "Look",
    "mms_class": "80",
    "mms_expire": "3600",
    "mms_from": "Ann",
    "mms_url": "https://example.com/a.mms",
}
WAP = {"si_id": "1", "si_url": "https://example.com/", "si_text": "Look", "si_created": "2008-01-01T10:00:00Z"}


@pytest.mark.parametrize(
    ("path", "fields"),
    [("/mms/ind_push.php", MMS), ("/mms/ind_push", MMS), ("/mms/si_push", WAP), ("/mms/si_push.php", WAP)],
)
def test_a_push_always_names_its_recipient(gateway: Gateway, api: Api, path: str, fields: dict[str, str]) -> None:
    assert re.fullmatch(f"ID: {ID} To: {ANN}", api(path, to=ANN, **fields))
    assert gateway.messages[0].text.startswith("Look")
    assert gateway.credits == 99
    for name in fields.keys() - {"si_created"}:
        assert api(path, **{**fields, "to": ANN, name: ""}) == refusal("101")


def test_a_push_with_a_wrong_class_or_action_is_refused(api: Api) -> None:
    assert api("/mms/ind_push.php", **{**MMS, "to": ANN, "mms_class": "84"}) == refusal("101")
    assert api("/mms/si_push", **{**WAP, "to": ANN, "si_action": "signal-loud"}) == refusal("101")
    assert api("/mms/si_push", **{**WAP, "to": ANN, "si_expires": "tomorrow"}) == refusal("101")


def test_the_gateway_stays_quick_when_the_ledger_is_long(gateway: Gateway, api: Api) -> None:
    gateway.account.credits *= 10**6

    def seconds_for(calls: int) -> float:
        start = time.perf_counter()
        for _ in range(calls):
            api(SEND, to=ANN, text="Hi", climsgid="a", callback="7")
            api("/http/querymsg", climsgid="a")
        return time.perf_counter() - start

    early = min(seconds_for(200) for _ in range(5))
    many = ",".join([ANN] * 600)
    for _ in range(50):
        api(SEND, to=many, text="Hi")
    late = min(seconds_for(200) for _ in range(5))
    assert len(gateway.messages) > 30_000
    assert late < 10 * early
