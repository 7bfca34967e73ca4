"""What a campaign would send, and how many parts: every row is checked, nothing is stored."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from attrs import define, field

from clickasync.campaigns.packing import BadItem
from clickasync.errors import InvalidOptionError
from clickasync.options import compile_message
from clickasync.recipients import BadRow, Recipients, Seen

__all__ = ["Estimate", "estimate"]


@define
class Estimate:
    """What would be sent."""

    messages: int = 0
    duplicates: int = 0
    bad: list[BadItem] = field(factory=list)
    parts: Counter[str] = field(factory=Counter)
    """By prefix."""
    samples: dict[str, str] = field(factory=dict)
    """By prefix: a number."""


def estimate(recipients: Recipients, options: Mapping[str, Any], prefix_of: Callable[[str], str]) -> Estimate:
    """Check every row of a file, and count.

    Raises:
        InvalidOptionError: the file is doubtful as a whole.
    """
    result = Estimate()
    seen = Seen()
    now = time.time()
    parts_of: dict[str | None, int] = {}
    for row in recipients:
        if isinstance(row, BadRow):
            result.bad.append(BadItem(row.row, row.to, str(row.error)))
            continue
        if not seen.add(row.number):
            result.duplicates += 1
        text = recipients.text_of(row)
        try:
            parts = parts_of.get(text) or compile_message(text, options, now).parts
        except InvalidOptionError as error:
            result.bad.append(BadItem(row.row, row.to, str(error)))
            continue
        if len(parts_of) < 100:
            parts_of[text] = parts
        prefix = prefix_of(row.number)
        result.messages += 1
        result.parts[prefix] += parts
        result.samples.setdefault(prefix, row.number)
    return result
