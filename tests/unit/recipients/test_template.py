"""A text with holes: filled from columns, and from nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickasync.errors import InvalidOptionError
from clickasync.recipients import Template


def test_it_is_filled_from_columns() -> None:
    template = Template("{{Hi}} {First Name}, {code}!")
    assert template.columns == ("first name", "code")
    assert template.fill({"first name": "Ann", "code": "{x}"}) == "{Hi} Ann, {x}!"


@pytest.mark.parametrize("text", ["{}", "{0}", "{name.upper}", "{name[0]}", "{name!r}", "{name:>9}", "{", "}", "{a"])
def test_it_reaches_no_further_than_column_names(text: str) -> None:
    with pytest.raises(InvalidOptionError, match="braces"):
        Template(text)


def test_a_column_may_stand_in_it_twice() -> None:
    template = Template("{a} {b} {A}")
    assert template.columns == ("a", "b")
    assert template.bind({"a": 1, "b": 0})(["x", "y"]) == "y x y"


literals = st.text("ab %s{}\n€").map(lambda text: text.replace("{", "{{").replace("}", "}}"))


@given(
    st.lists(st.tuples(literals, st.sampled_from(["", "{a}", "{b}", "{c}"])), max_size=5),
    st.lists(st.text(), min_size=3, max_size=3),
)
def test_bound_it_fills_as_unbound(pieces: list[tuple[str, str]], cells: list[str]) -> None:
    template = Template("".join(literal + hole for literal, hole in pieces))
    columns = {"a": 2, "b": 0, "c": 1}
    by_key = {key: cells[position] for key, position in columns.items()}
    assert template.bind(columns)(cells) == template.fill(by_key)
