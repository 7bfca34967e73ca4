"""Every table of the API as an enum: statuses, errors, callback bits, features, message types, queues.

Codes come from the network, so a code that no table lists must survive unharmed. Looking one up never raises:
it gives a member-like value named ``UNKNOWN_<code>`` that keeps its value, equals itself and is not remembered.

Descriptions and comments are the vendor's, word for word.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag, StrEnum
from typing import Self

__all__ = ["Callback", "Code", "ErrorCode", "Feature", "MessageStatus", "MessageType", "Queue"]


class Code(StrEnum):
    """A three-digit code with the vendor's ``description`` and ``comment``. It is a `str`: ``"003"``.

    >>> ErrorCode("003").description
    'Session ID expired'
    >>> ErrorCode("999")
    <ErrorCode.UNKNOWN_999: '999'>
    """

    description: str
    """What the vendor calls it; empty for a code that is not in the table."""
    comment: str
    """What the vendor says about it; may be empty."""

    def __new__(cls, value: str, description: str = "", comment: str = "") -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.description = description
        member.comment = comment
        return member

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        # Some senders lose the leading zeros (SOAP types a status as an int): 3, "3" and "003" are one code.
        padded = str(value).zfill(3)
        for member in cls:
            if member.value == padded:
                return member
        text = padded if isinstance(value, int) else str(value)
        stranger = str.__new__(cls, text)
        stranger._name_, stranger._value_ = f"UNKNOWN_{text}", text
        stranger.description = stranger.comment = ""
        return stranger

    @property
    def is_known(self) -> bool:
        """Whether the code is in the table."""
        return self._name_ in type(self).__members__


class MessageStatus(Code):
    """What became of a message (``querymsg``, ``getmsgcharge``, delivery reports)."""

    MESSAGE_UNKNOWN = "001", "Message unknown", "The message ID is incorrect or reporting is delayed."
    MESSAGE_QUEUED = (
        "002",
        "Message queued",
        "The message could not be delivered and has been queued for attempted redelivery.",
    )
    DELIVERED_TO_GATEWAY = (
        "003",
        "Delivered to gateway",
        "Delivered to the upstream gateway or network (delivered to the recipient).",
    )
    RECEIVED_BY_RECIPIENT = (
        "004",
        "Received by recipient",
        "Confirmation of receipt on the handset of the recipient.",
    )
    ERROR_WITH_MESSAGE = (
        "005",
        "Error with message",
        "There was an error with the message, probably caused by the content of the message itself.",
    )
    USER_CANCELLED = (
        "006",
        "User cancelled message delivery",
        "The message was terminated by a user (stop message command) or by our staff.",
    )
    ERROR_DELIVERING = (
        "007",
        "Error delivering message",
        "An error occurred delivering the message to the handset.",
    )
    OK = "008", "OK", "Message received by gateway."
    ROUTING_ERROR = "009", "Routing error", "An error occurred while attempting to route the message."
    MESSAGE_EXPIRED = (
        "010",
        "Message expired",
        "Message has expired before we were able to deliver it to the upstream gateway. No charge applies.",
    )
    QUEUED_FOR_LATER = (
        "011",
        "Message queued for later delivery",
        "Message has been queued at the gateway for delivery at a later time (delayed delivery).",
    )
    OUT_OF_CREDIT = (
        "012",
        "Out of credit",
        "The message cannot be delivered due to a lack of funds in your account. Please re-purchase credits.",
    )
    MAXIMUM_MT_LIMIT_EXCEEDED = (
        "014",
        "Maximum MT limit exceeded",
        "The allowable amount for MT messaging has been exceeded.",
    )

    @property
    def is_final(self) -> bool:
        """Whether no other status will follow: 004 005 006 007 009 010 012 014."""
        return self in _FINAL

    @property
    def is_error(self) -> bool:
        """Whether the message was not delivered and will not be: 005 007 009 010 012 014."""
        return self in _ERROR


_ERROR = frozenset(MessageStatus(code) for code in ("005", "007", "009", "010", "012", "014"))
_FINAL = _ERROR | {MessageStatus.RECEIVED_BY_RECIPIENT, MessageStatus.USER_CANCELLED}


class ErrorCode(Code):
    """What an ``ERR: <code>, <description>`` of the HTTP API means.

    001 to 301 and 901 as the vendor's current table has them; 004, 110 to 112 and 302 are from the HTTP API
    specification V2.3.8, 100 from later pages, 606 and 607 from V2.2.7: those have no comment. Of 124 to 127 (one-time
    passwords) the vendor gives no words at all.
    """

    AUTHENTICATION_FAILED = "001", "Authentication failed", "Authentication details are incorrect."
    UNKNOWN_USERNAME_OR_PASSWORD = (
        "002",
        "Unknown username or password",
        "Authorization error, unknown user name or incorrect password.",
    )
    SESSION_ID_EXPIRED = (
        "003",
        "Session ID expired",
        "The session ID has expired after a pre-set time of inactivity.",
    )
    ACCOUNT_FROZEN = "004", "Account frozen"
    MISSING_SESSION_ID = "005", "Missing session ID", "Missing session ID attribute in request."
    IP_LOCKDOWN_VIOLATION = (
        "007",
        "IP Lockdown violation",
        "You have locked down the API instance to a specific IP address and then sent from an IP address "
        "different to the one you set.",
    )
    DATA_MALFORMED = "100", "Data malformed"
    INVALID_OR_MISSING_PARAMETERS = (
        "101",
        "Invalid or missing parameters",
        "One or more required parameters are missing or invalid",
    )
    INVALID_USER_DATA_HEADER = (
        "102",
        "Invalid user data header",
        "The format of the user data header is incorrect.",
    )
    UNKNOWN_API_MESSAGE_ID = (
        "103",
        "Unknown API message ID",
        "The API message ID is unknown. Log in to your API account to check the ID or create a new one.",
    )
    UNKNOWN_CLIENT_MESSAGE_ID = (
        "104",
        "Unknown client message ID",
        "The client ID message that you are querying does not exist.",
    )
    INVALID_DESTINATION_ADDRESS = (
        "105",
        "Invalid destination address",
        "The destination address you are attempting to send to is invalid.",
    )
    INVALID_SOURCE_ADDRESS = (
        "106",
        "Invalid source address",
        "The sender address that is specified is incorrect.",
    )
    EMPTY_MESSAGE = "107", "Empty message", "The message has no content"
    INVALID_OR_MISSING_API_ID = (
        "108",
        "Invalid or missing API ID",
        "The API message ID is either incorrect or has not been included in the API call.",
    )
    MISSING_MESSAGE_ID = (
        "109",
        "Missing message ID",
        "This can be either a client message ID or API message ID. For example when using the stop message command.",
    )
    ERROR_WITH_EMAIL_MESSAGE = "110", "Error with email message"
    INVALID_PROTOCOL = "111", "Invalid protocol"
    INVALID_MESSAGE_TYPE = "112", "Invalid message type"
    MAXIMUM_MESSAGE_PARTS_EXCEEDED = (
        "113",
        "Maximum message parts exceeded",
        "The text message component of the message is greater than the permitted 160 characters (70 Unicode "
        "characters). Select concat equal to 1,2,3-N to overcome this by splitting the message across "
        "multiple messages.",
    )
    CANNOT_ROUTE_MESSAGE = (
        "114",
        "Cannot route message",
        "This implies that the gateway is not currently routing messages to this network prefix. Please "
        "email support@clickatell.com with the mobile number in question.",
    )
    MESSAGE_EXPIRED = (
        "115",
        "Message expired",
        "Message has expired before we were able to deliver it to the upstream gateway. No charge applies",
    )
    INVALID_UNICODE_DATA = (
        "116",
        "Invalid Unicode data",
        "The format of the unicode data entered is incorrect.",
    )
    INVALID_DELIVERY_TIME = (
        "120",
        "Invalid delivery time",
        "The format of the delivery time entered is incorrect.",
    )
    DESTINATION_BLOCKED = (
        "121",
        "Destination mobile number blocked",
        "This number is not allowed to receive messages from us and has been put on our block list.",
    )
    DESTINATION_OPTED_OUT = (
        "122",
        "Destination mobile opted out",
        "The user has opted out and is no longer subscribed to your service.",
    )
    INVALID_SENDER_ID = (
        "123",
        "Invalid Sender ID",
        "A sender ID needs to be registered and approved before it can be successfully used in message sending.",
    )
    OTP_124 = "124"
    OTP_125 = "125"
    OTP_126 = "126"
    OTP_127 = "127"
    NUMBER_DELISTED = (
        "128",
        "Number delisted",
        "This error may be returned when a number has been delisted.",
    )
    MAXIMUM_MT_LIMIT_EXCEEDED = (
        "130",
        "Maximum MT limit exceeded until",
        "This error is returned when an account has exceeded the maximum number of MT messages which can be "
        "sent daily or monthly. You can send messages again on the date indicated by the UNIX TIMESTAMP.",
    )
    INVALID_BATCH_ID = (
        "201",
        "Invalid batch ID",
        "The batch ID which you have entered for batch messaging is not valid.",
    )
    NO_BATCH_TEMPLATE = (
        "202",
        "No batch template",
        "The batch template has not been defined for the batch command.",
    )
    NO_CREDIT_LEFT = "301", "No credit left", "Insufficient credits"
    MAX_ALLOWED_CREDIT = "302", "Max allowed credit"
    INVALID_VOUCHER = "606", "Invalid Voucher"
    EXPIRED_VOUCHER = "607", "Expired Voucher"
    INTERNAL_ERROR = "901", "Internal error", "Please retry"


class Callback(IntFlag):
    """Which statuses are reported to the account's callback URL: the ``callback`` parameter, 0 to 7.

    >>> Callback(3) == Callback.INTERMEDIATE | Callback.FINAL
    True
    """

    NONE = 0
    """No callback."""
    INTERMEDIATE = 1
    """003."""
    FINAL = 2
    """004 005 007 009 010 012."""
    ERROR = 4
    """005 007 009 010 012."""

    @property
    def statuses(self) -> frozenset[MessageStatus]:
        """The statuses that trigger a callback."""
        chosen: set[str] = set()
        if self & Callback.INTERMEDIATE:
            chosen |= {"003"}
        if self & Callback.FINAL:
            chosen |= {"004", "005", "007", "009", "010", "012"}
        if self & Callback.ERROR:
            chosen |= {"005", "007", "009", "010", "012"}
        return frozenset(MessageStatus(code) for code in chosen)


class Feature(IntFlag):
    """Features that the route must have: the ``req_feat`` parameter, added up."""

    TEXT = 1
    """Plain text."""
    EIGHT_BIT = 2
    """8-bit messages."""
    UDH = 4
    """A user data header."""
    UCS2 = 8
    """Unicode."""
    ALPHANUMERIC_SENDER = 16
    """A sender ID of letters."""
    NUMERIC_SENDER = 32
    """A sender ID that is a number."""
    FLASH = 512
    """Flash messages."""
    DELIVERY_ACKNOWLEDGEMENT = 8192
    """Receipts of the handset."""
    CONCATENATION = 16384
    """Long messages in parts."""


class MessageType(StrEnum):
    """Special messages: the ``msg_type`` parameter."""

    SMS_TEXT = "SMS_TEXT"
    """A text; the gateway's default."""
    SMS_FLASH = "SMS_FLASH"
    """A text that is shown at once, and not kept."""
    SMS_NOKIA_OLOGO = "SMS_NOKIA_OLOGO"
    """Nokia: an operator logo."""
    SMS_NOKIA_GLOGO = "SMS_NOKIA_GLOGO"
    """Nokia: a group logo."""
    SMS_NOKIA_PICTURE = "SMS_NOKIA_PICTURE"
    """Nokia: a picture."""
    SMS_NOKIA_RINGTONE = "SMS_NOKIA_RINGTONE"
    """Nokia: a ringtone."""
    SMS_NOKIA_RTTL = "SMS_NOKIA_RTTL"
    """Nokia: a ringtone in RTTL."""
    SMS_NOKIA_CLEAN = "SMS_NOKIA_CLEAN"
    """Nokia: takes the operator logo away."""
    SMS_NOKIA_VCARD = "SMS_NOKIA_VCARD"
    """Nokia: a business card."""
    SMS_NOKIA_VCAL = "SMS_NOKIA_VCAL"
    """Nokia: a calendar entry."""


class Queue(IntEnum):
    """Priority among the account's own messages: the ``queue`` parameter."""

    HIGH = 1
    """First."""
    MEDIUM = 2
    """Second."""
    LOW = 3
    """Last; the gateway's default."""
