"""Making one call by the law: what an exchange gave, and repeats where `law.judge` allows them."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Collection
from typing import TypeVar

import anyio
from attrs import evolve

from clickasync.errors import ApiError, ProtocolError
from clickasync.law import LONGEST_PAUSE, Effect, Failure, Lost, NotSent, Refused, Step, Unreadable, judge
from clickasync.redaction import excerpt, redact
from clickasync.transport import Outcome, Reply

__all__ = ["pause", "perform", "read_outcome"]

T = TypeVar("T")


def pause(tries: int, retry_after: float | None = None) -> float:
    """Seconds to wait after the `tries`-th try: 0.25 s and doubling to 8 s, with jitter, or what was asked for."""
    longest: float = 0.25 * 2 ** min(tries - 1, 5)
    backoff = longest * random.uniform(0.5, 1.0)  # noqa: S311 - jitter is no secret
    return max(backoff, retry_after or 0.0)


async def perform(attempt: Callable[[], Awaitable[T | Failure]], effect: Effect, retries: int) -> T:
    """Make a call: repeat `attempt` up to `retries` times where the law allows it.

    `attempt` gives its failures back as values; what it raises is final and passes through.

    Raises:
        ClickatellError: as `judge` says. `OutcomeUnknownError` for an ``Effect.SENDS`` that must be asked about.
    """
    tries = 0
    while True:
        result = await attempt()
        if not isinstance(result, NotSent | Lost | Unreadable | Refused):
            return result
        tries += 1
        ruling = judge(result, effect)
        wait: float | None = getattr(ruling.error, "retry_after", None)
        may_repeat = tries <= retries and (wait or 0.0) <= LONGEST_PAUSE
        if ruling.step is Step.REPEAT and may_repeat:
            await anyio.sleep(pause(tries, wait))
        elif ruling.step is not Step.RENEW or not may_repeat:
            # Without its traceback, which leads into the frames that read the reply and may show a session ID.
            raise ruling.error.with_traceback(None)


def read_outcome(
    outcome: Outcome, read: Callable[[Reply], T], secrets: Collection[str], *, opaque: bool = False
) -> T | Failure:
    """What an exchange gave: the value of its reply, or the failure that it was, with `secrets` struck out.

    `opaque`: the reply may hold a secret that nobody knows yet; see `redaction.excerpt`.
    """
    if isinstance(outcome, Reply):
        try:
            return read(outcome)
        except ApiError as error:
            return Refused(type(error)(error.code, redact(error.description, secrets), error.to))
        except ProtocolError as error:
            return Unreadable(ProtocolError(error.reason, excerpt(outcome.text, secrets, opaque=opaque)))
    if isinstance(outcome, Unreadable):
        shown = excerpt(outcome.error.reply, secrets, opaque=opaque)
        return Unreadable(ProtocolError(outcome.error.reason, shown))
    return evolve(outcome, reason=redact(outcome.reason, secrets))
