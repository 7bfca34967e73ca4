"""What the reader, the senders and the user of a run share: groups that are ready, and results on their way."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from operator import length_hint
from typing import Final

import anyio

from clickasync.bulk.groups import Group
from clickasync.errors import ClickatellError
from clickasync.results import Accepted, Rejected, SendResult, Skipped, Uncertain

__all__ = ["Outlet", "Queue"]


class Queue:
    """Groups between the source and the gateway.

    Args:
        batch_size: recipients in a call, at most.
        max_in_flight: calls at once, at most.
    """

    def __init__(self, batch_size: int, max_in_flight: int) -> None:
        self.ready: deque[Group] = deque()
        self.open: dict[Group, None] = {}
        """Every group with recipients that have no result yet, except those that wait for company."""
        self.source_ended = False
        self.stopped_by: ClickatellError | None = None
        """Why nothing more is sent, if so."""
        self.read = 0
        """Recipients read from the source."""
        self.taken = 0
        """Results that the user has taken."""
        self.most_waiting: Final = batch_size * max_in_flight
        """How many recipients may wait for company."""
        # As many again may be under way or answered.
        self._most_inside: Final = 2 * self.most_waiting + batch_size
        self._changed = anyio.Event()

    @property
    def room(self) -> int:
        """How many more recipients may be between the source and the user, whatever stage they are in."""
        return self._most_inside - (self.read - self.taken)

    def put(self, group: Group) -> None:
        """Let `group` go out."""
        self.open[group] = None
        self.ready.append(group)
        self._changed.set()

    def stop(self, reason: ClickatellError) -> None:
        """Send nothing more."""
        if self.stopped_by is None:
            self.stopped_by = reason

    def end_source(self) -> None:
        """Nothing more will be read."""
        self.source_ended = True
        self._changed.set()

    def take(self, results: int) -> None:
        """The user has taken so many results."""
        self.taken += results
        if self.read - self.taken <= self.most_waiting:
            self._changed.set()

    async def wait(self) -> None:
        """Wait until a group is ready, there is room again, or the source has ended."""
        if self._changed.is_set():
            self._changed = anyio.Event()
        await self._changed.wait()


class Outlet:
    """Results on their way to the user, by groups, each with its positions in the source."""

    def __init__(self) -> None:
        self.counts: dict[type[SendResult], int] = {Accepted: 0, Rejected: 0, Uncertain: 0, Skipped: 0}
        self._groups: deque[tuple[Sequence[int], Sequence[SendResult]]] = deque()
        self._current: tuple[Sequence[int], Iterator[SendResult]] = (-1,), iter(())
        self._more = anyio.Event()

    def publish(
        self, positions: Sequence[int], results: Sequence[SendResult], kind: type[SendResult] | None = None
    ) -> None:
        """Hand results over; `kind` where it is known that all are of one."""
        if results:
            self._groups.append((positions, results))
            self._more.set()
        if kind is not None:
            self.counts[kind] += len(results)
        else:
            for result in results:
                self.counts[type(result)] += 1

    def wake(self) -> None:
        """There may be nothing more to wait for."""
        self._more.set()

    def next_result(self) -> SendResult | None:
        """The next result of the current group."""
        return next(self._current[1], None)

    def open_group(self) -> int:
        """Make the next group the current one; gives how many results it has, 0 if there is none."""
        if not self._groups:
            return 0
        positions, results = self._groups.popleft()
        self._current = positions, iter(results)
        return len(results)

    def rest_of_group(self) -> Sequence[tuple[int, SendResult]]:
        """What is left of the current group, each with its position."""
        positions, rest = self._current
        return list(zip(positions[len(positions) - length_hint(rest) :], rest, strict=True))

    @property
    def position(self) -> int:
        """Position in the source of the result that was given last."""
        positions, rest = self._current
        return positions[len(positions) - length_hint(rest) - 1]

    async def wait(self) -> None:
        """Wait for more results."""
        if self._more.is_set():
            self._more = anyio.Event()
        await self._more.wait()
