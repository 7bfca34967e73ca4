"""Which recipients travel together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickasync.bulk.groups import Group, Groups
from clickasync.codes import Queue
from clickasync.errors import InvalidNumberError, InvalidOptionError, api_error
from clickasync.options import Message, WireMessage, compile_message

NOW: Final = 1_700_000_000
ANN: Final = "27821234567"
BOB: Final = "+27 82 765-4321"


def compiled(text: str | None, options: Mapping[str, Any]) -> WireMessage:
    return compile_message(text, options, NOW)


def groups_of(text: str | None = "Hello", batch_size: int = 3, **options: Any) -> Groups:
    return Groups(text, options, batch_size, compiled)


def groups_made_of(groups: Groups, items: Sequence[str | Message]) -> list[Group]:
    """The groups_ that the items make, those that are full first."""
    full = [group for position, item in enumerate(items) if (group := groups.add(item, position)) is not None]
    rest: list[Group] = []
    while (group := groups.pop()) is not None:
        rest.append(group)
    return full + rest


numbers = st.from_regex(r"27[0-9]{9}", fullmatch=True)
options = st.fixed_dictionaries(
    {},
    optional={
        "queue": st.sampled_from([1, 2, Queue.LOW]),
        "mo": st.booleans(),
        "validity": st.sampled_from([60, timedelta(hours=1)]),
        "from_": st.just("Acme"),
        "climsgid": st.sampled_from(["a", "b"]),
    },
)
messages = st.builds(
    lambda to, text, chosen: Message(to, text, **chosen), numbers, st.sampled_from(["Hi", "Ho", None]), options
)


@given(st.lists(numbers | messages, max_size=60), st.integers(1, 7), st.sampled_from([{}, {"mo": True}]))
def test_every_item_travels_in_exactly_one_call(
    items: list[str | Message], batch_size: int, common: dict[str, Any]
) -> None:
    groups = groups_of("Hello", batch_size, **common)
    made = groups_made_of(groups, items)
    assert sorted(position for group in made for position in group.positions) == list(range(len(items)))
    for group in made:
        assert 1 <= len(group.numbers) <= batch_size
        assert len(group.positions) == len(group.to) == len(group.numbers)
    assert groups.items == 0
    assert groups.waiting() == []


@given(st.lists(numbers | messages, max_size=60), st.integers(1, 7), st.sampled_from([{}, {"mo": True}]))
def test_every_item_travels_with_its_own_text_and_options(
    items: list[str | Message], batch_size: int, common: dict[str, Any]
) -> None:
    for group in groups_made_of(groups_of("Hello", batch_size, **common), items):
        for position, to in zip(group.positions, group.to, strict=True):
            item = items[position]
            message = item if isinstance(item, Message) else Message(item)
            assert to == message.to
            text = "Hello" if message.text is None else message.text
            assert group.message == compiled(text, {**common, **message.options})


@given(st.lists(numbers, max_size=60), st.integers(1, 7))
def test_numbers_travel_in_few_calls_in_their_order(items: list[str], batch_size: int) -> None:
    """Numbers travel in as few calls as can be and in their order."""
    made = groups_made_of(groups_of("Hello", batch_size), items)
    assert [to for group in made for to in group.to] == items
    assert len(made) == -(-len(items) // batch_size)


@given(st.lists(numbers | messages, min_size=1, max_size=4), st.integers(1, 4), st.integers(0, 9))
def test_items_that_make_a_call_make_the_same_call_at_once(
    items: list[str | Message], batch_size: int, first: int
) -> None:
    at_once = groups_of("Hello", batch_size).group_of(items, first)
    if len(items) != batch_size or any(isinstance(item, Message) for item in items):
        assert at_once is None
        return
    groups = groups_of("Hello", batch_size)
    *_, one_by_one = [groups.add(item, position) for position, item in enumerate(items, first)]
    assert at_once is not None
    assert one_by_one is not None
    assert list(at_once.positions) == one_by_one.positions
    assert (at_once.to, at_once.numbers) == (one_by_one.to, one_by_one.numbers)
    assert at_once.message == one_by_one.message


@pytest.mark.parametrize("odd", [BOB, "0027821234567", "", "nobody", f"{ANN},{ANN}", None, 27821234567])
def test_a_number_written_otherwise_is_looked_at_alone(odd: Any) -> None:
    """A number that is not sent as it is given is looked at alone."""
    assert groups_of(batch_size=2).group_of([ANN, odd], 0) is None


def test_numbers_without_a_text_make_no_call() -> None:
    assert groups_of(None, batch_size=1).group_of([ANN], 0) is None


@given(st.lists(st.tuples(numbers, st.sampled_from(["Hi", "Ho"]), st.sampled_from([1, 2])), max_size=60))
def test_equal_texts_and_options_travel_together(items: list[tuple[str, str, int]]) -> None:
    made = groups_made_of(groups_of(None, 1000), [Message(to, text, queue=queue) for to, text, queue in items])
    assert len(made) == len({(text, queue) for _, text, queue in items})


def test_the_order_of_options_makes_no_difference() -> None:
    one, other = Message(ANN, "Hi", queue=1, mo=True), Message(ANN, "Hi", mo=True, queue=1)
    assert len(groups_made_of(groups_of(), [one, other])) == 1


def test_who_has_a_climsgid_travels_alone_and_at_once() -> None:
    groups = groups_of()
    message = Message(ANN, "Hi", climsgid="mine1")
    for position in (0, 1):
        group = groups.add(message, position)
        assert group is not None
        assert group.positions == [position]
        assert group.message.climsgid == "mine1"
    assert groups.waiting() == []


def test_a_messages_own_options_come_before_the_common_ones() -> None:
    group = groups_of("Hello", 1, queue=1, mo=True).add(Message(ANN, queue=3), 0)
    assert group is not None
    assert group.message.fields == {"text": "Hello", "queue": "3", "mo": "1"}


def test_a_group_goes_out_when_it_is_full() -> None:
    groups = groups_of(batch_size=2)
    assert groups.add(ANN, 0) is None
    assert groups.items == 1
    full = groups.add(BOB, 1)
    assert full is not None
    assert full.to == [ANN, BOB]
    assert full.numbers == [ANN, "27827654321"]
    assert groups.items == 0
    assert groups.add(ANN, 2) is None


def test_groups_wait_in_the_order_in_which_they_began() -> None:
    groups = groups_of()
    for position, text in enumerate(["Hi", "Ho", "Hi", "Hey"]):
        groups.add(Message(ANN, text), position)
    assert [group.message.fields["text"] for group in groups.waiting()] == ["Hi", "Ho", "Hey"]
    first = groups.pop()
    assert first is not None
    assert first.positions == [0, 2]
    assert groups.items == 2


def test_a_group_is_taken_out_once() -> None:
    groups = groups_of()
    groups.add(Message(ANN, "Hi"), 0)
    groups.add(Message(ANN, "Ho"), 1)
    _, second = groups.waiting()
    assert groups.pop(second) is second
    assert groups.pop(second) is None
    assert groups.items == 1


def test_the_same_message_can_go_to_some_of_its_recipients() -> None:
    groups = groups_of()
    for position, to in enumerate([ANN, BOB, ANN]):
        group = groups.add(to, position)
    assert group is not None
    refused = [api_error("901", "Internal error", ANN), api_error("901", "Internal error", BOB)]
    some = group.pick([2, 1], refused)
    assert some.refusals == refused
    assert (some.positions, some.to, some.numbers) == ([2, 1], [ANN, BOB], [ANN, "27827654321"])
    assert some.message is group.message
    assert some.sending is not group.sending
    assert some.climsgid == ""


def test_an_item_that_is_wrong_in_itself_leaves_the_others_alone() -> None:
    groups = groups_of()
    groups.add(ANN, 0)
    with pytest.raises(InvalidNumberError):
        groups.add("nobody", 1)
    with pytest.raises(InvalidNumberError):
        groups.add(Message("nobody", "Hi"), 2)
    with pytest.raises(InvalidOptionError):
        groups.add(Message(BOB, "Hi", queue=9), 3)
    with pytest.raises(InvalidOptionError):
        groups.add(Message(BOB, ""), 4)
    assert [group.positions for group in groups.waiting()] == [[0]]
    assert groups.items == 1


def test_a_number_needs_a_text_to_go_with() -> None:
    groups = groups_of(None)
    with pytest.raises(InvalidOptionError, match="text"):
        groups.add(ANN, 0)
    with pytest.raises(InvalidOptionError, match="text"):
        groups.add(Message(ANN), 1)
    assert groups.items == 0


def test_a_payload_of_data_needs_no_text() -> None:
    [group] = groups_made_of(groups_of(None, data=b"\x01"), [ANN, BOB])
    assert group.message.fields == {"data": "01"}


@pytest.mark.parametrize("text", [None, ["Hello"], b"Hello", 7])
def test_what_is_no_text_joins_nobody(text: Any) -> None:
    """Not even who has a text that looks like it."""
    groups = groups_of(None)
    groups.add(Message(ANN, str(text)), 0)
    with pytest.raises(InvalidOptionError, match="text"):
        groups.add(Message(BOB, text), 1)
    assert groups.items == 1


def test_equal_payloads_travel_together() -> None:
    """Who has a text beside one is refused, whatever the text."""
    groups = groups_of(None)
    groups.add(Message(ANN, data=b"\x01"), 0)
    groups.add(Message(BOB, data=b"\x01"), 1)
    with pytest.raises(InvalidOptionError, match="text and data"):
        groups.add(Message(ANN, "None", data=b"\x01"), 2)
    assert [group.positions for group in groups.waiting()] == [[0, 1]]


def test_a_wrong_text_is_told_before_anything_is_read() -> None:
    with pytest.raises(InvalidOptionError, match="concat"):
        groups_of("x" * 1000)
    with pytest.raises(InvalidOptionError, match="queue"):
        groups_of("Hello", queue=9)
