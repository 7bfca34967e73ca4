"""What is packed into the columns of a call is unpacked as it was."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickasync.campaigns.blocks import (
    ERASED,
    Delivery,
    pack_deliveries,
    pack_ids,
    pack_json,
    pack_numbers,
    pack_rows,
    position_of,
    unpack_deliveries,
    unpack_ids,
    unpack_json,
    unpack_numbers,
    unpack_rows,
)
from clickasync.campaigns.states import climsgid_of, read_climsgid

numbers = st.from_regex(r"(?!00)[0-9]{1,16}", fullmatch=True)
hex_ids = st.from_regex(r"[0-9a-f]{32}", fullmatch=True)
deliveries = st.builds(
    Delivery,
    st.integers(1, 999).map("{:03}".format),
    st.integers(0, 2**32 - 1),
    st.none() | st.integers(0, 4_000_000_000).map(lambda value: Decimal(value) / 1_000_000),
)


@given(st.lists(numbers, max_size=600))
def test_numbers(given: list[str]) -> None:
    """Leading zeros survive."""
    packed = pack_numbers(given)
    assert unpack_numbers(packed) == given
    assert len(packed) == 8 * len(given)


@given(st.lists(numbers, min_size=1, max_size=50, unique=True), st.data())
def test_a_number_is_found_where_it_stands(given: list[str], data: st.DataObject) -> None:
    """Never in the middle of two others."""
    index = data.draw(st.integers(0, len(given) - 1))
    assert position_of(given[index], pack_numbers(given)) == index
    other = data.draw(numbers)
    assert position_of(other, pack_numbers(given)) == (given.index(other) if other in given else None)


def test_an_erased_number_is_empty() -> None:
    """And its neighbours stay."""
    assert unpack_numbers(pack_numbers(["0821"]) + ERASED + pack_numbers(["27"])) == ["0821", "", "27"]


@given(st.lists(st.integers(1, 2**31), min_size=1, max_size=600, unique=True).map(sorted))
def test_rows(given: list[int]) -> None:
    """Rows with gaps, and without."""
    assert unpack_rows(pack_rows(given), len(given)) == given


def test_rows_that_follow_each_other_take_no_space() -> None:
    """Only the first one is kept."""
    assert len(pack_rows(range(1_000_000, 1_000_600))) == 3


@given(st.lists(st.none() | hex_ids | st.text(max_size=40), max_size=50))
def test_ids(given: list[str | None]) -> None:
    """IDs are opaque: whatever a gateway says is kept."""
    kept = [None if each == "" else each for each in given]
    assert unpack_ids(pack_ids(kept), len(kept)) == kept


def test_an_id_of_zeros_is_an_id() -> None:
    """Although no ID is written as zeros."""
    given = ["0" * 32, None, "a" * 32]
    assert unpack_ids(pack_ids(given), 3) == given


@given(st.lists(st.none() | deliveries, max_size=50))
def test_deliveries(given: list[Delivery | None]) -> None:
    """The newest report of each."""
    assert unpack_deliveries(pack_deliveries(given), len(given)) == given


@given(st.lists(st.text() | st.none() | st.dictionaries(st.text(), st.integers()), max_size=5))
def test_json(given: list[object]) -> None:
    """Texts and tags, half surrogates too."""
    assert unpack_json(pack_json(given)) == given


@given(st.binary(min_size=12, max_size=12), st.integers(0, 599), st.integers(0, 31))
def test_client_message_ids(key: bytes, position: int, generation: int) -> None:
    """A call can be found by what the gateway knows it as."""
    climsgid = climsgid_of(key, position, generation)
    assert len(climsgid) == 32
    assert read_climsgid(climsgid) == (key, position, generation)


@pytest.mark.parametrize("foreign", ["", "abc", "z" * 32, "12 " * 10 + "34", "0" * 33])
def test_ids_of_others(foreign: str) -> None:
    """What is none of ours is not taken for one."""
    assert read_climsgid(foreign) is None
