"""What a reply to a command that sends may be believed: each rule, with the reply that would break it."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickasync.codes import ErrorCode
from clickasync.errors import ApiError, CreditError, ProtocolError, SessionExpiredError, UnreachableError
from clickasync.law import Believed, Reply
from clickasync.protocol.lines import Line, Lines, read_line, read_lines

ID: Final = "a0b1c2d3e4f5a0b1c2d3e4f5a0b1c2d3"
ID2: Final = "b0b1c2d3e4f5a0b1c2d3e4f5a0b1c2d3"
ANN: Final = "27821234567"
BOB: Final = "27827654321"
CAT: Final = "27829999999"
STRANGER: Final = "44123456789"
BOM: Final = "\ufeff"


def plain(line: Line) -> object:
    """A line as something that can be compared."""
    return (line.code, line.description) if isinstance(line, ApiError) else line


def one(text: str, number: str = ANN, *, is_framed: bool = True) -> tuple[object, bool]:
    """What is believed of a call of one, and whether its connection may be used again."""
    found = read_line(Reply(text.encode(), is_framed), number)
    return plain(found.value), found.in_step


def many(text: str, numbers: Sequence[str], *, is_framed: bool = True) -> tuple[list[object], bool]:
    """What is believed of a call of many, and whether its connection may be used again."""
    found = read_lines(Reply(text.encode(), is_framed), numbers)
    assert isinstance(found.value, Lines), found.value
    return [plain(line) for line in found.value.each], found.in_step


def lines(text: str, numbers: Sequence[str]) -> list[object]:
    return many(text, numbers)[0]


def refusal(text: str, numbers: Sequence[str] = (ANN, BOB)) -> ApiError:
    """The error of the whole call."""
    found = read_lines(Reply(text.encode()), numbers)
    assert isinstance(found.value, ApiError)
    return found.value


def assert_unreadable(text: str, numbers: Sequence[str], *, is_framed: bool = True) -> None:
    with pytest.raises(ProtocolError):
        read_lines(Reply(text.encode(), is_framed), numbers)


# -- the usual


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"ID: a To: {ANN}\nID: b To: {BOB}", ["a", "b"]),
        (f"ID: a To: {ANN}\nID: b To: {BOB}\n", ["a", "b"]),
        (f"ID: a To: {ANN}\nID: b To: {BOB} b", ["a", "b"]),
        (f"ERR: 301 To: {ANN}\nID: b To: {BOB}", [("301", ""), "b"]),
    ],
)
def test_what_is_almost_usual_is_read_as_carefully(text: str, expected: list[object]) -> None:
    """The usual reply is read in a quick way, which must not be taken for any other."""
    assert many(text, [ANN, BOB]) == (expected, True)


@pytest.mark.parametrize("text", [f"ID: {ID}", f"ID:{ID}\r\n", f"ID: {ID} To: {ANN}", f"{BOM}ID: {ID}\n", f"id : {ID}"])
def test_a_message_gets_its_id(text: str) -> None:
    """One recipient, with and without a ``To:``."""
    assert one(text) == (ID, True)
    assert many(text, [ANN]) == ([ID], True)


def test_an_id_is_any_token_in_a_whole_reply() -> None:
    """The documents say 32 hexadecimal digits; it is read as an opaque token all the same."""
    assert one("ID: a-b_c/9") == ("a-b_c/9", True)
    assert lines(f"ID: x! To: {ANN}\nID: y? To: {BOB}", [ANN, BOB]) == ["x!", "y?"]


def test_lines_are_matched_by_number_not_by_position() -> None:
    """The order of lines is not promised."""
    text = f"ID: cc To: {CAT}\nERR: 105, Invalid destination address To: {ANN}\nID: bb To: {BOB}\n"
    assert many(text, [ANN, BOB, CAT]) == ([("105", "Invalid destination address"), "bb", "cc"], True)


def test_the_error_of_a_line_has_its_class_and_description() -> None:
    """A description may hold commas and colons."""
    found = read_lines(Reply(f"ID: aa To: {ANN}\r\nERR: 114, No route: sorry To: {BOB}\r\n".encode()), [ANN, BOB])
    assert isinstance(found.value, Lines)
    accepted, refused = found.value.each
    assert accepted == "aa"
    assert isinstance(refused, UnreachableError)
    assert refused.description == "No route: sorry"


def test_an_error_of_a_line_may_have_no_code_and_no_words() -> None:
    """``ERR:`` without a code exists."""
    text = f"ERR: Some text To: {ANN}\nERR: 105 To: {BOB}\nERR: To: {CAT}"
    assert lines(text, [ANN, BOB, CAT]) == [(None, "Some text"), ("105", ""), (None, "")]


def test_a_recipient_that_no_line_names_has_no_outcome() -> None:
    """It is neither accepted nor rejected."""
    assert many(f"ID: aa To: {ANN}", [ANN, BOB]) == (["aa", None], True)


def test_more_words_may_stand_beside_the_number() -> None:
    """A gateway may learn to say more."""
    assert lines(f"ID: aa To: {ANN} Charge: 1\nID: bb Charge: 1 To: {BOB}", [ANN, BOB]) == ["aa", "bb"]


@pytest.mark.parametrize("line", ["ID: aa Status: 003", "ID: aa words", "ID : aaID : bb To: {ANN}"])
def test_an_id_with_other_words_is_not_an_answer_to_a_send(line: str) -> None:
    """The first is the answer to querymsg: the ID is of another message."""
    assert_unreadable(line.replace("{ANN}", ANN), [ANN])


def test_an_id_before_the_rest_of_a_refusal_counts_for_nobody() -> None:
    """Two records of which the one lost its end and the other its beginning."""
    assert lines(f"ID: aa To: {ANN}\nID: cc 05, Invalid Destination Address To: {BOB}", [ANN, BOB]) == ["aa", None]


@pytest.mark.parametrize("words", ["To: {BOB} (Vodacom)", "To : {BOB}", "To:\u00a0{BOB}", "To:\u00a0{BOB} ."])
def test_a_refusal_that_names_one_speaks_for_nobody_else(words: str) -> None:
    """Wherever the number stands in it. Alone in a reply, it is not the refusal of the whole call."""
    ann, bob = lines(f"ERR: 114, Cannot route message {words.replace('{BOB}', BOB)}", [ANN, BOB])
    assert ann is None
    assert bob is not None


@pytest.mark.parametrize("words", [f"To: {BOB}x", "To: 27 82 123"])
def test_a_refusal_with_half_a_number_speaks_for_nobody(words: str) -> None:
    """It names somebody, and nobody knows whom."""
    assert_unreadable(f"ERR: 114, Cannot route message {words}", [ANN, BOB])


@pytest.mark.parametrize("numbers", [[ANN, BOB], (ANN, BOB)])
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_the_usual_reply_is_read_whatever_its_end(numbers: Sequence[str], end: str) -> None:
    """The path for the usual reply gives what the one for every reply gives."""
    assert many(f"ID: aa To: {ANN}\nID: bb To: {BOB}{end}", numbers) == (["aa", "bb"], True)


@pytest.mark.parametrize("last", ["ID:  To:", "ID: bb For:", "ID: bb:cc To:", "ID: bb TO:", "id: bb To:"])
def test_a_line_that_is_nearly_usual_gets_no_other_meaning(last: str) -> None:
    """The path for the usual reply accepts nothing that the one for every reply does not."""
    quick = read_lines(Reply(f"ID: aa To: {ANN}\n{last} {BOB}".encode()), [ANN, BOB])
    slow = read_lines(Reply(f"\nID: aa To: {ANN}\n{last} {BOB}".encode()), [ANN, BOB])
    assert quick == slow
    assert isinstance(quick.value, Lines)
    assert quick.value.each == ["aa", "bb" if last.lower() == "id: bb to:" else None]


def test_words_in_place_of_every_to_name_nobody() -> None:
    """However usual the rest is."""
    assert_unreadable(f"ID: aa For: {ANN}\nID: bb For: {BOB}", [ANN, BOB])


def test_six_hundred_lines_in_another_order_are_read() -> None:
    """The most recipients of one call."""
    numbers = [f"2782{index:07}" for index in range(600)]
    text = "\r\n".join(f"ID: {index:032x} To: {number}" for index, number in reversed(list(enumerate(numbers))))
    assert lines(text, numbers) == [f"{index:032x}" for index in range(600)]


# -- rule 1: what may have been cut


def test_a_last_line_without_an_end_counts_as_a_whole_id() -> None:
    """An ID has 32 hexadecimal digits, so that one that has them was not cut."""
    assert one(f"ID: {ID}", is_framed=False) == (ID, True)
    assert one(f"ID: {ID} To: {ANN}", is_framed=False) == (ID, True)


@pytest.mark.parametrize(
    "text",
    [
        f"ID: {ID[:-1]}",
        f"ID: {ID}0",
        "ID: 1",
        f"ID: {ID} To:",
        f"ID: {ID} T",
        f"ID: {ID} To: {ANN[:-1]}",
        f"ID: {ID} To: {BOB}",
        "ERR: 105, Invalid destination address",
        "ERR: 301, No credit left",
        f"ERR: 105, Invalid To: {ANN}",
    ],
)
def test_a_last_line_that_may_have_been_cut_decides_nothing(text: str) -> None:
    """Half a line can mean another thing than the whole: a ``To:`` may have followed, an ``ID`` may be longer."""
    assert_unreadable(text, [ANN], is_framed=False)


def test_a_cut_number_is_not_taken_for_a_recipient() -> None:
    """``To: 2782`` may be the beginning of ``To: 27821234567``."""
    short = ANN[:6]
    text = f"ID: {ID} To: {BOB}\nID: {ID2} To: {short}"
    assert many(text, [BOB, short], is_framed=False) == ([ID, None], False)
    assert many(text + "\n", [BOB, short], is_framed=False) == ([ID, ID2], True)
    assert many(text, [short, BOB], is_framed=False) == ([None, ID], False)


def test_an_error_beside_a_cut_line_does_not_speak_for_all() -> None:
    """The line that was cut may have been about one of them."""
    assert_unreadable("ERR: 301, No credit left\nID: a0", [ANN, BOB], is_framed=False)


# -- rule 2: line ends, and two records in one line


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "<br>\n", "<BR/>\r\n", " <br />\n"])
def test_lines_end_in_each_of_these(end: str) -> None:
    """LF, CRLF, CR, or a trailing ``<br>``."""
    text = f"ID: aa To: {ANN}{end}ERR: 105, Invalid To: {BOB}{end}"
    assert many(text, [ANN, BOB]) == (["aa", ("105", "Invalid")], True)
    assert many(text, [ANN, BOB], is_framed=False) == (["aa", ("105", "Invalid")], True)


@pytest.mark.parametrize(
    "joined",
    [
        f"ID: aa To: {ANN} ID: bb To: {BOB}",
        f"ERR: 105, Invalid To: {ANN} ID: bb To: {BOB}",
        f"ID: aa To: {ANN} ERR: 105, Invalid To: {BOB}",
        f"ERR: 105, Invalid To: {ANN} To: {BOB}",
        f"ERR: 105, Invalid ID: bb To: {BOB}",
        f"ID: aa To: {ANN[:4]}ID: bb To: {BOB}",
        f"ERR: 105, InvID: {ID} To: {BOB}",
        f"ID: aa ID: {ID} To: {ANN}",
        f"ID: {ID[:9]}ID: {ID2} To: {BOB}",
        f"ID: {ID[:9]}ERR: 105, No To: {BOB}",
        f"ID: {ID}ID: x To: {BOB}",
        f"ID: {ID} ToID: x To: {BOB}",
        f"ID: {ID} TERR: 105, No To: {BOB}",
        f"ID: ID: {ID} To: {BOB}",
    ],
)
def test_two_records_in_one_line_decide_for_nobody(joined: str) -> None:
    """One of them was cut, and whose is what cannot be seen."""
    assert many(f"{joined}\nID: cc To: {CAT}", [ANN, BOB, CAT]) == ([None, None, "cc"], False)
    assert_unreadable(joined, [ANN])
    assert_unreadable(joined, [BOB])


def test_records_joined_by_blanks_are_not_the_usual_reply() -> None:
    """All on one line: its words are those of the usual reply."""
    assert_unreadable(f"ID: aa To: {ANN} ID: bb To: {BOB}", [ANN, BOB])
    assert_unreadable(f"ID:\naa To: {ANN}\nID: bb\nTo: {BOB}", [ANN, BOB])


def test_a_description_that_names_nobody_is_a_description() -> None:
    """A ``To:`` without a number at its end belongs to the words."""
    assert isinstance(refusal("ERR: 301, refused To: everyone"), CreditError)
    assert one("ERR: 101, No To: given") == (("101", "No To: given"), True)


@pytest.mark.parametrize("line", ["ID: aa To: nobody", "ID: To: 1", f"ID: aa To: {ANN}x", "IDs: aa", "aa"])
def test_what_is_no_record_is_junk(line: str) -> None:
    """It decides for nobody, and its connection is not used again."""
    assert many(f"{line}\nID: bb To: {BOB}", [ANN, BOB]) == ([None, "bb"], False)
    assert_unreadable(line, [ANN])


# -- rule 3: the same number


@pytest.mark.parametrize("prefix", ["+", "00"])
def test_a_plus_or_two_zeros_before_a_number_do_no_harm(prefix: str) -> None:
    """Equal digits behind them are the same number."""
    text = f"ID: aa To: {prefix}{ANN}\nERR: 105, Invalid To: {prefix}{BOB}"
    assert many(text, [ANN, BOB]) == (["aa", ("105", "Invalid")], True)
    assert one(f"ID: aa To: {prefix}{ANN}") == ("aa", True)


@pytest.mark.parametrize("prefix", ["", "1", "27", "264", "1876"])
def test_a_leading_zero_may_be_dropped_or_replaced(prefix: str) -> None:
    """By 1 to 4 digits: the account's country code."""
    assert many(f"ID: aa To: {prefix}821234567", ["0821234567", BOB]) == (["aa", None], True)
    assert one(f"ERR: 105, No To: {prefix}821234567", "0821234567") == (("105", "No"), True)


@pytest.mark.parametrize("numbers", [["821234567", "7821234567"], ["0821234567"], ["27821234568"]])
@pytest.mark.parametrize("to", ["12345821234567", "27821234567"])
def test_no_other_number_is_the_same(numbers: list[str], to: str) -> None:
    """Only one leading zero is replaced, and by at most four digits."""
    if (to, numbers) != ("27821234567", ["0821234567"]):
        assert_unreadable(f"ID: aa To: {to}", numbers)


# -- rule 4: lines without a number


@pytest.mark.parametrize("code", ["003", "301", "101"])
def test_a_sole_error_speaks_for_the_whole_call(code: str) -> None:
    """It holds for every recipient."""
    assert refusal(f"ERR: {code}, Refused\n").code == code
    assert one(f"ERR: {code}, Refused\n") == ((code, "Refused"), True)


def test_a_session_that_expired_is_an_error_of_its_class() -> None:
    """It is not taken for an error of the recipients."""
    assert isinstance(refusal("ERR: 003, Session ID expired"), SessionExpiredError)


@pytest.mark.parametrize(
    "text",
    [
        "ID: aa",
        "ID: aa\nID: bb",
        "ERR: 301, No credit left\nERR: 101, Also",
        "ERR: 301, No credit left\nOops",
        "<html>\nERR: 001, Authentication failed\n</html>",
        "Warning: disk full\nERR: 901, Internal error",
        "ERR: 301, No credit left\nID: aa",
    ],
)
def test_no_other_line_without_a_number_speaks_for_many(text: str) -> None:
    """Nor an error that does not stand alone."""
    assert_unreadable(text, [ANN, BOB])


def test_a_line_without_a_number_beside_others() -> None:
    """It may be about any of them, or about none."""
    assert lines(f"ID: aa To: {ANN}\nERR: 101, Invalid", [ANN, BOB]) == ["aa", None]
    assert many(f"ID: aa To: {ANN}\nID: bb", [ANN, BOB]) == (["aa", None], False)
    assert lines(f"ERR: 105, No To: {ANN}\nID: bb", [ANN, BOB]) == [("105", "No"), None]


@pytest.mark.parametrize("code", ["301", "302", "130"])
def test_no_credit_beside_lines_still_stops(code: str) -> None:
    """Nothing more can be sent, whoever it is about."""
    found = read_lines(Reply(f"ID: aa To: {ANN}\nERR: {code}, None left".encode()), [ANN, BOB])
    assert isinstance(found.value, Lines)
    assert found.value.each == ["aa", None]
    assert found.value.stop is not None
    assert found.value.stop.code == code


def test_another_error_beside_lines_stops_nothing() -> None:
    """Only an account without credit or quota does."""
    found = read_lines(Reply(f"ID: aa To: {ANN}\nERR: 101, Invalid".encode()), [ANN, BOB])
    assert isinstance(found.value, Lines)
    assert found.value.stop is None


# -- rule 5: a call of one


@pytest.mark.parametrize("own", [f"ID: aa To: {ANN}", f"ERR: 105, Invalid To: {ANN}"])
@pytest.mark.parametrize(
    "other", [f"ID: zz To: {STRANGER}", f"ERR: 301, No To: {STRANGER}", "ID: zz", "Oops", "ERR: 301, No"]
)
def test_the_own_line_counts_beside_any_other(own: str, other: str) -> None:
    """What is clear counts; the connection that said the rest is not used again."""
    expected = "aa" if own.startswith("ID") else ("105", "Invalid")
    is_in_step = other.startswith("ERR") and "To:" not in other
    assert one(f"{own}\n{other}") == (expected, is_in_step)
    assert one(f"{other}\n{own}") == (expected, is_in_step)


@pytest.mark.parametrize("foreign", [f"ID: zz To: {STRANGER}", f"ERR: 901, Retry To: {STRANGER}"])
@pytest.mark.parametrize("beside", ["", "\nID: aa", "\nERR: 901, Internal error", "\nERR: 105, Invalid"])
def test_a_reply_about_another_is_unreadable(foreign: str, beside: str) -> None:
    """Be it an ID or an error, alone or beside a line that names nobody."""
    assert_unreadable(foreign + beside, [ANN])


@pytest.mark.parametrize(
    "text", ["ID: aa\nID: bb", "ID: aa\nERR: 301, No", "<p>\nID: aa", f"ID: aa To: {ANN}\nERR: 1 To: {ANN}"]
)
def test_lines_that_contradict_each_other_decide_nothing(text: str) -> None:
    """The message may have been taken."""
    assert_unreadable(text, [ANN])


@pytest.mark.parametrize(
    ("text", "numbers", "why"),
    [
        (f"ID: aa To: {ANN}\nERR: 1 To: {ANN}", [ANN], "its lines about the recipient contradict each other"),
        (f"ID: aa To: {STRANGER}", [ANN], "no line of it is about the recipient alone"),
        ("ID: aa\nID: bb", [ANN], "its lines contradict each other"),
        ("ID: aa", [ANN, BOB], "no line of it is about one of the recipients"),
    ],
)
def test_an_unreadable_reply_says_why_and_what_it_was(text: str, numbers: list[str], why: str) -> None:
    """The reason in our words, and the beginning of the reply."""
    with pytest.raises(ProtocolError) as caught:
        read_lines(Reply(text.encode()), numbers)
    assert caught.value.reason == f"the reply cannot be read: {why}"
    assert caught.value.reply == text


def test_an_empty_reply_to_a_send_is_called_empty() -> None:
    """There is nothing to show of it."""
    for numbers in ([ANN], [ANN, BOB]):
        with pytest.raises(ProtocolError) as caught:
            read_lines(Reply(b" \n"), numbers)
        assert (caught.value.reason, caught.value.reply) == ("the reply is empty", "")


def test_a_line_that_stands_twice_is_one() -> None:
    """But its connection is not used again."""
    assert one(f"ID: aa To: {ANN}\nID: aa To: {ANN}") == ("aa", False)
    assert many(f"ID: aa To: {ANN}\nID: aa To: {ANN}", [ANN]) == (["aa"], False)
    assert one("ID: aa\nID: aa") == ("aa", False)


# -- rule 6: a number that was asked for n times


def test_a_number_sent_twice_has_two_lines() -> None:
    """Nobody can say which line is whose, and it does not matter."""
    text = f"ID: aa To: {ANN}\nID: bb To: {BOB}\nID: cc To: {ANN}"
    assert many(text, [ANN, ANN, BOB]) == (["aa", "cc", "bb"], True)


@pytest.mark.parametrize(
    ("of_ann", "expected"),
    [
        (["ID: aa"], ["aa", None]),
        (["ID: aa", "ID: aa"], ["aa", None]),
        (["ID: aa", "ERR: 105, No"], ["aa", ("105", "No")]),
        (["ID: aa", "ID: aa", "ERR: 105, No"], ["aa", ("105", "No")]),
        (["ID: aa", "ID: cc", "ERR: 105, No"], [None, None]),
        (["ID: aa", "ID: cc", "ID: dd"], ["aa", "cc"]),
        (["ERR: 105, No", "ERR: 114, Not", "ERR: 105, No"], [("105", "No"), ("114", "Not")]),
    ],
)
def test_lines_of_a_number_sent_twice(of_ann: list[str], expected: list[object]) -> None:
    """Equal IDs count once; more than two lines, mixed: nobody can know."""
    text = "\n".join([*(f"{line} To: {ANN}" for line in of_ann), f"ID: bb To: {BOB}"])
    assert lines(text, [ANN, ANN, BOB]) == [*expected, "bb"]


@pytest.mark.parametrize(
    ("of_ann", "expected"),
    [
        (["ID: aa", "ID: aa"], "aa"),
        (["ID: aa", "ID: cc"], "aa"),
        (["ID: aa", "ERR: 105, No"], None),
        (["ERR: 105, No", "ID: aa"], None),
        (["ERR: 105, No", "ERR: 114, Not"], ("105", "No")),
    ],
)
def test_too_many_lines_of_a_number_sent_once(of_ann: list[str], expected: object) -> None:
    """A doubled line makes nobody Rejected who may have been accepted. The connection is not used again."""
    text = "\n".join([*(f"{line} To: {ANN}" for line in of_ann), f"ID: bb To: {BOB}"])
    assert many(text, [ANN, BOB]) == ([expected, "bb"], False)


def test_equal_lines_in_the_usual_order_count_once_too() -> None:
    """The path for the usual reply must not miss it."""
    assert many(f"ID: aa To: {ANN}\nID: aa To: {ANN}", [ANN, ANN]) == (["aa", None], False)


# -- rule 7: nobody's line is lent


def test_a_number_as_it_was_sent_comes_before_a_normalised_one() -> None:
    """The line of a number that was asked for is never another's."""
    assert lines(f"ID: aa To: {ANN}", ["0821234567", ANN]) == [None, "aa"]
    assert many(f"ID: aa To: {ANN}\nID: bb To: {ANN}", ["0821234567", ANN]) == ([None, "aa"], False)


def test_two_lines_that_may_mean_one_recipient_mean_nobody() -> None:
    """One of them is about somebody else, and nobody knows which."""
    text = "ID: aa To: 27821234567\nID: bb To: 44821234567\nID: cc To: 27827654321"
    assert many(text, ["0821234567", BOB]) == ([None, "cc"], False)


def test_a_line_that_may_mean_two_recipients_means_nobody() -> None:
    """``27821234567`` is 0821234567 with one country code, and 01234567 with another."""
    text = f"ID: aa To: 27821234567\nID: bb To: {BOB}"
    assert many(text, ["0821234567", "01234567", BOB]) == ([None, None, "bb"], False)


def test_a_normalised_number_may_have_been_sent_twice() -> None:
    """As one that was not normalised."""
    numbers = ["0821234567", "0821234567"]
    assert lines(f"ID: aa To: {ANN}\nID: bb To: {ANN}", numbers) == ["aa", "bb"]
    assert lines(f"ID: aa To: {ANN}", numbers) == ["aa", None]


def test_two_spellings_of_one_recipient_decide_for_nobody() -> None:
    """As it was sent, and normalised: the second line is somebody else's, and the first is clear."""
    assert many("ID: aa To: 0821234567\nID: bb To: 27821234567", ["0821234567", BOB]) == (["aa", None], False)


# -- rule 8: lines about numbers that nobody asked for


def test_a_foreign_line_costs_the_connection_not_the_others() -> None:
    """What is clear counts, and who is not named is Uncertain."""
    text = f"ID: aa To: {ANN}\nID: zz To: {STRANGER}"
    assert many(text, [ANN, BOB]) == (["aa", None], False)


@pytest.mark.parametrize("beside", ["", "\nERR: 301, No credit left", "\nID: aa"])
def test_lines_about_nobody_here_are_unreadable(beside: str) -> None:
    """The reply is to another request."""
    assert_unreadable(f"ID: zz To: {STRANGER}\nERR: 105, No To: {CAT}{beside}", [ANN, BOB])


def test_junk_beside_lines_costs_the_connection() -> None:
    """It may be the end of another reply."""
    assert many(f"<pre>\nID: aa To: {ANN}\n\n~\n", [ANN, BOB]) == (["aa", None], False)


# -- properties

blanks = st.text(" \t", max_size=2)
some_blanks = st.text(" \t", min_size=1, max_size=2)
tokens = st.from_regex(r"[0-9A-Za-z-]{1,32}", fullmatch=True)
codes = st.sampled_from([*ErrorCode, "777"])
descriptions = st.one_of(
    st.sampled_from(["Invalid destination address", "A, b: c", "Sent to 27 or so", ""]),
    st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), max_size=20),
)
numbers_as_sent = st.lists(st.from_regex(r"[1-9][0-9]{0,15}", fullmatch=True), min_size=1, max_size=12)
numbers_of_few = st.lists(st.sampled_from([ANN, BOB, CAT]), min_size=1, max_size=12)


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
def replies(draw: st.DrawFn, about: list[tuple[str, Line]]) -> str:
    each = [draw(rendered(line, number)) for number, line in about if line is not None]
    each += draw(st.lists(blanks, max_size=2))
    shuffled = draw(st.permutations(each))
    text = "".join(line + draw(st.sampled_from(["\n", "\r\n"])) for line in shuffled)
    return draw(st.sampled_from(["", BOM])) + text


def check(text: str, numbers: list[str], expected: list[Line]) -> None:
    if all(line is None for line in expected):
        assert_unreadable(text, numbers)
        return
    found = read_lines(Reply(text.encode()), numbers).value
    each = [found] if isinstance(found, ApiError) else found.each
    # Of a number that was sent twice nobody can say which line is whose.
    assert Counter(zip(numbers, map(plain, each), strict=True)) == Counter(
        zip(numbers, map(plain, expected), strict=True)
    )


@given(st.data(), numbers_as_sent | numbers_of_few)
def test_lines_in_any_order_give_what_became_of_each(data: st.DataObject, numbers: list[str]) -> None:
    """Accepted, refused, or not named: each recipient gets its own."""
    expected = [data.draw(outcomes()) for _ in numbers]
    ids = [line for line in expected if isinstance(line, str)]
    if len(ids) == len(set(ids)):
        check(data.draw(replies(list(zip(numbers, expected, strict=True)))), numbers, expected)


@given(st.data(), st.lists(st.from_regex(r"0[1-9][0-9]{8}", fullmatch=True), min_size=2, max_size=8, unique=True))
def test_normalised_numbers_give_what_became_of_each(data: st.DataObject, numbers: list[str]) -> None:
    """A gateway may put its country code in the place of the zero."""
    expected = [data.draw(outcomes()) for _ in numbers]
    as_named = [data.draw(st.sampled_from([number, "27" + number[1:]])) for number in numbers]
    check(data.draw(replies(list(zip(as_named, expected, strict=True)))), numbers, expected)


words = st.lists(
    st.sampled_from(["ID:", "ERR:", "To:", " ", " ", "\n", "105,", "aa", "bb", ANN, BOB, STRANGER, ID, "+", "<br>"]),
    max_size=16,
).map("".join)


@given(
    text=words, numbers=st.sampled_from([[ANN], [ANN, BOB], [ANN, ANN], ["0821234567", BOB]]), is_framed=st.booleans()
)
def test_any_words_are_believed_only_of_those_they_name(text: str, numbers: list[str], is_framed: bool) -> None:
    """Whatever comes, an ID is believed only where it stands in a line with nobody else's number."""
    with contextlib.suppress(ProtocolError):
        found: Believed[Lines | ApiError] = read_lines(Reply(text.encode(), is_framed), numbers)
        if isinstance(found.value, Lines):
            for number, line in zip(numbers, found.value.each, strict=True):
                if isinstance(line, str):
                    candidates = [raw for raw in text.replace("<br>", "\n").split("\n") if line in raw]
                    assert any(
                        number.lstrip("0") in raw or (len(numbers) == 1 and "To:" not in raw) for raw in candidates
                    )


MIB: Final = 1 << 20


@pytest.mark.parametrize(
    "line", ["ERR: 105, No To: 1", "ID: a To: 1", "ID: a To: 27829999999", "ID: a", f"ID: a To: {ANN}"]
)
def test_a_mebibyte_of_lines_is_read_in_one_pass(line: str) -> None:
    """A reader that is quadratic in the lines would take hours."""
    with contextlib.suppress(ProtocolError):
        read_lines(Reply("\n".join([line] * (MIB // len(line))).encode()), [ANN, BOB])
