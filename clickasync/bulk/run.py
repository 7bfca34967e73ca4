"""`Bulk`: one run over a source, and what users hold of it.

How it flows. The *reader* puts items of the source with equal text and options into one group. A group that is full, or
has waited long enough, goes into the queue. *Senders*, one for each call that may be in flight, turn groups into
results. The *run* hands the results out and counts.

What bounds it: nobody reads while `Queue.room` recipients are between the source and the user, whatever stage they are
in. So a slow consumer stops the source from being read, and memory does not grow with the length of the run.

The whole run lives in one background task. No cancel scope is open in the user's task, which may leave the block, be
cancelled, or iterate inside an async generator, without harm (PEP 789).
"""

from __future__ import annotations

import contextvars
from collections.abc import AsyncIterator, Iterable, Sequence, Sized
from contextlib import suppress
from types import TracebackType
from typing import Self, cast

import anyio

from clickasync.background import BackgroundTask, spawn
from clickasync.bulk.queue import Outlet, Queue
from clickasync.bulk.reader import Reader, Source
from clickasync.bulk.sender import Sender, not_sent, uncertain
from clickasync.errors import ClickatellError, OutcomeUnknownError
from clickasync.options import Message
from clickasync.results import Accepted, Progress, Rejected, SendResult, Skipped, Uncertain

__all__ = ["Bulk", "gather"]


class Bulk:
    """One run over a source, made by `Client.bulk`: enter it, iterate over it, read its `progress` at any time.

    After the block was left early, iterating gives what was answered by then and ends; `unfinished` has the rest.
    """

    def __init__(
        self,
        source: Source,
        reader: Reader,
        sender: Sender,
        queue: Queue,
        outlet: Outlet,
        *,
        max_in_flight: int,
        total: int | None,
    ) -> None:
        self._reader = reader
        self._sender = sender
        self._queue = queue
        self._outlet = outlet
        self._max_in_flight = max_in_flight
        self._total = len(source) if total is None and isinstance(source, Sized) else total
        self._host: BackgroundTask | None = None
        self._ended = False  # in its own time, or by leaving the block
        self._failure: BaseException | None = None
        self._unfinished: list[tuple[int, Uncertain]] = []

    async def __aenter__(self) -> Self:
        if self._host is not None:
            raise RuntimeError("a run can be made once; call bulk again for another")
        self._host = spawn(self._run, name="clickasync: bulk", context=contextvars.copy_context())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._host is not None  # for the type checker
        self._ended = True
        await self._host.end()

    def __aiter__(self) -> AsyncIterator[SendResult]:
        return self

    async def __anext__(self) -> SendResult:
        while True:
            result = self._outlet.next_result()
            if result is not None:
                return result
            if not self._take_group():
                await self._wait_for_results()

    async def next_results(self) -> Sequence[tuple[int, SendResult]]:
        """The results of another group, or what is left of one, each with its position in the source.

        Raises:
            StopAsyncIteration: there are no more.
        """
        while not (results := self._outlet.rest_of_group()):
            if not self._take_group():
                await self._wait_for_results()
        return results

    @property
    def progress(self) -> Progress:
        """How far the run is."""
        counts = self._outlet.counts
        return Progress(
            submitted=self._queue.read,
            accepted=counts[Accepted],
            rejected=counts[Rejected],
            uncertain=counts[Uncertain],
            skipped=counts[Skipped],
            total=self._total,
            in_flight=self._sender.in_flight,
        )

    @property
    def position(self) -> int:
        """Position in the source, from 0, of the result that was given last."""
        return self._outlet.position

    @property
    def unfinished(self) -> list[Uncertain]:
        """After the block was left early: the recipients of the calls that were out, whose outcome nobody knows."""
        return [result for _, result in self._unfinished]

    @property
    def stopped_by(self) -> ClickatellError | None:
        """Why the run ended before its source did, if it did."""
        return self._queue.stopped_by

    @property
    def is_away(self) -> bool:
        """Whether the gateway cannot be reached just now, and the run waits for it as long as its patience lasts."""
        return self._sender.is_away

    def left_over(self) -> Sequence[tuple[int, SendResult]]:
        """After the block was left: every result that nobody has taken, each with its position in the source."""
        left = [*self._unfinished, *self._outlet.rest_of_group()]
        while self._take_group():
            left += self._outlet.rest_of_group()
        return left

    def _take_group(self) -> bool:
        taken = self._outlet.open_group()
        self._queue.take(taken)
        return taken > 0

    async def _wait_for_results(self) -> None:
        if self._host is None:
            raise RuntimeError("the run is not started; use: async with client.bulk(...) as run")
        if not self._host.is_running:
            if self._failure is not None:
                failure, self._failure = self._failure, None
                if isinstance(failure, StopAsyncIteration):  # it must not be taken for the end of the run
                    raise RuntimeError("the source raised StopAsyncIteration") from failure
                raise failure
            if self._ended:
                raise StopAsyncIteration
            self._ended = True
            raise ClickatellError("the run was cancelled from outside; `unfinished` has what was under way")
        await self._outlet.wait()

    async def _run(self) -> None:
        try:
            try:
                async with anyio.create_task_group() as tasks:
                    self._reader.start()
                    for _ in range(self._max_in_flight):
                        tasks.start_soon(self._sender.work, self._reader)
                    await self._reader.run()
            finally:
                self._reader.close()
            self._failure = self._reader.failure
            self._ended = True
        except Exception as error:  # a bug of ours: the user must hear of it
            while isinstance(error, ExceptionGroup):
                error = error.exceptions[0]
            self._failure = error
            self._ended = True
        finally:
            self._account_for_the_rest()

    def _account_for_the_rest(self) -> None:
        """At the end, however it came: what was out is uncertain, and what waited was never tried."""
        left = self._queue.stopped_by or ClickatellError("the run was left before this was tried")
        unknown = OutcomeUnknownError("the run was left while the call was under way")
        still_open = self._queue.open
        still_open.update(dict.fromkeys(self._reader.waiting()))
        for group in list(still_open):
            if group.sending.maybe_sent:
                self._unfinished += zip(group.positions, uncertain(group, unknown), strict=True)
            else:
                results = not_sent(group, left)
                self._outlet.publish(group.positions, results)
                self._sender.settle(results)
        still_open.clear()
        self._outlet.counts[Uncertain] += len(self._unfinished)
        self._sender.settle(self.unfinished)
        self._outlet.wake()


async def gather(run: Bulk, items: Sequence[str | Message], into: list[SendResult] | None) -> list[SendResult]:
    """The results of a run over `items`, in their order.

    Args:
        run: not entered yet.
        items: its source.
        into: filled as results come. In the end, also if that is a cancellation, it has one for each item, in order:
            what was out is `Uncertain`, what was not tried `Skipped`.
    """
    ordered: list[SendResult | None] = [None] * len(items)

    def put(results: Iterable[tuple[int, SendResult]]) -> None:
        for position, result in results:
            ordered[position] = result
            if into is not None:
                into.append(result)

    try:
        async with run:
            with suppress(StopAsyncIteration):
                while True:
                    put(await run.next_results())
    finally:
        if into is not None:
            put(run.left_over())
            never_read = ClickatellError("the call was left before this was tried")
            pairs = zip(items, ordered, strict=True)
            into[:] = [result or _skipped(item, never_read) for item, result in pairs]
    return cast("list[SendResult]", ordered)  # a run that does not end in its own time raises


def _skipped(item: str | Message, reason: ClickatellError) -> Skipped:
    return Skipped(item.to, reason, item.tag) if isinstance(item, Message) else Skipped(item, reason)
