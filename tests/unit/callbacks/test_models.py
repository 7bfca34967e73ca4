"""Which of two reports counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import reduce

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickasync.callbacks import DeliveryReport
from clickasync.codes import MessageStatus
from tests.support.callback_samples import EXPECTED_REPORT

NOON = datetime(2008, 8, 6, 12, tzinfo=UTC)
INTERMEDIATE = ["001", "002", "003", "008", "011"]
FINAL = ["004", "005", "006", "007", "009", "010", "012", "014"]


def report(status: str, seconds: int = 0, id: str = "1") -> DeliveryReport:
    return attrs.evolve(
        EXPECTED_REPORT, id=id, status=MessageStatus(status), timestamp=NOON + timedelta(seconds=seconds)
    )


@pytest.mark.parametrize("final", FINAL)
@pytest.mark.parametrize("intermediate", [*INTERMEDIATE, "042"])
@pytest.mark.parametrize("seconds", [-60, 0, 60])
def test_a_final_status_beats_an_intermediate_one(final: str, intermediate: str, seconds: int) -> None:
    """A final status beats an intermediate one, whenever it comes."""
    assert report(final).supersedes(report(intermediate, seconds))
    assert not report(intermediate, seconds).supersedes(report(final))


@pytest.mark.parametrize("status", [*INTERMEDIATE, *FINAL, "042"])
@pytest.mark.parametrize("seconds", [-60, 0, 60])
def test_a_repeated_status_supersedes_nothing(status: str, seconds: int) -> None:
    assert not report(status, seconds).supersedes(report(status))


def test_of_two_of_a_kind_the_later_one_wins() -> None:
    assert report("003", 1).supersedes(report("002"))
    assert report("002", 1).supersedes(report("003"))
    assert report("004", 1).supersedes(report("007"))
    assert not report("007").supersedes(report("004", 1))


def test_within_one_second_the_one_further_on_its_way_wins() -> None:
    assert report("003").supersedes(report("011"))
    assert report("004").supersedes(report("007"))
    assert not report("007").supersedes(report("004"))


def test_a_report_of_another_message_supersedes_nothing() -> None:
    assert not report("004", id="2").supersedes(report("003", id="1"))


REPORTS = st.builds(report, st.sampled_from([*INTERMEDIATE, *FINAL, "042", "043"]), st.integers(0, 3))


@given(st.lists(REPORTS, min_size=1, unique_by=lambda each: each.status), st.data())
def test_reports_end_with_one_status_in_any_order(reports: list[DeliveryReport], data: st.DataObject) -> None:
    """Reports end with the same status, in whatever order and however often they arrive."""

    def keep(kept: DeliveryReport, new: DeliveryReport) -> DeliveryReport:
        return new if new.supersedes(kept) else kept

    in_order = reduce(keep, reports).status
    again = data.draw(st.permutations(reports + data.draw(st.lists(st.sampled_from(reports)))))
    assert reduce(keep, again).status == in_order
    assert in_order.is_final == any(each.status.is_final for each in reports)


@given(REPORTS, REPORTS)
def test_two_reports_never_supersede_each_other(one: DeliveryReport, other: DeliveryReport) -> None:
    assert not (one.supersedes(other) and other.supersedes(one))


def test_a_report_without_a_time_is_the_oldest_of_its_kind() -> None:
    timeless = attrs.evolve(report("003"), timestamp=None)
    assert report("002").supersedes(timeless)
    assert not timeless.supersedes(report("002"))
    assert attrs.evolve(report("004"), timestamp=None).supersedes(report("003"))
    assert timeless.supersedes(attrs.evolve(report("008"), timestamp=None))
