"""The parameters of a message, read and judged as the gateway does.

`RULES` is the table: what a parameter may hold, and the error that anything else earns. What takes more than one
parameter to judge is below it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Final

from clickasync.codes import Callback, Feature, MessageType
from clickasync.encoding import is_gsm, ucs2_decode
from clickasync.simulator.commands.parts import parts_of
from clickasync.simulator.world.messages import Order
from clickasync.simulator.world.refusals import Refusal

__all__ = ["normalise", "read_order", "recipients"]

MAX_DIGITS: Final = 16
MAX_RECIPIENTS: Final = {"GET": 300, "POST": 600}
WEEK: Final = 7 * 24 * 3600
SLACK: Final = 5 * 60
"""A message may go out five minutes off its scheduled time, so a time that close to the limits will do."""

_LONGEST: Final = 40_000
"""Characters of a parameter that are kept; the longest payload there is takes 36,000."""
_NOT_OPTIONS: Final = frozenset({"api_id", "user", "password", "session_id", "to", "text"})
_FEATURES: Final = sum(Feature)


def _whole(lowest: int, highest: int) -> Callable[[str], bool]:
    return lambda value: re.fullmatch(r"\d{1,6}", value, re.ASCII) is not None and lowest <= int(value) <= highest


def _like(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern, re.ASCII)
    return lambda value: compiled.fullmatch(value) is not None


def _amount(value: str) -> bool:
    try:
        amount = Decimal(value)
    except InvalidOperation:
        return False
    return amount.is_finite() and amount > 0


def _date(value: str) -> bool:
    return _unix_time(value) is not None


def _header(value: str) -> bool:
    # The first byte of a user data header counts the others.
    return re.fullmatch(r"([0-9A-Fa-f]{2})+", value) is not None and int(value[:2], 16) == len(value) // 2 - 1


def _features(value: str) -> bool:
    return _whole(0, _FEATURES)(value) and not int(value) & ~_FEATURES


_flag = _whole(0, 1)

RULES: Final[Mapping[str, tuple[Callable[[str], bool], str]]] = {
    "from": (_like(r"\d{1,16}|[A-Za-z0-9]{1,11}"), "106"),
    "callback": (_whole(0, 7), "101"),
    "climsgid": (_like(r"[A-Za-z0-9]{1,32}"), "101"),
    "concat": (_whole(1, 255), "101"),
    "deliv_time": (_whole(0, 10080), "120"),
    "scheduled_time": (_date, "120"),
    "mo": (_flag, "101"),
    "unicode": (_flag, "101"),
    "max_credits": (_amount, "101"),
    "req_feat": (_features, "101"),
    "queue": (_whole(1, 3), "101"),
    "escalate": (_flag, "101"),
    "validity": (_whole(1, 1440), "101"),
    "msg_type": (MessageType.__members__.__contains__, "112"),
    "udh": (_header, "102"),
    "data": (_like(r"([0-9A-Fa-f]{2})+"), "101"),
    "binary": (_flag, "101"),
    "deliv_ack": (_flag, "101"),
    "mms_class": (_whole(80, 83), "101"),
    "mms_expire": (_like(r"\d{1,10}"), "101"),
    "si_action": (_like("signal-none|signal-low|signal-medium|signal-high|delete"), "101"),
    "si_created": (_like(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "101"),
    "si_expires": (_like(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "101"),
}


def read_order(fields: Mapping[str, str], *, unix_now: float) -> Order:
    """The order in `fields`; a parameter that is empty counts as not given.

    Raises:
        Refusal: of the whole call.
    """
    given = {name: value for name, value in fields.items() if value}
    for name, value in given.items():
        if (rule := RULES.get(name)) and not rule[0](value):
            raise Refusal(rule[1])
    unicode = given.get("unicode") == "1"
    sender = given.get("from", "")
    if given.get("binary") == "1" and sender and not sender.isdigit():
        raise Refusal("106")
    text = _text(given, unicode=unicode)
    parts = parts_of(given, text, unicode=unicode)
    price = Decimal(parts)
    if Decimal(given.get("max_credits", price)) < price:
        raise Refusal("302")
    return Order(
        text=text,
        data=given.get("data", ""),
        unicode=unicode,
        sender=sender,
        parts=parts,
        price=price,
        callback=Callback(int(given.get("callback", 0))),
        climsgid=given.get("climsgid", ""),
        delay=_delay(given, unix_now),
        options={name[:_LONGEST]: value[:_LONGEST] for name, value in given.items() if name not in _NOT_OPTIONS},
    )


def _text(given: Mapping[str, str], *, unicode: bool) -> str:
    if "data" in given:
        return ""
    text = given.get("text")
    if not text:
        raise Refusal("107")
    if unicode:
        try:
            return ucs2_decode(text)
        except ValueError:
            raise Refusal("116") from None
    return text if is_gsm(text) else "".join(char if is_gsm(char) else "?" for char in text)


def _delay(given: Mapping[str, str], unix_now: float) -> float:
    """Seconds in the queue: the longer of the two ways to ask for it."""
    delay = int(given.get("deliv_time", 0)) * 60.0
    if "scheduled_time" not in given:
        return delay
    wait = (_unix_time(given["scheduled_time"]) or 0.0) - unix_now
    if not -SLACK <= wait <= WEEK + SLACK:
        raise Refusal("120")
    return max(delay, wait)


def _unix_time(value: str) -> float | None:
    if re.fullmatch(r"\d{1,12}", value, re.ASCII):
        return float(value)
    try:
        return datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def recipients(fields: Mapping[str, str], method: str) -> list[str]:
    """The numbers in `to` as they were given, one at the least.

    Raises:
        Refusal: 105 when there is none, 101 when there are more than `method` may carry.
    """
    numbers = [number for item in fields.get("to", "").split(",") if (number := item.strip())]
    if not numbers:
        raise Refusal("105")
    if len(numbers) > MAX_RECIPIENTS.get(method, MAX_RECIPIENTS["POST"]):
        raise Refusal("101")
    return numbers


def normalise(number: str, default_prefix: str) -> str | None:
    """A number in international format: a leading zero gives way to the prefix. None if it cannot be one."""
    if not (number.isascii() and number.isdigit()) or number.startswith("00"):
        return None
    if number.startswith("0"):
        number = default_prefix + number[1:]
    return number if 0 < len(number) <= MAX_DIGITS else None
