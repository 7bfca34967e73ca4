"""Faults of a connection and of HTTP, by the bytes that a raw socket sees."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from clickasync.simulator import Gateway, create_app, serving
from tests.support.simulator import LOGIN
from tests.support.sockets import connect, form, read_one, see

ANN = "27821234567"
SEND = form(to=ANN, text="Hi")


@pytest.fixture(scope="module")
def gateway() -> Gateway:
    return Gateway(credits=10_000)


@pytest.fixture(scope="module")
def served(gateway: Gateway) -> Iterator[str]:
    with serving(gateway) as url:
        yield url


@pytest.fixture
def url(gateway: Gateway, served: str) -> str:
    gateway.reset()
    return served


@pytest.mark.parametrize(("reset", "messages"), [("before", 0), ("after", 1)])
def test_a_reset_is_a_rst_without_a_byte(gateway: Gateway, url: str, reset: Any, messages: int) -> None:
    gateway.fail_next("sendmsg", reset=reset)
    with connect(url) as stream:
        stream.sendall(SEND)
        seen = see(stream)
    assert (seen.data, seen.end) == (b"", "rst")
    assert len(gateway.messages) == messages
    [hit] = gateway.hits
    assert (hit.command, hit.to, hit.taken) == ("sendmsg", ANN, reset == "after")


def test_a_cut_reply_is_half_of_what_was_promised_and_then_a_fin(gateway: Gateway, url: str) -> None:
    gateway.fail_next("sendmsg", cut=True)
    with connect(url) as stream:
        stream.sendall(SEND)
        seen = see(stream)
    whole = f"ID: {gateway.messages[0].id}".encode()
    assert (seen.status, seen.end, seen.body) == (200, "fin", whole[: len(whole) // 2])
    assert b"content-length: 36\r\n" in seen.data


def test_a_second_reply_comes_with_the_first(gateway: Gateway, url: str) -> None:
    """A second reply comes with the first and the connection lives on."""
    gateway.fail_next("sendmsg", second=True)
    with connect(url) as stream:
        stream.sendall(SEND)
        seen = read_one(stream)
        first, _, second = seen.body.partition(b"HTTP/1.1 200 OK\r\n")
        assert first.decode() == f"ID: {gateway.messages[0].id}"
        assert second.partition(b"\r\n\r\n")[2].startswith(b"ID: ")
        assert second.partition(b"\r\n\r\n")[2] != first
        stream.sendall(form("/http/getbalance"))
        assert read_one(stream).body == b"Credit: 9999.0"


def test_requests_in_a_row_are_answered_in_order(gateway: Gateway, url: str) -> None:
    """Also behind a second reply, whose bytes went past what knows HTTP."""
    gateway.fail_next("sendmsg", second=True)
    with connect(url) as stream:
        stream.sendall(SEND + form("/http/getbalance") + form("/http/nothing"))
        data = b""
        while b"Not found" not in data:
            data += stream.recv(65536)
    assert data.count(b"HTTP/1.1 ") == 4
    assert data.index(b"ID: ") < data.index(b"Credit: 9999.0") < data.index(b"Not found")


def test_a_hang_says_nothing_and_then_closes(gateway: Gateway, url: str) -> None:
    gateway.fail_next("sendmsg", hang=0.05)
    with connect(url) as stream:
        stream.sendall(SEND)
        seen = see(stream)
    assert (seen.data, seen.end) == (b"", "fin")
    assert len(gateway.messages) == 1


def test_a_hang_ends_with_the_client(gateway: Gateway) -> None:
    """Else the server could not stop before its time is up."""
    with serving(gateway) as url:
        gateway.fail_next("sendmsg", hang=3600)
        before = len(gateway.messages)
        with connect(url) as stream:
            stream.sendall(SEND)
            while len(gateway.messages) == before:
                time.sleep(0.005)


def test_junk_is_a_page_of_html(gateway: Gateway, url: str) -> None:
    gateway.fail_next("sendmsg", junk=True)
    with connect(url) as stream:
        stream.sendall(SEND)
        seen = read_one(stream)
    assert seen.status == 200
    assert b"<html>" in seen.body
    assert len(gateway.messages) == 1


@pytest.mark.parametrize(("taken", "messages"), [(None, 0), (True, 1)])
def test_an_http_status_comes_from_in_front_of_the_gateway(
    gateway: Gateway, url: str, taken: bool | None, messages: int
) -> None:
    gateway.fail_next("sendmsg", http=503, retry_after=7, taken=taken)
    with connect(url) as stream:
        stream.sendall(SEND)
        seen = read_one(stream)
    assert seen.status == 503
    assert b"retry-after: 7\r\n" in seen.data.lower()
    assert len(gateway.messages) == messages


def test_an_error_code_leaves_the_gateway_untouched(gateway: Gateway, url: str) -> None:
    gateway.fail_next("sendmsg", error="301", latency=0.01, jitter=0.01)
    with connect(url) as stream:
        stream.sendall(SEND)
        assert read_one(stream).body == b"ERR: 301, No credit left"
    assert gateway.messages == []
    assert [(each.command, each.error, each.to) for each in gateway.refused] == [("sendmsg", "301", ANN)]


@pytest.mark.parametrize(
    ("code", "messages", "end"),
    [("950", 0, "rst"), ("951", 1, "rst"), ("952", 1, "fin")],
)
def test_a_test_number_breaks_the_connection_of_its_call(
    gateway: Gateway, url: str, code: str, messages: int, end: str
) -> None:
    with connect(url) as stream:
        stream.sendall(form(to=f"999{code}1", text="Hi"))
        seen = see(stream)
    assert (seen.end, len(gateway.messages)) == (end, messages)


def test_a_fault_that_needs_a_wire_says_so_under_another_server(gateway: Gateway) -> None:
    """A 500 in the place of a reset would be no reset."""
    import anyio

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(create_app(gateway))
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            return await client.post("/http/sendmsg", data={**LOGIN, "to": ANN, "text": "Hi"})

    gateway.reset()
    gateway.fail_next("sendmsg", reset="after")
    answer = anyio.run(ask)
    assert answer.status_code == 501
    assert "own server" in answer.text


# -- the server itself ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /" + b"x" * 80_000,
        b"POST /http/auth HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\r\n" * 20 + b"\x00\xff",
    ],
)
def test_what_is_no_http_is_refused_and_closed(url: str, request_bytes: bytes) -> None:
    with connect(url) as stream:
        stream.sendall(request_bytes)
        seen = see(stream)
    assert seen.data == b"" or 400 <= seen.status < 500


def test_a_client_that_waits_for_a_go_ahead_gets_it(url: str) -> None:
    """curl does with large bodies."""
    body = f"api_id=1&user=demo&password=demo&to={ANN}&text=Hi".encode()
    with connect(url) as stream:
        head = b"POST /http/sendmsg HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
        stream.sendall(head % len(body))
        assert stream.recv(1024).startswith(b"HTTP/1.1 100 ")
        stream.sendall(body)
        assert read_one(stream).body.startswith(b"ID: ")


def test_a_body_in_chunks_is_read(url: str) -> None:
    with connect(url) as stream:
        stream.sendall(b"POST /http/getbalance HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in (b"api_id=1&user=de", b"mo&password=demo"):
            stream.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
        stream.sendall(b"0\r\n\r\n")
        assert read_one(stream).body.startswith(b"Credit: ")


def test_an_absolute_target_is_read_as_proxies_send_it(url: str) -> None:
    with connect(url) as stream:
        stream.sendall(form("http://gateway.example.org/http/getbalance"))
        assert read_one(stream).body.startswith(b"Credit: ")


def test_a_client_that_wants_the_connection_closed_gets_a_fin(gateway: Gateway, url: str) -> None:
    faults: list[dict[str, Any]] = [{}, {"second": True}]
    for fault in faults:
        if fault:
            gateway.fail_next("getbalance", **fault)
        with connect(url) as stream:
            stream.sendall(form("/http/getbalance").replace(b"Host:", b"Connection: close\r\nHost:"))
            assert see(stream).end == "fin"
