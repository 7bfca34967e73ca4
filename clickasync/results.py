"""What calls give back: small frozen values, made for ``match``."""

from __future__ import annotations

from collections import deque
from itertools import repeat
from typing import TYPE_CHECKING, Self, TypeAlias

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from clickasync.codes import MessageStatus
    from clickasync.errors import ClickatellError

__all__ = [
    "Accepted",
    "Coverage",
    "MessageCharge",
    "MessageState",
    "Progress",
    "Rejected",
    "SendResult",
    "Skipped",
    "Uncertain",
]


@frozen
class Accepted:
    """The gateway took the message for `to` and knows it as `id`."""

    to: str
    """The recipient, as the caller gave it."""
    id: str
    """The gateway's ID of the message (apimsgid)."""
    climsgid: str
    """The client message ID of the call that carried it."""

    @classmethod
    def many(cls, to: Sequence[str], ids: Sequence[str], climsgid: str) -> list[Self]:
        """One for each recipient of a call; for many of them at once, at half the cost of making each by itself."""
        results = list(map(cls.__new__, repeat(cls, len(to))))
        for slot, values in ((cls.to, to), (cls.id, ids), (cls.climsgid, repeat(climsgid))):
            deque(map(slot.__set__, results, values), maxlen=0)  # type: ignore[attr-defined]
        return results

    @property
    def ok(self) -> bool:
        """True: it was accepted."""
        return True


@frozen
class Rejected:
    """Certainly not sent to `to`; `error` says why."""

    to: str
    """The recipient, as the caller gave it."""
    error: ClickatellError

    @property
    def ok(self) -> bool:
        """False: it was not sent."""
        return False


@frozen
class Uncertain:
    """It may have been sent to `to`, and nobody can know: sending again may send twice."""

    to: str
    """The recipient, as the caller gave it."""
    climsgid: str
    """The client message ID of the call that carried it."""
    error: ClickatellError
    """What went wrong."""
    known_to_gateway: bool | None
    """True: the gateway knows the climsgid, so the call was taken. False: it does not (strong evidence, not proof,
    that nothing was sent). None: no clear answer."""

    @property
    def ok(self) -> bool:
        """False: nobody can know."""
        return False


@frozen
class Skipped:
    """Never tried, because the run ended before; `reason` says why."""

    to: str
    """The recipient, as the caller gave it."""
    reason: ClickatellError

    @property
    def ok(self) -> bool:
        """False: it was not sent."""
        return False


SendResult: TypeAlias = Accepted | Rejected | Uncertain | Skipped
"""What became of one recipient."""


@frozen
class MessageState:
    """The status of a message (``querymsg``, ``delmsg``)."""

    id: str
    """The gateway's ID of the message (apimsgid)."""
    status: MessageStatus


@frozen
class MessageCharge:
    """What a message cost so far, and its status (``getmsgcharge``)."""

    id: str
    """The gateway's ID of the message (apimsgid)."""
    charge: Decimal
    """Credits."""
    status: MessageStatus


@frozen
class Coverage:
    """Whether the gateway routes messages to a number's prefix (``routeCoverage``)."""

    msisdn: str
    covered: bool
    charge: Decimal | None
    """Credits for one message, where the gateway says so."""
    message: str
    """The gateway's own words."""


@frozen
class Progress:
    """How far a bulk run is; every number counts recipients, but for `in_flight`."""

    submitted: int
    """Read from the source."""
    accepted: int
    rejected: int
    uncertain: int
    skipped: int
    total: int | None
    """How many there will be, if known."""
    in_flight: int
    """Calls under way."""

    @property
    def done(self) -> int:
        """How many have a result."""
        return self.accepted + self.rejected + self.uncertain + self.skipped
