"""Numbers that were seen before: exactly those, in a few bytes each."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clickasync.recipients import Seen

numbers = st.from_regex(r"\A(?!00)[0-9]{1,16}\Z") | st.from_regex(r"\A0?2782123[0-9]{3}\Z")


@settings(max_examples=200)
@given(st.lists(numbers, max_size=300))
def test_it_knows_what_a_set_knows(given: list[str]) -> None:
    seen, known = Seen(), set[str]()
    for number in given:
        assert seen.add(number) == (number not in known)
        known.add(number)
    assert seen.repeats == len(given) - len(known)


@settings(max_examples=200)
@given(st.lists(st.lists(numbers, max_size=60).flatmap(lambda each: st.sampled_from([each, sorted(each, key=int)]))))
def test_many_at_once_as_one_after_the_other(batches: list[list[str]]) -> None:
    at_once, single = Seen(), Seen()
    for batch in batches:
        assert at_once.add_all(batch) == list(map(single.add, batch))
    assert at_once.repeats == single.repeats


def test_batches_that_ascend_fill_arrays() -> None:
    """A batch goes on in the array that the one before has begun, and later numbers are found among them."""
    seen = Seen()
    given = [str(27_000_000_000 + 2 * n) for n in range(5000)]
    for start in range(0, 5000, 700):
        assert all(seen.add_all(given[start : start + 700]))
    assert all(seen.add(str(int(number) + 1)) for number in given)
    assert not any(map(seen.add, given))


@pytest.mark.parametrize("step", [1, -1, 7919, 99_999_989])
def test_many_numbers_in_any_order(step: int) -> None:
    count = 20_000
    given = [str(27_000_000_000 + n * step % 100_000_000) for n in range(count)]
    seen = Seen()
    assert all(map(seen.add, given))
    assert not any(map(seen.add, reversed(given)))
    assert seen.repeats == count


def test_a_leading_zero_makes_another_number() -> None:
    seen = Seen()
    assert [seen.add(number) for number in ("821234567", "0821234567", "0", "0821234567")] == [True, True, True, False]


@pytest.mark.parametrize("step", [1, 7919])
def test_a_number_takes_few_bytes(step: int) -> None:
    count = 50_000
    tracemalloc.start()
    try:
        seen = Seen()
        for n in range(count):
            seen.add(str(27_000_000_000 + n * step % 1_000_000_000))
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < 8 * count
