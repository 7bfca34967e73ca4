"""Phone numbers (MSISDN): as people write them, and as the gateway takes them.

People write digits, with blanks, hyphens and brackets between them, after a ``+`` or ``00`` or without. Dots count as
separators only where nothing else can be meant: a single dot makes a decimal, and ``27827654321.0``, which a
spreadsheet made of a number, must not become ten times that number. What is not certainly one number is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NoReturn, TypeGuard

from clickasync.errors import InvalidNumberError

__all__ = ["all_plain", "country_code", "normalise"]

_SHOWN: Final = 40
_MOST_DIGITS: Final = 16

_BLANK: Final = "[ \u00a0\u2000-\u200a\u202f\u205f\u3000]"
_HYPHENS: Final = "\\-\u2010\u2011"
_SEPARATOR: Final = re.compile(rf"{_BLANK}|[{_HYPHENS}()\[\].]")
_FOREIGN: Final = re.compile(rf"(?!{_BLANK})[^0-9{_HYPHENS}()\[\].+]")
_INTERNATIONAL: Final = re.compile(rf"(?:{_BLANK}|[(\[])*(?:\+|00)")
_LONE_ZERO: Final = re.compile(rf"[(\[]{_BLANK}*0{_BLANK}*[)\]]")
_BRACKETED_ZERO: Final = re.compile(r"[(\[]0")
_GROUP_BEFORE_DOT: Final = re.compile(r"([0-9]+)[)\]]?$")
_GROUP_AFTER_DOT: Final = re.compile(r"[(\[]?([0-9]+)")

# By E.164 country codes have one digit (1, 7), two (these), or three.
_COUNTRY_CODE: Final = re.compile("[17]|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|[2-9][0-9][0-9]")
# There the zero is part of some numbers and dialled from abroad too, so that "(0)" may mean either: Italy, Ivory
# Coast, Benin, Gabon, Congo, San Marino.
_KEEP_THEIR_ZERO: Final = frozenset({"39", "225", "229", "241", "242", "378"})

_FLOAT: Final = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]*)?(?:[eE][+-]?[0-9]+)?")
_LONG_COMMA: Final = re.compile(r"[0-9]{7,},[0-9]{7,}")
_WHOLE: Final = re.compile(r"\+?([0-9]{1,16})[.,]0*")
_BETWEEN_NUMBERS: Final = re.compile(r"[,;/|&\t\r\n]|\b(?:or|and)\b")


def normalise(number: str) -> str:
    """The digits of a number as people write it.

    Blanks, hyphens, brackets and a leading ``+`` or ``00`` go. Dots go where there are two or more of them, each
    between groups of 2 to 5 digits (the first may have 1). ``(0)`` goes right after a country code, as E.123 has it.
    1 to 16 digits must remain. A single leading zero stays: accounts may have a default prefix.

    >>> normalise("+27 (82) 123-4567")
    '27821234567'
    >>> normalise("+44 (0)20 7946 0000")
    '442079460000'

    Raises:
        InvalidNumberError: it names the number, why it is none, and what would be right.
    """
    # As they are sent: most numbers of most users.
    if isinstance(number, str) and number.isdigit() and number.isascii():
        if len(number) <= _MOST_DIGITS and number[:2] != "00":
            return number
    elif not isinstance(number, str):
        shown = repr(number)
        raise InvalidNumberError(
            f"a number must be a str, not {type(number).__name__}: {_cut(shown)}; write it as in '27821234567'"
        )
    return _read(number)


_PLAIN: Final = re.compile("(?!00)[0-9]{1,16}(?:,(?!00)[0-9]{1,16})*")


def all_plain(items: Sequence[object]) -> TypeGuard[list[str]]:
    """Whether all of `items` are numbers that `normalise` gives back as they are: one look for all of them."""
    try:
        joined = ",".join(items)  # type: ignore[arg-type]
    except TypeError:  # not all of them are str
        return False
    return joined.count(",") == len(items) - 1 and _PLAIN.fullmatch(joined) is not None


def country_code(digits: str) -> str | None:
    """The country code that an international number begins with, by E.164; None where it begins with none.

    >>> country_code("27821234567"), country_code("12025550123"), country_code("263771234567")
    ('27', '1', '263')
    """
    found = _COUNTRY_CODE.match(digits)
    return found[0] if found else None


def _read(written: str) -> str:
    digits = written[1:]
    if (
        written[:1] == "+"
        and digits.isdigit()
        and digits.isascii()
        and len(digits) <= _MOST_DIGITS
        and digits[0] != "0"
    ):
        return digits  # +27821234567: 0.2 µs in place of 1.5
    text = written.strip()
    if _FOREIGN.search(text) or text.startswith(("-", "\u2010", "\u2011")):
        _refuse_characters(written, text)
    prefix = _INTERNATIONAL.match(text)
    rest = text[prefix.end() :] if prefix else text
    if "+" in rest:
        if _digits(text[: text.rindex("+")]) and _digits(rest[rest.rindex("+") :]):
            _refuse(written, "there is a + within: it looks like two numbers; give one number")
        _refuse(written, "a + stands once, and at the beginning")
    if _BRACKETED_ZERO.search(rest) or _LONE_ZERO.search(rest):
        rest = _without_trunk_zero(written, rest, international=prefix is not None)
    if "." in rest and not _dots_group(rest):
        _refuse_dots(written, text)
    digits = _digits(rest)
    if not digits:
        _refuse(written, "it is empty" if not text else "it has no digits")
    if digits[0] == "0" and prefix:
        _refuse(written, "no country code begins with 0")
    if digits.startswith("00"):
        _refuse(written, "00 stands at the beginning, and once")
    if len(digits) > _MOST_DIGITS:
        two = ": these look like two numbers; give one number" if _SEPARATOR.search(text) else ""
        _refuse(written, f"it has {len(digits)} digits{two}")
    return digits


def _digits(text: str) -> str:
    return _SEPARATOR.sub("", text).strip("+")


def _without_trunk_zero(written: str, rest: str, *, international: bool) -> str:
    """`rest` without a ``(0)`` right after the country code, or as it is where a bracket only begins with a zero.

    That zero is dialled within the country, and not from abroad. Where it may be either, nobody can know.
    """
    found = _LONE_ZERO.search(rest)
    if found is None and not international:
        return rest  # (082) 123 4567
    start = found.start() if found else _BRACKETED_ZERO.search(rest).start()  # type: ignore[union-attr]
    code = _digits(rest[:start])
    is_code = international and country_code(code) == code
    if found is None:
        if is_code and code not in _KEEP_THEIR_ZERO:
            _refuse(
                written, f"the zero in brackets is not dialled from abroad, unless as (0): leave it out after {code}"
            )
        return rest
    if not is_code:
        _refuse(written, "(0) stands only right after a country code with + or 00, as in +27 (0)82 123 4567")
    if code in _KEEP_THEIR_ZERO:
        _refuse(written, f"in country {code} some numbers keep their zero: write it without (0), as it is dialled")
    after = rest[found.end() :]
    if _LONE_ZERO.search(after):
        _refuse(written, "(0) stands once")
    before = rest[:start]
    return before + after if before.endswith(".") else f"{before} {after}"


def _dots_group(text: str) -> bool:
    """Whether the dots separate groups: two or more of them, with 2 to 5 digits beside each."""
    pieces = text.split(".")
    if len(pieces) < 3:
        return False
    for index, (left, right) in enumerate(pairwise(pieces)):
        before, after = _GROUP_BEFORE_DOT.search(left), _GROUP_AFTER_DOT.match(right)
        if before is None or after is None:
            return False
        is_first = index == 0 and not _digits(left[: before.start()])
        if not (1 if is_first else 2) <= len(before[1]) <= 5 or not 2 <= len(after[1]) <= 5:
            return False
    return True


# -- why it is none


def _refuse(written: str, why: str, right: str = "write it in international format, as in 27821234567") -> NoReturn:
    raise InvalidNumberError(f"{_cut(written, quoted=True)} is not a phone number: {why}; {right}")


def _cut(text: str, *, quoted: bool = False) -> str:
    shown = text[:_SHOWN]
    return (repr(shown) if quoted else shown) + ("…" if len(text) > _SHOWN else "")


def _refuse_dots(written: str, text: str) -> NoReturn:
    if _FLOAT.fullmatch(text):
        _refuse_float(written, text)
    _refuse(written, "dots separate groups of 2 to 5 digits, two dots or more; leave them out")


def _refuse_float(written: str, text: str) -> NoReturn:
    whole = _WHOLE.fullmatch(text)
    _refuse(
        written,
        "this looks like a number that a spreadsheet turned into a float",
        f"format the column as text, as in {whole[1] if whole else '27821234567'}",
    )


def _refuse_characters(written: str, text: str) -> NoReturn:
    if _FLOAT.fullmatch(text) and not _LONG_COMMA.fullmatch(text) and not text.startswith("-"):
        _refuse_float(written, text)
    found = _FOREIGN.search(text)
    char = found[0] if found else text[0]
    pieces = _BETWEEN_NUMBERS.split(text)
    if len(pieces) > 1 and all(len(re.findall("[0-9]", piece)) >= 5 for piece in pieces):
        _refuse(written, "it looks like two numbers", "give one number, as in 27821234567")
    if char.isalpha():
        _refuse(written, "it holds letters")
    if char.isdigit() or char.isnumeric():
        _refuse(written, f"{char!r} is none of the digits 0 to 9")
    if not char.isprintable():
        _refuse(written, f"it holds the invisible character U+{ord(char):04X}")
    if re.search("[A-Za-z]", text):
        _refuse(written, "it holds letters")
    _refuse(written, f"it {'holds' if found else 'begins with'} {char!r}")
