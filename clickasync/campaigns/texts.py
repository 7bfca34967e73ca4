"""`Texts`: from a call and its campaign to what goes over the wire, compiled once for each text and options."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from clickasync.campaigns.heart import Sendable
from clickasync.campaigns.moves import Claimed
from clickasync.options import WireMessage, compile_message

__all__ = ["Texts", "plain_options"]

_MOST_KEPT: Final = 64


def plain_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as JSON values that `compile_message` takes for the same.

    >>> plain_options({"validity": timedelta(hours=1), "mo": None})
    {'validity': 60}
    """
    return {name: _plain(value) for name, value in options.items() if value is not None}


def _plain(value: Any) -> Any:
    match value:
        case Enum():
            return value.value
        case timedelta():
            return math.ceil(value / timedelta(minutes=1))
        case datetime() if value.utcoffset() is not None:
            return value.timestamp()
        case Decimal():
            return str(value)
        case bytes() | bytearray():
            return bytes(value).hex()
    return value


class Texts:
    """The messages of a worker."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str | None, str, str], WireMessage] = {}

    def check(self, call: Claimed, campaign: Sendable) -> None:
        """Whether its options are still right (a time may have passed).

        Raises:
            InvalidOptionError: one is not.
        """
        options = self._options(call, campaign)
        if "scheduled_time" in options:
            compile_message("-", {"scheduled_time": options["scheduled_time"]}, time.time())

    def message(self, call: Claimed, campaign: Sendable, position: int) -> WireMessage:
        """What goes to a recipient of a call."""
        text = campaign.text
        if call.texts is not None:
            text = call.texts[position if call.is_block else 0]
        own = "" if call.options is None else json.dumps(call.options, sort_keys=True)
        key = (text, campaign.options, own)
        if (kept := self._kept.get(key)) is None:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.pop(next(iter(self._kept)))
            kept = self._kept[key] = compile_message(text, self._options(call, campaign), time.time())
        return kept

    @staticmethod
    def _options(call: Claimed, campaign: Sendable) -> dict[str, Any]:
        options: dict[str, Any] = json.loads(campaign.options)
        return options if call.options is None else {**options, **call.options}
