"""Requests as other people's clients make them, byte for byte on a socket."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from clickasync.simulator import VOUCHER, Gateway, serving
from clickasync.simulator.connect import TOKEN

LOGIN = "api_id=1&user=demo&password=demo"
ANN = "27821234567"


class Caller:
    """A client without a library."""

    def __init__(self, url: str) -> None:
        host, _, port = url.removeprefix("http://").rpartition(":")
        self.address = host, int(port)

    def raw(self, request: bytes) -> str:
        with socket.create_connection(self.address, timeout=20) as stream:
            stream.sendall(request)
            answer = b""
            while chunk := stream.recv(65536):
                answer += chunk
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), head
        return body.decode()

    def get(self, target: str) -> str:
        return self.raw(f"GET {target} HTTP/1.0\r\n\r\n".encode("latin-1"))

    def post(self, path: str, body: bytes, kind: str = "application/x-www-form-urlencoded") -> str:
        head = f"POST {path} HTTP/1.1\r\nHost: {self.address[0]}\r\nConnection: close\r\nContent-Type: {kind}\r\n"
        return self.raw(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)


@pytest.fixture(scope="module")
def gateway() -> Gateway:
    return Gateway(credits=10_000)


@pytest.fixture(scope="module")
def served(gateway: Gateway) -> Iterator[Caller]:
    with serving(gateway) as url:
        yield Caller(url)


@pytest.fixture
def caller(gateway: Gateway, served: Caller) -> Caller:
    gateway.reset()
    return served


@pytest.mark.parametrize(
    ("path", "fields", "start"),
    [
        ("/http/auth.php", "", "OK: "),
        ("/http/auth/", "", "OK: "),
        ("/HTTP/Auth.PHP", "", "OK: "),
        ("/http/sendmsg.php", f"&to={ANN}&text=Hi", "ID: "),
        ("/http/sendmsg/", f"&to={ANN}&text=Hi", "ID: "),
        ("/http/sendmsg.php/", f"&to={ANN}&text=Hi", "ID: "),
        ("/http/querymsg.php", "&apimsgid=1", "ERR: 103"),
        ("/http/getmsgcharge.php", "&apimsgid=1", "ERR: 103"),
        ("/http/delmsg.php", "&apimsgid=1", "ERR: 103"),
        ("/http/getbalance.php", "", "Credit: "),
        ("/http/token_pay.php", f"&token={VOUCHER}", "OK: 605"),
        ("/utils/routecoverage.php", f"&msisdn={ANN}", "OK: This prefix"),
        ("/utils/RouteCoverage", f"&msisdn={ANN}", "OK: This prefix"),
        ("/http_batch/startbatch.php", "&template=Hi", "ID: "),
        ("/mms/SI_PUSH.php", "&si_id=1", "ERR: 101"),
    ],
)
def test_the_vendors_own_libraries_call_php_in_any_case(caller: Caller, path: str, fields: str, start: str) -> None:
    """The Java, C and C++ libraries know no other paths; one client adds a slash."""
    assert caller.get(f"{path}?{LOGIN}{fields}").startswith(start)
    assert caller.post(path, (LOGIN + fields).encode()).startswith(start if VOUCHER not in fields else "ERR: 607")


def test_ping_php_keeps_a_session_alive(caller: Caller) -> None:
    session = caller.get(f"/http/auth.php?{LOGIN}").removeprefix("OK: ")
    assert caller.get(f"/http/ping.php?session_id={session}").startswith("OK:")


def test_climsgid_is_spelled_climsgid_by_kannel(caller: Caller, gateway: Gateway) -> None:
    """As in the V2.2.7 table of parameters; in questions too."""
    sent = caller.get(f"/http/sendmsg?{LOGIN}&to={ANN}&text=Hi&cliMsgId=mine1")
    assert gateway.messages[-1].climsgid == "mine1"
    for path in ("querymsg", "getmsgcharge", "delmsg"):
        assert gateway.messages[-1].id in caller.get(f"/http/{path}?{LOGIN}&cliMsgId=mine1")
    assert sent == f"ID: {gateway.messages[-1].id}"


def test_the_fields_of_a_batch_are_optional(caller: Caller, gateway: Gateway) -> None:
    """V2.2.7, 10.2 and the example 12.2.3."""
    batch = caller.get(f"/http_batch/startbatch?{LOGIN}&template=Hi%20%23field1%23%21").removeprefix("ID: ")
    caller.get(f"/http_batch/senditem?{LOGIN}&batch_id={batch}&to={ANN}")
    caller.get(f"/http_batch/quicksend?{LOGIN}&batch_id={batch}&to={ANN},27827654321")
    caller.get(f"/http_batch/quicksend?{LOGIN}&batch_id={batch}&to={ANN}&field1=all")
    assert [message.text for message in gateway.messages] == ["Hi !", "Hi !", "Hi !", "Hi all!"]


def test_a_long_8_bit_message_is_split_whatever_concat_says(caller: Caller, gateway: Gateway) -> None:
    """V2.2.7, 8.2.6."""
    caller.get(f"/http/sendmsg?{LOGIN}&to={ANN}&data={'00' * 300}")
    caller.get(f"/http/sendmsg?{LOGIN}&to={ANN}&udh=06050415810000&data={'00' * 300}&concat=1")
    assert [message.parts for message in gateway.messages] == [3, 3]


@pytest.mark.parametrize("kind", ["SMS_NOKIA_OLOGO", "SMS_NOKIA_GLOGO", "SMS_NOKIA_PICTURE", "SMS_NOKIA_RINGTONE"])
def test_the_hex_of_a_logo_is_8_bit_data(caller: Caller, gateway: Gateway, kind: str) -> None:
    """A logo of 128 bytes is one message, though its hex has 256 characters."""
    assert caller.get(f"/http/sendmsg?{LOGIN}&to={ANN}&msg_type={kind}&text={'0A' * 128}").startswith("ID: ")
    assert caller.get(f"/http/sendmsg?{LOGIN}&to={ANN}&msg_type={kind}&text={'0A' * 256}").startswith("ID: ")
    assert [message.parts for message in gateway.messages] == [1, 2]


@pytest.mark.parametrize(
    ("raw", "text"),
    [(b"%80 5", "€ 5"), (b"caf%E9", "café"), (b"\x80", "€"), (b"%93Hi%94+%8D", "?Hi? ?"), (b"%E2%82%AC", "€")],
)
def test_bytes_that_are_not_utf_8_are_windows_1252(caller: Caller, gateway: Gateway, raw: bytes, text: str) -> None:
    caller.post("/http/sendmsg", f"{LOGIN}&to={ANN}&text=".encode() + raw)
    assert gateway.messages[-1].text == text


def test_one_value_in_windows_1252_leaves_the_others_alone(caller: Caller, gateway: Gateway) -> None:
    batch = caller.post("/http_batch/startbatch", f"{LOGIN}&template=%23field1%23%23field2%23".encode())[4:]
    item = f"{LOGIN}&batch_id={batch}&to={ANN}&field1=%E9&field2=%C3%A9"
    caller.post("/http_batch/senditem", item.encode())
    assert gateway.messages[-1].text == "éé"


def test_a_form_may_come_in_parts(caller: Caller, gateway: Gateway) -> None:
    """curl -F, and PHP's CURLOPT_POSTFIELDS with an array."""
    fields = {"api_id": b"1", "user": b"demo", "password": b"demo", "to": ANN.encode(), "text": b"Hi\r\n\x80 5\n"}
    parts = [
        b'--XyZ\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (n.encode(), v) for n, v in fields.items()
    ]
    reply = caller.post("/http/sendmsg", b"".join(parts) + b"--XyZ--\r\n", "multipart/form-data; boundary=XyZ")
    assert reply.startswith("ID: ")
    assert gateway.messages[-1].text == "Hi\r\n€ 5\n"


@pytest.mark.parametrize("body", [b"", b"--x", b"--x\r\n\r\n--x--", b"\xff\x00" * 100])
@pytest.mark.parametrize("kind", ["multipart/form-data", 'multipart/form-data; boundary="x"', "multipart/form-data; x"])
def test_a_broken_form_in_parts_is_a_form_without_fields(caller: Caller, body: bytes, kind: str) -> None:
    assert caller.post("/http/getbalance", body, kind) == "ERR: 005, Missing session ID"


def test_a_wrong_voucher_and_a_used_one_have_their_own_codes(caller: Caller) -> None:
    """V2.2.7 has the words."""
    assert caller.get(f"/http/token_pay?{LOGIN}&token=9999999999999999") == "ERR: 606, Invalid Voucher"
    assert caller.get(f"/http/token_pay?{LOGIN}&token={VOUCHER}") == "OK: 605"
    assert caller.get(f"/http/token_pay?{LOGIN}&token={VOUCHER}") == "ERR: 607, Expired Voucher"


def test_connect_takes_action_written_large(caller: Caller) -> None:
    """As the guide's own get_list_country example has it."""
    body = b"XML=%3Cclickatellsdk%3E%3CAction%3Eget_list_country%3C%2FAction%3E%3C%2Fclickatellsdk%3E"
    assert "<Result>Success</Result>" in caller.post(f"/{TOKEN}", body)


def test_a_json_body_beside_a_query_is_ignored(caller: Caller) -> None:
    reply = caller.post(f"/http/sendmsg?{LOGIN}&to={ANN}&text=Hi", b'{"text": "no"}', "application/json")
    assert reply.startswith("ID: ")
