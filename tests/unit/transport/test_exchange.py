"""What comes in on a connection: whole, cut, in pieces, with something left over, or not HTTP at all."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickasync.law import Lost, NotSent, Reply, Unreadable
from clickasync.transport.exchange import MAX_REPLY, Incoming, Outcome, retry_after

BODY: Final = b"ID: a To: 1\r\n\r\nID: b To: 2\n"
LENGTH: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
CHUNKS: Final = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"
    b"3;name=value\r\nID:\r\n%x\r\n%b\r\n0\r\nTrailer: x\r\n\r\n" % (len(BODY) - 3, BODY[3:])
)
BARE: Final = LENGTH.replace(b"\r\n", b"\n", 4)
EMPTY: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
SHORT: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nID: a"
AFTER_100: Final = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + LENGTH
FRAMED: Final = {"length": LENGTH, "chunks": CHUNKS, "bare LF": BARE, "after 100 and 103": AFTER_100}

framed = pytest.mark.parametrize("reply", FRAMED.values(), ids=FRAMED.keys())


def fed(*pieces: bytes) -> tuple[Outcome | None, Incoming]:
    """A connection that waits for a reply, and what the pieces give."""
    incoming = Incoming()
    incoming.expect()
    outcome: Outcome | None = None
    for piece in pieces:
        outcome = incoming.feed(piece) or outcome
    return outcome, incoming


def reason(outcome: Outcome | None) -> str:
    assert isinstance(outcome, Unreadable)
    return outcome.error.reason


@framed
def test_a_whole_reply_leaves_a_clean_connection(reply: bytes) -> None:
    """Whatever says where it ends."""
    outcome, incoming = fed(reply)
    assert outcome == Reply(BODY)
    assert incoming.is_clean


@framed
def test_a_reply_may_be_cut_at_any_byte(reply: bytes) -> None:
    """A network cuts where it likes."""
    for place in range(1, len(reply)):
        outcome, incoming = fed(reply[:place], reply[place:])
        assert outcome == Reply(BODY), place
        assert incoming.is_clean, place


@framed
def test_a_reply_may_come_byte_by_byte(reply: bytes) -> None:
    """It is complete with its last byte, and not before."""
    outcome, incoming = fed(*(bytes([byte]) for byte in reply[:-1]))
    assert outcome is None
    assert incoming.feed(reply[-1:]) == Reply(BODY)
    assert incoming.is_clean


@framed
@pytest.mark.parametrize("surplus", [b"\n", b"\r\n", b"x", LENGTH, b"HTTP/1.1 200 OK\r\n"])
def test_what_is_left_over_makes_a_connection_unclean(reply: bytes, surplus: bytes) -> None:
    """In the same piece, at any cut, or later: the reply counts, and nothing after it."""
    for place in range(1, len(reply) + len(surplus)):
        outcome, incoming = fed((reply + surplus)[:place], (reply + surplus)[place:])
        assert outcome == Reply(BODY), place
        assert incoming.is_clean is False, place


@pytest.mark.parametrize("reply", [EMPTY, SHORT])
@pytest.mark.parametrize("surplus", [EMPTY, SHORT, b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_a_second_reply_right_behind_one_is_surplus(reply: bytes, surplus: bytes) -> None:
    """Where no line ends between the two, the parser would take both for one stream of replies."""
    for place in range(1, len(reply) + len(surplus)):
        outcome, incoming = fed((reply + surplus)[:place], (reply + surplus)[place:])
        assert outcome == Reply(b"ID: a" if reply is SHORT else b""), place
        assert incoming.is_clean is False, place


@framed
def test_an_end_before_the_end_is_lost(reply: bytes) -> None:
    """Cut at any byte, a framed reply is no reply."""
    for place in range(len(reply)):
        outcome, incoming = fed(reply[:place])
        assert outcome is None
        assert incoming.end() == Lost("the connection was closed before the reply was complete"), place
        assert incoming.is_clean is False


def test_a_reply_without_length_ends_with_the_connection() -> None:
    """It may have been cut, which it says."""
    outcome, incoming = fed(b"HTTP/1.1 200 OK\r\n\r\nID: a\n", b"ID: b")
    assert outcome is None
    assert incoming.end() == Reply(b"ID: a\nID: b", is_framed=False)
    assert incoming.is_clean is False


def test_an_empty_body_is_a_body() -> None:
    """What it means is not decided here."""
    assert fed(EMPTY)[0] == Reply(b"")


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nConnection: close", b"HTTP/1.0 200 OK"])
def test_a_gateway_that_will_close_is_not_asked_again(head: bytes) -> None:
    """``Connection: close``, or HTTP/1.0 without keep-alive."""
    outcome, incoming = fed(head + b"\r\nContent-Length: 5\r\n\r\nID: a")
    assert outcome == Reply(b"ID: a")
    assert incoming.is_clean is False


def test_http_1_0_may_keep_its_connection() -> None:
    """Where it says so."""
    outcome, incoming = fed(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nID: a")
    assert outcome == Reply(b"ID: a")
    assert incoming.is_clean


CODED: Final = "the reply has a transfer coding, and was asked to have none"
COMPRESSED: Final = "the reply is compressed, and was asked not to be"


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        (b"Transfer-Encoding: gzip, chunked", CODED),
        (b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked", CODED),
        (b"Transfer-Encoding: gzip", CODED),
        (b"Content-Encoding: gzip\r\nContent-Length: 5", COMPRESSED),
        (b"Content-Encoding: br\r\nTransfer-Encoding: chunked", COMPRESSED),
    ],
)
def test_a_coding_that_was_not_asked_for_is_unreadable(headers: bytes, says: str) -> None:
    """Identity was asked for; any other coding hides what the gateway said."""
    outcome, incoming = fed(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n5\r\nID: a\r\n0\r\n\r\n" % headers)
    assert reason(outcome) == says
    assert incoming.is_clean is False


def test_identity_is_no_coding() -> None:
    """It says that there is none."""
    assert fed(b"HTTP/1.1 200 OK\r\nContent-Encoding: Identity\r\nContent-Length: 5\r\n\r\nID: a")[0] == Reply(b"ID: a")


@pytest.mark.parametrize(
    "junk",
    [
        b"220 mail.example.org ESMTP\r\n",
        b"ID: a\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nID: a",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nID: a\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        b"HTTP/2 200\r\n\r\n",
    ],
)
def test_what_is_not_http_is_unreadable(junk: bytes) -> None:
    """It came back, so that the request may have been taken."""
    outcome, incoming = fed(junk)
    assert reason(outcome) == "the reply is not HTTP/1.1"
    assert incoming.is_clean is False


@pytest.mark.parametrize("headers", [b"", b"Upgrade: h2c\r\nConnection: Upgrade\r\n"])
def test_a_switch_of_protocols_is_unreadable(headers: bytes) -> None:
    """Nobody asked for another protocol."""
    outcome, _ = fed(b"HTTP/1.1 101 Switching Protocols\r\n%b\r\n" % headers + LENGTH)
    assert reason(outcome) == "the gateway wants to switch protocols"


@pytest.mark.parametrize("status", [b"110 Odd", b"199 Odd"])
@pytest.mark.parametrize(
    "body", [b"Content-Length: 6\r\n\r\nID: b\n", b"Transfer-Encoding: chunked\r\n\r\n6\r\nID: b\n\r\n0\r\n\r\n"]
)
def test_the_body_of_an_informational_reply_is_unreadable(status: bytes, body: bytes) -> None:
    """It has none. What stands there is no part of the reply that follows."""
    outcome, incoming = fed(b"HTTP/1.1 %b\r\n" % status + body + EMPTY)
    assert reason(outcome) == "an informational reply has a body, which it must not have"
    assert incoming.is_clean is False


@pytest.mark.parametrize("status", [b"500 Oops", b"302 Found", b"204 No Content", b"304 Not Modified", b"999 Odd"])
def test_any_other_status_is_the_infrastructures(status: bytes) -> None:
    """It is never the gateway's verdict on a message."""
    outcome, incoming = fed(b"HTTP/1.1 %b\r\nContent-Length: 0\r\n\r\n" % status)
    assert isinstance(outcome, Lost)
    assert outcome.reason.startswith(f"HTTP {status.decode()}")
    assert incoming.is_clean is False


@pytest.mark.parametrize(("status", "kind"), [(b"429 Slow down", NotSent), (b"503 Busy", Lost)])
def test_a_status_brings_its_retry_after(status: bytes, kind: type[NotSent | Lost]) -> None:
    """429 certainly came before the gateway; 503 did not, for all that is known."""
    outcome, _ = fed(b"HTTP/1.1 %b\r\nRetry-After: 17\r\nContent-Length: 0\r\n\r\n" % status)
    assert outcome == kind(f"HTTP {status.decode()}", 17.0)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"HTTP/1.1 500", "HTTP 500"),
        (b"HTTP/1.1 500 ", "HTTP 500"),
        (b"HTTP/1.1 500 Caf\xe9 closed", "HTTP 500 Caf closed"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Busy", "HTTP 503 Busy"),
    ],
)
def test_a_status_is_told_with_its_own_words(line: bytes, says: str) -> None:
    """Its ASCII, if there are any words, and not those of an informational reply before it."""
    assert fed(line + b"\r\nContent-Length: 0\r\n\r\n")[0] == Lost(says)


@pytest.mark.parametrize("size", [1, 50, 1000])
def test_the_words_of_a_status_are_cut_once(size: int) -> None:
    """In whatever pieces they come. Cut in several places, a secret that they repeat could not be struck out."""
    line = b"HTTP/1.1 500 " + b"session_id=5e55107 " * 100 + b"\r\n"
    outcome, _ = fed(*(line[place : place + size] for place in range(0, len(line), size)), b"\r\n")
    assert isinstance(outcome, Lost)
    assert outcome.reason == "HTTP 500 " + ("session_id=5e55107 " * 100)[:80].rstrip()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 404])
def test_a_status_of_elsewhere_leads_to_the_base_url(status: int) -> None:
    """A wrong base URL is the usual reason."""
    outcome, _ = fed(b"HTTP/1.1 %d Elsewhere\r\nContent-Length: 0\r\n\r\n" % status)
    assert isinstance(outcome, Lost)
    assert "is base_url right?" in outcome.reason


FLOODS: Final = {
    "a header": (b"HTTP/1.1 200 OK\r\nX: ", b"x"),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X: x\r\n"),
    "informational replies": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a chunk extension": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;", b"x"),
    "trailers": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: x\r\n"),
    "a body": (b"HTTP/1.1 200 OK\r\n\r\n", b"ID: a\n"),
    "a long body": (b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n", b"ID: a\n"),
}


@pytest.mark.parametrize(("begins", "goes_on"), FLOODS.values(), ids=FLOODS.keys())
def test_a_mebibyte_bounds_every_part_of_a_reply(begins: bytes, goes_on: bytes) -> None:
    """The parser itself takes a header line of 30 MB."""
    incoming = Incoming()
    incoming.expect()
    outcome = incoming.feed(begins) if begins else None
    piece = goes_on * (8192 // len(goes_on))
    for _ in range(MAX_REPLY // len(piece) + 2):
        outcome = outcome or incoming.feed(piece)
    assert reason(outcome) == f"the reply is longer than {MAX_REPLY} bytes"
    assert incoming.is_clean is False


def test_a_reply_of_a_mebibyte_is_not_too_long() -> None:
    """Head and body together; and the next reply begins to count anew."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
    body = b"x" * (MAX_REPLY - len(head % MAX_REPLY))
    incoming = Incoming()
    for _ in range(2):
        incoming.expect()
        assert incoming.feed(head % len(body) + body) == Reply(body)
    body += b"x"
    incoming.expect()
    assert reason(incoming.feed(head % len(body) + body)) == f"the reply is longer than {MAX_REPLY} bytes"


def test_the_error_shows_the_beginning_of_a_reply_too_long() -> None:
    """And not all of it. What is not UTF-8 is replaced."""
    outcome, _ = fed(b"HTTP/1.1 200 OK\r\n\r\nID: \xff", b"\nID: b\n" * 1000, b"x" * MAX_REPLY)
    assert isinstance(outcome, Unreadable)
    assert outcome.error.reply == ("ID: \ufffd" + "\nID: b\n" * 1000)[:4096]


def test_what_comes_unasked_makes_a_connection_unclean() -> None:
    """No request is out, so that it can be nobody's reply."""
    incoming = Incoming()
    assert incoming.feed(LENGTH) is None
    assert incoming.is_clean is False


def test_the_end_of_an_idle_connection_is_no_outcome() -> None:
    """Nobody waits for one."""
    incoming = Incoming()
    assert incoming.end() is None
    assert incoming.is_clean is False


def test_one_connection_reads_many_replies() -> None:
    """Nothing of one is left in the next."""
    incoming = Incoming()
    for reply in (LENGTH, CHUNKS, EMPTY, AFTER_100, BARE):
        incoming.expect()
        assert incoming.feed(reply) == Reply(b"" if reply is EMPTY else BODY)
        assert incoming.is_clean


@given(st.data(), st.sampled_from(list(FRAMED.values())), st.binary(max_size=30))
def test_no_cut_and_no_surplus_changes_a_reply(data: st.DataObject, reply: bytes, surplus: bytes) -> None:
    """Cut anywhere, as often as you like."""
    whole = reply + surplus
    places = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    pieces = [whole[begin:end] for begin, end in zip([0, *places], [*places, len(whole)], strict=True)]
    outcome, incoming = fed(*filter(None, pieces))
    assert outcome == Reply(BODY)
    assert incoming.is_clean is not bool(surplus)


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=10))
def test_any_bytes_give_an_outcome_or_none(pieces: list[bytes]) -> None:
    """And never an exception."""
    _, incoming = fed(*pieces)
    incoming.end()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("", None),
        ("0", 0.0),
        ("120", 120.0),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("٣", None),
        ("999999999", 999999999.0),
        ("9999999999", 999999999.0),  # and no more, however many digits
    ],
)
def test_retry_after_is_read_in_seconds(value: str, seconds: float | None) -> None:
    """Digits, or nothing."""
    assert retry_after(value) == seconds


def test_retry_after_may_be_a_date() -> None:
    """One in the past means now."""
    assert retry_after("Thu, 01 Jan 1970 00:00:00 GMT") == 0.0
