"""The senders of a run: they turn groups into results, by the law of sending."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

import anyio

from clickasync.bulk.groups import Group
from clickasync.bulk.outage import Outage
from clickasync.bulk.queue import Outlet, Queue
from clickasync.bulk.reader import Reader
from clickasync.core.executor import Executor, new_climsgid
from clickasync.core.retrying import backoff
from clickasync.core.words import in_short
from clickasync.errors import (
    ApiError,
    AuthenticationError,
    ClickatellError,
    ClosedError,
    CreditError,
    GatewayError,
    OutcomeUnknownError,
    ProtocolError,
    QuotaExceededError,
    SessionExpiredError,
    TransportError,
)
from clickasync.protocol import Lines
from clickasync.results import Accepted, Rejected, SendResult, Skipped, Uncertain

__all__ = ["Sender", "not_sent", "uncertain"]

_STOPS: Final = (AuthenticationError, CreditError, QuotaExceededError)

_log = logging.getLogger("clickasync")


class Sender:
    """Sends groups. As many of its `work` run at once as calls may be in flight.

    Args:
        executor: what carries out the calls.
        queue, outlet: where groups come from, and results go to.
        patience: seconds without success after which a gateway that cannot be reached ends the run; None: at once for
            each group, which is then rejected.
        resend_unknown: as for `Executor.send`.
    """

    def __init__(
        self,
        executor: Executor,
        queue: Queue,
        outlet: Outlet,
        *,
        patience: float | None,
        resend_unknown: bool,
    ) -> None:
        self._executor = executor
        self._queue = queue
        self._outlet = outlet
        self._is_patient = patience is not None
        self._outage = Outage(patience or 0.0)
        self._resend_unknown = resend_unknown
        self.in_flight = 0
        """Calls under way."""

    @property
    def is_away(self) -> bool:
        """Whether the gateway has not answered since it could not be reached."""
        return self._outage.is_on

    async def work(self, reader: Reader) -> None:
        """Send what is ready, and read on when nothing is, until the source has ended."""
        queue = self._queue
        while not queue.source_ended or queue.ready:
            if queue.ready:
                await self._send(queue.ready.popleft())
            elif reader.can_read_on:
                reader.read_on()
            else:
                await queue.wait()

    async def _send(self, group: Group) -> None:
        """Send a group until each of its recipients has a result."""
        tries = 0
        rest: Group | None = group
        while rest is not None:
            if self._queue.stopped_by is not None:
                self._record(rest, not_sent(rest, self._queue.stopped_by))
                return
            lines = await self._lines(rest)
            if lines is None:
                return
            tries += 1
            rest = self._record_lines(rest, lines, is_last=tries > self._executor.retries)
            if rest is not None:
                await anyio.sleep(backoff(tries))

    async def _lines(self, group: Group) -> Lines | None:
        """What the gateway says of a group; None when it says nothing, and its recipients have their results."""
        group.climsgid = group.message.climsgid or new_climsgid()
        self.in_flight += 1
        failure: ClickatellError | None = None
        try:
            while self._queue.stopped_by is None:
                if self._outage.resume_at > anyio.current_time():
                    await anyio.sleep_until(self._outage.resume_at)
                    continue  # by now everything may be otherwise
                try:
                    lines = await self._executor.send(
                        group.numbers,
                        group.message,
                        group.climsgid,
                        resend_unknown=self._resend_unknown,
                        sending=group.sending,
                    )
                except (TransportError, SessionExpiredError) as error:
                    failure = error
                    if not self._is_patient:
                        break
                    self._wait_out(error)
                except OutcomeUnknownError as error:
                    self._outage.delay(anyio.current_time(), error.retry_after)
                    self._record(group, uncertain(group, error))
                    return None
                except (AuthenticationError, ClosedError) as error:
                    failure = None
                    self._stop(error)
                except ApiError as error:
                    self._end_outage()
                    if isinstance(error, _STOPS):
                        self._stop(error)
                    self._record(group, _rejected(group, error))
                    return None
                else:
                    self._end_outage()
                    return lines
            if failure is not None:
                self._record(group, _rejected(group, failure))
            elif self._queue.stopped_by is not None:
                self._record(group, not_sent(group, self._queue.stopped_by))
            return None
        finally:
            self.in_flight -= 1

    def _record_lines(self, group: Group, lines: Lines, *, is_last: bool) -> Group | None:
        """Turn lines into results; gives a group of those which the gateway wants retried (901)."""
        climsgid = group.climsgid
        if lines.stop is not None:
            self._stop(lines.stop)
        if set(map(type, lines.each)) == {str}:
            accepted = Accepted.many(group.to, lines.each, climsgid, group.tags)  # type: ignore[arg-type] # all are str
            self._record(group, accepted, kind=Accepted)
            return None
        recorded: list[int] = []
        results: list[SendResult] = []
        again: list[int] = []
        refusals: list[ApiError] = []
        for index, (to, line) in enumerate(zip(group.to, lines.each, strict=True)):
            match line:
                case str():
                    results.append(Accepted(to, line, climsgid, group.tag(index)))
                case GatewayError() if not is_last:
                    again.append(index)
                    refusals.append(line.about(to=to))
                    continue
                case ApiError():
                    if isinstance(line, _STOPS):
                        self._stop(line)
                    results.append(Rejected(to, line.about(to=to), group.tag(index)))
                case None:
                    missing = ProtocolError("no line of the reply is clearly about this recipient")
                    results.append(Uncertain(to, climsgid, missing, None, group.tag(index)))
            recorded.append(index)
        rest = group.pick(again, refusals) if again else None
        if rest is not None:
            self._queue.open[rest] = None
        self._record(group, results, chosen=recorded)
        return rest

    def _record(
        self,
        group: Group,
        results: Sequence[SendResult],
        *,
        chosen: Sequence[int] | None = None,
        kind: type[SendResult] | None = None,
    ) -> None:
        """Each recipient of `group`, or each of the chosen, has its result."""
        del self._queue.open[group]
        positions = group.positions if chosen is None else [group.positions[index] for index in chosen]
        self._outlet.publish(positions, results, kind)
        self.settle(results)

    def settle(self, results: Sequence[SendResult]) -> None:
        """Let the client's observer know what became of recipients."""
        self._executor.watch.settle(results)

    # -- what concerns the whole run

    def _stop(self, reason: ClickatellError) -> None:
        if self._queue.stopped_by is None:
            _log.warning("the run stops: %s", in_short(reason))
        self._queue.stop(reason)

    def _wait_out(self, error: ClickatellError) -> None:
        """Nothing was sent: wait for the gateway, as long as the patience lasts."""
        was_on = self._outage.is_on
        if not self._outage.wait(anyio.current_time(), getattr(error, "retry_after", None)):
            self._stop(error)
        elif not was_on:
            _log.warning("the gateway cannot be reached: %s; the run waits for it", in_short(error))

    def _end_outage(self) -> None:
        if self._outage.is_on:
            _log.info("the gateway answers again; the run goes on")
        self._outage.end()


def not_sent(group: Group, reason: ClickatellError) -> list[SendResult]:
    """The results of a group that will not be sent. Recipients that the gateway wanted retried were refused."""
    if group.refusals:
        return [
            Rejected(to, error, group.tag(index))
            for index, (to, error) in enumerate(zip(group.to, group.refusals, strict=True))
        ]
    return [Skipped(to, reason, group.tag(index)) for index, to in enumerate(group.to)]


def uncertain(group: Group, error: OutcomeUnknownError) -> list[Uncertain]:
    """The results of a group whose outcome nobody knows."""
    return [
        Uncertain(
            to, group.climsgid, error.about(to=to, climsgid=group.climsgid), error.known_to_gateway, group.tag(index)
        )
        for index, to in enumerate(group.to)
    ]


def _rejected(group: Group, error: ClickatellError) -> list[SendResult]:
    return [Rejected(to, error.about(to=to), group.tag(index)) for index, to in enumerate(group.to)]
