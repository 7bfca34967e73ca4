"""How long a run waits for a gateway that cannot be reached, and when it looks again."""

from __future__ import annotations

import pytest

from clickasync.bulk.outage import Outage


def test_a_run_is_patient_for_so_long_and_no_longer() -> None:
    """From the first failure on, whatever happens in between but an answer."""
    outage = Outage(60)
    assert outage.wait(100, None)
    assert outage.wait(159.9, None)
    assert not outage.wait(160, None)
    assert not outage.wait(200, None)


def test_an_answer_ends_an_outage() -> None:
    """The next one has all the patience again, and begins with a short pause."""
    outage = Outage(60)
    assert not outage.is_on
    for number in range(6):
        outage.wait(100 + number * 9, None)
    assert outage.is_on
    outage.end()
    assert not outage.is_on
    assert outage.wait(300, None)
    assert 300.125 <= outage.resume_at <= 300.25
    assert outage.wait(359, None)


def test_the_pauses_grow_and_end_with_the_patience() -> None:
    """The last look is at the very end of it."""
    outage = Outage(60)
    now = 0.0
    for number in range(6):
        assert outage.wait(now, None)
        pause = 0.25 * 2 ** min(number, 5)
        assert now + pause / 2 <= outage.resume_at <= now + pause
        now = outage.resume_at
    while outage.wait(now, None):
        now = outage.resume_at
    assert now == 60


def test_calls_that_fail_together_are_one_try() -> None:
    """Eight in flight do not make the pause 256 times as long."""
    outage = Outage(60)
    outage.wait(100, None)
    at = outage.resume_at
    for _ in range(7):
        outage.wait(100.01, None)
    assert outage.resume_at == at


def test_a_retry_after_is_kept() -> None:
    """Where the patience lasts so long; else there is no use in waiting."""
    outage = Outage(60)
    assert outage.wait(100, 30)
    assert outage.resume_at == 130
    assert outage.wait(101, None)
    assert outage.resume_at == 130
    assert not outage.wait(102, 59)
    assert outage.wait(103, 57)
    assert outage.resume_at == 160


@pytest.mark.parametrize(("patience", "asked", "until"), [(60, 20, 120), (60, 500, 160), (0, 20, 120), (0, 500, 160)])
def test_a_delay_holds_everybody_back(patience: float, asked: float, until: float) -> None:
    """A Retry-After beside an unknown outcome: no longer than the patience, or a minute."""
    outage = Outage(patience)
    outage.delay(100, None)
    assert outage.resume_at == float("-inf")
    outage.delay(100, asked)
    assert outage.resume_at == until
    outage.delay(100, 1)
    assert outage.resume_at == until
    assert not outage.is_on
