"""Every reply of the HTTP API, as documented, as gateways write it, and as nobody ever should."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickasync.codes import ErrorCode, MessageStatus
from clickasync.errors import (
    ApiError,
    AuthenticationError,
    CreditError,
    InvalidRequestError,
    ProtocolError,
    SessionExpiredError,
    UnknownMessageError,
    UnreachableError,
)
from clickasync.protocol.replies import (
    Line,
    match_lines,
    read_balance,
    read_charge,
    read_coverage,
    read_done,
    read_id,
    read_lines,
    read_session,
    read_state,
    read_voucher,
)
from clickasync.results import MessageCharge, MessageState

ID: Final = "a0b1c2d3e4f5a0b1c2d3e4f5a0b1c2d3"
ANN: Final = "27821234567"
BOB: Final = "27827654321"
CAT: Final = "27829999999"
BOM: Final = "\ufeff"

READERS: Final[dict[str, Callable[[str], Any]]] = {
    "id": read_id,
    "lines of one": partial(read_lines, numbers=[ANN]),
    "lines of many": partial(read_lines, numbers=[ANN, BOB, "0829999999"]),
    "session": read_session,
    "done": read_done,
    "voucher": read_voucher,
    "balance": read_balance,
    "state": read_state,
    "charge": read_charge,
    "coverage": partial(read_coverage, msisdn=ANN),
}
SENDING: Final = ["id", "lines of one", "lines of many", "voucher"]

every_reader = pytest.mark.parametrize("read", READERS.values(), ids=READERS.keys())


def told(line: Line) -> object:
    """A line as something that can be compared."""
    return (line.code, line.description) if isinstance(line, ApiError) else line


def refusal(read: Callable[[str], object], text: str) -> ApiError:
    with pytest.raises(ApiError) as caught:
        read(text)
    return caught.value


# -- every command's success


@pytest.mark.parametrize("text", [f"OK: {ID}", f"OK:{ID}", f" OK : {ID} \r\n", f"{BOM}OK: {ID}\n\n", f"ok: {ID}"])
def test_auth_gives_the_session(text: str) -> None:
    assert read_session(text) == ID


@pytest.mark.parametrize("text", ["OK:", "OK: ", "OK", "OK\r\n", "OK: Session extended", f"{BOM}OK:", "\nOK:\n"])
def test_ping_and_endbatch_say_ok(text: str) -> None:
    read_done(text)


@pytest.mark.parametrize("text", [f"ID: {ID}", f"ID:{ID}\r\n", f"ID: {ID} To: {ANN}", f"\n{BOM}ID: {ID}\n".strip("\n")])
def test_a_message_gets_its_id(text: str) -> None:
    assert read_id(text) == ID
    assert read_lines(text, [ANN]) == [ID]


@pytest.mark.parametrize(
    "text",
    [f"ID: {ID} Status: 004", f"ID:{ID} Status:004\r\n", f"apiMsgId: {ID} status: 004", f"Status: 004 ID: {ID}"],
)
def test_a_status_is_read_in_both_dialects_and_in_any_order(text: str) -> None:
    assert read_state(text) == MessageState(ID, MessageStatus.RECEIVED_BY_RECIPIENT)


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
    assert read_charge(text) == MessageCharge(ID, Decimal("0.8"), MessageStatus.RECEIVED_BY_RECIPIENT)


def test_a_status_that_no_table_lists_survives() -> None:
    assert read_state(f"ID: {ID} Status: 013").status.name == "UNKNOWN_013"


@pytest.mark.parametrize(
    ("text", "credits"),
    [("Credit: 12.3", "12.3"), ("Credit:0.0\r\n", "0.0"), ("credit: 1000", "1000"), ("Credit: -0.5", "-0.5")],
)
def test_the_balance_is_an_exact_number_of_credits(text: str, credits: str) -> None:
    assert str(read_balance(text)) == credits


def test_a_voucher_is_answered_by_605() -> None:
    assert read_voucher("OK: 605") == "605"


def test_a_covered_prefix() -> None:
    words = "This prefix is currently supported. Messages sent to this prefix will be routed. Charge: 1.5"
    coverage = read_coverage(f"OK: {words}\n", ANN)
    assert (coverage.msisdn, coverage.covered, coverage.charge) == (ANN, True, Decimal("1.5"))
    assert coverage.message == words


def test_a_covered_prefix_without_a_charge() -> None:
    assert read_coverage("OK: This prefix is currently supported.", ANN).charge is None


def test_a_prefix_that_is_not_covered_is_an_answer() -> None:
    words = "This prefix is not currently supported. Messages sent to this prefix will fail."
    coverage = read_coverage(f"ERR: {words}", ANN)
    assert (coverage.covered, coverage.charge, coverage.message) == (False, None, words)


def test_an_error_with_a_code_is_no_answer_about_coverage() -> None:
    with pytest.raises(AuthenticationError):
        read_coverage("ERR: 001, Authentication failed", ANN)


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
    for read in (read_id, partial(read_lines, numbers=[ANN, BOB]), read_state):
        error = refusal(read, text)
        assert (error.code, error.description) == (code, description)


def test_of_two_errors_the_one_with_a_code_is_told() -> None:
    error = refusal(read_voucher, "ERR: Voucher refused\nERR: 101, Invalid or missing parameters\n")
    assert isinstance(error, InvalidRequestError)


def test_the_first_of_two_errors_is_told() -> None:
    assert refusal(read_id, "ERR: 301, No credit left\nERR: 101, Also").code == "301"


@pytest.mark.parametrize(
    ("code", "kind"),
    [("003", SessionExpiredError), ("005", SessionExpiredError), ("104", UnknownMessageError), ("301", CreditError)],
)
def test_a_refusal_of_a_whole_call_to_many_is_raised(code: str, kind: type[ApiError]) -> None:
    with pytest.raises(kind):
        read_lines(f"ERR: {code}, Refused\n", [ANN, BOB])


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
        read_balance("\n" + "junk " * 1000)
    assert caught.value.reply.startswith("junk junk")
    assert len(caught.value.reply) <= 200


def test_an_empty_reply_is_called_empty() -> None:
    with pytest.raises(ProtocolError, match="empty"):
        read_id(" \r\n")


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (read_state, f"ID: {ID}"),
        (read_state, "Status: 004"),
        (read_charge, f"ID: {ID} Status: 004"),
        (read_charge, f"ID: {ID} Charge: much Status: 004"),
        (read_charge, f"ID: {ID} Charge: NaN Status: 004"),
        (read_state, f"Error ID: {ID} Status: 503 Service Unavailable"),
        (read_state, f"<b>ID: {ID} Status: 503</b>"),
        (read_charge, f"Oops. ID: {ID} Charge: 1 Status: 004"),
        (read_balance, "You owe us. Credit: 5"),
        (read_balance, "Credit: much"),
        (read_balance, "Credit: Infinity"),
        (read_balance, "Credit:"),
        (read_id, "ID:"),
        (read_voucher, f"ID: {ID}"),
        (read_done, f"ID: {ID}"),
    ],
)
def test_an_incomplete_reply_is_a_protocol_error(read: Callable[[str], Any], text: str) -> None:
    with pytest.raises(ProtocolError):
        read(text)


@pytest.mark.parametrize("name", SENDING)
@pytest.mark.parametrize(
    "text",
    [
        "<html>\nERR: 001, Authentication failed\n</html>",
        "ERR: 301, No credit left\nOops",
        "Warning: disk full\nERR: 901, Internal error",
        "ERR: Some text\nOK: 605",
    ],
)
def test_a_send_does_not_take_an_error_out_of_junk(name: str, text: str) -> None:
    with pytest.raises(ProtocolError):
        READERS[name](text)


@pytest.mark.parametrize("text", [f"<br>\nID: {ID}\n", f"ID: {ID}\nERR: 301, No credit left"])
def test_a_send_that_was_accepted_stays_accepted_whatever_stands_beside_it(text: str) -> None:
    assert read_id(text) == ID


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
def test_a_session_is_not_in_the_error_of_a_reply_that_cannot_be_read(text: str, session: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        read_session(text.replace(ID, session))
    shown = repr(caught.value) + str(caught.value)
    assert not [start for start in range(len(session) - 4) if session[start : start + 5] in shown]


def test_the_words_of_an_auth_reply_that_cannot_be_read_are_shown() -> None:
    with pytest.raises(ProtocolError, match="502 Bad Gateway"):
        read_session("502 Bad Gateway")


# -- the lines of many recipients


def test_lines_are_matched_by_number_and_never_by_position() -> None:
    text = f"ID: cc To: {CAT}\nERR: 105, Invalid destination address To: {ANN}\nID: bb To: {BOB}\n"
    assert [told(line) for line in read_lines(text, [ANN, BOB, CAT])] == [
        ("105", "Invalid destination address"),
        "bb",
        "cc",
    ]


def test_the_error_of_a_line_is_of_its_class_and_description() -> None:
    text = f"ID: aa To: {ANN}\r\nERR: 114, Cannot route: no route, sorry To: the network To: {BOB}\r\n"
    accepted, refused = read_lines(text, [ANN, BOB])
    assert accepted == "aa"
    assert isinstance(refused, UnreachableError)
    assert refused.description == "Cannot route: no route, sorry To: the network"


def test_an_error_of_one_recipient_may_have_no_code_and_no_description() -> None:
    text = f"ERR: Some text To: {ANN}\nERR: 105 To: {BOB}\nERR: To: {CAT}"
    assert [told(line) for line in read_lines(text, [ANN, BOB, CAT])] == [
        (None, "Some text"),
        ("105", ""),
        (None, ""),
    ]


def test_who_is_named_by_no_line_has_no_outcome() -> None:
    assert read_lines(f"ID: aa To: {ANN}", [ANN, BOB]) == ["aa", None]


@pytest.mark.parametrize("text", ["ID: aa\nID: bb", "ID: aa", f"ID: aa To: {CAT}", "ID: aa To: nobody\nID: bb To:"])
def test_lines_that_name_nobody_here_are_nobodys(text: str) -> None:
    assert read_lines(text, [ANN, BOB]) == [None, None]


def test_an_error_that_names_nobody_beside_accepted_ones_is_not_told_of_the_rest() -> None:
    assert read_lines(f"ID: aa To: {ANN}\nERR: 301, No credit left", [ANN, BOB]) == ["aa", None]


def test_errors_that_each_name_a_recipient_are_not_the_whole_calls() -> None:
    text = f"ERR: 105, Invalid To: {ANN}\nERR: 114, Cannot route To: {BOB}"
    assert [told(line) for line in read_lines(text, [ANN, BOB])] == [("105", "Invalid"), ("114", "Cannot route")]


def test_a_description_that_speaks_of_someone_is_still_the_whole_calls() -> None:
    with pytest.raises(CreditError, match="refused To: everyone"):
        read_lines("ERR: 301, refused To: everyone", [ANN, BOB])


def test_junk_beside_lines_that_can_be_read_does_no_harm() -> None:
    assert read_lines(f"<pre>\nID: aa To: {ANN}\n\n~\n", [ANN, BOB]) == ["aa", None]


def test_more_may_stand_behind_the_number() -> None:
    assert read_lines(f"ID: aa To: {ANN} Charge: 1\nID: bb Charge: 1 To: {BOB}", [ANN, BOB]) == ["aa", "bb"]


def test_a_plus_before_the_number_does_no_harm() -> None:
    text = f"ID: aa To: +{ANN}\nERR: 105, Invalid To: +{BOB}"
    assert [told(line) for line in read_lines(text, [ANN, BOB])] == ["aa", ("105", "Invalid")]


def test_no_recipients_have_no_lines() -> None:
    assert read_lines("", []) == []


def test_the_usual_reply_is_read_from_tuples_as_from_lists() -> None:
    assert read_lines(f"ID: aa To: {ANN}\nID: bb To: {BOB}", (ANN, BOB)) == ["aa", "bb"]


# -- the same number twice


def test_a_number_sent_twice_has_two_lines() -> None:
    text = f"ID: aa To: {ANN}\nID: bb To: {BOB}\nID: cc To: {ANN}"
    assert read_lines(text, [ANN, ANN, BOB]) == ["aa", "cc", "bb"]


def test_one_line_for_a_number_sent_twice_is_told_once() -> None:
    assert read_lines(f"ID: aa To: {ANN}\nID: bb To: {BOB}", [ANN, ANN, BOB]) == ["aa", None, "bb"]


def test_where_a_number_has_more_lines_than_it_was_sent_accepted_comes_first() -> None:
    text = f"ERR: 105, Invalid To: {ANN}\nID: aa To: {ANN}\nID: bb To: {BOB}"
    assert read_lines(text, [ANN, BOB]) == ["aa", "bb"]


def test_a_line_that_stands_twice_is_told_once() -> None:
    assert read_lines(f"ID: aa To: {ANN}\nID: aa To: {ANN}", [ANN, BOB]) == ["aa", None]


# -- numbers as the gateway normalised them


def test_a_leading_zero_may_have_become_the_accounts_prefix() -> None:
    text = "ID: bb To: 27827654321\nERR: 105, Invalid To: 27821234567"
    assert [told(line) for line in read_lines(text, ["0821234567", "0827654321"])] == [("105", "Invalid"), "bb"]


@pytest.mark.parametrize("prefix", ["1", "27", "264", "1876"])
def test_a_prefix_has_up_to_four_digits(prefix: str) -> None:
    assert match_lines([(f"{prefix}821234567", "aa")], ["0821234567", BOB]) == ["aa", None]


def test_only_a_leading_zero_is_replaced() -> None:
    assert match_lines([("27821234567", "aa")], ["821234567", "7821234567"]) == [None, None]


def test_a_number_as_it_was_sent_comes_before_a_normalised_one() -> None:
    assert match_lines([(ANN, "aa")], ["0821234567", ANN]) == [None, "aa"]
    assert match_lines([(ANN, "aa"), (ANN, "bb")], ["0821234567", ANN]) == ["bb", "aa"]


def test_two_lines_that_may_mean_one_recipient_mean_nobody() -> None:
    assert match_lines([("27821234567", "aa"), ("44821234567", "bb")], ["0821234567", BOB]) == [None, None]


def test_a_line_that_may_mean_two_recipients_means_nobody() -> None:
    assert match_lines([("27821234567", "aa")], ["0821234567", "01234567"]) == [None, None]


def test_a_normalised_number_may_have_been_sent_twice() -> None:
    assert match_lines([(ANN, "aa"), (ANN, "bb")], ["0821234567", "0821234567"]) == ["aa", "bb"]
    assert match_lines([(ANN, "aa")], ["0821234567", "0821234567"]) == ["aa", None]


# -- properties

blanks = st.text(" \t", max_size=2)
some_blanks = st.text(" \t", min_size=1, max_size=2)
tokens = st.from_regex(r"[0-9A-Za-z-]{1,32}", fullmatch=True)
codes = st.sampled_from([*ErrorCode, "777"])
descriptions = st.one_of(
    st.sampled_from(
        ["Invalid destination address", "A, b: c", "Sent To: 27 or so", "To:", "ID: x To: 1", "ERR: y", ""]
    ),
    st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), max_size=20),
)
numbers_as_sent = st.lists(st.from_regex(r"[0-9]{1,16}", fullmatch=True), min_size=1, max_size=12)
numbers_of_few = st.lists(st.sampled_from([ANN, BOB, CAT, "0821234567"]), min_size=1, max_size=12)


@st.composite
def outcomes(draw: st.DrawFn) -> Line:
    kind = draw(st.sampled_from(["accepted", "accepted", "refused", "codeless", "missing"]))
    if kind == "accepted":
        return draw(tokens)
    if kind == "refused":
        return ApiError(ErrorCode(draw(codes)), draw(descriptions))
    return ApiError(None, "x" + draw(descriptions)) if kind == "codeless" else None


@st.composite
def rendered(draw: st.DrawFn, line: str | ApiError, number: str) -> str:
    space = partial(draw, blanks)
    if isinstance(line, str):
        record = f"ID:{space()}{line}{draw(some_blanks)}To:{space()}{number}"
    else:
        code = "" if line.code is None else f"{line.code}{space()},{space()}"
        record = f"ERR:{space()}{code}{line.description}{draw(some_blanks)}To:{space()}{number}"
    return f"{space()}{record}{space()}"


@st.composite
def replies(draw: st.DrawFn, told_of: list[tuple[str, Line]]) -> str:
    lines = [draw(rendered(line, number)) for number, line in told_of if line is not None]
    lines += draw(st.lists(blanks, max_size=2))
    shuffled = draw(st.permutations(lines))
    text = "".join(line + draw(st.sampled_from(["\n", "\r\n"])) for line in shuffled)
    return draw(st.sampled_from(["", BOM])) + text


def check(text: str, numbers: list[str], expected: list[Line]) -> None:
    if all(line is None for line in expected):
        with pytest.raises(ProtocolError):
            read_lines(text, numbers)
    elif len(numbers) == 1 and isinstance(expected[0], ApiError):
        assert told(refusal(partial(read_lines, numbers=numbers), text)) == told(expected[0])
    else:
        found = read_lines(text, numbers)
        # Of a number that was sent twice nobody can say which line is whose.
        assert Counter(zip(numbers, map(told, found), strict=True)) == Counter(
            zip(numbers, map(told, expected), strict=True)
        )


@given(st.data(), numbers_as_sent | numbers_of_few)
def test_whatever_became_of_each_is_read_from_lines_in_any_order(data: st.DataObject, numbers: list[str]) -> None:
    expected = [data.draw(outcomes()) for _ in numbers]
    text = data.draw(replies(list(zip(numbers, expected, strict=True))))
    check(text, numbers, expected)


@given(st.data(), st.lists(st.from_regex(r"0[1-9][0-9]{8}", fullmatch=True), min_size=2, max_size=8, unique=True))
def test_whatever_became_of_each_is_read_where_numbers_are_normalised(data: st.DataObject, numbers: list[str]) -> None:
    expected = [data.draw(outcomes()) for _ in numbers]
    as_named = [data.draw(st.sampled_from([number, "27" + number[1:]])) for number in numbers]
    text = data.draw(replies(list(zip(as_named, expected, strict=True))))
    check(text, numbers, expected)


def test_a_line_is_read_whatever_its_length_of_prefix_and_order() -> None:
    numbers = [f"2782{index:07}" for index in range(600)]
    text = "\r\n".join(f"ID: {index:032x} To: {number}" for index, number in reversed(list(enumerate(numbers))))
    assert read_lines(text, numbers) == [f"{index:032x}" for index in range(600)]


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


@pytest.mark.parametrize("name", ["id", "lines of many", "session", "voucher", "charge", "coverage"])
@pytest.mark.parametrize(
    "unit",
    [" ", "\n", "\r", "a", ":", "To:", "To: ", " To: 1", "ID:", "ID: \n", "ERR: ", "Charge: ", "1", "aaaaaaaaaaaa "],
    ids=repr,
)
def test_a_mebibyte_of_anything_is_read_in_one_pass(name: str, unit: str) -> None:
    # A reader that is quadratic in any of these would take hours.
    body = unit * (MIB // len(unit))
    for text in (body, f"ID: a To: 1{body}", f"ERR: 301, {body}x"):
        with contextlib.suppress(ApiError, ProtocolError):
            READERS[name](text)


@pytest.mark.parametrize("line", ["ERR: 105, No To: 1", "ID: a To: 1", "ID: a To: 27829999999", "ID: a"])
def test_a_mebibyte_of_lines_is_read_in_one_pass(line: str) -> None:
    lines = [line] * (MIB // len(line))
    assert read_lines("\n".join(lines), [ANN, BOB]) == [None, None]


@pytest.mark.parametrize("read", [read_state, read_charge, read_balance, read_done, read_voucher])
def test_an_error_on_a_page_of_junk_is_no_verdict_for_any_command(read: Callable[[str], object]) -> None:
    with pytest.raises(ProtocolError):
        read("<html>\nERR: 104, Unknown client message ID\n</html>")
