"""The callbacks that the gateway makes: which, what they say in six transports, when they are tried again; opt-outs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote_to_bytes, urlsplit
from xml.etree import ElementTree as ET

import pytest

from clickasync.codes import MessageStatus
from clickasync.simulator import CallbackType, Gateway
from clickasync.simulator.callbacks import Inbound, Notification, request_of

if TYPE_CHECKING:
    from decimal import Decimal

LOGIN = {"api_id": "1", "user": "demo", "password": "demo"}
URL = "http://127.0.0.1:9/hook"
ANN = "27821234567"
SHOP = "27833001171"
NOON = 1218007814.0  # 2008-08-06 07:30:14 UTC


class Listening(Gateway):
    """A gateway with a callback URL, whose clock and calendar stand still."""

    def __init__(
        self, callback_type: CallbackType = CallbackType.HTTP_GET, *, url: str = URL, credits: Decimal | int = 100
    ) -> None:
        super().__init__(
            credits=credits,
            clock=lambda: 0.0,
            calendar=lambda: NOON,
            callback_url=url,
            callback_type=callback_type,
            callback_auth=("hook", "secret"),
            keywords=["fun"],
        )

    def send(self, to: str = ANN, **fields: str) -> str:
        reply = self.handle("/http/sendmsg", {**LOGIN, "to": to, "text": "Hi", "from": SHOP, **fields})
        assert reply is not None
        return reply

    def statuses(self) -> list[str]:
        """The statuses of the reports that are due."""
        return [fields_of(notification)["status"] for notification in self.tick()]


def query_of(notification: Notification) -> str:
    request = request_of(notification)
    return urlsplit(request.url).query if request.method == "GET" else request.body


def fields_of(notification: Notification) -> dict[str, str]:
    """What a receiver reads, in any of the transports."""
    fields = {name: values[0] for name, values in parse_qs(query_of(notification), keep_blank_values=True).items()}
    if request_of(notification).content_type == "application/json":
        return dict(json.loads(query_of(notification)))
    if "data" not in fields:
        return fields
    root = ET.fromstring(fields["data"])  # it is our own document
    if root.tag.endswith("Envelope"):
        root = root[0][0]
    return {"root": root.tag} | {element.tag: element.text or "" for element in root}


@pytest.mark.parametrize(
    ("callback", "delivered", "failed"),
    [
        ("0", [], []),
        ("1", ["003"], ["003"]),
        ("2", ["004"], ["007"]),
        ("3", ["003", "004"], ["003", "007"]),
        ("4", [], ["007"]),
        ("5", ["003"], ["003", "007"]),
        ("6", ["004"], ["007"]),
        ("7", ["003", "004"], ["003", "007"]),
    ],
)
def test_a_message_is_reported_as_its_callback_value_asks(
    callback: str, delivered: list[str], failed: list[str]
) -> None:
    for number, expected in ((ANN, delivered), ("999007", failed)):
        gateway = Listening()
        gateway.send(number, callback=callback)
        assert gateway.tick() == []
        gateway.advance(3)
        assert gateway.statuses() == expected
        assert gateway.tick() == []


def test_without_a_callback_url_nothing_is_reported() -> None:
    gateway = Gateway(clock=lambda: 0.0)
    gateway.handle("/http/sendmsg", {**LOGIN, "to": ANN, "text": "Hi", "callback": "7"})
    gateway.advance(3)
    assert gateway.tick() == []


def test_a_stopped_message_is_not_reported() -> None:
    gateway = Listening()
    gateway.send(deliv_time="5", callback="7", climsgid="later")
    gateway.handle("/http/delmsg", {**LOGIN, "climsgid": "later"})
    gateway.advance(10**4)
    assert gateway.tick() == []


REPORT = {"to": ANN, "from": SHOP, "timestamp": "1218007814", "charge": "1.000000"}


@pytest.mark.parametrize("type", CallbackType)
def test_a_report_in_each_transport_has_its_own_names(type: CallbackType) -> None:
    gateway = Listening(type, url=f"{URL}?key=1")
    gateway.send(callback="1", climsgid="abc123")
    gateway.advance(1)
    [notification] = gateway.tick()
    request = request_of(notification)
    assert request.method == type.method
    assert request.auth == ("hook", "secret")
    assert request.url.startswith(f"{URL}?key=1&" if type.method == "GET" else f"{URL}?key=1")
    fields = fields_of(notification)
    fields.pop("key", None)
    id = gateway.messages[0].id
    expected = {
        "HTTP": {**REPORT, "api_id": "1", "apiMsgId": id, "cliMsgId": "abc123", "status": "003"},
        "JSON": {**REPORT, "api_id": "1", "apiMsgId": id, "cliMsgId": "abc123", "status": "003"},
        "XML": {**REPORT, "root": "callback", "apiMsgId": id, "cliMsgId": "abc123", "status": "003"},
        "SOAP": {
            **REPORT,
            "root": "{http://api.clickatell.com/callback}mt_callback",
            "api_id": "1",
            "apimsgid": id,
            "climsgid": "abc123",
            "status": "3",
        },
    }
    assert fields == expected[type.form]


@pytest.mark.parametrize("type", CallbackType)
@pytest.mark.parametrize("text", ["A reply", '1 < 2 & "3" é € 你好 😀 \n+%', ""])
def test_an_inbound_message_in_each_transport_keeps_its_text(type: CallbackType, text: str) -> None:
    gateway = Listening(type)
    [id] = gateway.inject(ANN, SHOP, text)
    [notification] = gateway.tick()
    fields = fields_of(notification)
    root = fields.pop("root", "")
    assert (
        root
        == {
            "HTTP": "",
            "JSON": "",
            "XML": "clickmo",
            "SOAP": "{http://api.clickatell.com/callback}mo_callback",
        }[type.form]
    )
    assert fields == {
        "api_id": "1",
        "momsgid" if type.form == "SOAP" else "moMsgId": id,
        "from": ANN,
        "to": SHOP,
        "timestamp": "2008-08-06 09:30:14",
        "text": text,
        "charset": "UTF-8",
        "udh": "",
    }


@pytest.mark.parametrize("charset", ["ISO-8859-1", "UTF-16BE", "UTF-8"])
def test_over_http_the_text_is_in_the_charset_of_the_handset(charset: str) -> None:
    """Over plain HTTP, the text alone is in the charset of the handset."""
    gateway = Listening()
    gateway.inject(ANN, SHOP, "Café", charset=charset)
    [notification] = gateway.tick()
    raw = dict(pair.split("=") for pair in query_of(notification).split("&"))
    assert unquote_to_bytes(raw["text"]).decode(charset) == "Café"
    assert (raw["charset"], raw["from"]) == (charset, ANN)


def test_a_text_that_its_charset_cannot_say_is_refused_at_once() -> None:
    gateway = Listening()
    with pytest.raises(ValueError, match="latin-1"):
        gateway.inject(ANN, SHOP, "你好", charset="ISO-8859-1")
    with pytest.raises(ValueError, match="no charset"):
        gateway.inject(ANN, SHOP, "Hi", charset="klingon")
    with pytest.raises(ValueError, match="no account"):
        gateway.inject(ANN, SHOP, "Hi", api_id="9")
    assert gateway.tick() == []
    assert gateway.inbound == []


@pytest.mark.parametrize(("text", "sizes"), [("a" * 400, [153, 153, 94]), ("ж" * 71, [67, 4]), ("a" * 160, [160])])
def test_a_long_inbound_message_comes_in_parts_that_say_so(text: str, sizes: list[int]) -> None:
    gateway = Listening()
    for reference in (0, 1):
        ids = gateway.inject(ANN, SHOP, text)
        parts = [fields_of(notification) for notification in gateway.tick()]
        assert [len(part["text"]) for part in parts] == sizes
        assert [part["moMsgId"] for part in parts] == ids
        assert len(set(ids)) == len(sizes)
        if len(sizes) > 1:
            expected = [f"050003{reference:02X}{len(sizes):02X}{n:02X}" for n in range(1, len(sizes) + 1)]
            assert [part["udh"] for part in parts] == expected


def test_a_short_text_can_be_asked_for_in_parts() -> None:
    gateway = Listening()
    assert len(gateway.inject(ANN, SHOP, "Hello", parts=2)) == 2
    assert [event.text for event in gateway.inbound] == ["He", "llo"]
    for impossible in (0, 3):
        with pytest.raises(ValueError, match="cannot be cut"):
            gateway.inject(ANN, SHOP, "Hi", parts=impossible)


def test_a_text_beyond_255_parts_is_refused() -> None:
    with pytest.raises(ValueError, match="255"):
        Listening().inject(ANN, SHOP, "a" * 153 * 256)


def waits(gateway: Gateway) -> list[float]:
    """Minutes between the tries of the one callback that never arrives."""
    minutes: list[float] = []
    [notification] = gateway.tick()
    gateway.failed(notification)
    while gateway.pending_callbacks:
        start = gateway.now()
        while not (due := gateway.tick()):
            gateway.advance(60)
        minutes.append((gateway.now() - start) / 60)
        gateway.failed(due[0])
    return minutes


def test_a_report_is_tried_again_eight_times() -> None:
    gateway = Listening()
    gateway.send(callback="1")
    gateway.advance(1)
    assert waits(gateway) == [2, 4, 8, 16, 32, 64, 128, 3 * 24 * 60]


def test_an_inbound_message_is_tried_again_five_times() -> None:
    gateway = Listening()
    gateway.inject(ANN, SHOP, "Hi")
    assert isinstance(gateway.inbound[0], Inbound)
    assert waits(gateway) == [2, 4, 8, 16, 25]


OPTED_OUT = "ERR: 122, Destination mobile opted out"


@pytest.mark.parametrize("word", ["STOP", "stop", " End ", "CANCEL", "unsubscribe", "Quit", "STOP fun", "Fun stop"])
def test_who_says_stop_gets_nothing_until_he_writes_again(word: str) -> None:
    gateway = Listening()
    gateway.inject(ANN, SHOP, word)
    assert gateway.send() == OPTED_OUT
    assert gateway.send(**{"from": ""}) == OPTED_OUT
    assert gateway.send(**{"from": "Shop"}) == OPTED_OUT
    assert gateway.send(f"{ANN},27827654321").startswith(f"{OPTED_OUT} To: {ANN}\nID: ")
    gateway.inject(ANN, SHOP, "I am back")
    assert gateway.send().startswith("ID: ")


def test_stop_is_for_one_number_and_stop_all_for_every_one() -> None:
    gateway = Listening()
    gateway.inject(ANN, SHOP, "STOP")
    assert gateway.send(**{"from": "27830000000"}).startswith("ID: ")
    for words in ("STOP ALL", "stop  stop"):
        gateway.inject(ANN, SHOP, words)
        assert gateway.send(**{"from": "27830000000"}) == OPTED_OUT


@pytest.mark.parametrize("text", ["Please stop", "STOP it", "stopped", "STOP fun now", ""])
def test_a_text_that_only_contains_the_word_opts_nobody_out(text: str) -> None:
    gateway = Listening()
    gateway.inject(ANN, SHOP, text)
    assert gateway.send().startswith("ID: ")


def test_a_report_carries_no_charge_for_what_expired() -> None:
    gateway = Listening()
    gateway.send("999010", callback="7")
    gateway.advance(1)
    [notification] = gateway.tick()
    assert fields_of(notification)["charge"] == "0.000000"
    assert fields_of(notification)["status"] == MessageStatus.MESSAGE_EXPIRED


def test_neither_an_account_nor_a_callback_shows_a_password() -> None:
    gateway = Listening()
    gateway.inject(ANN, SHOP, "Hi")
    [notification] = gateway.tick()
    shown = f"{gateway.account!r} {notification!r} {request_of(notification)!r}"
    assert "secret" not in shown
    assert "password" not in shown
