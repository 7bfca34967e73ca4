"""What is kept of a number, and what keeps it."""

from __future__ import annotations

from typing import Protocol

from attrs import frozen

__all__ = ["HOUR", "PinStore", "Record", "Taken"]

HOUR = 3_600_000
"""Milliseconds."""


@frozen
class Record:
    """What a store keeps of a number. Times are Unix milliseconds."""

    code: str
    """The HMAC of the code that is alive; empty where none is."""
    expires_at: int
    """From when on it is dead."""
    tries_left: int
    """How often it may still be compared."""
    sent_at: tuple[int, ...]
    """When codes were sent to it within the last hour."""
    version: int
    """One more with each change."""

    @property
    def dead_at(self) -> int:
        """When nothing follows from it any more."""
        return max([self.expires_at, *(at + HOUR for at in self.sent_at)])


@frozen
class Taken:
    """A try that was counted, and what it is compared with."""

    code: str
    """The HMAC of the code that is alive."""
    expires_at: int
    """From when on it is dead, in Unix milliseconds."""


class PinStore(Protocol):
    """Where codes are kept; write your own for another database.

    Each method is one step: of those who come at once, all see what those before them did. Keys are HMACs of numbers.
    """

    async def get(self, key: str) -> Record | None:
        """What is kept under `key`, if anything."""

    async def put(self, key: str, record: Record, was: Record | None) -> bool:
        """Keep `record` in the place of `was`; False, and nothing, if another version is kept by now."""

    async def take_try(self, key: str, now: int) -> Taken | None:
        """Count a try: one less is left, and the version is another. None where no code is alive or no try is left."""

    async def use(self, key: str, code: str) -> bool:
        """Let nobody use this code any more; False, and nothing, if it is not the one that is alive."""
