"""The ledger: every message that was accepted, and what becomes of each as time goes by.

A message's status is a function of the gateway's clock, never a stored value that somebody must keep up to date::

    (deferred: 011 until it is due)  008 ── gateway_delay ──> 003 ── handset_delay ──> 004

A test number, 999 and a three-digit code and anything more, ends elsewhere: `Lives` has the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

from attrs import define, field

from clickasync.codes import Callback, MessageStatus
from clickasync.simulator.replies import Refusal

__all__ = ["Ledger", "Life", "Lives", "Message", "refusal_of"]

Life = tuple[tuple[float, MessageStatus], ...]
"""Seconds after the message leaves the queue, and the status that it then takes on."""

_QUEUED: Final = MessageStatus.QUEUED_FOR_LATER
_OK: Final = (0.0, MessageStatus.OK)
_NOT_CHARGED: Final = frozenset({MessageStatus.USER_CANCELLED, MessageStatus.MESSAGE_EXPIRED})
_TEST_PREFIX: Final = "999"


@define(eq=False, kw_only=True)
class Message:
    """One accepted message. Its `status` and `charge` follow the gateway's clock; all else stays as it was sent."""

    id: str
    """The apimsgid: 32 hexadecimal digits."""
    climsgid: str
    """The client's own message ID; empty when it gave none."""
    api_id: str
    command: str
    """The command that brought it: sendmsg, senditem, quicksend, ind_push or si_push."""
    to: str
    """The recipient, as the gateway normalised it."""
    sender: str
    """The `from`; empty when none was given."""
    text: str
    """What the handset shows: `unicode=1` hex is decoded, and what GSM 03.38 cannot say is a question mark."""
    data: str
    """The payload of a binary message as it was sent, hex; empty for a text."""
    unicode: bool
    parts: int
    price: Decimal
    """What was taken off the account, in credits."""
    callback: Callback
    accepted_at: float
    """Seconds on the gateway's clock."""
    leaves_at: float
    """When it leaves the queue, on the gateway's clock: later than `accepted_at` if it was deferred."""
    options: Mapping[str, str] = field(repr=False)
    """Every other parameter as it was sent, without credentials. Shared by the messages of one call."""
    _life: Life = field(repr=False)
    _clock: Callable[[], float] = field(repr=False)
    _cancelled: bool = field(default=False, init=False, repr=False)

    @property
    def status(self) -> MessageStatus:
        """The status at this moment."""
        if self._cancelled:
            return MessageStatus.USER_CANCELLED
        age = self._clock() - self.leaves_at
        if age < 0:
            return _QUEUED
        return [status for offset, status in self._life if offset <= age][-1]

    @property
    def charge(self) -> Decimal:
        """What it costs, in credits: nothing once it has expired or was stopped."""
        return Decimal(0) if self.status in _NOT_CHARGED else self.price

    @property
    def is_cancelled(self) -> bool:
        """Whether delmsg stopped it."""
        return self._cancelled

    def cancel(self) -> bool:
        """Stop it if it is still in the queue; tell whether that was so."""
        stoppable = self.status is _QUEUED
        if stoppable:
            self._cancelled = True
        return stoppable

    def changes(self) -> list[tuple[float, MessageStatus]]:
        """When, on the gateway's clock, it takes on which status."""
        return [(self.leaves_at + offset, status) for offset, status in self._life]


class Lives:
    """What becomes of the messages to a number.

    ==========================  =========================================
    999001, 002, 003, 005 …     008, then that status from the gateway
    999008, 999011              that status from the beginning
    999004, 999007              008, 003, then that status from the handset
    any other number            as 999004
    ==========================  =========================================
    """

    def __init__(self, gateway_delay: float, handset_delay: float) -> None:
        self._gateway_delay = gateway_delay
        passed_on = (gateway_delay, MessageStatus.DELIVERED_TO_GATEWAY)
        answered = gateway_delay + handset_delay
        self._delivered: Life = (_OK, passed_on, (answered, MessageStatus.RECEIVED_BY_RECIPIENT))
        self._lives: dict[str, Life] = {
            "004": self._delivered,
            "007": (_OK, passed_on, (answered, MessageStatus.ERROR_DELIVERING)),
            "008": (_OK,),
            "011": ((0.0, _QUEUED),),
        }

    def of(self, number: str) -> Life:
        """The life of a message to `number`."""
        code = _test_code(number)
        if not "001" <= code <= "014":
            return self._delivered
        return self._lives.get(code) or (_OK, (self._gateway_delay, MessageStatus(code)))


def _test_code(number: str) -> str:
    return number[3:6] if number.startswith(_TEST_PREFIX) else ""


def refusal_of(number: str, *, until: int) -> Refusal | None:
    """How a test number refuses: 999 and an error code from 100 up. `until` is the Unix time of a 130."""
    code = _test_code(number)
    if len(code) < 3 or code < "100":
        return None
    return Refusal(code, until if code == "130" else "")


class Ledger:
    """The messages in the order of acceptance, found by either of their IDs."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._by_id: dict[str, Message] = {}
        self._by_climsgid: dict[tuple[str, str], Message] = {}

    def add(self, message: Message) -> None:
        """Enter a message."""
        self.messages.append(message)
        self._by_id[message.id] = message
        if message.climsgid:
            self._by_climsgid[message.api_id, message.climsgid] = message

    def find(self, api_id: str, fields: Mapping[str, str]) -> Message:
        """The message of this account that a call asks about, by apimsgid or else climsgid.

        A climsgid need not be unique: the latest message that bears it answers.
        """
        if apimsgid := fields.get("apimsgid"):
            message = self._by_id.get(apimsgid)
            if message is None or message.api_id != api_id:
                raise Refusal("103")
            return message
        if climsgid := fields.get("climsgid"):
            message = self._by_climsgid.get((api_id, climsgid))
            if message is None:
                raise Refusal("104")
            return message
        raise Refusal("109")
