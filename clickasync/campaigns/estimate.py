"""What a campaign would send, and how many parts: every row is checked, nothing is stored."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from attrs import define, field

from clickasync.campaigns.creating import Plan
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
    """Numbers that came before, whether they would be sent to or not."""
    bad: list[BadItem] = field(factory=list)
    parts: Counter[str] = field(factory=Counter)
    """By prefix."""
    samples: dict[str, str] = field(factory=dict)
    """By prefix: a number."""


def estimate(recipients: Recipients, plan: Plan, prefix_of: Callable[[str], str]) -> Estimate:
    """Check a plan and every row of a file, and count what the plan would send: who is left out costs nothing.

    Raises:
        InvalidOptionError: something of the plan is wrong, or the file is doubtful as a whole.
    """
    plan.check()
    result = Estimate()
    seen = Seen()
    now = time.time()
    parts_of: dict[str | None, int] = {}
    for row in recipients:
        if isinstance(row, BadRow):
            result.bad.append(BadItem(row.row, row.to, str(row.error)))
            continue
        text = recipients.text_of(row)
        try:
            parts = parts_of.get(text) or compile_message(text, plan.options, now).parts
        except InvalidOptionError as error:
            result.bad.append(BadItem(row.row, row.to, str(error)))
            continue
        if len(parts_of) < 100:
            parts_of[text] = parts
        if row.number in plan.exclude:
            continue
        if not seen.add(row.number):
            result.duplicates += 1
            if not plan.is_each:
                continue
        prefix = prefix_of(row.number)
        result.messages += 1
        result.parts[prefix] += parts
        result.samples.setdefault(prefix, row.number)
    return result
