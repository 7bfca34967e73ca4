"""The parameters of sendmsg: right ones become wire fields, wrong ones never leave the house."""

from __future__ import annotations

import pickle
import pydoc
import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from types import NoneType
from typing import Any, Final, get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickasync.codes import Callback, Feature, MessageType, Queue
from clickasync.errors import InvalidOptionError
from clickasync.options import (
    OPTIONS,
    Message,
    MessageOptions,
    SendOptions,
    check_climsgid,
    compile_message,
    describe,
    listed,
)

NOW: Final = 1_700_000_000
WEEK: Final = 7 * 24 * 3600
EMOJI: Final = "😀"


def fields(text: str | None = "Hello", /, **options: Any) -> dict[str, str]:
    return dict(compile_message(text, options, NOW).fields)


def added(**options: Any) -> dict[str, str]:
    """The wire fields that the options add to a plain text."""
    found = fields("Hello", **options)
    assert found.pop("text") == "Hello"
    return found


def complaint(text: object = "Hello", /, **options: Any) -> str:
    with pytest.raises(InvalidOptionError) as caught:
        compile_message(text, options, NOW)  # type: ignore[arg-type]
    return str(caught.value)


# -- right values


@pytest.mark.parametrize(
    ("option", "value", "wire"),
    [
        ("from_", "27821234567", {"from": "27821234567"}),
        ("from_", "1", {"from": "1"}),
        ("from_", "1" * 16, {"from": "1" * 16}),
        ("from_", "+27 82 123 4567", {"from": "27821234567"}),
        ("from_", "Acme", {"from": "Acme"}),
        ("from_", "Acme2Shop11", {"from": "Acme2Shop11"}),
        ("callback", 0, {"callback": "0"}),
        ("callback", 7, {"callback": "7"}),
        ("callback", Callback.NONE, {"callback": "0"}),
        ("callback", Callback.FINAL | Callback.ERROR, {"callback": "6"}),
        ("concat", 1, {"concat": "1"}),
        ("concat", 3, {"concat": "3"}),
        ("concat", 8, {"concat": "8"}),
        ("deliv_time", 0, {"deliv_time": "0"}),
        ("deliv_time", 10080, {"deliv_time": "10080"}),
        ("deliv_time", timedelta(), {"deliv_time": "0"}),
        ("deliv_time", timedelta(minutes=30), {"deliv_time": "30"}),
        ("deliv_time", timedelta(hours=1, seconds=1), {"deliv_time": "61"}),
        ("deliv_time", timedelta(days=7), {"deliv_time": "10080"}),
        ("scheduled_time", NOW, {"scheduled_time": str(NOW)}),
        ("scheduled_time", NOW + 3600.75, {"scheduled_time": str(NOW + 3600)}),
        ("scheduled_time", NOW + WEEK, {"scheduled_time": str(NOW + WEEK)}),
        ("scheduled_time", datetime.fromtimestamp(NOW + 60, UTC), {"scheduled_time": str(NOW + 60)}),
        (
            "scheduled_time",
            datetime.fromtimestamp(NOW + 60, timezone(timedelta(hours=2))),
            {"scheduled_time": str(NOW + 60)},
        ),
        ("mo", True, {"mo": "1"}),
        ("mo", False, {"mo": "0"}),
        ("mo", 1, {"mo": "1"}),
        ("max_credits", 1, {"max_credits": "1"}),
        ("max_credits", 0.8, {"max_credits": "0.8"}),
        ("max_credits", Decimal("2.50"), {"max_credits": "2.50"}),
        ("max_credits", "1.5", {"max_credits": "1.5"}),
        ("max_credits", Decimal("1E+1"), {"max_credits": "10"}),
        ("req_feat", Feature.TEXT, {"req_feat": "1"}),
        ("req_feat", Feature.FLASH | Feature.NUMERIC_SENDER, {"req_feat": "544"}),
        ("req_feat", 25151, {"req_feat": "25151"}),
        ("queue", 1, {"queue": "1"}),
        ("queue", 3, {"queue": "3"}),
        ("queue", Queue.MEDIUM, {"queue": "2"}),
        ("escalate", True, {"escalate": "1"}),
        ("escalate", 0, {"escalate": "0"}),
        ("validity", 1, {"validity": "1"}),
        ("validity", 1440, {"validity": "1440"}),
        ("validity", timedelta(seconds=1), {"validity": "1"}),
        ("validity", timedelta(days=1), {"validity": "1440"}),
        ("msg_type", "SMS_FLASH", {"msg_type": "SMS_FLASH"}),
        ("msg_type", MessageType.SMS_NOKIA_VCARD, {"msg_type": "SMS_NOKIA_VCARD"}),
        ("binary", True, {"binary": "1"}),
        ("deliv_ack", True, {"deliv_ack": "1"}),
        ("deliv_ack", False, {"deliv_ack": "0"}),
        ("unicode", False, {}),
    ],
)
def test_a_right_value_becomes_its_wire_field(option: str, value: object, wire: dict[str, str]) -> None:
    assert added(**{option: value}) == wire


@pytest.mark.parametrize("option", sorted(SendOptions.__optional_keys__ - {"udh", "data"}))
def test_none_means_not_given(option: str) -> None:
    assert added(**{option: None}) == {}


def test_several_options_go_together() -> None:
    assert added(from_="Acme", callback=Callback.FINAL, validity=60, mo=True) == {
        "from": "Acme",
        "callback": "2",
        "validity": "60",
        "mo": "1",
    }


# -- wrong values


class Nowhere(tzinfo):
    """A time zone that knows no offset, which leaves a datetime naive."""

    def utcoffset(self, moment: datetime | None) -> None:
        return None

    dst = tzname = utcoffset


WRONG: Final[list[tuple[str, object]]] = [
    ("from_", ""),
    ("from_", "Acme Shop"),
    ("from_", "Acme2Shop112"),
    ("from_", "1" * 17),
    ("from_", "Ärger"),
    ("from_", 27821234567),
    ("callback", -1),
    ("callback", 8),
    ("callback", True),
    ("callback", 1.0),
    ("callback", "7"),
    ("concat", 0),
    ("concat", True),
    ("concat", "2"),
    ("deliv_time", -1),
    ("deliv_time", 10081),
    ("deliv_time", 5.5),
    ("deliv_time", True),
    ("deliv_time", timedelta(seconds=-1)),
    ("deliv_time", timedelta(minutes=-1)),
    ("deliv_time", timedelta(days=7, microseconds=1)),
    ("scheduled_time", NOW - 301),
    ("scheduled_time", NOW + WEEK + 1),
    ("scheduled_time", datetime(2023, 11, 15, 12)),  # naive on purpose
    ("scheduled_time", datetime(2023, 11, 15, 12, tzinfo=Nowhere())),
    ("scheduled_time", date(2023, 11, 15)),
    ("scheduled_time", "2023-11-15T12:00:00Z"),
    ("scheduled_time", True),
    ("scheduled_time", float("nan")),
    ("scheduled_time", float("inf")),
    ("scheduled_time", 10**400),
    ("mo", 2),
    ("mo", "1"),
    ("mo", "yes"),
    ("unicode", "yes"),
    ("unicode", 2),
    ("max_credits", 0),
    ("max_credits", -1),
    ("max_credits", "much"),
    ("max_credits", float("nan")),
    ("max_credits", float("inf")),
    ("max_credits", True),
    ("max_credits", object()),
    ("req_feat", 0),
    ("req_feat", 64),
    ("req_feat", 65535),
    ("req_feat", -1),
    ("req_feat", True),
    ("req_feat", "1"),
    ("queue", 0),
    ("queue", 4),
    ("queue", "1"),
    ("queue", True),
    ("queue", []),
    ("escalate", "no"),
    ("validity", 0),
    ("validity", 1441),
    ("validity", timedelta()),
    ("validity", timedelta(days=1, seconds=1)),
    ("msg_type", "SMS_SHINY"),
    ("msg_type", 1),
    ("binary", 2),
    ("deliv_ack", "0"),
    ("climsgid", ""),
    ("climsgid", "a" * 33),
    ("climsgid", "with space"),
    ("climsgid", "ä"),
    ("climsgid", 1),
    ("udh", "050003"),
]


@pytest.mark.parametrize(("option", "value"), WRONG, ids=lambda value: str(value).partition(" at 0x")[0][:40])
def test_a_wrong_value_is_refused_by_name(option: str, value: object) -> None:
    assert option in complaint(**{option: value})


@pytest.mark.parametrize(
    ("given", "meant"),
    [("calback", "callback"), ("form_", "from_"), ("from", "from_"), ("scheduledtime", "scheduled_time")],
)
def test_an_unknown_option_is_refused_with_what_may_be_meant(given: str, meant: str) -> None:
    assert complaint(**{given: 1}) == f"there is no option {given!r}; do you mean {meant!r}?"


def test_an_unknown_option_that_resembles_nothing_is_refused() -> None:
    assert complaint(zzz=1) == "there is no option 'zzz'"


def test_an_unknown_option_is_refused_even_if_it_is_none() -> None:
    assert "calback" in complaint(calback=None)


def test_delay_and_schedule_do_not_go_together() -> None:
    words = complaint(deliv_time=10, scheduled_time=NOW + 60)
    assert "deliv_time" in words
    assert "scheduled_time" in words


def test_the_schedule_has_five_minutes_of_slack() -> None:
    assert added(scheduled_time=NOW - 300) == {"scheduled_time": str(NOW - 300)}


@given(st.integers(0, 10080), st.integers(0, 59))
def test_a_delay_is_rounded_up_to_whole_minutes(minutes: int, seconds: int) -> None:
    minutes = min(minutes, 10079)
    expected = minutes + (seconds > 0)
    assert added(deliv_time=timedelta(minutes=minutes, seconds=seconds)) == {"deliv_time": str(expected)}


# -- text


@pytest.mark.parametrize("text", ["Hello", "ΩΨΘ", "a" * 160, "€" * 80])
def test_what_gsm_can_say_goes_as_it_is(text: str) -> None:
    assert fields(text) == {"text": text}


@pytest.mark.parametrize(
    ("text", "wire"), [("你好", "4F60597D"), ("Ж", "0416"), (EMOJI, "D83DDE00"), ("a你", "00614F60")]
)
def test_what_gsm_cannot_say_goes_as_unicode(text: str, wire: str) -> None:
    assert fields(text) == {"text": wire, "unicode": "1"}


def test_unicode_true_encodes_every_text() -> None:
    assert fields("ΩΨΘ", unicode=True) == {"text": "03A903A80398", "unicode": "1"}


def test_unicode_false_refuses_what_gsm_cannot_say() -> None:
    assert fields("ΩΨΘ", unicode=False) == {"text": "ΩΨΘ"}
    words = complaint("Hi Жora", unicode=False)
    assert "unicode" in words
    assert "'Ж'" in words


@pytest.mark.parametrize("text", [None, "", b"bytes", 5])
def test_a_message_needs_a_text(text: object) -> None:
    assert "text" in complaint(text)


@pytest.mark.parametrize("unicode", [None, True])
def test_half_of_a_surrogate_pair_is_refused(unicode: bool | None) -> None:
    words = complaint("Hi \ud83d", unicode=unicode)
    assert "text" in words
    assert "surrogate" in words


@pytest.mark.parametrize(
    ("text", "parts"),
    [("a" * 161, 2), ("a" * 306, 2), ("a" * 307, 3), ("a" * 459, 3), ("Ж" * 71, 2), ("Ж" * 201, 3)],
)
def test_concat_is_what_the_text_needs(text: str, parts: int) -> None:
    message = compile_message(text, {}, NOW)
    assert message.parts == parts
    assert message.fields["concat"] == str(parts)


@pytest.mark.parametrize("text", ["a" * 460, "Ж" * 202, EMOJI * 100])
def test_more_than_three_parts_must_be_asked_for(text: str) -> None:
    words = complaint(text)
    assert "concat" in words
    assert "4 parts" in words
    assert compile_message(text, {"concat": 4}, NOW).fields["concat"] == "4"


def test_a_text_that_needs_more_parts_than_concat_is_refused() -> None:
    assert "concat" in complaint("a" * 161, concat=1)
    assert "concat" in complaint("a" * 307, concat=2)


def test_a_chosen_concat_is_kept_where_the_text_needs_less() -> None:
    message = compile_message("a" * 161, {"concat": 3}, NOW)
    assert message.fields["concat"] == "3"
    assert message.parts == 2


@given(st.text(min_size=1, max_size=400))
def test_any_text_is_either_sent_whole_or_refused(text: str) -> None:
    try:
        message = compile_message(text, {}, NOW)
    except InvalidOptionError:
        return
    wire = message.fields["text"]
    assert text == (bytes.fromhex(wire).decode("utf-16-be") if "unicode" in message.fields else wire)
    assert 1 <= message.parts <= 3


# -- raw payloads


@pytest.mark.parametrize("data", [b"\x4f\x60", "4F60", "4f60", bytearray(b"\x4f\x60")])
def test_data_is_bytes_or_hex(data: object) -> None:
    assert fields(None, data=data) == {"data": "4F60"}


def test_data_goes_with_its_header_and_the_other_options() -> None:
    assert fields(None, data=b"\x01", udh="0605041583", binary=True, from_="27821234567") == {
        "data": "01",
        "udh": "0605041583",
        "binary": "1",
        "from": "27821234567",
    }


def test_data_may_be_unicode_and_concatenated() -> None:
    assert fields(None, data="4F60597D", unicode=True, concat=2) == {
        "data": "4F60597D",
        "unicode": "1",
        "concat": "2",
    }


def test_data_and_header_hold_140_bytes_together() -> None:
    assert len(fields(None, data=b"x" * 140)["data"]) == 280
    assert len(fields(None, data=b"x" * 134, udh=b"y" * 6)["data"]) == 268
    assert "140" in complaint(None, data=b"x" * 134, udh=b"y" * 7)
    assert "140" in complaint(None, data=b"x" * 134, udh=b"y" * 7, concat=3)


@pytest.mark.parametrize(("size", "parts"), [(141, 2), (268, 2), (269, 3), (402, 3), (403, 4)])
def test_a_longer_payload_must_be_asked_for(size: int, parts: int) -> None:
    """The gateway splits it whatever ``concat`` says, so it would cost more than was meant."""
    words = complaint(None, data=b"x" * size)
    assert f"it needs {parts} parts, and concat allows 1; it takes concat={parts}" in words
    assert f"{parts} parts" in complaint(None, data=b"x" * size, concat=parts - 1)
    message = compile_message(None, {"data": b"x" * size, "concat": parts}, NOW)
    assert (message.parts, message.fields["concat"]) == (parts, str(parts))


def test_an_empty_header_is_none() -> None:
    assert fields(None, data=b"x", udh=b"") == {"data": "78"}


@pytest.mark.parametrize("data", ["4F6", "XY", "4F 60", 5, ""])
def test_wrong_data_is_refused_by_name(data: object) -> None:
    assert "data" in complaint(None, data=data)


@pytest.mark.parametrize("udh", ["4F6", "XY", 5])
def test_a_wrong_header_is_refused_by_name(udh: object) -> None:
    assert "udh" in complaint(None, data="01", udh=udh)


def test_wrong_options_are_refused_beside_data_too() -> None:
    assert "unicode" in complaint(None, data="01", unicode="yes")
    assert "concat" in complaint(None, data="01", concat=0)


def test_data_and_text_do_not_go_together() -> None:
    assert "data" in complaint("Hello", data="01")


def test_a_header_goes_in_place_of_a_message_type() -> None:
    words = complaint(None, data="01", udh="0605041583", msg_type=MessageType.SMS_FLASH)
    assert "udh" in words
    assert "msg_type" in words


def test_an_alphanumeric_sender_cannot_go_with_an_8_bit_message() -> None:
    assert "from_" in complaint(None, data="01", binary=True, from_="Acme")
    assert fields(None, data="01", binary=False, from_="Acme")["from"] == "Acme"


# -- climsgid


@pytest.mark.parametrize("climsgid", ["a", "0aZ9", "f" * 32])
def test_the_users_own_climsgid_is_kept_apart_from_the_fields(climsgid: str) -> None:
    message = compile_message("Hello", {"climsgid": climsgid}, NOW)
    assert message.climsgid == climsgid
    assert "climsgid" not in message.fields
    assert check_climsgid(climsgid) == climsgid


def test_without_one_there_is_no_climsgid() -> None:
    assert compile_message("Hello", {}, NOW).climsgid is None


def test_only_one_message_can_have_a_climsgid() -> None:
    assert SendOptions.__optional_keys__ - MessageOptions.__optional_keys__ == {"climsgid"}


@pytest.mark.parametrize("climsgid", ["a\n", "", "a-b", "٣", None])
def test_a_climsgid_is_letters_and_digits(climsgid: object) -> None:
    with pytest.raises(InvalidOptionError, match="climsgid"):
        check_climsgid(climsgid)


# -- Message


def test_a_message_carries_its_options_by_name() -> None:
    message = Message("27821234567", "Hi", callback=Callback.FINAL, climsgid="a1")
    assert (message.to, message.text) == ("27821234567", "Hi")
    assert message.options == {"callback": Callback.FINAL, "climsgid": "a1"}
    assert Message("27821234567").text is None


def test_several_recipients_are_not_one_str() -> None:
    assert listed(iter(["27", "28"])) == ["27", "28"]
    for to in ("27821234567", b"27821234567", 27821234567, None):
        with pytest.raises(InvalidOptionError, match="list"):
            listed(to)  # type: ignore[arg-type]


# -- the table

HINTS: Final = get_type_hints(SendOptions)
NOT_TYPES: Final = {"or", "aware", "hex"}


@pytest.mark.parametrize("name", HINTS)
def test_the_words_for_a_type_are_its_type(name: str) -> None:
    """What type checkers are told, and what people are."""
    kinds = {kind.__name__ for kind in get_args(HINTS[name]) if kind is not NoneType}
    assert {*re.findall(r"\w+", OPTIONS[name].type)} - NOT_TYPES == kinds


@pytest.mark.parametrize("name", [name for name, option in OPTIONS.items() if option.low is not None])
def test_a_range_is_what_is_checked(name: str) -> None:
    option = OPTIONS[name]
    assert option.low is not None
    assert option.high is not None
    for value in (option.low, option.high):
        assert added(**{name: value}) == {option.field: str(value)}
        assert f"{value}" in option.range
    for value in (option.low - 1, option.high + 1):
        assert name in complaint(**{name: value})


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_is_explained(name: str) -> None:
    option = OPTIONS[name]
    assert option.name == name
    assert re.fullmatch(r"[A-Z].*\.", option.meaning)
    assert describe([name]).replace("\n    ", " ").startswith(f"{name} ({option.type}")


def test_help_lists_every_option() -> None:
    shown = pydoc.plain(pydoc.render_doc(MessageOptions))
    for name in MessageOptions.__optional_keys__:
        assert f"{name} ({OPTIONS[name].type}" in shown
    assert "deliv_time (timedelta or int, 0 to 10080 minutes): Deliver after this time" in shown
    assert "climsgid" not in shown
    assert "climsgid (str)" in pydoc.plain(pydoc.render_doc(SendOptions))


def test_a_description_fits_into_a_docstring() -> None:
    lines = describe(["concat", "mo"], indent=8, width=60).splitlines()
    begins = [line[:8].isspace() and not line[8].isspace() for line in lines]
    assert [line.split()[0] for line, begin in zip(lines, begins, strict=True) if begin] == ["concat", "mo"]
    assert all(
        begin or (line[:12].isspace() and not line[12].isspace()) for line, begin in zip(lines, begins, strict=True)
    )
    assert max(map(len, lines)) <= 60


@pytest.mark.parametrize(("option", "value"), WRONG, ids=lambda value: str(value).partition(" at 0x")[0][:40])
def test_an_error_says_which_options_it_is_about(option: str, value: object) -> None:
    """A form can show it beside them, and a command line can call them as they are typed."""
    with pytest.raises(InvalidOptionError) as caught:
        compile_message("Hello", {option: value}, NOW)
    assert option in caught.value.options
    assert all(re.search(rf"\b{name}\b", str(caught.value)) for name in caught.value.options)
    assert pickle.loads(pickle.dumps(caught.value)).options == caught.value.options
