"""The reader of a run: it turns the source into groups.

A source that is not async is read by the senders themselves, when they find no group ready. An async one has a task to
itself, and lets a group go when it has waited for company for two looks.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from itertools import islice
from typing import Final, TypeAlias

import anyio

from clickasync.background import is_cancelled
from clickasync.bulk.groups import Group, Groups
from clickasync.bulk.queue import Outlet, Queue
from clickasync.errors import ClickatellError, InvalidOptionError
from clickasync.options import Message
from clickasync.results import Rejected, Skipped

__all__ = ["Reader", "Source"]

Source: TypeAlias = Iterable[str | Message] | AsyncIterable[str | Message]
"""Numbers, or messages."""

_LINGER: Final = 0.05
"""Seconds between two looks at who waits for company."""


class Reader:
    """Reads one source.

    Raises:
        InvalidOptionError: `source` is not several numbers or messages.
    """

    def __init__(self, source: Source, groups: Groups, queue: Queue, outlet: Outlet) -> None:
        if isinstance(source, str | bytes):
            raise InvalidOptionError("source must be several numbers or messages, not one str")
        if not isinstance(source, Iterable | AsyncIterable):
            raise InvalidOptionError(f"source must be an iterable or async iterable, not {type(source).__name__}")
        self._source = source
        self._items: Iterator[str | Message] | None = None
        self._groups = groups
        self._queue = queue
        self._outlet = outlet
        self.failure: BaseException | None = None
        """What the source raised. It comes out once all that was read is done."""

    def start(self) -> None:
        """Begin with a source that is not async."""
        if not isinstance(self._source, AsyncIterable):
            self._items = iter(self._source)

    def close(self) -> None:
        """Let a generator clean up."""
        if inspect.isgenerator(self._source):
            self._source.close()

    def waiting(self) -> list[Group]:
        """The groups that wait for company."""
        return self._groups.waiting()

    # -- a source that is not async

    @property
    def can_read_on(self) -> bool:
        """Whether `read_on` would read anything."""
        return self._items is not None and not self._queue.source_ended and self._queue.room > 0

    def read_on(self) -> None:
        """Read as much of the source as one group takes."""
        assert self._items is not None  # see `can_read_on`
        chunk: list[str | Message] = []
        wanted = min(self._groups.space, self._queue.room)
        try:
            chunk.extend(islice(self._items, wanted))
        except anyio.get_cancelled_exc_class():  # the source's: nothing waits here that could be cancelled
            self.failure = ClickatellError("the source was cancelled")
        except BaseException as error:  # raised to the user once what is under way is done
            self.failure = error
        self._take_all(chunk)
        if len(chunk) < wanted:
            self._end()

    # -- an async source

    async def run(self) -> None:
        """Read an async source to its end."""
        if not isinstance(self._source, AsyncIterable):
            return
        items = aiter(self._source)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._send_who_waited)
            with anyio.CancelScope() as scope:  # opened before any that the source may have open when it yields
                try:
                    while not self._queue.source_ended:
                        while self._queue.room <= 0:
                            await self._queue.wait()
                        await self._read_next(items)
                finally:
                    if inspect.isasyncgen(items):
                        scope.shield = True
                        await items.aclose()
            tasks.cancel_scope.cancel()

    async def _read_next(self, items: AsyncIterator[str | Message]) -> None:
        try:
            self._take(await anext(items))
        except StopAsyncIteration:
            self._end()
        except GeneratorExit:  # this coroutine is closed, with the event loop
            raise
        except anyio.get_cancelled_exc_class():
            if is_cancelled():
                raise
            self.failure = ClickatellError("the source was cancelled")
            self._end()
        except BaseException as error:  # raised to the user once what is under way is done
            self.failure = error
            self._end()

    async def _send_who_waited(self) -> None:
        seen: set[Group] = set()
        while True:
            await anyio.sleep(_LINGER)
            for group in self._groups.waiting():
                if group in seen:
                    self._let_go(self._groups.pop(group))
            seen = set(self._groups.waiting())

    # -- both

    def _end(self) -> None:
        """Nothing more will be read: no group needs to wait for company."""
        for group in self._groups.waiting():
            self._let_go(self._groups.pop(group))
        self._queue.end_source()

    def _take_all(self, chunk: list[str | Message]) -> None:
        """Put items of the source into their groups, or plain numbers that fill a call into that at once."""
        group = None if self._queue.stopped_by else self._groups.group_of(chunk, self._queue.read)
        if group is None:
            for item in chunk:
                self._take(item)
        else:
            self._queue.read += len(chunk)
            self._let_go(group)

    def _take(self, item: str | Message) -> None:
        """Put one item of the source into its group."""
        position = self._queue.read
        self._queue.read += 1
        to, tag = (item.to, item.tag) if isinstance(item, Message) else (item, None)
        if self._queue.stopped_by is not None:
            self._outlet.publish([position], [Skipped(to, self._queue.stopped_by, tag)])
            return
        try:
            group = self._groups.add(item, position)
        except ClickatellError as error:
            self._outlet.publish([position], [Rejected(to, error, tag)])
        else:
            self._let_go(group)

    def _let_go(self, group: Group | None) -> None:
        """Let `group` go out, and the oldest groups while too many recipients wait for company."""
        while group is not None or self._groups.items >= self._queue.most_waiting:
            group = group or self._groups.pop()
            assert group is not None  # for the type checker
            self._queue.put(group)
            group = None
