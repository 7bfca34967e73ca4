"""Joining the parts of long inbound messages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickasync.callbacks import Assembler, InboundMessage, OptOut, parse
from tests.support.callback_samples import MESSAGE, urlencoded

NOON = datetime(2008, 8, 6, 12, tzinfo=UTC)


def part(
    text: str,
    number: int,
    total: int,
    *,
    reference: int = 0xCC,
    sender: str = "279991235642",
    id: str = "",
    hours: float = 0,
    keywords: tuple[str, ...] = (),
) -> InboundMessage:
    wide = reference > 255
    udh = bytes([6, 8, 4]) + reference.to_bytes(2) if wide else bytes([5, 0, 3, reference])
    return InboundMessage(
        id=id or f"{sender}-{reference}-{number}-{text}",
        to="27123456789",
        from_=sender,
        text=text,
        timestamp=NOON + timedelta(hours=hours),
        charset="UTF-8",
        udh=udh + bytes([total, number]),
        api_id="1",
        keywords=keywords,
    )


def texts(assembler: Assembler, *messages: InboundMessage) -> list[str | None]:
    wholes = [assembler.add(message) for message in messages]
    return [None if whole is None else whole.text for whole in wholes]


def test_a_message_that_is_no_part_comes_straight_back() -> None:
    message = parse(MESSAGE)
    assert isinstance(message, InboundMessage)
    assembler = Assembler()
    assert assembler.add(message) is message
    assert assembler.add(message) is message
    assert len(assembler) == 0


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("reference", [0, 0xCC, 0xABCD])
def test_parts_are_joined_in_any_order_when_the_last_arrives(order: tuple[int, ...], reference: int) -> None:
    parts = [part(text, number, 3, reference=reference) for number, text in enumerate(["one ", "two ", "three"], 1)]
    assembler = Assembler()
    assert texts(assembler, *(parts[index] for index in order)) == [None, None, "one two three"]
    assert len(assembler) == 0


def test_the_whole_has_what_its_first_part_has() -> None:
    """The whole has everything of its first part but for text and UDH."""
    assembler = Assembler()
    assembler.add(part("b", 2, 2, id="second", hours=0))
    whole = assembler.add(part("a", 1, 2, id="first", hours=1))
    assert whole is not None
    assert (whole.id, whole.timestamp, whole.charset, whole.api_id) == (
        "first",
        NOON + timedelta(hours=1),
        "UTF-8",
        "1",
    )
    assert (whole.text, whole.udh, whole.part) == ("ab", b"", None)


def test_a_message_of_one_part_is_whole_at_once() -> None:
    assert texts(Assembler(), part("alone", 1, 1)) == ["alone"]


def test_duplicates_before_the_last_part_change_nothing() -> None:
    one, two = part("one ", 1, 2), part("two", 2, 2)
    assert texts(Assembler(), one, one, one, two) == [None, None, None, "one two"]


def test_late_duplicates_do_not_bring_a_message_again() -> None:
    """Late duplicates of a complete message do not bring it again."""
    one, two = part("one ", 1, 2), part("two", 2, 2)
    assembler = Assembler()
    assert texts(assembler, one, two, two, one, one, two) == [None, "one two", None, None, None, None]
    assert len(assembler) == 0


def test_senders_and_references_are_kept_apart() -> None:
    interleaved = [
        part("a1 ", 1, 2, sender="1"),
        part("b2", 2, 2, sender="2"),
        part("c1 ", 1, 2, sender="1", reference=7),
        part("a2", 2, 2, sender="1"),
        part("b1 ", 1, 2, sender="2"),
        part("c2", 2, 2, sender="1", reference=7),
    ]
    assert texts(Assembler(), *interleaved) == [None, None, None, "a1 a2", "b1 b2", "c1 c2"]


def test_parts_that_disagree_belong_to_different_messages() -> None:
    """Parts that disagree about the total belong to different messages."""
    assembler = Assembler()
    parts = [part("a1 ", 1, 2), part("b1 ", 1, 3), part("b2 ", 2, 3), part("a2", 2, 2), part("b3", 3, 3)]
    assert texts(assembler, *parts) == [None, None, None, "a1 a2", "b1 b2 b3"]


def test_a_number_outside_the_total_is_a_message_of_its_own() -> None:
    assembler = Assembler()
    assert texts(assembler, part("x", 3, 2), part("y", 0, 2), part("z", 1, 0)) == ["x", "y", "z"]
    assert len(assembler) == 0


def test_a_reference_used_again_begins_a_new_message() -> None:
    assembler = Assembler()
    first = [part("old one, ", 1, 2), part("old two", 2, 2)]
    second = [part("new one, ", 1, 2), part("new two", 2, 2)]
    assert texts(assembler, *first, *second) == [None, "old one, old two", None, "new one, new two"]


def test_parts_of_two_messages_are_not_joined() -> None:
    """Parts of two messages are not joined when the first lost one."""
    assembler = Assembler()
    assert texts(assembler, part("old one, ", 1, 2)) == [None]
    assert texts(assembler, part("new one, ", 1, 2), part("new two", 2, 2)) == [None, "new one, new two"]


def test_parts_further_apart_than_max_age_are_not_joined() -> None:
    for max_age in (timedelta(hours=1), 3600, 3600.0):
        assembler = Assembler(max_age=max_age)
        assert texts(assembler, part("one ", 1, 2), part("two", 2, 2, hours=1.001)) == [None, None]
        assert texts(assembler, part("new one ", 1, 2, hours=1.5)) == ["new one two"]
        assert texts(Assembler(max_age=max_age), part("one ", 1, 2), part("two", 2, 2, hours=1)) == [None, "one two"]


def test_a_straggler_does_not_displace_a_newer_message() -> None:
    """A straggler of an older message does not displace a newer one."""
    assembler = Assembler(max_age=3600)
    parts = [part("new one, ", 1, 2, hours=5), part("old two", 2, 2, hours=0), part("new two", 2, 2, hours=5)]
    assert texts(assembler, *parts) == [None, None, "new one, new two"]


def test_the_same_long_message_is_new_again_after_max_age() -> None:
    assembler = Assembler(max_age=3600)
    later = [part("one ", 1, 2, hours=5), part("two", 2, 2, hours=5)]
    assert texts(assembler, part("one ", 1, 2), part("two", 2, 2), *later) == [None, "one two", None, "one two"]


def test_the_oldest_incomplete_messages_are_given_up() -> None:
    assembler = Assembler(max_messages=3)
    for sender in "12345":
        assembler.add(part("one ", 1, 2, sender=sender))
    assert len(assembler) == 3
    wholes = texts(assembler, *(part("two", 2, 2, sender=sender) for sender in "345"))
    assert wholes == ["one two"] * 3
    assert texts(assembler, part("two", 2, 2, sender="1")) == [None]


def test_the_memory_of_complete_messages_is_bounded() -> None:
    assembler = Assembler(max_messages=2)
    for sender in "123":
        texts(assembler, part("one ", 1, 2, sender=sender), part("two", 2, 2, sender=sender))
    # 3 is remembered, 1 is forgotten.
    assert texts(assembler, part("one ", 1, 2, sender="3"), part("two", 2, 2, sender="3")) == [None, None]
    assert texts(assembler, part("one ", 1, 2, sender="1"), part("two", 2, 2, sender="1")) == [None, "one two"]


@pytest.mark.parametrize("most", [0, -1])
def test_an_assembler_without_room_is_a_mistake(most: int) -> None:
    with pytest.raises(ValueError, match="max_messages"):
        Assembler(max_messages=most)


def test_a_surrogate_pair_cut_in_two_by_the_handset_is_healed() -> None:
    fields = {name: value for name, value in MESSAGE.items() if name not in ("text", "charset", "udh")}
    raw = urlencoded({**fields, "charset": "UTF-16BE"})
    halves = [parse(raw + b"&udh=050003CC0201&text=%00a%D8%3D"), parse(raw + b"&udh=050003CC0202&text=%DE%00%00b")]
    assembler = Assembler()
    wholes = [assembler.add(half) for half in halves if isinstance(half, InboundMessage)]
    assert wholes[1] is not None
    assert wholes[1].text == "a\U0001f600b"


def test_half_a_surrogate_pair_is_replaced() -> None:
    """Half a surrogate pair that finds no other half is replaced."""
    assert texts(Assembler(), part("a\ud83d", 1, 2), part("b", 2, 2)) == [None, "a\ufffdb"]


def test_an_opt_out_padded_to_two_parts_is_one_when_it_is_whole() -> None:
    assembler = Assembler()
    keywords = ("fun",)
    assembler.add(part("STOP" + " " * 149, 1, 2, keywords=keywords))
    whole = assembler.add(part("fun", 2, 2, keywords=keywords))
    assert whole is not None
    assert whole.opt_out == OptOut("STOP", everywhere=False, keyword="fun")


@st.composite
def shuffled(draw: st.DrawFn) -> tuple[list[str], list[InboundMessage]]:
    """Long messages of several senders, their parts shuffled, some of them repeated."""
    expected: list[str] = []
    parts: list[InboundMessage] = []
    for sender in range(draw(st.integers(1, 4))):
        for reference in draw(st.lists(st.integers(0, 65535), min_size=1, max_size=3, unique=True)):
            pieces = draw(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=5))
            expected.append("".join(pieces))
            for number, text in enumerate(pieces, 1):
                parts.append(part(text, number, len(pieces), sender=str(sender), reference=reference))
    repeated = draw(st.lists(st.sampled_from(parts)))
    return expected, draw(st.permutations(parts + repeated))


@given(shuffled())
def test_a_long_message_comes_once_however_its_parts_do(
    case: tuple[list[str], list[InboundMessage]],
) -> None:
    """Every long message comes out once, however its parts arrive."""
    expected, parts = case
    assembler = Assembler()
    wholes = [text for text in texts(assembler, *parts) if text is not None]
    assert sorted(wholes) == sorted(expected)
    assert len(assembler) == 0


@given(
    st.lists(
        st.builds(
            part,
            st.sampled_from("ab"),
            st.integers(0, 3),
            st.integers(0, 3),
            reference=st.integers(0, 2),
            hours=st.integers(0, 50),
        )
    )
)
def test_whatever_arrives_memory_stays_bounded(messages: list[InboundMessage]) -> None:
    assembler = Assembler(max_messages=2)
    for message in messages:
        whole = assembler.add(message)
        assert whole is None or whole.part is None or whole is message
        assert len(assembler) <= 2
