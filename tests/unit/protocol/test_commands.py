"""Every command of the HTTP API: its path, its fields, and the form body that they become."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from functools import partial
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickasync.codes import MessageStatus
from clickasync.errors import ClickatellError, InvalidOptionError
from clickasync.law import Believed, Effect, Reply
from clickasync.protocol import (
    Command,
    Lines,
    auth,
    delmsg,
    encode,
    endbatch,
    getbalance,
    getmsgcharge,
    ind_push,
    ping,
    querymsg,
    quicksend,
    route_coverage,
    senditem,
    sendmsg,
    si_push,
    startbatch,
    token_pay,
)
from clickasync.results import Coverage, MessageCharge, MessageState

ID: Final = "a0b1c2d3e4f5a0b1c2d3e4f5a0b1c2d3"
TOKEN: Final = "1234567812345678"
MMS: Final[dict[str, Any]] = {
    "mms_subject": "Hello & goodbye",
    "mms_class": 80,
    "mms_expire": 3600,
    "mms_from": "Acme",
    "mms_url": "http://example.com/a?b=c",
}
WAP: Final[dict[str, Any]] = {"si_id": "1", "si_url": "https://example.com/", "si_text": "Look"}

# what makes it, path, effect, the form it is sent as (but for the session), a reply, and what the reply is read as
COMMANDS: Final[list[tuple[Callable[[], Command[Any]], str, Effect, dict[str, str], str, object]]] = [
    (
        partial(auth, "1", "demo", "p&ss wörd"),
        "/http/auth",
        Effect.NONE,
        {"api_id": "1", "user": "demo", "password": "p&ss wörd"},
        f"OK: {ID}",
        ID,
    ),
    (ping, "/http/ping", Effect.NONE, {}, "OK: ", None),
    (
        partial(sendmsg, ["27821234567"], {"text": "Hi ~ Ω", "from": "Acme"}, "abc"),
        "/http/sendmsg",
        Effect.SENDS,
        {"to": "27821234567", "text": "Hi ~ Ω", "from": "Acme", "climsgid": "abc"},
        f"ID: {ID}",
        [ID],
    ),
    (
        partial(sendmsg, ["27821234567", "27827654321"], {"text": "Hi"}, "abc"),
        "/http/sendmsg",
        Effect.SENDS,
        {"to": "27821234567,27827654321", "text": "Hi", "climsgid": "abc"},
        "ID: bb To: 27827654321\nID: aa To: 27821234567",
        ["aa", "bb"],
    ),
    (
        partial(querymsg, ID),
        "/http/querymsg",
        Effect.NONE,
        {"apimsgid": ID},
        f"ID: {ID} Status: 004",
        MessageState(ID, MessageStatus.RECEIVED_BY_RECIPIENT),
    ),
    (
        partial(querymsg, climsgid="mine1"),
        "/http/querymsg",
        Effect.NONE,
        {"climsgid": "mine1"},
        f"ID: {ID} Status: 002",
        MessageState(ID, MessageStatus.MESSAGE_QUEUED),
    ),
    (
        partial(getmsgcharge, ID),
        "/http/getmsgcharge",
        Effect.NONE,
        {"apimsgid": ID},
        f"apiMsgId: {ID} charge: 1.5 status: 004",
        MessageCharge(ID, Decimal("1.5"), MessageStatus.RECEIVED_BY_RECIPIENT),
    ),
    (
        partial(getmsgcharge, climsgid="mine1"),
        "/http/getmsgcharge",
        Effect.NONE,
        {"climsgid": "mine1"},
        f"ID: {ID} Charge: 1 Status: 003",
        MessageCharge(ID, Decimal(1), MessageStatus.DELIVERED_TO_GATEWAY),
    ),
    (
        partial(delmsg, ID),
        "/http/delmsg",
        Effect.NONE,
        {"apimsgid": ID},
        f"ID: {ID} Status: 006",
        MessageState(ID, MessageStatus.USER_CANCELLED),
    ),
    (
        partial(delmsg, climsgid="mine1"),
        "/http/delmsg",
        Effect.NONE,
        {"climsgid": "mine1"},
        f"ID: {ID} Status: 006",
        MessageState(ID, MessageStatus.USER_CANCELLED),
    ),
    (getbalance, "/http/getbalance", Effect.NONE, {}, "Credit: 12.3", Decimal("12.3")),
    (partial(token_pay, TOKEN), "/http/token_pay", Effect.SPENDS, {"token": TOKEN}, "OK: 605", "605"),
    (
        partial(route_coverage, "27821234567"),
        "/utils/routeCoverage.php",
        Effect.NONE,
        {"msisdn": "27821234567"},
        "OK: This prefix is currently supported. Messages sent to this prefix will be routed. Charge: 1",
        Coverage(
            "27821234567",
            True,
            Decimal(1),
            "This prefix is currently supported. Messages sent to this prefix will be routed. Charge: 1",
        ),
    ),
    (
        partial(startbatch, "Dear #field1#", {"from": "Acme"}),
        "/http_batch/startbatch",
        Effect.NONE,
        {"template": "Dear #field1#", "from": "Acme"},
        f"ID: {ID}",
        ID,
    ),
    (
        partial(senditem, ID, "27821234567", ["Ann", "R 12"]),
        "/http_batch/senditem",
        Effect.SPENDS,
        {"batch_id": ID, "to": "27821234567", "field1": "Ann", "field2": "R 12"},
        "ID: bb To: 27827654321\nID: aa To: 27821234567",
        "aa",
    ),
    (
        partial(quicksend, ID, ["27821234567", "27827654321"]),
        "/http_batch/quicksend",
        Effect.SPENDS,
        {"batch_id": ID, "to": "27821234567,27827654321"},
        "ID: aa To: 27821234567\nID: bb To: 27827654321",
        ["aa", "bb"],
    ),
    (partial(endbatch, ID), "/http_batch/endbatch", Effect.NONE, {"batch_id": ID}, "OK", None),
    (
        partial(ind_push, "27821234567", **MMS),
        "/mms/ind_push.php",
        Effect.SPENDS,
        {"to": "27821234567", **{name: str(value) for name, value in MMS.items()}},
        "ID: aa To: 27821234567",
        "aa",
    ),
    (
        partial(si_push, "27821234567", **WAP),
        "/mms/si_push",
        Effect.SPENDS,
        {"to": "27821234567", **WAP},
        "ID: aa To: 27821234567",
        "aa",
    ),
]
IDS: Final = [path + "-" + ",".join(form) for _, path, _, form, _, _ in COMMANDS]


def form_of(body: bytes) -> dict[str, str]:
    parsed = parse_qs(body.decode("ascii"), keep_blank_values=True, strict_parsing=bool(body))
    assert all(len(values) == 1 for values in parsed.values())
    return {name: values[0] for name, values in parsed.items()}


Make: TypeAlias = Callable[[], Command[Any]]


@pytest.mark.parametrize(("make", "path", "effect", "form", "reply", "value"), COMMANDS, ids=IDS)
class TestACommand:
    def test_goes_to_its_path(
        self, make: Make, path: str, effect: Effect, form: dict[str, str], reply: str, value: object
    ) -> None:
        assert make().path == path

    def test_is_called_what_the_documents_call_it(
        self, make: Make, path: str, effect: Effect, form: dict[str, str], reply: str, value: object
    ) -> None:
        assert make().name == path.rpartition("/")[2].removesuffix(".php")

    def test_does_to_the_world_what_the_law_says(
        self, make: Make, path: str, effect: Effect, form: dict[str, str], reply: str, value: object
    ) -> None:
        assert make().effect is effect

    def test_is_sent_as_its_fields_and_the_session(
        self, make: Make, path: str, effect: Effect, form: dict[str, str], reply: str, value: object
    ) -> None:
        session = None if path == "/http/auth" else "5e55"
        expected = form if session is None else {"session_id": session, **form}
        assert form_of(encode(make(), session)) == expected

    def test_reads_its_reply(
        self, make: Make, path: str, effect: Effect, form: dict[str, str], reply: str, value: object
    ) -> None:
        found = make().read(Reply(reply.encode())).value
        assert (found.each if isinstance(found, Lines) else found) == value


def test_a_message_costs_what_its_parts_do_where_they_are_known() -> None:
    """Of a send the number of parts is known; the text of a batch is the gateway's to fill in."""
    assert sendmsg(["27821234567"], {"text": "Hi"}, "abc", 3).parts == 3
    assert sendmsg(["27821234567"], {"text": "Hi"}, "abc").parts == 0
    assert quicksend(ID, ["27821234567"]).parts == 0


@pytest.mark.parametrize(
    "command", [auth("1", "demo", "hush-hush"), token_pay(TOKEN), sendmsg(["27"], {"text": "hush-hush"}, "a")]
)
def test_a_command_shows_no_field_in_its_repr(command: Command[Any]) -> None:
    assert "hush-hush" not in repr(command)
    assert TOKEN not in repr(command)


texts = st.text(st.characters(codec="utf-8"))


names = st.from_regex(r"[a-z_]{1,10}", fullmatch=True).filter(lambda name: name != "to")


@given(st.dictionaries(names, texts, max_size=5), texts)
def test_any_fields_come_back_from_the_form_body(fields: dict[str, str], session: str) -> None:
    fields.pop("session_id", None)
    read = lambda reply: Believed(None)
    command: Command[None] = Command("sendmsg", "/", fields, read, to=["27821234567", "0821234567"])
    assert form_of(encode(command, session)) == {
        "session_id": session,
        **fields,
        "to": "27821234567,0821234567",
    }


def test_a_command_has_these_secrets() -> None:
    """Only the password and the voucher are secrets of a command."""
    assert auth("1", "demo", "hush").secrets == ["hush"]
    assert token_pay(TOKEN).secrets == [TOKEN]
    assert sendmsg(["27"], {"text": "Hi"}, "a").secrets == []


@pytest.mark.parametrize("token", [TOKEN, "1234 5678 1234 5678", "1234-5678-1234-5678", f" {TOKEN}\n"])
def test_a_voucher_may_be_written_in_groups(token: str) -> None:
    assert token_pay(token).fields == {"token": TOKEN}


@pytest.mark.parametrize("token", [TOKEN[1:], TOKEN + "9", "123456781234567x", "١٢٣٤٥٦٧٨١٢٣٤٥٦٧٨"])
def test_a_wrong_voucher_is_refused_and_not_repeated(token: str) -> None:
    with pytest.raises(InvalidOptionError, match="^token must be the 16 digits of a voucher$") as caught:
        token_pay(token)
    assert token not in repr(caught.value)
    assert token[:12] not in repr(caught.value)


@pytest.mark.parametrize("token", [int(TOKEN), None, b"1234567812345678"])
def test_a_voucher_is_a_str(token: object) -> None:
    with pytest.raises(InvalidOptionError, match="token") as caught:
        token_pay(token)  # type: ignore[arg-type]
    assert TOKEN not in repr(caught.value)


@pytest.mark.parametrize(
    "reply", ["ERR: 101, Invalid or missing parameters", "ERR: Bad voucher\nERR: 102, Bad", "junk", ""]
)
def test_the_voucher_is_in_no_error_of_its_reply(reply: str) -> None:
    with pytest.raises(ClickatellError) as caught:
        token_pay(TOKEN).read(Reply(reply.encode()))
    assert TOKEN not in repr(caught.value) + str(caught.value)


ASKING: Final = [querymsg, getmsgcharge, delmsg]


@pytest.mark.parametrize("ask", ASKING)
def test_a_message_is_asked_about_by_one_of_two_ids(ask: Any) -> None:
    for wrong in ({}, {"id": ID, "climsgid": "mine1"}):
        with pytest.raises(InvalidOptionError, match=r"^give either id .* or climsgid$"):
            ask(**wrong)


@pytest.mark.parametrize("ask", ASKING)
@pytest.mark.parametrize("id", ["", "  ", 5, "a\ud83d", "a\nb"])
def test_an_id_that_is_none_is_refused(ask: Any, id: object) -> None:
    with pytest.raises(InvalidOptionError, match=f"^id must be an apimsgid.*, not {re.escape(repr(id))}$"):
        ask(id)


@pytest.mark.parametrize("ask", ASKING)
def test_a_climsgid_that_is_none_is_refused(ask: Any) -> None:
    with pytest.raises(InvalidOptionError, match="climsgid"):
        ask(climsgid="not one")


def test_an_id_is_an_opaque_token() -> None:
    assert querymsg(" any/thing-at~all ").fields == {"apimsgid": "any/thing-at~all"}


# -- push messages


@pytest.mark.parametrize("mms_class", [80, 81, 82, 83])
def test_every_mms_class_may_be_pushed(mms_class: int) -> None:
    assert ind_push("27", **{**MMS, "mms_class": mms_class}).fields["mms_class"] == str(mms_class)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mms_subject", ""),
        ("mms_subject", 5),
        ("mms_subject", "half of a pair: \ud83d"),
        ("mms_class", 79),
        ("mms_class", 84),
        ("mms_class", "80"),
        ("mms_expire", 0),
        ("mms_expire", -1),
        ("mms_expire", True),
        ("mms_expire", 1.5),
        ("mms_from", " "),
        ("mms_url", "example.com"),
        ("mms_url", "ftp://example.com"),
        ("mms_url", "http://example.com/a b"),
        ("mms_url", None),
        ("mms_url", "http://example.com/\ud83d"),
    ],
)
def test_a_wrong_mms_parameter_is_refused_by_name(name: str, value: object) -> None:
    """With the value, and what would be right."""
    with pytest.raises(InvalidOptionError, match=rf"^{name} must be .+, not {re.escape(repr(value))}$"):
        ind_push("27", **{**MMS, name: value})


def test_an_mms_notification_may_expire_after_a_second() -> None:
    """Any positive number will do."""
    assert ind_push("27", **{**MMS, "mms_expire": 1}).fields["mms_expire"] == "1"


def test_the_right_values_of_a_push_message_are_listed() -> None:
    """In the error about a wrong one."""
    with pytest.raises(InvalidOptionError, match="one of 80, 81, 82, 83, not 84"):
        ind_push("27", **{**MMS, "mms_class": 84})
    actions = "signal-none, signal-low, signal-medium, signal-high, delete"
    with pytest.raises(InvalidOptionError, match=f"one of {actions}, not 'loud'"):
        si_push("27", **WAP, si_action="loud")  # type: ignore[arg-type]


@pytest.mark.parametrize("action", ["signal-none", "signal-low", "signal-medium", "signal-high", "delete"])
def test_every_action_of_a_service_indication_may_be_pushed(action: Any) -> None:
    assert si_push("27", **WAP, si_action=action).fields["si_action"] == action


def test_the_times_of_a_service_indication_are_written_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the time zone of the machine is."""
    monkeypatch.setenv("TZ", "XYZ-5")
    time.tzset()
    monkeypatch.undo()
    fields = si_push(
        "27",
        **WAP,
        si_created=datetime(2024, 2, 29, 12, 30, 5, tzinfo=UTC),
        si_expires=datetime(2024, 3, 1, 1, 0, tzinfo=timezone(timedelta(hours=2))),
    ).fields
    assert fields["si_created"] == "2024-02-29T12:30:05Z"
    assert fields["si_expires"] == "2024-02-29T23:00:00Z"
    time.tzset()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("si_id", ""),
        ("si_text", " "),
        ("si_text", "\ude00"),
        ("si_url", "example.com"),
        ("si_created", datetime(2024, 2, 29)),  # naive on purpose
        ("si_expires", "2024-02-29T12:00:00Z"),
        ("si_action", "signal-loud"),
        ("si_action", 1),
    ],
)
def test_a_wrong_service_indication_is_refused_by_name(name: str, value: object) -> None:
    """With the value, and what would be right."""
    with pytest.raises(InvalidOptionError, match=rf"^{name} must be .+, not {re.escape(repr(value))}$"):
        si_push("27", **{**WAP, name: value})
