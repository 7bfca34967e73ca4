"""One post, interpreted: what is redacted of its reply, and whether its connection may be used again."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest
from anyio.abc import ByteStream

from clickasync.core.posting import post
from clickasync.errors import ApiError, CreditError, InvalidRequestError, api_error
from clickasync.law import Believed, Lost, NotSent, Refused, Reply, Unreadable
from clickasync.protocol import Lines
from clickasync.protocol.lines import read_line, read_lines
from clickasync.protocol.replies import read_coverage, read_session
from clickasync.redaction import SecretBytes
from clickasync.results import Coverage
from clickasync.transport import Transport, parse_base_url
from tests.support.raw import http, listening, read_request

pytestmark = pytest.mark.anyio

SECRET = "pa55word"
ANN, BOB = "27821234567", "27827654321"
UNKNOWN_SECRET = "0123456789abcdef"
LOOPBACK = parse_base_url("http://127.0.0.1", allow_insecure=True)

Read = Callable[[Reply], Believed[Any]]


async def post_to(transport: Transport, read: Read, **options: Any) -> Any:
    """What a post comes to whose request held a secret."""
    return await post(transport, "/http/any", SecretBytes(b"a=b"), read, [SECRET], **options)


async def posted(text: str, read: Read, *, status: int = 200, words: str = "", **options: Any) -> Any:
    """What a post comes to that is answered with `text`."""
    answer = httpx.Response(status, text=text, extensions={"reason_phrase": words.encode()})
    own = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: answer))
    return await post_to(Transport(LOOPBACK, http_client=own), read, **options)


def many(reply: Reply) -> Believed[Any]:
    return read_lines(reply, [ANN, BOB])


def one(reply: Reply) -> Believed[Any]:
    return read_line(reply, ANN)


def coverage(reply: Reply) -> Believed[Any]:
    return Believed(read_coverage(reply, ANN))


def session(reply: Reply) -> Believed[Any]:
    return Believed(read_session(reply))


def told(error: ApiError | None) -> tuple[object, ...]:
    assert error is not None
    return type(error), error.code, error.description, error.to


# -- what is shown of it


async def test_a_refusal_is_told_without_secrets() -> None:
    """Whether its reader raised it or gave it."""
    for read in (coverage, one):
        result = await posted(f"ERR: 105, {SECRET} is no number", read)
        assert isinstance(result, Refused)
        assert told(result.error) == (InvalidRequestError, "105", "[hidden] is no number", None)


async def test_a_refusal_keeps_the_recipient_that_it_is_about() -> None:
    """Of all that it says, only the words may quote a secret."""
    error = api_error("105", SECRET, ANN)
    assert told((await posted("any", lambda _: Believed(error))).error) == (InvalidRequestError, "105", "[hidden]", ANN)


async def test_lines_are_told_without_secrets() -> None:
    """Each error, and what ends a run; IDs and silence are left as they are."""
    result = await posted(f"ERR: 105, no {SECRET} To: {ANN}\nID: b To: {BOB}\nERR: 301, {SECRET} has none", many)
    assert isinstance(result, Lines)
    error, id = result.each
    assert isinstance(error, ApiError)
    assert told(error) == (InvalidRequestError, "105", "no [hidden]", None)
    assert id == "b"
    assert told(result.stop) == (CreditError, "301", "[hidden] has none", None)


async def test_what_ends_a_run_is_told_without_secrets() -> None:
    """Also beside lines that have nothing to hide."""
    result = await posted(f"ID: a To: {ANN}\nID: b To: {BOB}\nERR: 301, {SECRET} has none", many)
    assert isinstance(result, Lines)
    assert result.each == ["a", "b"]
    assert told(result.stop) == (CreditError, "301", "[hidden] has none", None)


async def test_lines_without_secrets_are_told_as_they_are() -> None:
    """Nothing ends a run where nothing says so."""
    assert await posted(f"ID: a To: {ANN}\nID: b To: {BOB}", many) == Lines(["a", "b"])
    assert await posted(f"ID: a To: {ANN}", many) == Lines(["a", None])


async def test_coverage_is_told_without_secrets() -> None:
    """Its message is the gateway's own."""
    assert await posted(f"OK: {SECRET} is covered. Charge: 1", coverage) == Coverage(
        ANN, covered=True, charge=Decimal(1), message="[hidden] is covered. Charge: 1"
    )


@pytest.mark.parametrize(("status", "failure"), [(429, NotSent), (503, Lost)])
async def test_a_status_line_is_told_without_secrets(status: int, failure: type[NotSent | Lost]) -> None:
    """It may quote the request."""
    result = await posted("", one, status=status, words=f"no {SECRET} here")
    assert result == failure(f"HTTP {status} no [hidden] here")


async def test_an_unreadable_reply_is_shown_without_secrets() -> None:
    """Long words too, where none of them can be a secret."""
    result = await posted(f"<html>{SECRET}-{UNKNOWN_SECRET}</html>", one)
    assert isinstance(result, Unreadable)
    assert result.error.reason == "the reply cannot be read: no line of it is about the recipient alone"
    assert result.error.reply == f"<html>[hidden]-{UNKNOWN_SECRET}</html>"


async def test_a_reply_that_may_hold_a_secret_shows_no_long_word() -> None:
    """Nor the half of one at the end of what is shown."""
    result = await posted("word " * 39 + UNKNOWN_SECRET + " and more", session, opaque=True)
    assert isinstance(result, Unreadable)
    assert result.error.reason == "the reply to auth cannot be read"
    assert result.error.reply == "word " * 39 + "… and"


# -- the connection


async def rounds(text: bytes, read: Read, **options: Any) -> tuple[list[Any], int]:
    """What two posts come to that are answered with `text`, and how many connections they took."""
    connections = 0

    async def serve(stream: ByteStream) -> None:
        nonlocal connections
        connections += 1
        while True:
            await read_request(stream)
            await stream.send(text)

    async with listening(serve) as url:
        transport = Transport(parse_base_url(url, allow_insecure=True))
        results = [await post_to(transport, read, **options) for _ in range(2)]
        await transport.aclose()
    return results, connections


@pytest.mark.parametrize(
    ("text", "read", "connections"),
    [
        (f"ID: a To: {ANN}\nID: b To: {BOB}", many, 1),
        (f"ID: a To: {ANN}\nID: b To: 447700900000", many, 2),
        (f"ID: a To: {ANN}\nERR: 114, gone To: {BOB}", many, 1),
        (f"ID: a To: {ANN}\nERR: 114, gone To: {BOB}\nID: c To: 447700900000", many, 2),
        ("ERR: 105, wrong", many, 1),
        (f"ERR: 105, wrong To: {ANN}", one, 1),
        (f"ERR: 105, wrong To: {ANN}\nID: c To: 447700900000", one, 2),
        ("OK: covered", coverage, 1),
        ("ERR: 105, wrong", coverage, 1),
        ("junk", many, 2),
        ("junk", coverage, 2),
    ],
)
async def test_a_reply_out_of_step_ends_its_connection(text: str, read: Read, connections: int) -> None:
    """Whatever it says of those whom it is about. Any other is used again."""
    assert (await rounds(http(text), read))[1] == connections


@pytest.mark.parametrize(("opaque", "shown"), [(False, f"[hidden] {UNKNOWN_SECRET}"), (True, "[hidden] …")])
async def test_a_reply_that_breaks_off_is_shown_without_secrets(opaque: bool, shown: str) -> None:
    """Nobody reads it; what the transport says of it may quote it."""
    text = f"{SECRET} {UNKNOWN_SECRET}"
    reply = f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{len(text):x}\r\n{text}\r\nno size\r\n"
    results, _ = await rounds(reply.encode(), one, opaque=opaque)
    for result in results:
        assert isinstance(result, Unreadable)
        assert result.error.reply == shown
