"""Codes in this process's memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from attrs import evolve

from clickasync.pins.store import Record, Taken

__all__ = ["MemoryStore"]

_SWEEP: Final = 256
"""After so many codes, those are forgotten from which nothing follows any more."""


class MemoryStore:
    """A `PinStore` in this process's memory: for one process, and forgotten when it ends.

    A program with several processes needs a database, or each of them would allow its own number of tries.

    Args:
        clock: Unix seconds.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._records: dict[str, Record] = {}
        self._puts = 0

    def __len__(self) -> int:
        """Of how many numbers something is kept."""
        return len(self._records)

    # Nothing here awaits, so each method is one step.

    async def get(self, key: str) -> Record | None:
        """See `PinStore.get`."""
        return self._records.get(key)

    async def put(self, key: str, record: Record, was: Record | None) -> bool:
        """See `PinStore.put`."""
        kept = self._records.get(key)
        if (kept and kept.version) != (was and was.version):
            return False
        self._records[key] = record
        self._puts += 1
        if self._puts % _SWEEP == 0:
            now = int(self._clock() * 1000)
            self._records = {each: kept for each, kept in self._records.items() if kept.dead_at > now}
        return True

    async def take_try(self, key: str, now: int) -> Taken | None:
        """See `PinStore.take_try`."""
        kept = self._records.get(key)
        if kept is None or not kept.code or kept.tries_left < 1 or kept.expires_at <= now:
            return None
        self._records[key] = evolve(kept, tries_left=kept.tries_left - 1, version=kept.version + 1)
        return Taken(kept.code, kept.expires_at)

    async def use(self, key: str, code: str) -> bool:
        """See `PinStore.use`."""
        kept = self._records.get(key)
        if kept is None or not code or kept.code != code:
            return False
        self._records[key] = evolve(kept, code="", tries_left=0, version=kept.version + 1)
        return True
