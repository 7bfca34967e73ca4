"""`Lane`: takes one call after the other, and carries each to its end.

The life of a call in a lane, and what an accident in each step leaves behind:

==========  ====================================  =================================================================
step        what happens                          if the worker dies here
==========  ====================================  =================================================================
claim       the call is mine, by its epoch        another worker puts it back: nothing has left
reserve     its time is taken from the rates      likewise
session     a session is there                    likewise: no authentication lies between intent and request
begin       the intent is committed               another worker asks the gateway, and never sends
send        the request leaves                    likewise
finish      what the reply said is committed      likewise, until it is
==========  ====================================  =================================================================

Before each request leaves, the lane looks: whether too long has passed since `begin`, by either of two clocks (a
machine may have been suspended), and whether the campaign may still send. What must not leave is given back.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import anyio
from attrs import define, field, frozen

from clickasync.campaigns.errors import DatabaseAwayError, DatabaseForgotError
from clickasync.campaigns.heart import Heart, Sendable, clocks
from clickasync.campaigns.moves import Begun, Claimed, Moves
from clickasync.campaigns.outages import Outages
from clickasync.campaigns.sheet import Said, Words
from clickasync.campaigns.states import NAMES, REFUSED, Outcome, climsgid_of
from clickasync.campaigns.texts import Texts
from clickasync.core.executor import Executor
from clickasync.errors import (
    ApiError,
    AuthenticationError,
    ClickatellError,
    ClosedError,
    CreditError,
    GatewayError,
    InvalidOptionError,
    OutcomeUnknownError,
    QuotaExceededError,
    SessionExpiredError,
    TransportError,
)
from clickasync.law import Sending

__all__ = ["Lane"]

LEAVES_WITHIN: Final = 20.0
"""Seconds after `begin` within which a request may leave."""
MOST_TRIES: Final = 3
"""So often a recipient that was answered 901 is reopened."""
_LAST_WORDS: Final = 10.0
_log = logging.getLogger("clickasync.campaigns")
_NO_LINE: Final = Words(None, "no line of the reply names this recipient")
_CUT_OFF: Final = Words(None, "the worker ended while the request was under way")


class HeldError(ClickatellError):
    """Nothing of this call may leave at this moment."""


@frozen
class _NotSent:
    """Certainly nothing of a request left, or it was turned away."""

    error: ClickatellError

    @property
    def stops(self) -> str | None:
        """Why the campaign pauses, if it does."""
        return _reason(self.error)


def _reason(error: object) -> str | None:
    match error:
        case AuthenticationError():
            return f"{REFUSED}: {error}"
        case CreditError():
            return f"no credit: {error}"
        case QuotaExceededError():
            return f"the quota is spent: {error}"
        case InvalidOptionError():
            return f"an option is not right any more: {error}"
    return None


@define
class _Answers:
    """What the requests of a call came to."""

    said: dict[int, Said] = field(factory=dict)
    reopened: list[int] = field(factory=list)
    again: bool = False
    stops: str | None = None
    ids: list[str] | None = None
    """Of all, where one request carried them all and all were accepted."""

    def take(self, position: int, line: str | ApiError | None, *, may_reopen: bool) -> None:
        """What a reply said of one recipient."""
        match line:
            case str():
                self.said[position] = Said(Outcome.ACCEPTED, line)
            case None:
                self.said[position] = Said(Outcome.UNCERTAIN, words=_NO_LINE)
            case GatewayError() if may_reopen:
                self.reopened.append(position)
                self.again = True
            case CreditError() | QuotaExceededError():
                self.reopened.append(position)
                self.again = True
                self.stops = self.stops or _reason(line)
            case ApiError():
                self.said[position] = Said(Outcome.REJECTED, words=_words(line))


def _tell(call: Claimed, begun: Begun, answers: _Answers) -> None:
    """The outcomes of a call that could not be written: nobody else knows them. By position: numbers are private."""
    said = answers.said
    if answers.ids is not None:
        said = {position: Said(Outcome.ACCEPTED, id) for position, id in enumerate(answers.ids)}
    for position, each in said.items():
        climsgid = climsgid_of(call.key, position if call.is_block else 0, begun.generation)
        outcome = f"{NAMES[each.outcome]} {each.id or ''}".rstrip()
        _log.error("call %d could not be recorded: climsgid %s, position %d: %s", call.id, climsgid, position, outcome)


def _words(error: ClickatellError) -> Words:
    if isinstance(error, ApiError):
        code = None if error.code is None else error.code.value
        return Words(code, error.description or (error.code.description if error.code else ""))
    return Words(None, getattr(error, "reason", None) or str(error))


async def _at_once(recipients: int) -> bool:
    return True


@define(eq=False)
class Lane:
    """One lane of a worker."""

    moves: Moves
    heart: Heart
    executor: Executor
    outages: Outages
    texts: Texts
    reserve: Callable[[int, int], Any]
    """Awaitable: seconds to wait for the rate; None: no room within a second."""
    clocks: Callable[[], tuple[float, float]] = clocks
    """The monotonic clock and the wall clock."""
    take_turn: Callable[[int], Awaitable[bool]] = _at_once
    """Waits for the limits of the client itself: before `begin`, after which a request must leave soon. False: the
    worker ends."""

    async def carry(self, call: Claimed, campaign: Sendable) -> None:
        """Carry a call that was claimed to its end, whatever happens.

        Raises:
            DatabaseAwayError: the database was away for too long.
            DatabaseForgotError: the database forgot that it was begun.
        """
        begun: Begun | None = None
        sending = Sending()
        answers = _Answers()
        try:
            if not await self._prepare(call, campaign):
                await self.moves.give_back(call)
                return
            began = self.clocks()
            begun = await self.moves.begin(call)
            if begun is None:
                await self.moves.give_back(call)
                self.heart.hurry()
                await self.heart.next_look()
                return
            sending.look = lambda: self._look(call.campaign_id, began)
            failure = await self._send(call, campaign, begun, sending, answers)
        except BaseException:
            # Cancelled, or a bug: what may have left is uncertain, and nothing else is.
            with anyio.move_on_after(_LAST_WORDS, shield=True) as scope:
                await self._account_for(call, begun, sending, answers)
            self._settle(answers)
            if scope.cancelled_caught and begun is not None:
                _tell(call, begun, answers)
            raise
        self._settle(answers)
        try:
            await self._finish(call, begun, answers, failure)
        except asyncio.CancelledError:
            with anyio.move_on_after(_LAST_WORDS, shield=True) as scope:
                await self._finish(call, begun, answers, failure)  # which finds its own work done, if it was
            if scope.cancelled_caught:
                _tell(call, begun, answers)
            raise

    async def _prepare(self, call: Claimed, campaign: Sendable) -> bool:
        """Room in the rate, and a session; whether there are both."""
        if campaign.has_rate:
            wait = await self.reserve(call.campaign_id, len(call.numbers))
            if wait is None:
                return False
            await asyncio.sleep(max(0.0, wait))
        if not await self.take_turn(len(call.numbers)):
            return False
        try:
            self.texts.check(call, campaign)
            await self.executor.session.live()
        except (AuthenticationError, InvalidOptionError) as error:
            await self.heart.pause(call.campaign_id, _reason(error) or str(error))
            return False
        except ClickatellError as error:
            self.outages.note(error)
            return False
        return self.heart.may_send(call.campaign_id, time.monotonic())

    def _look(self, campaign: int, began: tuple[float, float]) -> None:
        passed = max(now - then for now, then in zip(self.clocks(), began, strict=True))
        if passed > LEAVES_WITHIN:
            raise HeldError(f"{passed:.0f} s have passed since it was begun")
        if not self.heart.may_send(campaign, began[0]):
            raise HeldError("the campaign must not send at this moment")

    async def _send(
        self, call: Claimed, campaign: Sendable, begun: Begun, sending: Sending, answers: _Answers
    ) -> _NotSent | None:
        """Make its requests; what they came to is in `answers`. Gives why the rest did not leave, if it did not."""
        requests = [[position] for position in begun.open] if call.is_block else [begun.open]
        for positions in filter(None, requests):
            failure = await self._request(call, campaign, begun, sending, answers, positions)
            if failure is not None:
                left = [position for position in begun.open if position not in answers.said]
                answers.reopened = sorted({*answers.reopened, *left})
                return failure
            sending.maybe_sent = False  # it has been answered
            if answers.stops is not None:
                left = [position for position in begun.open if position not in answers.said]
                answers.reopened = sorted({*answers.reopened, *left})
                break
        return None

    async def _request(
        self,
        call: Claimed,
        campaign: Sendable,
        begun: Begun,
        sending: Sending,
        answers: _Answers,
        positions: list[int],
    ) -> _NotSent | None:
        is_whole = len(positions) == len(call.numbers)
        numbers = list(call.numbers) if is_whole else [call.numbers[position] for position in positions]
        climsgid = climsgid_of(call.key, positions[0] if call.is_block else 0, begun.generation)
        message = self.texts.message(call, campaign, positions[0])
        may_reopen = begun.tries < MOST_TRIES
        try:
            answer = await self.executor.send(numbers, message, climsgid, sending=sending)
        except OutcomeUnknownError as error:
            self.outages.delay(error)
            unknown = Said(Outcome.uncertain(error.known_to_gateway), words=_words(error))
            answers.said |= dict.fromkeys(positions, unknown)
            return None
        except GatewayError as error:  # 901 of the whole request
            self.outages.note(error)
            for position in positions:
                answers.take(position, error, may_reopen=may_reopen)
            return None
        except (TransportError, SessionExpiredError, ClosedError, HeldError) as error:
            if not isinstance(error, HeldError):
                self.outages.note(error)
            return _NotSent(error)
        except (AuthenticationError, CreditError, QuotaExceededError) as error:
            return _NotSent(error)
        except ApiError as error:
            self.outages.end()
            answers.said |= dict.fromkeys(positions, Said(Outcome.REJECTED, words=_words(error)))
            return None
        self.outages.end()
        lines = answer.each
        if answer.stop is not None:
            answers.stops = _reason(answer.stop)
        if is_whole and set(map(type, lines)) == {str}:
            answers.ids = list(lines)  # type: ignore[arg-type]
            return None
        for position, line in zip(positions, lines, strict=True):
            answers.take(position, line, may_reopen=may_reopen)
        return None

    def _settle(self, answers: _Answers) -> None:
        """Let the client's observer know what became of recipients. Those that are reopened are not settled."""
        said = [each.outcome for each in answers.said.values()]
        accepted = said.count(Outcome.ACCEPTED) if answers.ids is None else len(answers.ids)
        uncertain = sum(outcome.is_uncertain for outcome in said)
        self.executor.watch.settle_counts(accepted, said.count(Outcome.REJECTED), uncertain)

    async def _finish(self, call: Claimed, begun: Begun, answers: _Answers, failure: _NotSent | None) -> None:
        try:
            await self._write(call, begun, answers, failure)
        except (DatabaseAwayError, DatabaseForgotError):
            _tell(call, begun, answers)
            raise

    async def _write(self, call: Claimed, begun: Begun, answers: _Answers, failure: _NotSent | None) -> None:
        stops = answers.stops or (failure.stops if failure is not None else None)
        not_paused: DatabaseAwayError | None = None
        if stops is not None:
            try:
                await self.heart.pause(call.campaign_id, stops)
            except DatabaseAwayError as error:  # what the reply said is more precious, and tried for longer
                not_paused = error
        if answers.ids is not None:
            await self.moves.finish_accepted(call, begun, answers.ids)
        elif failure is not None and not answers.said and not answers.again:
            await self.moves.release(call, begun)
        else:
            await self.moves.finish(call, begun, answers.said, answers.reopened, again=answers.again)
        if not_paused is not None:
            raise not_paused

    async def _account_for(self, call: Claimed, begun: Begun | None, sending: Sending, answers: _Answers) -> None:
        """The lane was cut off: what became of the call, by what is known."""
        if begun is None:
            await self.moves.give_back(call)
            return
        if answers.ids is not None:
            await self.moves.finish_accepted(call, begun, answers.ids)
            return
        left = [position for position in begun.open if position not in answers.said]
        if sending.maybe_sent:
            under_way = [position for position in left if position not in answers.reopened]
            if call.is_block:
                under_way = under_way[:1]
            answers.said |= dict.fromkeys(under_way, Said(Outcome.UNCERTAIN, words=_CUT_OFF))
            left = [position for position in left if position not in answers.said]
        if answers.said or answers.again:
            await self.moves.finish(call, begun, answers.said, left, again=answers.again)
        else:
            await self.moves.release(call, begun)
