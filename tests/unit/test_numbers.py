"""Phone numbers: as people write them, or refused with what would be right. Nothing is guessed."""

from __future__ import annotations

import re
from typing import Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clickasync.errors import InvalidNumberError, InvalidOptionError
from clickasync.numbers import all_plain, country_code, normalise
from clickasync.options import compile_message

NBSP, THIN, HYPHEN, FIRM_HYPHEN = "\u00a0", "\u2009", "\u2010", "\u2011"


def refusal(number: object) -> str:
    """What is said of a number that is refused."""
    with pytest.raises(InvalidNumberError) as caught:
        normalise(number)  # type: ignore[arg-type]
    return str(caught.value)


def sender(value: str) -> str:
    """What a sender ID becomes on the wire."""
    return compile_message("Hi", {"from_": value}, 0).fields["from"]


WRITTEN: Final = {
    "27821234567": "27821234567",
    "+27 (82) 123-4567": "27821234567",
    "+27821234567": "27821234567",
    "0027821234567": "27821234567",
    "00-27 82 123 4567": "27821234567",
    "0821234567": "0821234567",
    "(082) 123 4567": "0821234567",
    "[082] 123 4567": "0821234567",
    "082) 123 4567": "0821234567",
    " 27821234567\n": "27821234567",
    f"27{NBSP}821{THIN}234567": "27821234567",
    f"27{HYPHEN}82{FIRM_HYPHEN}1234567": "27821234567",
    "1": "1",
    "0": "0",
    "1" * 16: "1" * 16,
    "+" + "1" * 16: "1" * 16,
    "(+27) 82": "2782",
    "( +27 ) 82": "2782",
    "(00 27) 82": "2782",
    "+49 30 12345-0": "4930123450",
    # Dots: two or more, between groups of 2 to 5 digits; the first group may have 1.
    "+1.555.123.4567": "15551234567",
    "1.555.123.4567": "15551234567",
    "082.123.4567": "0821234567",
    "00 27.82.123.4567": "27821234567",
    "0027.82.123.4567": "27821234567",
    "+27 82.123.45.67": "27821234567",
    "+1.(555).123.4567": "15551234567",
    "(555) 123.45.67": "5551234567",
    "01.23.45.67.89": "0123456789",
    "27.821.234.567": "27821234567",
    "12.34.56 789-0": "1234567890",
    # (0), as E.123 has it: right after a country code.
    "+44 (0)20 7946 0000": "442079460000",
    "+44(0)2079460000": "442079460000",
    "+44 ( 0 ) 20 7946 0000": "442079460000",
    "+44-[0]-20 7946 0000": "442079460000",
    "0044 (0)20 7946 0000": "442079460000",
    "(+44) (0)20 7946 0000": "442079460000",
    "+27 (0) 82 123 4567": "27821234567",
    "+353 (0)86 123 4567": "353861234567",
    "+44.(0)20.7946.0000": "442079460000",
    "+44(0)20.7946.0000": "442079460000",
    "+39 (06) 1234 5678": "390612345678",
}


@pytest.mark.parametrize(("number", "digits"), WRITTEN.items())
def test_a_number_as_people_write_it(number: str, digits: str) -> None:
    assert normalise(number) == digits


FLOATS: Final = [
    "27827654321.0",
    "27827654321.00",
    "+27827654321.0",
    "27827654321,0",
    "278276543.21",
    "27827654321.",
    "0827.0",
    "27,82",
    "2.7827654321E+10",
    "2,7827654321e+10",
    "2.78E10",
    "27827654321e0",
    "1e5",
]


@pytest.mark.parametrize("number", FLOATS)
def test_what_a_spreadsheet_made_a_float_is_refused(number: str) -> None:
    assert "this looks like a number that a spreadsheet turned into a float" in refusal(number)


def test_a_float_without_loss_is_told_how_it_would_be_right() -> None:
    assert refusal("27827654321.0").endswith("format the column as text, as in 27827654321")
    assert refusal("278276543.21").endswith("format the column as text, as in 27821234567")


DOTTED: Final = [
    "082.1234567",
    "082 123.4567",
    "27.8212345.67",
    "27821.234567.00",
    "27.82.1",
    "27.8.21.34",
    "+33 1.23.45.67.89",
    "27..82.12",
    ".27.82.12",
    "27.82.12.",
    "27. 82. 12",
    "27.82 .12",
    "27.82.123456",
    "1.2.3.4",
    "27.82.1 23",
]


@pytest.mark.parametrize("number", DOTTED)
def test_dots_stand_only_between_groups_of_digits(number: str) -> None:
    assert "dot" in refusal(number) or "spreadsheet" in refusal(number)


TRUNKS: Final = [
    "44 (0)20 7946 0000",  # nothing says that 44 is a country code
    "(0)82 123 4567",
    "+(0)82 123 4567",
    "+4 (0)20",
    "+442 (0)79460000",
    "+44 20 (0)7946 0000",
    "+44 (0)(0)20 7946",
    "+44 20 7946 000(0)",
    "+44 (020) 7946 0000",
    "+27 (082) 123 4567",
    "+44 (0 20) 7946 0000",
    "+39 (0)6 1234 5678",  # landline 06 or mobile 6? in Italy both kinds of numbers exist
    "0039 (0)331 1234567",
    "+378 (0)549 886377",
    "+225 (0)7 12 34 56 78",
]


@pytest.mark.parametrize("number", TRUNKS)
def test_a_zero_in_brackets_that_may_be_dialled_or_not(number: str) -> None:
    assert "(0)" in refusal(number)


TWO: Final = [
    "+27821234567/+27827654321",
    "27821234567,27827654321",
    "27821234567;27827654321",
    "27821234567 / 27827654321",
    "0821234567 0827654321",
    "0821234567\n0827654321",
    "12345\t67890",
    "+27821234567+27827654321",
    "+27821234567 (+27827654321)",
    "082 123 4567 or 082 765 4321",
    "082 123 4567 & 082 765 4321",
]


@pytest.mark.parametrize("number", TWO)
def test_two_numbers_in_one_are_refused(number: str) -> None:
    words = refusal(number)
    assert "two numbers" in words
    assert "one number" in words


WRONG: Final = {
    "": "empty",
    " ": "empty",
    "+": "no digits",
    "00": "no digits",
    "()": "no digits",
    "-": "begins with '-'",
    "1" * 17: "17 digits",
    "+" + "1" * 17: "17 digits",
    "0" * 16: "no country code begins with 0",
    "(0)0 27 82": "(0)",
    "++27821234567": "+",
    "27+821234567": "+",
    "27821234567+": "+",
    "+0027821234567": "no country code begins with 0",
    "+0821234567": "no country code begins with 0",
    "000821234567": "no country code begins with 0",
    "000027821234567": "no country code begins with 0",
    "0 0 27821234567": "00",
    "-27821234567": "begins with '-'",
    "27 82 CALL NOW": "letters",
    "082 123 4567 ext 5": "letters",
    "tel:+27821234567": "letters",
    "27821234567x5": "letters",
    "#N/A": "letters",
    "nan": "letters",
    "Жанна": "letters",
    "27/82": "'/'",
    "*27821234567": "'*'",
    "27–82–1234567": "'–'",
    "'27821234567": '"\'"',
    "=27821234567": "'='",
    "27;82": "';'",
    "٢٧٨٢": "digits 0 to 9",
    "２７８２": "digits 0 to 9",
    "²": "digits 0 to 9",
    "\u202a+27821234567\u202c": "invisible character U+202A",
    "27\u200b821234567": "invisible character U+200B",
    "27\x00821234567": "invisible character U+0000",
}


@pytest.mark.parametrize(("number", "why"), WRONG.items())
def test_what_is_no_number_is_refused_with_why(number: str, why: str) -> None:
    words = refusal(number)
    assert words.startswith(f"{number[:40]!r} is not a phone number: ")
    assert why in words.removeprefix(f"{number[:40]!r}")
    assert "27821234567" in words


@pytest.mark.parametrize("number", [27821234567, 27821234567.0, None, b"27821234567", ["27821234567"]])
def test_a_number_is_a_str(number: object) -> None:
    words = refusal(number)
    assert f"must be a str, not {type(number).__name__}" in words
    assert "27821234567" in words


@pytest.mark.parametrize("number", ["x" * 100_000, "1" * 100_000, "1." * 50_000, ["1"] * 100_000, "(0)" * 50_000])
def test_at_most_40_characters_of_it_are_shown(number: object) -> None:
    words = refusal(number)
    assert len(words) < 250
    assert "…" in words


digits_of = re.compile("[0-9]").findall

separators = st.sampled_from(["", "", "", " ", "-", " - ", NBSP, HYPHEN, "--"])
plain_digits = st.from_regex(r"\A[1-9][0-9]{0,15}\Z")


@given(plain_digits, st.sampled_from(["", "+", "00", "+ ", "00-", "(+", "(00"]), st.data())
def test_separators_do_not_change_a_number(digits: str, prefix: str, data: st.DataObject) -> None:
    assert normalise(prefix + "".join(digit + data.draw(separators) for digit in digits)) == digits


@given(plain_digits, st.sampled_from(["", "+", "00"]), st.integers(0, 15), st.sampled_from(["()", "[]", "( )", ") "]))
def test_brackets_do_not_change_a_number(digits: str, prefix: str, start: int, brackets: str) -> None:
    area = digits[start : start + 3]
    if not area.startswith("0"):  # which may be dialled or not
        written = f"{prefix}{digits[:start]}{brackets[0]}{area}{brackets[1:]}{digits[start + 3 :]}"
        assert normalise(written) == digits


@given(st.from_regex(r"\A\+?[1-9][0-9]{0,4}(\.[0-9]{2,5}){2,7}\Z"))
def test_groups_between_dots_are_joined(number: str) -> None:
    digits = "".join(digits_of(number))
    if len(digits) <= 16:
        assert normalise(number) == digits
    else:
        assert f"{len(digits)} digits" in refusal(number)


@given(st.from_regex(r"\A[0-9]{1,16}[.,][0-9]*([eE][+-]?[0-9]+)?\Z"), st.sampled_from(["", "+", " "]))
def test_no_decimal_is_a_number(decimal: str, sign: str) -> None:
    refusal(sign + decimal)


@given(st.from_regex(r"\A[1-9][0-9]{0,2}\Z"), st.from_regex(r"\A[1-9][0-9]{1,11}\Z"), st.sampled_from(["+", "00"]))
@example("39", "612345678", "+")
@example("44", "2079460000", "00")
def test_a_trunk_zero_goes_after_a_whole_country_code_only(code: str, rest: str, prefix: str) -> None:
    written = f"{prefix}{code} (0){rest}"
    if country_code(code) == code and code not in {"39", "225", "229", "241", "242", "378"}:
        assert normalise(written) == code + rest
    else:
        refusal(written)


@given(st.text() | st.text(f"+0123456789 -.()[]{NBSP}", max_size=24) | st.text("0127+(.) ", max_size=12))
@example("+44 (0)20 7946 0000")
def test_any_str_is_its_own_digits_or_refused(number: str) -> None:
    try:
        digits = normalise(number)
    except InvalidNumberError:
        return
    assert re.fullmatch("(?!00)[0-9]{1,16}", digits)
    assert normalise(digits) == digits
    written = "".join(digits_of(number))
    without_trunk = "".join(digits_of(re.sub(r"[(\[] ?0 ?[)\]]", "", number, count=1)))
    assert digits in (written, written.removeprefix("00"), without_trunk, without_trunk.removeprefix("00"))


@given(st.lists(st.text("0123456789", max_size=18) | st.text("0127+,\n ", max_size=6), max_size=6))
def test_all_plain_are_those_that_stay_as_they_are(numbers: list[str]) -> None:
    def stays(number: str) -> bool:
        try:
            return normalise(number) == number
        except InvalidNumberError:
            return False

    if numbers:
        assert all_plain(numbers) == all(map(stays, numbers))


def test_country_codes_by_e164() -> None:
    codes = {"27821234567": "27", "12025550123": "1", "79161234567": "7", "263771234567": "263", "8801712345678": "880"}
    assert {number: country_code(number) for number in codes} == codes
    assert [country_code(number) for number in ("0821234567", "", "4", "88")] == [None, None, None, None]


@pytest.mark.parametrize(
    ("number", "digits"),
    [
        ("0027821234", "27821234"),  # ten digits: also ten alphanumerics
        ("00 44 (0)20 7946 0000", "442079460000"),
        ("+27 82 123 4567", "27821234567"),
        ("12345", "12345"),
        ("0821234567", "0821234567"),
    ],
)
def test_a_sender_is_read_as_a_number_is(number: str, digits: str) -> None:
    assert normalise(number) == digits
    assert sender(number) == digits


@pytest.mark.parametrize("number", ["27821234.0", "00", "0000821234", "+44 020/7946", "1" * 17])
def test_a_sender_that_is_no_number_is_refused_with_why(number: str) -> None:
    with pytest.raises(InvalidOptionError) as caught:
        sender(number)
    words = str(caught.value)
    assert words.startswith("from_ must be a number of 1 to 16 digits, or up to 11 letters and digits, not ")
    assert refusal(number).partition("; write")[0].removeprefix(f"{number!r} is not a phone number: ") in words
