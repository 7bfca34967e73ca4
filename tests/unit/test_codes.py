"""The tables of the API, against the vendor's, copied word for word."""

from __future__ import annotations

import copy
import pickle
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickasync.codes import Callback, Code, ErrorCode, Feature, MessageStatus, MessageType, Queue

# The vendor's tables as they stand on its page: code | description | comment.
STATUSES: Final = """\
001 | Message unknown | The message ID is incorrect or reporting is delayed.
002 | Message queued | The message could not be delivered and has been queued for attempted redelivery.
003 | Delivered to gateway | Delivered to the upstream gateway or network (delivered to the recipient).
004 | Received by recipient | Confirmation of receipt on the handset of the recipient.
005 | Error with message | There was an error with the message, probably caused by the content of the message \
itself.
006 | User cancelled message delivery | The message was terminated by a user (stop message command) or by our \
staff.
007 | Error delivering message | An error occurred delivering the message to the handset.
008 | OK | Message received by gateway.
009 | Routing error | An error occurred while attempting to route the message.
010 | Message expired | Message has expired before we were able to deliver it to the upstream gateway. No charge \
applies.
011 | Message queued for later delivery | Message has been queued at the gateway for delivery at a later time \
(delayed delivery).
012 | Out of credit | The message cannot be delivered due to a lack of funds in your account. Please re-purchase \
credits.
014 | Maximum MT limit exceeded | The allowable amount for MT messaging has been exceeded.
"""
ERRORS: Final = """\
001 | Authentication failed | Authentication details are incorrect.
002 | Unknown username or password | Authorization error, unknown user name or incorrect password.
003 | Session ID expired | The session ID has expired after a pre-set time of inactivity.
005 | Missing session ID | Missing session ID attribute in request.
007 | IP Lockdown violation | You have locked down the API instance to a specific IP address and then sent from an \
IP address different to the one you set.
101 | Invalid or missing parameters | One or more required parameters are missing or invalid
102 | Invalid user data header | The format of the user data header is incorrect.
103 | Unknown API message ID | The API message ID is unknown. Log in to your API account to check the ID or create \
a new one.
104 | Unknown client message ID | The client ID message that you are querying does not exist.
105 | Invalid destination address | The destination address you are attempting to send to is invalid.
106 | Invalid source address | The sender address that is specified is incorrect.
107 | Empty message | The message has no content
108 | Invalid or missing API ID | The API message ID is either incorrect or has not been included in the API call.
109 | Missing message ID | This can be either a client message ID or API message ID. For example when using the \
stop message command.
113 | Maximum message parts exceeded | The text message component of the message is greater than the permitted 160 \
characters (70 Unicode characters). Select concat equal to 1,2,3-N to overcome this by splitting the message \
across multiple messages.
114 | Cannot route message | This implies that the gateway is not currently routing messages to this network \
prefix. Please email support@clickatell.com with the mobile number in question.
115 | Message expired | Message has expired before we were able to deliver it to the upstream gateway. No charge \
applies
116 | Invalid Unicode data | The format of the unicode data entered is incorrect.
120 | Invalid delivery time | The format of the delivery time entered is incorrect.
121 | Destination mobile number blocked | This number is not allowed to receive messages from us and has been put \
on our block list.
122 | Destination mobile opted out | The user has opted out and is no longer subscribed to your service.
123 | Invalid Sender ID | A sender ID needs to be registered and approved before it can be successfully used in \
message sending.
128 | Number delisted | This error may be returned when a number has been delisted.
130 | Maximum MT limit exceeded until | This error is returned when an account has exceeded the maximum number of \
MT messages which can be sent daily or monthly. You can send messages again on the date indicated by the UNIX \
TIMESTAMP.
201 | Invalid batch ID | The batch ID which you have entered for batch messaging is not valid.
202 | No batch template | The batch template has not been defined for the batch command.
301 | No credit left | Insufficient credits
901 | Internal error | Please retry
"""
# What only older and later documents of the vendor have: no comments there.
ERRORS_FROM_ELSEWHERE: Final = """\
004 | Account frozen |
100 | Data malformed |
110 | Error with email message |
111 | Invalid protocol |
112 | Invalid message type |
124 | |
125 | |
126 | |
127 | |
302 | Max allowed credit |
606 | Invalid Voucher |
607 | Expired Voucher |
"""


def rows(table: str) -> list[tuple[str, str, str]]:
    found = [tuple(cell.strip() for cell in line.split("|")) for line in table.splitlines()]
    return [(code, description, comment) for code, description, comment in found]


@pytest.mark.parametrize(("code", "description", "comment"), rows(STATUSES))
def test_a_status_has_the_vendors_words(code: str, description: str, comment: str) -> None:
    status = MessageStatus(code)
    assert (status.value, status.description, status.comment) == (code, description, comment)
    assert status.is_known


@pytest.mark.parametrize(("code", "description", "comment"), rows(ERRORS) + rows(ERRORS_FROM_ELSEWHERE))
def test_an_error_has_the_vendors_words(code: str, description: str, comment: str) -> None:
    error = ErrorCode(code)
    assert (error.value, error.description, error.comment) == (code, description, comment)
    assert error.is_known


def test_the_tables_hold_nothing_else() -> None:
    assert [status.value for status in MessageStatus] == [code for code, _, _ in rows(STATUSES)]
    assert [error.value for error in ErrorCode] == sorted(
        code for code, _, _ in rows(ERRORS) + rows(ERRORS_FROM_ELSEWHERE)
    )


def test_final_statuses_are_final() -> None:
    assert {status.value for status in MessageStatus if status.is_final} == {
        "004", "005", "006", "007", "009", "010", "012", "014"
    }  # fmt: skip


def test_error_statuses_are_errors() -> None:
    assert {status.value for status in MessageStatus if status.is_error} == {"005", "007", "009", "010", "012", "014"}


def test_every_error_status_is_final_today() -> None:
    assert all(status.is_final for status in MessageStatus if status.is_error)


def test_an_unknown_status_is_neither_final_nor_an_error() -> None:
    assert not MessageStatus("013").is_final
    assert not MessageStatus("013").is_error


@pytest.mark.parametrize(
    ("value", "codes"),
    [
        (0, ""),
        (1, "003"),
        (2, "004, 005, 007, 009, 010, 012"),
        (3, "003, 004, 005, 007, 009, 010, 012"),
        (4, "005, 007, 009, 010, 012"),
        (5, "003, 005, 007, 009, 010, 012"),
        (6, "004, 005, 007, 009, 010, 012"),
        (7, "003, 004, 005, 007, 009, 010, 012"),
    ],
)
def test_a_callback_value_triggers_these_statuses(value: int, codes: str) -> None:
    """A callback value triggers the statuses of the vendor's table."""
    expected = {MessageStatus(code) for code in codes.split(", ") if code}
    assert Callback(value).statuses == expected
    assert Callback(value) == value


def test_callback_bits_add_up() -> None:
    assert (Callback.NONE, Callback.INTERMEDIATE, Callback.FINAL, Callback.ERROR) == (0, 1, 2, 4)
    assert Callback(7) == Callback.INTERMEDIATE | Callback.FINAL | Callback.ERROR


def test_features_have_the_vendors_numbers() -> None:
    assert {feature.name: feature.value for feature in Feature} == {
        "TEXT": 1,
        "EIGHT_BIT": 2,
        "UDH": 4,
        "UCS2": 8,
        "ALPHANUMERIC_SENDER": 16,
        "NUMERIC_SENDER": 32,
        "FLASH": 512,
        "DELIVERY_ACKNOWLEDGEMENT": 8192,
        "CONCATENATION": 16384,
    }


def test_message_types_are_those_of_the_vendor() -> None:
    assert {kind.value for kind in MessageType} == {
        "SMS_TEXT",
        "SMS_FLASH",
        "SMS_NOKIA_OLOGO",
        "SMS_NOKIA_GLOGO",
        "SMS_NOKIA_PICTURE",
        "SMS_NOKIA_RINGTONE",
        "SMS_NOKIA_RTTL",
        "SMS_NOKIA_CLEAN",
        "SMS_NOKIA_VCARD",
        "SMS_NOKIA_VCAL",
    }


def test_the_highest_queue_is_1() -> None:
    assert (Queue.HIGH, Queue.MEDIUM, Queue.LOW) == (1, 2, 3)


TABLES: Final = [MessageStatus, ErrorCode]


@pytest.mark.parametrize("table", TABLES)
class TestACodeThatNoTableLists:
    @given(value=st.text())
    def test_keeps_its_value_and_never_raises(self, table: type[Code], value: str) -> None:
        code = table(value)
        assert code in (value, value.zfill(3))
        assert isinstance(code, table)

    def test_is_named_after_its_value(self, table: type[Code]) -> None:
        code = table("999")
        assert (code.name, code.value, str(code)) == ("UNKNOWN_999", "999", "999")
        assert (code.description, code.comment) == ("", "")
        assert not code.is_known

    def test_equals_itself_and_nothing_else(self, table: type[Code]) -> None:
        assert table("999") == table("999")
        assert table("999") != table("998")
        assert table("999") == "999"
        assert hash(table("999")) == hash(table("999"))
        assert len({table("999"), table("999"), table("998")}) == 2

    @pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
    @pytest.mark.parametrize("value", ["999", "003"])
    def test_survives_pickling(self, table: type[Code], value: str, protocol: int) -> None:
        thawed = pickle.loads(pickle.dumps(table(value), protocol))  # our own bytes
        assert thawed == table(value)
        assert type(thawed) is table
        assert thawed.name == table(value).name

    @pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
    def test_survives_copying(self, table: type[Code], duplicate: type) -> None:
        assert duplicate(table("999")) == table("999")
        assert duplicate(table("999")).name == "UNKNOWN_999"

    def test_is_not_remembered(self, table: type[Code]) -> None:
        before = list(table)
        assert table("999") is not table("999")
        assert list(table) == before
        assert "UNKNOWN_999" not in table.__members__


@pytest.mark.parametrize(
    ("written", "value"),
    [("3", "003"), ("03", "003"), ("003", "003"), (3, "003"), (13, "013"), ("13", "13")],
)
def test_lost_leading_zeros_do_not_make_a_code_unknown(written: Any, value: str) -> None:
    assert MessageStatus(written).value == value
    assert MessageStatus(written).is_known is (value == "003")
