"""When a campaign may send."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickasync import InvalidOptionError
from clickasync.campaigns.windows import next_span, parse_window

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp()


def span(now: str, *windows: str) -> tuple[str, str]:
    opens, closes = next_span(map(parse_window, windows), at(now))
    return tuple(f"{datetime.fromtimestamp(each, BERLIN):%a %d %H:%M}" for each in (opens, closes))  # type: ignore[return-value]


OFFICE = "mon-fri 09:00-17:30 Europe/Berlin"


@pytest.mark.parametrize(
    ("now", "windows", "expected"),
    [
        ("2026-03-04T08:00", [OFFICE], ("Wed 04 09:00", "Wed 04 17:30")),
        ("2026-03-04T12:00", [OFFICE], ("Wed 04 09:00", "Wed 04 17:30")),
        ("2026-03-04T17:30", [OFFICE], ("Thu 05 09:00", "Thu 05 17:30")),
        ("2026-03-06T18:00", [OFFICE], ("Mon 09 09:00", "Mon 09 17:30")),
        ("2026-03-04T01:00", ["22:00-06:00 Europe/Berlin"], ("Tue 03 22:00", "Wed 04 06:00")),
        (
            "2026-03-04T08:00",
            ["10:00-11:00 Europe/Berlin", "08:00-10:00 Europe/Berlin"],
            ("Wed 04 08:00", "Wed 04 11:00"),
        ),
        ("2026-03-04T08:00", ["sat,sun 10:00-12:00 Europe/Berlin"], ("Sat 07 10:00", "Sat 07 12:00")),
        ("2026-03-04T08:00", ["sat-mon 10:00-12:00 Europe/Berlin"], ("Sat 07 10:00", "Sat 07 12:00")),
        ("2026-03-29T00:30", ["01:00-04:00 Europe/Berlin"], ("Sun 29 01:00", "Sun 29 04:00")),
    ],
)
def test_next_span(now: str, windows: list[str], expected: tuple[str, str]) -> None:
    """From when and until when, on that day's clocks."""
    assert span(now, *windows) == expected


def test_a_night_with_summer_time_is_shorter() -> None:
    """Three hours by the clocks are two when they are put forward."""
    opens, closes = next_span([parse_window("01:00-04:00 Europe/Berlin")], at("2026-03-29T00:30"))
    assert closes - opens == 2 * 3600


@given(st.integers(0, 2_000_000_000))
def test_the_span_is_never_over(now: int) -> None:
    """Whenever one looks."""
    opens, closes = next_span([parse_window(OFFICE), parse_window("sat 20:00-02:00 UTC")], float(now))
    assert closes > now
    assert opens < closes


@pytest.mark.parametrize(
    "wrong",
    ["", "9-17 UTC", "09:00-17:00", "25:00-26:00 UTC", "mon 09:00-17:00 Nowhere/Land", "foo 09:00-17:00 UTC"],
)
def test_what_is_no_window_is_refused(wrong: str) -> None:
    """With what would be right."""
    with pytest.raises(InvalidOptionError, match="Europe/Berlin"):
        parse_window(wrong)
