"""Repeats: how often, after which pauses, and what the log says of them."""

from __future__ import annotations

import itertools
import logging
from typing import Any

import anyio
import pytest

from clickasync.core.retrying import backoff, retry
from clickasync.errors import (
    ClickatellError,
    GatewayError,
    OutcomeUnknownError,
    SessionExpiredError,
    TransportError,
    api_error,
)
from clickasync.law import Effect, Failure, Lost, NotSent, Refused
from tests.support.virtual import on_virtual_time

pytestmark = [pytest.mark.anyio, on_virtual_time]

EXPIRED = Refused(api_error("003", "expired"))
AGAIN = Refused(api_error("901", "busy"))


async def tried(*results: Failure | str, retries: int = 3, effect: Effect = Effect.SENDS) -> tuple[Any, list[float]]:
    """What comes of a command that gives these results one after another, and the pauses between its tries."""
    times: list[float] = []
    left = list(results)

    async def attempt() -> Any:
        times.append(anyio.current_time())
        return left.pop(0)

    result: Any
    try:
        result = await retry(attempt, effect, retries, name="sendmsg")
    except ClickatellError as error:
        result = error
    return result, [later - earlier for earlier, later in itertools.pairwise(times)]


async def test_pauses_double_up_to_eight_seconds() -> None:
    """Each is the half of it at the least, and chance decides, so that not all come back at once."""
    for tries, longest in enumerate([0.25, 0.5, 1, 2, 4, 8, 8, 8], 1):
        pauses = [backoff(tries) for _ in range(300)]
        assert longest / 2 <= min(pauses) < longest * 0.6
        assert longest * 0.9 < max(pauses) <= longest
        assert backoff(tries, 0.01) >= longest / 2
        assert backoff(tries, 30.0) == 30.0


@pytest.mark.parametrize(("wait", "repeats"), [(None, 1), (0.0, 1), (59.5, 1), (60.0, 1), (60.5, 0), (3600.0, 0)])
async def test_a_wait_of_a_minute_is_waited_for(wait: float | None, repeats: int) -> None:
    """Whoever is asked to wait longer is told at once."""
    result, pauses = await tried(NotSent("busy", wait), "done")
    assert len(pauses) == repeats
    if repeats:
        assert result == "done"
        assert pauses[0] == pytest.approx(wait) if wait else 0.125 <= pauses[0] <= 0.25
    else:
        assert isinstance(result, TransportError)
        assert result.retry_after == wait


@pytest.mark.parametrize(
    ("failure", "error"), [(NotSent("busy"), TransportError), (AGAIN, GatewayError), (EXPIRED, SessionExpiredError)]
)
@pytest.mark.parametrize("retries", [0, 1, 3])
async def test_repeats_are_as_many_as_there_are_retries(failure: Failure, error: type[Exception], retries: int) -> None:
    """Then the last failure is raised."""
    result, pauses = await tried(*[failure] * 9, retries=retries)
    assert type(result) is error
    assert len(pauses) == retries


async def test_another_session_is_no_reason_to_pause() -> None:
    """The session waits where that is needed."""
    assert await tried(EXPIRED, EXPIRED, "done") == ("done", [0.0, 0.0])


@pytest.mark.parametrize(
    ("failures", "lines"),
    [
        (
            [NotSent("HTTP 429 of 27821234567", 2.5), NotSent("HTTP 429 of 27821234567", 5.0)],
            [
                ("INFO", "sendmsg: HTTP 429; again in 2.50 s, 1 of 3"),
                ("INFO", "sendmsg: HTTP 429; again in 5.00 s, 2 of 3"),
            ],
        ),
        (
            [EXPIRED, EXPIRED],
            [
                ("INFO", "sendmsg: 003 Session ID expired; again in another session, 1 of 3"),
                ("INFO", "sendmsg: 003 Session ID expired; again in another session, 2 of 3"),
            ],
        ),
        ([Lost("HTTP 503 of 27821234567")], [("WARNING", "sendmsg: HTTP 503; the outcome is unknown")]),
        ([Refused(api_error("105", "wrong"))], []),
    ],
    ids=["pause", "session", "unknown", "refused"],
)
async def test_the_log_says_what_is_repeated(
    failures: list[Failure], lines: list[tuple[str, str]], caplog: pytest.LogCaptureFixture
) -> None:
    """By the name of the command, and in words of ours."""
    with caplog.at_level(logging.INFO, "clickasync"):
        result, _ = await tried(*failures, "done")
    assert result == "done" or isinstance(result, ClickatellError)
    assert isinstance(result, OutcomeUnknownError) is isinstance(failures[0], Lost)
    said = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert said == lines
