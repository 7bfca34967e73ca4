"""``--dry-run``: what would be sent, and what it would cost. Nothing is sent."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from attrs import define, field

from clickasync.cli.typed import words
from clickasync.client import Client
from clickasync.errors import InvalidOptionError
from clickasync.numbers import country_code
from clickasync.options import compile_message
from clickasync.recipients import BadRow, Recipients, Seen
from clickasync.results import Coverage

__all__ = ["Estimate", "ask_prices", "estimate", "prefix_of"]


@define
class Estimate:
    """What a run would send."""

    messages: int = 0
    """Rows that can be sent."""
    parts: int = 0
    bad: int = 0
    """Rows that cannot be sent."""
    duplicates: int = 0
    """Rows with a number that stands in an earlier row, whether they are to be sent or not."""
    parts_by_prefix: Counter[str] = field(factory=Counter)
    samples: dict[str, str] = field(factory=dict)
    """By prefix: the first number."""
    prices: dict[str, Coverage] = field(factory=dict)
    """By prefix: what the gateway says of that number; empty if it was not asked."""

    @property
    def credits(self) -> Decimal | None:
        """What it would cost, as far as the gateway names prices; None if it was not asked."""
        if not self.prices:
            return None
        charges = {prefix: price.charge or Decimal(0) for prefix, price in self.prices.items() if price.covered}
        return sum(
            (charges.get(prefix, Decimal(0)) * parts for prefix, parts in self.parts_by_prefix.items()), Decimal(0)
        )

    @property
    def not_covered(self) -> list[str]:
        """Prefixes that the gateway does not route to."""
        return sorted(prefix for prefix, price in self.prices.items() if not price.covered)

    def as_fields(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "messages": self.messages,
            "parts": self.parts,
            "bad": self.bad,
            "duplicates": self.duplicates,
            "credits": self.credits,
            "prefixes": [
                {
                    "prefix": prefix,
                    "parts": parts,
                    "covered": self.prices[prefix].covered if prefix in self.prices else None,
                    "charge": self.prices[prefix].charge if prefix in self.prices else None,
                }
                for prefix, parts in sorted(self.parts_by_prefix.items())
            ],
        }


def estimate(
    recipients: Recipients,
    options: Mapping[str, Any],
    *,
    dedupe: bool,
    on_bad_row: Callable[[int, str], None],
    is_to_send: Callable[[int], bool] | None = None,
) -> Estimate:
    """Check every row that is to be sent (by its number; None: each), and count."""
    result = Estimate()
    seen = Seen()
    now = time.time()
    for item in recipients:
        is_new = isinstance(item, BadRow) or seen.add(item.number)
        result.duplicates += not is_new
        if (dedupe and not is_new) or (is_to_send is not None and not is_to_send(item.row)):
            continue
        if isinstance(item, BadRow):
            result.bad += 1
            on_bad_row(item.line, words(item.error))
            continue
        try:
            parts = compile_message(recipients.text_of(item), options, now).parts
        except InvalidOptionError as error:
            result.bad += 1
            on_bad_row(item.line, words(error))
            continue
        prefix = prefix_of(item.number)
        result.messages += 1
        result.parts += parts
        result.parts_by_prefix[prefix] += parts
        result.samples.setdefault(prefix, item.number)
    return result


async def ask_prices(client: Client, result: Estimate) -> None:
    """Ask the gateway about one number of each prefix."""
    for prefix, number in result.samples.items():
        result.prices[prefix] = await client.coverage(number)


def prefix_of(number: str) -> str:
    """The country code of a number, by E.164; 0 for a number of the account's own country.

    >>> prefix_of("27821234567"), prefix_of("12025550123"), prefix_of("263771234567")
    ('27', '1', '263')
    """
    return country_code(number) or number[0]
