"""Repeats, where `law.judge` allows them, and the pauses before them."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from clickasync.core.words import in_short
from clickasync.errors import OutcomeUnknownError
from clickasync.law import LONGEST_PAUSE, Effect, Failure, Step, is_failure, judge

__all__ = ["backoff", "retry"]

T = TypeVar("T")

_log = logging.getLogger("clickasync")


def backoff(tries: int, retry_after: float | None = None) -> float:
    """Seconds to wait after the `tries`-th try: 0.25 s and doubling to 8 s, with jitter, or what was asked for."""
    import random  # nobody needs it who is not refused anything

    longest: float = 0.25 * 2 ** min(tries - 1, 5)
    pause = longest * random.uniform(0.5, 1.0)  # noqa: S311 - jitter is no secret
    return max(pause, retry_after or 0.0)


async def retry(attempt: Callable[[], Awaitable[T | Failure]], effect: Effect, retries: int, *, name: str) -> T:
    """The value of `attempt`, repeated up to `retries` times where the law allows it.

    `attempt` gives its failures as values. What it raises is final and passes through. The log knows it by `name`.

    Raises:
        ClickatellError: as `judge` says. `OutcomeUnknownError` for an ``Effect.SENDS`` that must be asked about.
    """
    tries = 0
    while True:
        result = await attempt()
        if not is_failure(result):
            return result
        tries += 1
        ruling = judge(result, effect)
        wait: float | None = getattr(ruling.error, "retry_after", None)
        may_repeat = tries <= retries and (wait or 0.0) <= LONGEST_PAUSE
        if ruling.step is Step.REPEAT and may_repeat:
            pause = backoff(tries, wait)
            _log.info("%s: %s; again in %.2f s, %d of %d", name, in_short(ruling.error), pause, tries, retries)
            await anyio.sleep(pause)
        elif ruling.step is Step.RENEW and may_repeat:
            _log.info("%s: %s; again in another session, %d of %d", name, in_short(ruling.error), tries, retries)
        else:
            if isinstance(ruling.error, OutcomeUnknownError):
                _log.warning("%s: %s; the outcome is unknown", name, in_short(ruling.error))
            # Without its traceback, which leads into the frames that read the reply and may show a session ID.
            raise ruling.error.with_traceback(None)
