"""How the value of an option is checked and written: numbers, minutes, flags, times. No I/O.

Each function here takes an `Option` and a value, and gives the field for the wire, or raises an `InvalidOptionError`
that names the option, the value and the rule.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any, Final, TypeVar

from attrs import field, frozen

from clickasync.codes import Feature
from clickasync.errors import InvalidNumberError, InvalidOptionError
from clickasync.numbers import normalise

__all__ = [
    "Option",
    "amount",
    "features",
    "flag",
    "hexadecimal",
    "member",
    "minutes",
    "sender",
    "time",
    "whole",
    "wrong",
]

_FAR_AWAY: Final = 1e12  # Unix seconds; what is not nearer (NaN, infinity) is no time

E = TypeVar("E", bound=Enum)


@frozen
class Option:
    """What is known of an option, in addition to its type for type checkers."""

    type: str
    """What it may be, in words."""
    meaning: str
    """What it does: sentences."""
    write: Callable[[Option, Any], str] | None = field(default=None, repr=False)
    """Checks a value and gives its wire field; None where that takes the text, too."""
    low: int | None = None
    """The least that it may be."""
    high: int | None = None
    """The most that it may be."""
    unit: str = ""
    """What it is counted in."""
    name: str = ""
    """Its name in Python."""

    @property
    def field(self) -> str:
        """Its name in the API: ``from_`` is its ``from``."""
        return self.name.rstrip("_")

    @property
    def range(self) -> str:
        """What it may be in numbers, with the unit; empty where there are none."""
        numbers = "" if self.low is None else f"{self.low} to {self.high}"
        return f"{numbers} {self.unit}".strip()


def wrong(message: str, *names: str) -> InvalidOptionError:
    """The error for a message that speaks of these options, by their names in Python."""
    error = InvalidOptionError(message)
    error.options = names
    return error


def whole(option: Option, value: object) -> str:
    """A whole number from `low` to `high`."""
    low, high = option.low, option.high
    assert low is not None and high is not None  # for the type checker
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise wrong(f"{option.name} must be a whole number from {low} to {high}, not {value!r}", option.name)
    return str(int(value))


def minutes(option: Option, value: object) -> str:
    """Minutes from `low` to `high`: a number, or a timedelta, rounded up."""
    number = value
    if isinstance(value, timedelta) and value >= timedelta():  # less than none would be rounded up to none
        number = math.ceil(value / timedelta(minutes=1))
    low, high = option.low, option.high
    assert low is not None and high is not None  # for the type checker
    if isinstance(number, bool) or not isinstance(number, int) or not low <= number <= high:
        raise wrong(f"{option.name} must be {low} to {high} minutes, not {value!r}", option.name)
    return str(int(number))


def flag(option: Option, value: object) -> str:
    """True or False."""
    if value not in (True, False):
        raise wrong(f"{option.name} must be True or False, not {value!r}", option.name)
    return "1" if value else "0"


def member(kind: type[E]) -> Callable[[Option, object], str]:
    """A member of an enum, or its value."""

    def write(option: Option, value: object) -> str:
        if not isinstance(value, bool):  # True would be taken for 1
            with contextlib.suppress(ValueError):
                return str(kind(value).value)
        choices = ", ".join(str(member.value) for member in kind)
        raise wrong(f"{option.name} must be one of {choices}, not {value!r}", option.name)

    return write


def features(option: Option, value: object) -> str:
    """Members of `Feature`, added up."""
    every = sum(Feature)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= every or value & ~every:
        raise wrong(f"{option.name} must be a sum of Feature members, not {value!r}", option.name)
    return str(int(value))


def amount(option: Option, value: object) -> str:
    """A positive number of credits."""
    try:
        credits = Decimal(str(value))
    except InvalidOperation:
        credits = Decimal(0)
    if isinstance(value, bool) or not credits.is_finite() or credits <= 0:
        raise wrong(f"{option.name} must be a positive number of credits, not {value!r}", option.name)
    return f"{credits:f}"


def sender(option: Option, value: object) -> str:
    """A number as `normalise` reads it, or up to 11 letters and digits."""
    if isinstance(value, str) and re.fullmatch("[0-9A-Za-z]{1,11}", value) and not value.isdigit():
        return value
    try:
        return normalise(value)  # type: ignore[arg-type]
    except InvalidNumberError as error:
        why = str(error).partition(" is not a phone number: ")[2]
        if why.startswith("it holds letters"):  # so no number was meant
            why = ""
        raise wrong(
            f"{option.name} must be a number of 1 to 16 digits, or up to 11 letters and digits, not {value!r}"
            + (f": {why}" if why else ""),
            option.name,
        ) from None


def time(option: Option, value: object) -> str:
    """An aware datetime, or Unix seconds."""
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise wrong(f"{option.name} must be an aware datetime (with tzinfo), not {value!r}", option.name)
        value = value.timestamp()
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _FAR_AWAY:
        raise wrong(f"{option.name} must be an aware datetime or Unix seconds, not {value!r}", option.name)
    return str(int(value))


def hexadecimal(option: Option, value: object) -> str:
    """Bytes, or pairs of hex digits."""
    if isinstance(value, bytes | bytearray):
        return bytes(value).hex().upper()
    if not (isinstance(value, str) and re.fullmatch("(?:[0-9A-Fa-f]{2})*", value)):
        raise wrong(f"{option.name} must be bytes, or pairs of hex digits", option.name)
    return value.upper()
