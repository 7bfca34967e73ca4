"""The callbacks of the gateway as values: what they are about, where they go, how each try went. No I/O.

A callback lives in three values. An event (`Report`, `Inbound`) says what happened. A `Notification` is an event on its
way to a target, for the n-th time. An `Attempt` is a try that was made, with its answer.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from enum import IntEnum
from typing import ClassVar, Final, TypeAlias

from attrs import evolve, field, frozen

from clickasync.codes import MessageStatus

__all__ = ["Attempt", "CallbackEvent", "CallbackType", "Inbound", "Notification", "Outcome", "Report", "Target"]

_MINUTE: Final = 60.0
_GMT2: Final = timezone(timedelta(hours=2))


class CallbackType(IntEnum):
    """The transports, by the numbers that the Connect API gives them.

    The vendor's later pages list the seventh, "JSON RAW HTTP POST", and give it no number: 7 is the simulator's own.
    """

    HTTP_GET = 0
    HTTP_POST = 1
    XML_GET = 2
    XML_POST = 3
    SOAP_GET = 4
    SOAP_POST = 6
    JSON_POST = 7

    @property
    def method(self) -> str:
        """``GET`` or ``POST``."""
        return self.name.partition("_")[2]

    @property
    def form(self) -> str:
        """``HTTP``, ``XML``, ``SOAP`` or ``JSON``."""
        return self.name.partition("_")[0]

    @property
    def label(self) -> str:
        """What the vendor calls it."""
        return "JSON RAW HTTP POST" if self is CallbackType.JSON_POST else self.name.replace("_", " ")


@frozen
class Target:
    """Where an account wants its callbacks."""

    url: str
    type: CallbackType = CallbackType.HTTP_GET
    auth: tuple[str, str] | None = field(default=None, repr=False)
    """User and password for HTTP Basic: the account's own choice, not its password."""


@frozen
class Report:
    """A delivery report ("MT callback")."""

    api_id: str
    id: str
    climsgid: str
    to: str
    sender: str
    timestamp: float
    """Unix seconds."""
    status: MessageStatus
    charge: Decimal

    element: ClassVar = "mt_callback"
    root: ClassVar = "callback"
    charset: ClassVar = "UTF-8"
    retries: ClassVar = tuple(_MINUTE * minutes for minutes in (2, 4, 8, 16, 32, 64, 128, 3 * 24 * 60))
    """Seconds from each try to the next."""

    def fields(self) -> dict[str, str]:
        """The fields by the names of plain HTTP."""
        return {
            "api_id": self.api_id,
            "apiMsgId": self.id,
            "cliMsgId": self.climsgid,
            "timestamp": str(int(self.timestamp)),
            "to": self.to,
            "from": self.sender,
            "status": self.status.value,
            "charge": f"{self.charge:.6f}",
        }


@frozen
class Inbound:
    """A message from a handset, or one part of it ("MO callback")."""

    api_id: str
    id: str
    """The moMsgId; each part has its own."""
    sender: str
    """The handset."""
    to: str
    timestamp: float
    """Unix seconds; it is sent as a time of day in GMT+2."""
    text: str
    charset: str
    udh: bytes = b""

    element: ClassVar = "mo_callback"
    root: ClassVar = "clickmo"
    retries: ClassVar = tuple(_MINUTE * minutes for minutes in (2, 4, 8, 16, 25))
    """Seconds from each try to the next."""

    def fields(self) -> dict[str, str]:
        """The fields by the names of plain HTTP."""
        return {
            "api_id": self.api_id,
            "moMsgId": self.id,
            "from": self.sender,
            "to": self.to,
            "timestamp": datetime.fromtimestamp(self.timestamp, _GMT2).strftime("%Y-%m-%d %H:%M:%S"),
            "text": self.text,
            "charset": self.charset,
            "udh": self.udh.hex().upper(),
        }


CallbackEvent: TypeAlias = Report | Inbound
"""What a callback is about."""


@frozen
class Notification:
    """A callback on its way to a target, the `attempt`-th time (from 0)."""

    event: CallbackEvent
    target: Target
    attempt: int = 0
    by_hand: bool = False
    """Somebody asked for this one: if it fails, nothing follows."""

    @property
    def retry_delay(self) -> float | None:
        """Seconds until the next try if this one fails; None if it was the last."""
        retries = self.event.retries
        return retries[self.attempt] if self.attempt < len(retries) and not self.by_hand else None

    def again(self) -> Notification:
        """The next try."""
        return evolve(self, attempt=self.attempt + 1)


@frozen
class Outcome:
    """What became of one try: an answer, or none and why."""

    status: int | None = None
    """The HTTP status; None if there was no answer."""
    answer: str = ""
    """The beginning of the answer's body."""
    problem: str = ""
    """Why there was no answer."""
    seconds: float = 0.0
    """Real ones, from the request to the end of the answer."""

    @property
    def is_success(self) -> bool:
        """Whether the receiver took it: anything but 2xx is tried again."""
        return self.status is not None and 200 <= self.status < 300


@frozen
class Attempt:
    """A try that was made."""

    number: int
    """Its place among all things that happened."""
    notification: Notification
    outcome: Outcome
    at: float
    """When it ended, on the gateway's clock."""
    next_at: float | None
    """When the next try is due, on the gateway's clock; None if none follows."""

    @property
    def event(self) -> CallbackEvent:
        """What it was about: a `Report` or an `Inbound`."""
        return self.notification.event

    @property
    def url(self) -> str:
        """Where it went, without the fields."""
        return self.notification.target.url

    @property
    def status(self) -> int | None:
        """The HTTP status of the answer; None if there was none."""
        return self.outcome.status

    @property
    def seconds(self) -> float:
        """Real ones, from the request to the end of the answer."""
        return self.outcome.seconds
