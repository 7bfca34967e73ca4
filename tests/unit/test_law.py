"""The law of sending, as the table that the documents have."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickasync.codes import ErrorCode
from clickasync.core.retrying import backoff
from clickasync.errors import (
    ApiError,
    ClickatellError,
    OutcomeUnknownError,
    ProtocolError,
    TransportError,
    api_error,
)
from clickasync.law import (
    LONGEST_PAUSE,
    Effect,
    Failure,
    Lost,
    NotSent,
    Refused,
    Ruling,
    Step,
    Unreadable,
    judge,
)

NOT_SENT: Final = NotSent("connection refused", 3.0)
LOST: Final = Lost("read timeout", 4.0)
UNREADABLE: Final = Unreadable(ProtocolError("the reply cannot be read", "<html>"))

RENEWED: Final = {"003", "005"}
REPEATED: Final = {"901"}
EVERY_CODE: Final = [None, "777", *(code.value for code in ErrorCode)]

# failure, effect -> step, error
TABLE: Final[list[tuple[Failure, Effect, Step, type[ClickatellError]]]] = [
    (NOT_SENT, Effect.NONE, Step.REPEAT, TransportError),
    (NOT_SENT, Effect.SENDS, Step.REPEAT, TransportError),
    (NOT_SENT, Effect.SPENDS, Step.REPEAT, TransportError),
    (LOST, Effect.NONE, Step.REPEAT, TransportError),
    (LOST, Effect.SENDS, Step.ASK, OutcomeUnknownError),
    (LOST, Effect.SPENDS, Step.RAISE, OutcomeUnknownError),
    (UNREADABLE, Effect.NONE, Step.REPEAT, ProtocolError),
    (UNREADABLE, Effect.SENDS, Step.ASK, OutcomeUnknownError),
    (UNREADABLE, Effect.SPENDS, Step.RAISE, OutcomeUnknownError),
]


def step_after(code: str | None) -> Step:
    if code in RENEWED:
        return Step.RENEW
    return Step.REPEAT if code in REPEATED else Step.RAISE


@pytest.mark.parametrize(
    ("failure", "effect", "step", "error"), TABLE, ids=[f"{type(row[0]).__name__}-{row[1].name}" for row in TABLE]
)
def test_what_happened_and_what_was_called_decide(
    failure: Failure, effect: Effect, step: Step, error: type[ClickatellError]
) -> None:
    ruling = judge(failure, effect)
    assert ruling.step is step
    assert type(ruling.error) is error


def test_the_table_leaves_nothing_out() -> None:
    assert {(type(failure), effect) for failure, effect, _, _ in TABLE} == {
        (failure, effect) for failure in (NotSent, Lost, Unreadable) for effect in Effect
    }


@pytest.mark.parametrize("effect", Effect)
@pytest.mark.parametrize("code", EVERY_CODE)
def test_what_the_gateway_refused_was_not_sent_whatever_it_was(code: str | None, effect: Effect) -> None:
    error = api_error(code, "as the gateway says")
    assert judge(Refused(error), effect) == Ruling(step_after(code), error)


@pytest.mark.parametrize("effect", [Effect.SENDS, Effect.SPENDS])
@pytest.mark.parametrize("failure", [LOST, UNREADABLE])
def test_what_may_have_been_sent_is_never_repeated(failure: Failure, effect: Effect) -> None:
    assert judge(failure, effect).step not in (Step.REPEAT, Step.RENEW)


@pytest.mark.parametrize("effect", Effect)
@pytest.mark.parametrize("failure", [LOST, UNREADABLE, NOT_SENT])
def test_nobody_is_told_that_it_is_safe_to_repeat_unless_it_is(failure: Failure, effect: Effect) -> None:
    ruling = judge(failure, effect)
    assert isinstance(ruling.error, OutcomeUnknownError) == (failure is not NOT_SENT and effect is not Effect.NONE)
    assert not isinstance(ruling.error, ApiError)


@pytest.mark.parametrize("effect", Effect)
def test_a_ruling_keeps_the_reason_and_the_wait(effect: Effect) -> None:
    """A ruling keeps the reason and the wait that was asked for."""
    for failure, reason, wait in ((NOT_SENT, "connection refused", 3.0), (LOST, "read timeout", 4.0)):
        error = judge(failure, effect).error
        assert isinstance(error, TransportError | OutcomeUnknownError)
        assert (error.reason, error.retry_after) == (reason, wait)


def test_an_unreadable_reply_is_shown_in_the_unknown_outcome() -> None:
    assert "<html>" in str(judge(UNREADABLE, Effect.SENDS).error)
    assert judge(UNREADABLE, Effect.NONE).error is UNREADABLE.error


def test_nothing_is_known_to_the_gateway_before_it_was_asked() -> None:
    error = judge(LOST, Effect.SENDS).error
    assert isinstance(error, OutcomeUnknownError)
    assert (error.to, error.climsgid, error.known_to_gateway) == (None, None, None)


@given(st.integers(1, 100_000))
def test_pauses_double_from_a_quarter_second_to_eight(tries: int) -> None:
    """A pause doubles from a quarter of a second to eight with jitter."""
    longest = min(0.25 * 2 ** min(tries - 1, 10), 8.0)
    assert longest / 2 <= backoff(tries) <= longest


@given(st.integers(1, 20), st.floats(0, LONGEST_PAUSE))
def test_a_pause_is_never_shorter_than_what_was_asked_for(tries: int, retry_after: float) -> None:
    assert max(retry_after, 0.125) <= backoff(tries, retry_after) <= max(retry_after, 8.0)


def test_pauses_differ_so_that_callers_do_not_come_back_together() -> None:
    assert len({backoff(3) for _ in range(20)}) > 1
