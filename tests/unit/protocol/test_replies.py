"""Replies to commands that send nothing: as documented, as gateways write them, and as nobody ever should."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickasync.codes import ErrorCode, MessageStatus
from clickasync.errors import ApiError, AuthenticationError, InvalidRequestError, ProtocolError
from clickasync.law import Believed, Reply
from clickasync.protocol.lines import read_line, read_lines
from clickasync.protocol.replies import (
    read_balance,
    read_batch_id,
    read_charge,
    read_coverage,
    read_done,
    read_session,
    read_state,
    read_voucher,
)
from clickasync.results import MessageCharge, MessageState

ID: Final = "a0b1c2d3e4f5a0b1c2d3e4f5a0b1c2d3"
ANN: Final = "27821234567"
BOB: Final = "27827654321"
BOM: Final = "\ufeff"


def framed(text: str) -> Reply:
    """A reply with its length."""
    return Reply(text.encode())


def unframed(text: str) -> Reply:
    """A reply that ends where the connection was closed."""
    return Reply(text.encode(), is_framed=False)


def reading(read: Callable[[Reply], Any]) -> Callable[[str], Any]:
    """A reader of texts, which raises the error that it was answered."""

    def of_text(text: str) -> Any:
        found = read(framed(text))
        value = found.value if isinstance(found, Believed) else found
        if isinstance(value, ApiError):
            raise value
        return value

    return of_text


READERS: Final[dict[str, Callable[[str], Any]]] = {
    "batch": reading(read_batch_id),
    "line": reading(partial(read_line, number=ANN)),
    "lines of one": reading(partial(read_lines, numbers=[ANN])),
    "lines of many": reading(partial(read_lines, numbers=[ANN, BOB, "0829999999"])),
    "session": reading(read_session),
    "done": reading(read_done),
    "voucher": reading(read_voucher),
    "balance": reading(read_balance),
    "state": reading(read_state),
    "charge": reading(read_charge),
    "coverage": reading(partial(read_coverage, msisdn=ANN)),
}
every_reader = pytest.mark.parametrize("read", READERS.values(), ids=READERS.keys())


def refusal(read: Callable[[str], object], text: str) -> ApiError:
    with pytest.raises(ApiError) as caught:
        read(text)
    return caught.value


# -- every command's success


@pytest.mark.parametrize("text", [f"OK: {ID}", f"OK:{ID}", f" OK : {ID} \r\n", f"{BOM}OK: {ID}\n\n", f"ok: {ID}"])
def test_auth_gives_the_session(text: str) -> None:
    assert READERS["session"](text) == ID


@pytest.mark.parametrize("text", ["OK:", "OK: ", "OK", "OK\r\n", "OK: Session extended", f"{BOM}OK:", "\nOK:\n"])
def test_ping_and_endbatch_say_ok(text: str) -> None:
    READERS["done"](text)


@pytest.mark.parametrize(
    "text",
    [f"ID: {ID} Status: 004", f"ID:{ID} Status:004\r\n", f"apiMsgId: {ID} status: 004", f"Status: 004 ID: {ID}"],
)
def test_a_status_is_read_in_both_dialects_and_in_any_order(text: str) -> None:
    assert READERS["state"](text) == MessageState(ID, MessageStatus.RECEIVED_BY_RECIPIENT)


@pytest.mark.parametrize(
    "text",
    [
        f"ID: {ID} Charge: 0.8 Status: 004",
        f"apiMsgId: {ID} charge: 0.8 status: 004",
        f"APIMSGID:{ID} CHARGE:0.8 STATUS:004\r\n",
        f"status: 004 charge: 0.8 apiMsgId: {ID}",
        f"{BOM}Charge: 0.8\nStatus: 004\nID: {ID}\n",
    ],
)
def test_a_charge_is_read_in_both_dialects_and_in_any_order(text: str) -> None:
    assert READERS["charge"](text) == MessageCharge(ID, Decimal("0.8"), MessageStatus.RECEIVED_BY_RECIPIENT)


def test_a_status_that_no_table_lists_survives() -> None:
    assert READERS["state"](f"ID: {ID} Status: 013").status.name == "UNKNOWN_013"


@pytest.mark.parametrize(
    ("text", "credits"),
    [("Credit: 12.3", "12.3"), ("Credit:0.0\r\n", "0.0"), ("credit: 1000", "1000"), ("Credit: -0.5", "-0.5")],
)
def test_the_balance_is_an_exact_number_of_credits(text: str, credits: str) -> None:
    assert str(READERS["balance"](text)) == credits


def test_a_voucher_is_answered_by_605() -> None:
    assert READERS["voucher"]("OK: 605") == "605"


def test_a_covered_prefix() -> None:
    words = "This prefix is currently supported. Messages sent to this prefix will be routed. Charge: 1.5"
    coverage = READERS["coverage"](f"OK: {words}\n")
    assert (coverage.msisdn, coverage.covered, coverage.charge) == (ANN, True, Decimal("1.5"))
    assert coverage.message == words


@pytest.mark.parametrize("word", ["Charge", "charge", "CHARGE"])
def test_the_charge_of_a_covered_prefix_is_read_in_any_case(word: str) -> None:
    assert READERS["coverage"](f"OK: covered. {word}: 0.8").charge == Decimal("0.8")


def test_a_covered_prefix_without_a_charge() -> None:
    assert READERS["coverage"]("OK: This prefix is currently supported.").charge is None


def test_a_prefix_that_is_not_covered_is_an_answer() -> None:
    words = "This prefix is not currently supported. Messages sent to this prefix will fail."
    coverage = READERS["coverage"](f"ERR: {words}")
    assert (coverage.msisdn, coverage.covered) == (ANN, False)
    assert (coverage.charge, coverage.message) == (None, words)


def test_an_error_with_a_code_is_no_answer_about_coverage() -> None:
    with pytest.raises(AuthenticationError):
        READERS["coverage"]("ERR: 001, Authentication failed")


# -- every command's failure


@every_reader
@pytest.mark.parametrize("code", ErrorCode)
@pytest.mark.parametrize("end", ["", "\r\n"])
def test_every_reader_raises_the_error_that_the_gateway_answered(
    read: Callable[[str], Any], code: ErrorCode, end: str
) -> None:
    error = refusal(read, f"ERR: {code}, {code.description}{end}")
    assert (error.code, error.description) == (code, code.description)


@pytest.mark.parametrize(
    ("text", "code", "description"),
    [
        ("ERR: 001, Authentication failed", "001", "Authentication failed"),
        ("ERR:001,Authentication failed", "001", "Authentication failed"),
        ("ERR : 001 , Authentication failed", "001", "Authentication failed"),
        (f"{BOM}ERR: 001, Authentication failed", "001", "Authentication failed"),
        ("\r\n ERR:  001,  Authentication failed \r\n", "001", "Authentication failed"),
        ("ERR: 301", "301", ""),
        ("ERR: 777, Something new", "777", "Something new"),
        ("ERR: 101, Invalid: to, from, or text", "101", "Invalid: to, from, or text"),
        ("ERR: 101, Sent To: nobody", "101", "Sent To: nobody"),
        ("ERR: 101, No To: given", "101", "No To: given"),
        ("ERR: 101, To:", "101", "To:"),
        ("ERR: Some text", None, "Some text"),
        ("ERR: Some text, 101: more", None, "Some text, 101: more"),
        ("ERR: 1010, not a code", None, "1010, not a code"),
        ("ERR: 10, not a code", None, "10, not a code"),
        ("ERR: ٣٠١, not a code", None, "٣٠١, not a code"),
        ("ERR:", None, ""),
    ],
)
def test_an_error_is_its_code_and_its_description(text: str, code: str | None, description: str) -> None:
    for read in (READERS["line"], READERS["lines of many"], READERS["state"]):
        error = refusal(read, text)
        assert (error.code, error.description) == (code, description)


def test_of_two_errors_the_one_with_a_code_is_told() -> None:
    error = refusal(READERS["voucher"], "ERR: Voucher refused\nERR: 101, Invalid or missing parameters\n")
    assert isinstance(error, InvalidRequestError)


# -- what cannot be read


@every_reader
@pytest.mark.parametrize(
    "text", ["", "\r\n \n", BOM, "junk", "<html>Bad gateway</html>", "ID", "OKAY", "E R R: 001, no"]
)
def test_what_is_no_reply_is_a_protocol_error(read: Callable[[str], Any], text: str) -> None:
    with pytest.raises(ProtocolError):
        read(text)


def test_a_protocol_error_holds_the_beginning_of_the_reply() -> None:
    with pytest.raises(ProtocolError) as caught:
        READERS["balance"]("\n" + "junk " * 1000)
    assert caught.value.reply.startswith("junk junk")
    assert len(caught.value.reply) <= 200


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (framed(" \r\n"), "the reply is empty"),
        (unframed(""), "the reply is empty"),
        (framed("junk"), "the reply cannot be read"),
        (unframed("junk\n"), "the reply cannot be read, or was cut"),
    ],
)
def test_a_protocol_error_says_what_was_wrong(reply: Reply, reason: str) -> None:
    """A reply that is not framed may have been cut."""
    with pytest.raises(ProtocolError) as caught:
        read_batch_id(reply)
    assert (caught.value.reason, caught.value.reply) == (reason, reply.text.strip())


@pytest.mark.parametrize(
    ("read", "text"),
    [
        ("state", f"ID: {ID}"),
        ("state", "Status: 004"),
        ("charge", f"ID: {ID} Status: 004"),
        ("charge", f"ID: {ID} Charge: much Status: 004"),
        ("charge", f"ID: {ID} Charge: NaN Status: 004"),
        ("state", f"Error ID: {ID} Status: 503 Service Unavailable"),
        ("state", f"<b>ID: {ID} Status: 503</b>"),
        ("charge", f"Oops. ID: {ID} Charge: 1 Status: 004"),
        ("balance", "You owe us. Credit: 5"),
        ("balance", "Credit: much"),
        ("balance", "Credit: Infinity"),
        ("balance", "Credit:"),
        ("batch", "ID:"),
        ("batch", f"ID: {ID}\nID: 5e55"),
        ("voucher", f"ID: {ID}"),
        ("done", f"ID: {ID}"),
    ],
)
def test_an_incomplete_reply_is_a_protocol_error(read: str, text: str) -> None:
    with pytest.raises(ProtocolError):
        READERS[read](text)


@pytest.mark.parametrize(
    "text",
    [
        f"OK {ID}",
        f"Session {ID} started",
        f"OK: {ID} {ID}",
        f"OK: {ID}\nand more",
        f"<p>OK: {ID}</p>",
        f"ID: {ID}",
        " " * 300 + ID,
        "word " * 36 + ID,
        "word " * 39 + ID,
    ],
)
@pytest.mark.parametrize("session", [ID, "a0b1c2d3-e4f5-a0b1-c2d3-e4f5a0b1c2d3", "a0b1.c2d3_e4f5~a0b1/c2d3+e4f5="])
def test_an_unreadable_reply_shows_no_session(text: str, session: str) -> None:
    """A session is not in the error of a reply that cannot be read."""
    with pytest.raises(ProtocolError) as caught:
        READERS["session"](text.replace(ID, session))
    shown = repr(caught.value) + str(caught.value)
    assert not [start for start in range(len(session) - 4) if session[start : start + 5] in shown]


def test_an_unreadable_auth_reply_shows_its_words() -> None:
    """The words of an auth reply that cannot be read are shown."""
    with pytest.raises(ProtocolError) as caught:
        READERS["session"]("502 Bad Gateway of upstream-of-upstream")
    assert caught.value.reason == "the reply to auth cannot be read"
    assert caught.value.reply == "502 Bad Gateway of …"


# -- properties

fragments = st.lists(
    st.sampled_from(
        [
            "ID:",
            "ERR:",
            "OK:",
            "OK",
            "To:",
            " ",
            "\n",
            "\r\n",
            ",",
            ":",
            "001",
            "301",
            ANN,
            "Status:",
            "Charge:",
            "Credit:",
            "004",
            "1.5",
            "1e999999999999999999999",
            "NaN",
            BOM,
            "٣٠١",
            "aa",
            "apiMsgId:",
            "+",
            "\x00",
            "\u2028",
        ]
    ),
    max_size=20,
).map("".join)


@every_reader
@given(text=st.text() | fragments)
def test_any_text_gives_a_value_an_api_error_or_a_protocol_error(read: Callable[[str], Any], text: str) -> None:
    with contextlib.suppress(ApiError, ProtocolError):
        read(text)


MIB: Final = 1 << 20


@pytest.mark.parametrize("name", ["line", "lines of many", "session", "voucher", "charge", "coverage"])
@pytest.mark.parametrize(
    "unit",
    [" ", "\n", "\r", "a", ":", "To:", "To: ", " To: 1", "ID:", "ID: \n", "ERR: ", "Charge: ", "1", "aaaaaaaaaaaa "],
    ids=repr,
)
def test_a_long_reply_of_anything_is_read_in_one_pass(name: str, unit: str) -> None:
    # A reader that is quadratic in any of these would take minutes.
    body = unit * (MIB // 4 // len(unit))
    for text in (body, f"ID: a To: 1{body}", f"ERR: 301, {body}x"):
        with contextlib.suppress(ApiError, ProtocolError):
            READERS[name](text)


@every_reader
def test_an_error_on_a_page_of_junk_is_no_verdict(read: Callable[[str], object]) -> None:
    """An error on a page of junk is no verdict for any command."""
    with pytest.raises(ProtocolError):
        read("<html>\nERR: 104, Unknown client message ID\n</html>")


# -- what may have been cut


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (read_session, f"OK: {ID}"),
        (read_done, "OK"),
        (read_done, "OK:"),
        (read_batch_id, f"ID: {ID}"),
        (read_state, f"ID: {ID} Status: 004"),
        (read_charge, f"apiMsgId: {ID} charge: 0.8 status: 004"),
    ],
)
def test_a_last_line_without_an_end_counts_in_these_forms(read: Callable[[Reply], object], text: str) -> None:
    """Half a line cannot look so."""
    read(unframed(text))


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (read_session, f"OK: {ID[:-1]}"),
        (read_session, f"OK: {ID}0"),
        (read_session, "OK: 5e55"),
        (read_batch_id, f"ID: {ID[:-1]}"),
        (read_balance, "Credit: 12"),
        (read_balance, "Credits: 12.5"),
        (read_voucher, "OK: 605"),
        (read_voucher, "ERR: 606, Invalid Voucher"),
        (read_state, f"ID: {ID} Status: 00"),
        (read_state, f"Status: 004 ID: {ID}"),
        (read_charge, f"ID: {ID} Status: 004 Charge: 0.8"),
        (read_done, "ERR: 00"),
        (read_done, "ERR: 003"),
        (partial(read_coverage, msisdn=ANN), "OK: This prefix is currently supp"),
        (partial(read_coverage, msisdn=ANN), "ERR: This prefix is not currently supp"),
    ],
)
def test_a_last_line_that_may_have_been_cut_does_not_count(read: Callable[[Reply], object], text: str) -> None:
    """Where the connection was closed there may have been more: a balance of 12 may be one of 1234."""
    with pytest.raises(ProtocolError, match="cut|auth"):
        read(unframed(text))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "<br>", "<BR />", " <br>\n"])
def test_a_line_with_an_end_is_whole(end: str) -> None:
    """LF, CRLF, CR and a trailing ``<br>`` end a line."""
    assert read_balance(unframed(f"Credit: 12{end}")) == 12
    assert read_batch_id(framed(f"ID: 5e55{end}")) == "5e55"


@pytest.mark.parametrize("read", [read_session, read_done, read_balance, read_state, read_charge, read_batch_id])
def test_an_error_cut_behind_its_code(read: Callable[[Reply], object]) -> None:
    """It may have lost words, and a repeat can do no harm."""
    with pytest.raises(AuthenticationError):
        read(unframed("ERR: 001, Authenticat"))


@pytest.mark.parametrize("word", ["Credit", "Credits", "CREDITS"])
def test_credits_are_read_in_both_spellings(word: str) -> None:
    """An archived page of the vendor's shows ``Credits: 123.00``."""
    assert str(read_balance(framed(f"{word}: 123.00"))) == "123.00"
