"""What happened, beside the ledger: refusals, faults that were made, inbound messages; and those who want to know.

Each list keeps its newest entries. Credentials never get in. All things that happen are numbered through, messages and
callbacks included, so that a reader who has seen some of them knows which are new.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Mapping
from itertools import count
from typing import Final

from attrs import frozen

from clickasync.codes import ErrorCode
from clickasync.simulator.world.events import Inbound
from clickasync.simulator.world.feed import Feed

__all__ = ["Hit", "Journal", "Received", "Refused", "without_secrets"]

_SECRET: Final = frozenset({"api_id", "user", "password", "session_id", "token"})
_LONGEST: Final = 2000
"""Characters of a parameter. A list of 600 numbers is cut off."""


def without_secrets(fields: Mapping[str, str]) -> dict[str, str]:
    """The parameters of a command as they may be shown."""
    return {name: value[:_LONGEST] for name, value in fields.items() if name not in _SECRET}


@frozen
class Refused:
    """A command that was refused, or one of its recipients."""

    number: int
    """Its place among all things that happened."""
    command: str
    error: ErrorCode
    description: str
    to: str | None
    """The recipient, or all of them as they were sent; None for a command without."""
    at: float
    """On the gateway's clock."""
    api_id: str
    """Empty if the caller did not say."""
    fields: Mapping[str, str]
    """The parameters, without credentials."""


@frozen
class Hit:
    """A fault that was made."""

    number: int
    """Its place among all things that happened."""
    command: str
    fault: str
    """What was done."""
    to: str | None
    """The recipients as they were sent; None for a command without."""
    at: float
    """On the gateway's clock."""
    api_id: str
    """Empty if the caller did not say."""
    taken: bool
    """Whether the gateway carried the command out all the same."""
    fields: Mapping[str, str]
    """The parameters, without credentials."""


@frozen
class Received:
    """What a handset wrote."""

    number: int
    """Its place among all things that happened."""
    at: float
    """On the gateway's clock."""
    text: str
    """All of it."""
    parts: tuple[Inbound, ...]
    """As they travel."""


class Journal:
    """The newest refusals, faults and inbound messages.

    Args:
        keep: how many of each.
    """

    def __init__(self, keep: int) -> None:
        self.refused: deque[Refused] = deque(maxlen=keep)
        self.hits: deque[Hit] = deque(maxlen=keep)
        self.received: deque[Received] = deque(maxlen=keep)
        self.feed = Feed()
        self.run = secrets.token_hex(4)
        """Which gateway's journal this is, for a page that may have known another one."""
        self._numbers = count(1)

    def next_number(self) -> int:
        """The place of something that happens now."""
        return next(self._numbers)

    def clear(self) -> None:
        """Forget all of it. Numbers go on: what they count has happened."""
        self.refused.clear()
        self.hits.clear()
        self.received.clear()
