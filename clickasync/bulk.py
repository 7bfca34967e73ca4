"""Many recipients: grouping, concurrency, backpressure, progress, and one result for every item of the source.

How it flows. Items of the source with equal text and options are put into one group; a group that is full, or has
waited long enough, becomes a call that is ready. Workers, one for each call that may be under way, make those calls
and put the results into a queue that the user's ``async for`` empties. A worker that finds no call ready reads on in
the source by itself, or, when the source is an async one, waits for the task that does.

What bounds it: nobody reads while `_room` items are between the source and the user, whatever stage they are in.
So a slow consumer stops the source from being read, and memory does not grow with the length of the run.

The whole run lives in one background task: no cancel scope is open in the user's own task, who may leave the block,
be cancelled, or iterate inside an async generator, without harm (PEP 789).
"""

from __future__ import annotations

import contextlib
import contextvars
import inspect
import time
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence, Sized
from functools import partial
from itertools import islice
from operator import length_hint
from types import TracebackType
from typing import Any, Final, Self, TypeAlias, cast

import anyio

from clickasync.background import BackgroundTask, is_cancelled, spawn
from clickasync.caller import Caller
from clickasync.calls import pause
from clickasync.errors import (
    ApiError,
    AuthenticationError,
    ClickatellError,
    ClosedError,
    CreditError,
    GatewayError,
    InvalidOptionError,
    OutcomeUnknownError,
    ProtocolError,
    QuotaExceededError,
    SessionExpiredError,
    TransportError,
)
from clickasync.grouping import Call, Groups
from clickasync.options import Message, compile_message
from clickasync.outage import Outage
from clickasync.protocol import Line
from clickasync.results import Accepted, Progress, Rejected, SendResult, Skipped, Uncertain
from clickasync.sending import deliver, new_climsgid

__all__ = ["Bulk", "Journal", "Source", "in_order"]

Source: TypeAlias = Iterable[str | Message] | AsyncIterable[str | Message]
"""Numbers, or messages."""

Journal: TypeAlias = Callable[[str, Sequence[int], Sequence[str]], None]
"""Called before a call goes out, with its climsgid, the positions in the source and the recipients."""

_LINGER: Final = 0.05
"""Seconds between two looks at whether an async source pauses; a group waits for company twice this, at most."""
_STOPS: Final = (AuthenticationError, CreditError, QuotaExceededError)


class Bulk:
    """One run over a source, made by `Client.bulk`: enter it, iterate over it, read its `progress` at any time.

    After the block was left early, iterating gives what was answered by then and ends; `unfinished` has the rest.
    """

    def __init__(
        self,
        caller: Caller,
        source: Source,
        text: str | None,
        options: Mapping[str, Any],
        *,
        batch_size: int,
        max_in_flight: int,
        patience: float | None,
        total: int | None,
        resend_unknown: bool,
        journal: Journal | None = None,
    ) -> None:
        if isinstance(source, str | bytes):
            raise InvalidOptionError("source must be several numbers or messages, not one str")
        if not isinstance(source, Iterable | AsyncIterable):
            raise InvalidOptionError(f"source must be an iterable or async iterable, not {type(source).__name__}")
        if options.get("climsgid") is not None:
            raise InvalidOptionError("one climsgid cannot stand for many messages; give each Message its own")
        self._caller = caller
        self._source = source
        given = {name: value for name, value in options.items() if value is not None}
        self._groups = Groups(
            text, given, batch_size, lambda text, options: compile_message(text, options, time.time())
        )
        self._max_in_flight = max_in_flight
        self._resend_unknown = resend_unknown
        self._journal = journal
        self._total = len(source) if total is None and isinstance(source, Sized) else total
        # Between the source and the user: what may wait for company, as much again under way or answered.
        self._most_waiting = batch_size * max_in_flight
        self._room = 2 * self._most_waiting + batch_size

        self._items: Iterator[str | Message] | None = None  # of a source that is not async
        self._source_ended = False
        self._ready: deque[Call] = deque()
        self._open: dict[Call, None] = {}  # every call with recipients that have no result yet
        self._in_flight = 0
        self._results: deque[tuple[Sequence[int], Sequence[SendResult]]] = deque()  # by calls, with positions
        self._current: tuple[Sequence[int], Iterator[SendResult]] = (-1,), iter(())
        self._read = self._taken = 0
        self._counts = {Accepted: 0, Rejected: 0, Uncertain: 0, Skipped: 0}
        self._more_to_do = anyio.Event()  # a call is ready, there is room again, or the source has ended
        self._more_results = anyio.Event()
        self._host: BackgroundTask | None = None
        self._ended = False  # in its own time, or by leaving the block
        self._failure: Exception | None = None
        self._stopped_by: ClickatellError | None = None
        self._is_patient = patience is not None
        self._outage = Outage(patience or 0.0)
        self._unfinished: list[Uncertain] = []

    # -- what the user sees

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
        self._host.cancel()
        with anyio.CancelScope(shield=True):
            await self._host.wait()

    def __aiter__(self) -> AsyncIterator[SendResult]:
        return self

    async def __anext__(self) -> SendResult:
        while True:
            for result in self._current[1]:
                return result
            if self._results:
                positions, results = self._next_call()
                self._current = positions, iter(results)
            else:
                await self._wait_for_results()

    def _next_call(self) -> tuple[Sequence[int], Sequence[SendResult]]:
        """The results of another call: positions in the source, and what became of each."""
        positions, results = self._results.popleft()
        self._taken += len(results)
        if self._read - self._taken <= self._most_waiting:
            self._more_to_do.set()
        return positions, results

    async def _wait_for_results(self) -> None:
        if self._host is None:
            raise RuntimeError("the run is not started; use: async with client.bulk(...) as run")
        if self._host.is_done:
            if self._failure is not None:
                failure, self._failure = self._failure, None
                if isinstance(failure, StopAsyncIteration):  # which must not pass for the end of the run
                    raise RuntimeError("the source raised StopAsyncIteration") from failure
                raise failure
            if self._ended:
                raise StopAsyncIteration
            self._ended = True
            raise ClickatellError("the run was cancelled from outside; `unfinished` has what was under way")
        if self._more_results.is_set():
            self._more_results = anyio.Event()
        await self._more_results.wait()

    @property
    def progress(self) -> Progress:
        """How far the run is."""
        counts = self._counts
        return Progress(
            submitted=self._read,
            accepted=counts[Accepted],
            rejected=counts[Rejected],
            uncertain=counts[Uncertain],
            skipped=counts[Skipped],
            total=self._total,
            in_flight=self._in_flight,
        )

    @property
    def position(self) -> int:
        """Position in the source, from 0, of the result that was given last."""
        positions, rest = self._current
        return positions[len(positions) - length_hint(rest) - 1]

    @property
    def unfinished(self) -> list[Uncertain]:
        """After the block was left early: the recipients of the calls that were out, whose outcome nobody knows."""
        return self._unfinished

    @property
    def stopped_by(self) -> ClickatellError | None:
        """Why the run ended before its source did, if it did."""
        return self._stopped_by

    @property
    def is_away(self) -> bool:
        """Whether the gateway cannot be reached just now, and the run waits for it as long as its patience lasts."""
        return self._outage.is_on

    # -- the run

    async def _run(self) -> None:
        try:
            try:
                async with anyio.create_task_group() as tasks:
                    if not isinstance(self._source, AsyncIterable):
                        self._items = iter(self._source)
                    for _ in range(self._max_in_flight):
                        tasks.start_soon(self._work)
                    if isinstance(self._source, AsyncIterable):
                        await self._read_async(aiter(self._source))
            finally:
                if inspect.isgenerator(self._source):
                    self._source.close()
            self._ended = True
        except Exception as error:  # noqa: BLE001 - a bug of ours, or of the journal: the user must hear of it
            while isinstance(error, ExceptionGroup):
                error = error.exceptions[0]
            self._failure = error
        finally:
            self._account_for_the_rest()

    async def _work(self) -> None:
        while not self._source_ended or self._ready:
            if self._ready:
                await self._make(self._ready.popleft())
            elif self._items is not None and self._has_room:
                self._read_on(self._items)
            else:
                await self._wait()

    def _read_on(self, items: Iterator[str | Message]) -> None:
        """Read as much of the source as one group takes."""
        chunk: list[str | Message] = []
        wanted = min(self._groups.space, self._room - self._read + self._taken)
        try:
            chunk.extend(islice(items, wanted))
        except Exception as error:  # noqa: BLE001 - told to the user once what is under way is done
            self._failure = error
        except anyio.get_cancelled_exc_class():  # not ours, for nothing waits here: it must not look as if it were
            self._failure = ClickatellError("the source was cancelled")
        self._take_all(chunk)
        if len(chunk) < wanted:
            self._end_source()

    async def _read_async(self, items: AsyncIterator[str | Message]) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._send_when_paused)
            with anyio.CancelScope() as scope:  # opened before any that the source may have open when it yields
                try:
                    while not self._source_ended:
                        while not self._has_room:
                            await self._wait()
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
            self._end_source()
        except Exception as error:  # noqa: BLE001 - told to the user once what is under way is done
            self._failure = error
            self._end_source()
        except anyio.get_cancelled_exc_class():
            if is_cancelled():
                raise
            self._failure = ClickatellError("the source was cancelled")
            self._end_source()

    def _end_source(self) -> None:
        """Nothing more will be read: no group needs to wait for company."""
        self._source_ended = True
        for group in self._groups.waiting():
            self._groups.pop(group)
            self._get_ready(group)
        self._more_to_do.set()

    def _take_all(self, chunk: list[str | Message]) -> None:
        """Put items of the source into their groups, or plain numbers that make a call into that at once."""
        call = None if self._stopped_by else self._groups.call_of(chunk, self._read)
        if call is None:
            for item in chunk:
                self._take(item)
        else:
            self._read += len(chunk)
            self._get_ready(call)

    def _take(self, item: str | Message) -> None:
        """Put one item of the source into its group."""
        position = self._read
        self._read += 1
        if self._stopped_by is not None:
            self._emit([position], [Skipped(_to(item), self._stopped_by)])
            return
        try:
            call = self._groups.add(item, position)
        except ClickatellError as error:
            self._emit([position], [Rejected(_to(item), error)])
        else:
            self._get_ready(call)

    def _get_ready(self, call: Call | None) -> None:
        """Let `call` go out, and the oldest groups while too many recipients wait for company."""
        while call is not None or self._groups.items >= self._most_waiting:
            call = call or self._groups.pop()
            assert call is not None  # for the type checker
            self._open[call] = None
            self._ready.append(call)
            self._more_to_do.set()
            call = None

    @property
    def _has_room(self) -> bool:
        return self._read - self._taken < self._room

    async def _wait(self) -> None:
        if self._more_to_do.is_set():
            self._more_to_do = anyio.Event()
        await self._more_to_do.wait()

    async def _send_when_paused(self) -> None:
        """Let groups go that have waited for two looks, or all of them when the source was silent for one."""
        read = -1
        seen: set[Call] = set()
        while True:
            await anyio.sleep(_LINGER)
            paused, read = read == self._read, self._read
            for group in self._groups.waiting():
                if paused or group in seen:
                    self._get_ready(self._groups.pop(group))
            seen = set(self._groups.waiting())

    # -- calls

    async def _make(self, call: Call) -> None:
        """Make a call until each of its recipients has a result."""
        tries = 0
        while self._stopped_by is None:
            lines = await self._deliver(call)
            if lines is None:
                return
            tries += 1
            again = self._tell(call, lines, last=tries > self._caller.retries)
            if again is None:
                return
            call = again
            await anyio.sleep(pause(tries))
        self._close(call, _not_sent(call, self._stopped_by))

    async def _deliver(self, call: Call) -> list[Line] | None:
        """The lines for a call; None when there are none, and its recipients were told so."""
        call.climsgid = call.message.climsgid or new_climsgid()
        if self._journal is not None:
            call.flight.on_leaving = partial(self._journal, call.climsgid, call.positions, call.to)
        self._in_flight += 1
        failure: ClickatellError | None = None
        try:
            while self._stopped_by is None:
                if self._outage.resume_at > anyio.current_time():
                    await anyio.sleep_until(self._outage.resume_at)
                    continue  # by now all may be otherwise
                try:
                    lines = await deliver(
                        self._caller,
                        call.numbers,
                        call.message,
                        call.climsgid,
                        resend_unknown=self._resend_unknown,
                        flight=call.flight,
                    )
                except (TransportError, SessionExpiredError) as error:
                    failure = error
                    if not self._is_patient:
                        break
                    if not self._outage.bear(anyio.current_time(), getattr(error, "retry_after", None)):
                        self._stop(error)
                except OutcomeUnknownError as error:
                    self._outage.delay(anyio.current_time(), error.retry_after)
                    self._close(call, [_uncertain(to, call.climsgid, error) for to in call.to])
                    return None
                except (AuthenticationError, ClosedError) as error:
                    failure = None
                    self._stop(error)
                except ApiError as error:
                    self._outage.end()
                    if isinstance(error, _STOPS):
                        self._stop(error)
                    self._close(call, [Rejected(to, error.about(to)) for to in call.to])
                    return None
                else:
                    self._outage.end()
                    return lines
            if failure is not None:
                self._close(call, [Rejected(to, failure) for to in call.to])
            elif self._stopped_by is not None:
                self._close(call, _not_sent(call, self._stopped_by))
            return None
        finally:
            self._in_flight -= 1

    def _tell(self, call: Call, lines: Sequence[Line], *, last: bool) -> Call | None:
        """Turn lines into results; gives a call for those whom the gateway wants retried (901)."""
        climsgid = call.climsgid
        if set(map(type, lines)) == {str}:
            del self._open[call]
            self._emit(call.positions, Accepted.many(call.to, lines, climsgid), Accepted)  # type: ignore[arg-type]
            return None
        told: list[int] = []
        results: list[SendResult] = []
        again: list[int] = []
        refusals: list[ApiError] = []
        for index, (to, line) in enumerate(zip(call.to, lines, strict=True)):
            match line:
                case str():
                    results.append(Accepted(to, line, climsgid))
                case GatewayError() if not last:
                    again.append(index)
                    refusals.append(line.about(to))
                    continue
                case ApiError():
                    if isinstance(line, _STOPS):
                        self._stop(line)
                    results.append(Rejected(to, line.about(to)))
                case None:
                    missing = ProtocolError("no line of the reply names this recipient")
                    results.append(Uncertain(to, climsgid, missing, None))
            told.append(index)
        rest = call.pick(again, refusals) if again else None
        if rest is not None:
            self._open[rest] = None
        self._close(call, results, told)
        return rest

    def _stop(self, reason: ClickatellError) -> None:
        if self._stopped_by is None:
            self._stopped_by = reason

    def _close(self, call: Call, results: Sequence[SendResult], chosen: Sequence[int] | None = None) -> None:
        """Each recipient of `call`, or each of the chosen, has its result."""
        del self._open[call]
        self._emit(call.positions if chosen is None else [call.positions[index] for index in chosen], results)

    def _emit(
        self, positions: Sequence[int], results: Sequence[SendResult], kind: type[SendResult] | None = None
    ) -> None:
        """Give results to the user; `kind` where it is known that all are of one."""
        if results:
            self._results.append((positions, results))
            self._more_results.set()
        if kind is not None:
            self._counts[kind] += len(results)
        else:
            for result in results:
                self._counts[type(result)] += 1

    def _account_for_the_rest(self) -> None:
        """At the end, however it came: what was out is uncertain, and what waited was never tried."""
        left = self._stopped_by or ClickatellError("the run was left before this was tried")
        unknown = OutcomeUnknownError("the run was left while the call was under way")
        self._open.update(dict.fromkeys(self._groups.waiting()))
        for call in list(self._open):
            if call.flight.out:
                self._unfinished += [_uncertain(to, call.climsgid, unknown) for to in call.to]
            else:
                self._emit(call.positions, _not_sent(call, left))
        self._open.clear()
        self._counts[Uncertain] += len(self._unfinished)
        self._more_results.set()


async def in_order(run: Bulk, total: int) -> list[SendResult]:
    """The results of a run over `total` recipients, as they stand in its source: a step for each call, not for each."""
    told: list[SendResult | None] = [None] * total
    with contextlib.suppress(StopAsyncIteration):
        while True:
            while not run._results:
                await run._wait_for_results()
            for position, result in zip(*run._next_call(), strict=True):
                told[position] = result
    return cast("list[SendResult]", told)  # none is left: a run that does not end in its own time raises


def _to(item: str | Message) -> str:
    return item.to if isinstance(item, Message) else item


def _not_sent(call: Call, reason: ClickatellError) -> list[SendResult]:
    """What to tell of a call that will not be made: those whom the gateway wanted retried were refused."""
    if call.refusals:
        return [Rejected(to, error) for to, error in zip(call.to, call.refusals, strict=True)]
    return [Skipped(to, reason) for to in call.to]


def _uncertain(to: str, climsgid: str, error: OutcomeUnknownError) -> Uncertain:
    told = OutcomeUnknownError(error.reason, to, climsgid, error.known_to_gateway, error.retry_after)
    return Uncertain(to, climsgid, told, error.known_to_gateway)
