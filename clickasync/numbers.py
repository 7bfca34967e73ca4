"""Phone numbers (MSISDN): as people write them, and as the gateway takes them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, TypeGuard

from clickasync.errors import InvalidNumberError

__all__ = ["all_plain", "normalise"]

_ORNAMENT: Final = re.compile(r"[\s\-.()\[\]]+")


def normalise(number: str) -> str:
    """The digits of a number as people write it.

    Blanks, hyphens, dots, brackets and a leading ``+`` or ``00`` go; 1 to 16 digits must remain. A single leading
    zero stays: accounts may have a default prefix.

    >>> normalise("+27 (82) 123-4567")
    '27821234567'

    Raises:
        InvalidNumberError: it names the number.
    """
    if not isinstance(number, str):
        raise InvalidNumberError(f"a number must be a str, not {type(number).__name__}: {number!r}")
    digits = number
    if not (number.isdigit() and number.isascii()) or number.startswith("00"):
        digits = _ORNAMENT.sub("", number)
        digits = digits[1:] if digits.startswith("+") else digits.removeprefix("00")
    if 1 <= len(digits) <= 16 and digits.isascii() and digits.isdigit() and not digits.startswith("00"):
        return digits
    raise InvalidNumberError(
        f"{number[:40]!r} is not a phone number: 1 to 16 digits in international format, as in 27821234567"
    )


_PLAIN: Final = re.compile("(?!00)[0-9]{1,16}(?:,(?!00)[0-9]{1,16})*")


def all_plain(items: Sequence[object]) -> TypeGuard[list[str]]:
    """Whether all of `items` are numbers that `normalise` gives back as they are: one look for all of them."""
    try:
        joined = ",".join(items)  # type: ignore[arg-type]
    except TypeError:  # not all of them are str
        return False
    return joined.count(",") == len(items) - 1 and _PLAIN.fullmatch(joined) is not None
