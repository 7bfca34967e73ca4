"""A message that was accepted, and what becomes of it as time goes by.

A message's status is a function of the gateway's clock, never a stored value that somebody must keep up to date::

    (deferred: 011 until it is due)  008 ── gateway_delay ──> 003 ── handset_delay ──> 004

A test number, 999 and a three-digit code and anything more, ends elsewhere: see `clickasync.simulator.world.network`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final, Literal, TypeAlias

from attrs import define, field, frozen

from clickasync.codes import Callback, MessageStatus

__all__ = ["Life", "Message", "Order"]

Life: TypeAlias = tuple[tuple[float, MessageStatus], ...]
"""Seconds after the message leaves the queue, and the status that it then takes on."""

_QUEUED: Final = MessageStatus.QUEUED_FOR_LATER
_NOT_CHARGED: Final = frozenset({MessageStatus.USER_CANCELLED, MessageStatus.MESSAGE_EXPIRED})
_NOTHING: Final = Decimal(0)


@frozen
class Order:
    """What a command asks the gateway to send, to any number of recipients."""

    text: str
    """What the handset shows: `unicode=1` hex is decoded, and what GSM 03.38 cannot say is a question mark."""
    data: str
    """The payload of a binary message as it was sent, hex; empty for a text."""
    unicode: bool
    sender: str
    """The `from`; empty when none was given."""
    parts: int
    price: Decimal
    """Credits for each recipient: one a part."""
    callback: Callback
    climsgid: str
    """The client's own message ID; empty when it gave none."""
    delay: float
    """Seconds that it stays in the queue."""
    options: Mapping[str, str]
    """Every other parameter as it was sent, without credentials."""


@define(eq=False, kw_only=True)
class Message:
    """One accepted message. Its `status` and `charge` follow the gateway's clock; all else stays as it was sent."""

    number: int
    """Its place among all things that happened."""
    id: str
    """The apimsgid: 32 hexadecimal digits."""
    api_id: str
    command: str
    """The command that brought it: sendmsg, senditem, quicksend, ind_push or si_push."""
    to: str
    """The recipient, as the gateway normalised it."""
    order: Order
    """What is sent. The messages of one command share it."""
    accepted_at: float
    """Seconds on the gateway's clock."""
    life: Life = field(repr=False)
    clock: Callable[[], float] = field(repr=False)
    ended: Literal["cancelled", "deleted"] | None = field(default=None, init=False, repr=False)
    """Whether delmsg stopped it, or it was deleted from the ledger by hand: then nothing more follows from it."""

    @property
    def is_cancelled(self) -> bool:
        """Whether delmsg stopped it."""
        return self.ended == "cancelled"

    @property
    def text(self) -> str:
        """What the handset shows."""
        return self.order.text

    @property
    def data(self) -> str:
        """The payload of a binary message as it was sent, hex; empty for a text."""
        return self.order.data

    @property
    def unicode(self) -> bool:
        """Whether it was sent with ``unicode=1``."""
        return self.order.unicode

    @property
    def sender(self) -> str:
        """The `from`; empty when none was given."""
        return self.order.sender

    @property
    def climsgid(self) -> str:
        """The client's own message ID; empty when it gave none."""
        return self.order.climsgid

    @property
    def parts(self) -> int:
        """How many parts it travels in."""
        return self.order.parts

    @property
    def price(self) -> Decimal:
        """What was taken off the account, in credits."""
        return self.order.price

    @property
    def callback(self) -> Callback:
        """Which statuses are reported."""
        return self.order.callback

    @property
    def options(self) -> Mapping[str, str]:
        """Every other parameter as it was sent, without credentials."""
        return self.order.options

    @property
    def leaves_at(self) -> float:
        """When it leaves the queue, on the gateway's clock: later than `accepted_at` if it was deferred."""
        return self.accepted_at + self.order.delay if self.order.delay > 0 else self.accepted_at

    @property
    def status(self) -> MessageStatus:
        """The status at this moment."""
        if self.is_cancelled:
            return MessageStatus.USER_CANCELLED
        age = self.clock() - self.leaves_at
        if age < 0:
            return _QUEUED
        return [status for offset, status in self.life if offset <= age][-1]

    @property
    def charge(self) -> Decimal:
        """What it costs, in credits: nothing once it has expired or was stopped."""
        return _NOTHING if self.status in _NOT_CHARGED else self.price

    def cancel(self) -> bool:
        """Stop it if it is still in the queue; give whether that was so."""
        stoppable = self.status is _QUEUED
        if stoppable:
            self.ended = "cancelled"
        return stoppable

    def changes(self) -> list[tuple[float, MessageStatus]]:
        """When, on the gateway's clock, it takes on which status."""
        leaves_at = self.leaves_at
        return [(leaves_at + offset, status) for offset, status in self.life]
