"""Rows become calls: who travels together, and who came twice."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from clickasync import InvalidOptionError
from clickasync.campaigns.blocks import unpack_json, unpack_numbers, unpack_rows
from clickasync.campaigns.packing import BLOCK, BadItem, Item, Packer, Rules


def packer(size: int = 300, **settings: Any) -> Packer:
    keys = itertools.count()
    check = settings.pop("check", lambda text, options: None)
    return Packer(Rules(size, lambda: next(keys).to_bytes(12), check, **settings))


def pack(made: Packer, items: list[Item | BadItem]) -> list[dict[str, Any]]:
    return [*made.add(items), *made.flush()]


def contents(calls: list[dict[str, Any]]) -> list[tuple[int, str, str | None, str | None, Any]]:
    """Each recipient of each call: row, number, text, options, tag."""
    found = []
    for call in calls:
        n = call["n"]
        texts = unpack_json(call["texts"]) if call["texts"] else [None]
        tags = unpack_json(call["tags"]) if call["tags"] else [None] * n
        texts = texts if call["kind"] else texts * n
        numbers = unpack_numbers(call["numbers"])
        assert len(set(numbers)) == n, "a number stands in a call once"
        found += [
            (row, number, text, call["options"], tag)
            for row, number, text, tag in zip(unpack_rows(call["rows"], n), numbers, texts, tags, strict=True)
        ]
    return found


items = st.builds(
    lambda number, text, options, tag: (number, text, options, tag),
    st.integers(1, 40).map(str),
    st.sampled_from([None, "a", "b", "c"]) | st.text(min_size=1, max_size=5),
    st.sampled_from([None, {"callback": 3}]),
    st.none() | st.integers(),
)


@given(st.lists(items, max_size=200), st.integers(1, 30), st.booleans())
def test_nobody_is_lost(given: list[Any], size: int, once: bool) -> None:
    """Each recipient stands in one call, with its own row, text, options and tag."""
    rows = [Item(row, *each) for row, each in enumerate(given, 1)]
    made = packer(size, once=once)
    calls = pack(made, [*rows])
    expected = list({item.number: item for item in reversed(rows)}.values()) if once else rows
    wanted = sorted((i.row, i.number, i.text, '{"callback": 3}' if i.options else None, i.tag) for i in expected)
    assert sorted(contents(calls)) == wanted
    assert made.recipients == len(expected)
    assert made.duplicates == len(rows) - len({item.number for item in rows})
    assert all(call["n"] <= (min(size, BLOCK) if call["kind"] else size) for call in calls)


def test_equal_texts_share_calls() -> None:
    """A few texts among many rows make a few calls."""
    calls = pack(packer(100), [Item(n, str(n), "ab"[n % 2]) for n in range(1, 401)])
    assert Counter((call["kind"], call["n"]) for call in calls) == {(0, 100): 4}


def test_texts_that_nobody_shares_go_into_blocks() -> None:
    """Without one call for each."""
    calls = pack(packer(100), [Item(n, str(n), f"Hi {n}") for n in range(1, 101)])
    assert Counter((call["kind"], call["n"]) for call in calls) == {(1, 25): 4}


def test_the_digest_is_of_what_was_loaded() -> None:
    """Another number, text, option or tag is another digest; a bad row is not loaded."""
    variants = [
        [Item(1, "1")],
        [Item(1, "2")],
        [Item(1, "1", "a")],
        [Item(1, "1", "a", {"mo": True})],
        [Item(1, "1", "a", None, 7)],
        [Item(1, "1"), Item(2, "2")],
    ]
    digests = set()
    for each in variants:
        made = packer()
        pack(made, [*each, BadItem(9, "x", "no number")])
        digests.add((made.digest, made.digest_of_tags))
    assert len(digests) == len(variants)


def test_what_cannot_be_sent_is_a_bad_row() -> None:
    """The rest goes on."""

    def check(text: str | None, options: Mapping[str, Any] | None) -> None:
        if text == "too long":
            raise InvalidOptionError("too long")

    made = packer(check=check)
    calls = pack(made, [Item(1, "1", "too long"), Item(2, "2", "fine"), Item(3, "3", tag={1, 2})])
    assert [number for _, number, *_ in contents(calls)] == ["2"]
    assert [(bad.row, bad.to) for bad in made.bad] == [(1, "1"), (3, "3")]


def test_excluded_numbers_are_left_out() -> None:
    """And counted."""
    made = packer(excluded=["2"])
    calls = pack(made, [Item(1, "1"), Item(2, "2"), Item(3, "3")])
    assert [(row, number) for row, number, *_ in contents(calls)] == [(1, "1"), (3, "3")]
    assert made.excluded == 1
