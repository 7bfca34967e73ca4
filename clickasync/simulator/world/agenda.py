"""What is due when."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import count
from typing import Generic, TypeVar

__all__ = ["Agenda"]

T = TypeVar("T")


class Agenda(Generic[T]):
    """Entries by the time that they are due; those of the same time in the order in which they were made."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, T]] = []
        self._order = count()

    def __len__(self) -> int:
        return len(self._heap)

    def __iter__(self) -> Iterator[tuple[float, T]]:
        """What is to come, the earliest first, each with its time."""
        return ((due, entry) for due, _, entry in sorted(self._heap))

    def add(self, due: float, entry: T) -> None:
        """Enter something for later, or for now."""
        heapq.heappush(self._heap, (due, next(self._order), entry))

    def take_due(self, now: float) -> Iterator[T]:
        """Take out what is due, the earliest first."""
        while self._heap and self._heap[0][0] <= now:
            yield heapq.heappop(self._heap)[2]

    def next_due(self) -> float | None:
        """When the earliest entry is due; None if there is none."""
        return self._heap[0][0] if self._heap else None

    def clear(self) -> None:
        """Forget all of it."""
        self._heap.clear()
