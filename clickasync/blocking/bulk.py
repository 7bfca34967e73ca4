"""A run over any number of recipients, for code without an event loop.

How it flows. The source is read in the caller's thread, where its database connection and its locks live; the run is in
the event loop of the background. So the caller's thread does both, in turns: it asks for results, and where the run
would rather have more of the source, it reads some and asks again.

=============  ===============================================  ====================================================
the caller     waits in the loop until                          then
=============  ===============================================  ====================================================
asks           there are results                                takes them, one by one
asks           the run could take more of the source            reads a handful, at most 50 ms long, and asks again
asks           the run has ended                                stops, or raises what the source raised
=============  ===============================================  ====================================================
"""

from __future__ import annotations

import inspect
import time
from collections import deque
from collections.abc import AsyncIterable, Callable, Iterable, Iterator
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import anyio

from clickasync.blocking.loop import call, leave
from clickasync.errors import ClickatellError, ClosedError, InvalidOptionError
from clickasync.options import Message
from clickasync.results import Skipped

if TYPE_CHECKING:
    from clickasync.bulk import Bulk as AsyncBulk
    from clickasync.bulk import Source
    from clickasync.results import Progress, SendResult, Uncertain

__all__ = ["Bulk"]

_HANDFUL: Final = 300
"""Items of the source that are read at once, at most."""
_READING_SECONDS: Final = 0.05
"""How long a handful may take to read: a slow source does not hold up what is there already."""


class _Feed:
    """The source, as the run sees it. It lives in the event loop."""

    def __init__(self) -> None:
        self._items: deque[str | Message] = deque()
        self._failure: Exception | None = None
        self._has_ended = False
        self._more = anyio.Event()
        self._is_hungry = False
        self._notify: Callable[[], object] | None = None

    def put(self, items: Iterable[str | Message], *, has_ended: bool, failure: Exception | None) -> None:
        """Hand over what was read, and whether that was all, or why nothing more can be read."""
        self._items.extend(items)
        self._has_ended, self._failure = has_ended, failure
        self._is_hungry = False
        self._more.set()

    def notify(self, function: Callable[[], object] | None) -> None:
        """Call `function` when the run waits for more, at once if it does already."""
        self._notify = function
        if function is not None and self._is_hungry:
            function()

    def rest(self) -> list[str | Message]:
        """What the run has not taken."""
        left = list(self._items)
        self._items.clear()
        return left

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str | Message:
        while not self._items:
            if self._failure is not None:
                raise self._failure
            if self._has_ended:
                raise StopAsyncIteration
            self._more = anyio.Event()
            self._is_hungry = True
            if self._notify is not None:
                self._notify()
            await self._more.wait()
        return self._items.popleft()


class _Reading:
    """The source, read a handful at a time in the caller's thread."""

    def __init__(self, source: Iterable[str | Message]) -> None:
        self._source = source
        self._items = iter(source)
        self._handful: deque[str | Message] = deque()  # kept here until it is handed over: Ctrl-C may come in between

    def read(self) -> Callable[[_Feed], None]:
        """Read some; gives what hands it to the run."""
        until = time.monotonic() + _READING_SECONDS
        has_ended = False
        failure: Exception | None = None
        try:
            while len(self._handful) < _HANDFUL and time.monotonic() < until:
                self._handful.append(next(self._items))
        except StopIteration:
            has_ended = True
        except Exception as error:  # raised to the user once what is under way is done
            failure = error
            if isinstance(error, StopAsyncIteration):  # which would pass for the end of the source
                failure = RuntimeError("the source raised StopAsyncIteration")
                failure.__cause__ = error
        return lambda feed: feed.put(self.rest(), has_ended=has_ended, failure=failure)

    def rest(self) -> list[str | Message]:
        """What was read and not handed over."""
        return [self._handful.popleft() for _ in range(len(self._handful))]

    def close(self) -> None:
        """Let a generator clean up."""
        if inspect.isgenerator(self._source):
            self._source.close()


class Bulk:
    """One run over a source, made by `Client.bulk`: enter it, loop over it, read its `progress` at any time.

    One thread at a time loops over it. After the block was left early, looping gives what was answered by then and
    ends; `unfinished` has the rest.

    Args:
        source: numbers, or messages.
        start: makes the run over what it is given.

    Raises:
        InvalidOptionError: `source` or an option is wrong; nothing was read.
    """

    def __init__(self, source: Iterable[str | Message], start: Callable[[Source], AsyncBulk]) -> None:
        if isinstance(source, AsyncIterable) and not isinstance(source, Iterable):
            raise InvalidOptionError("source must be a plain iterable; an async one goes with clickasync.Client")
        self._source = source
        self._reading: _Reading | None = None
        self._results: deque[SendResult] = deque()
        self._has_left = False
        self._run, self._feed = call(partial(_prepare, source, start))

    def __enter__(self) -> Self:
        if self._reading is not None:
            raise RuntimeError("a run can be made once; call bulk again for another")
        reading = _Reading(self._source)
        call(self._run.__aenter__)
        self._reading = reading
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._reading is not None  # for the type checker
        self._has_left = True
        leave(partial(self._run.__aexit__, None, None, None))
        self._reading.close()

    def __iter__(self) -> Iterator[SendResult]:
        return self

    def __next__(self) -> SendResult:
        if self._reading is None:
            raise RuntimeError("the run is not started; use: with client.bulk(...) as run")
        hand_over: Callable[[_Feed], None] | None = None
        while not self._results:
            try:
                goes_on = call(partial(self._step, hand_over))
            except ClosedError:
                raise ClosedError("the interpreter is about to exit; `unfinished` has what was under way") from None
            if goes_on and not self._results:
                hand_over = self._reading.read()
            elif not self._results and not self._account_for_the_rest(self._reading):
                raise StopIteration
        return self._results.popleft()

    @property
    def progress(self) -> Progress:
        """How far the run is."""
        return self._run.progress

    @property
    def unfinished(self) -> list[Uncertain]:
        """After the block was left early: the recipients of the calls that were out, whose outcome nobody knows."""
        return self._run.unfinished

    @property
    def stopped_by(self) -> ClickatellError | None:
        """Why the run ended before its source did, if it did."""
        return self._run.stopped_by

    @property
    def is_away(self) -> bool:
        """Whether the gateway cannot be reached just now, and the run waits for it as long as its patience lasts."""
        return self._run.is_away

    def _account_for_the_rest(self, reading: _Reading) -> int:
        """What was read and never taken by the run, which was left; gives how much there was."""
        rest = [*self._feed.rest(), *reading.rest()]
        reason = ClickatellError("the run was left before this was tried")
        for item in rest:
            to, tag = (item.to, item.tag) if isinstance(item, Message) else (item, None)
            self._results.append(Skipped(to, reason, tag))
        return len(rest)

    # -- in the event loop

    async def _step(self, hand_over: Callable[[_Feed], None] | None) -> bool:
        """Wait for results, or until the run could take more of the source; gives whether it goes on.

        Results are put where the caller finds them, and not given back: Ctrl-C may keep the caller from hearing of it.
        """
        if hand_over is not None:
            hand_over(self._feed)
        with anyio.CancelScope() as scope:
            if not self._has_left:
                self._feed.notify(scope.cancel)
            try:
                self._results.extend(result for _, result in await self._run.next_results())
            except StopAsyncIteration:
                return False
            finally:
                self._feed.notify(None)
        return True


async def _prepare(source: Iterable[str | Message], start: Callable[[Source], AsyncBulk]) -> tuple[AsyncBulk, _Feed]:
    feed = _Feed()
    is_refused = isinstance(source, str | bytes) or not isinstance(source, Iterable)
    return start(source if is_refused else feed), feed
