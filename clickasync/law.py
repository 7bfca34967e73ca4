"""The law of sending: never send twice, never lose one silently, never say "sent" or "failed" of what nobody can know.

A post gives a reply or one of four failures, each a value. What decides is whether anything was sent:

==============  ================================================================  =================
failure         what happened                                                     was it sent?
==============  ================================================================  =================
`NotSent`       refused connection, DNS, TLS, connect timeout, HTTP 429           no
`Refused`       the gateway read it and answered ``ERR``                          no
`Lost`          reset, read timeout, cut reply, any other HTTP status             nobody can know
`Unreadable`    a reply came back that cannot be believed                         nobody can know
==============  ================================================================  =================

`judge` is the law for one failure. There is no I/O here: `clickasync.core` carries it out. Three more places build on
it, and send again only what was certainly not sent, or what the user asked for: `core.executor` (`resend_unknown`), and
in `bulk` the wait for a gateway that cannot be reached and the recipients that were answered with 901.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, Generic, TypeAlias, TypeVar

from attrs import define, field, frozen

from clickasync.errors import (
    ApiError,
    ClickatellError,
    GatewayError,
    OutcomeUnknownError,
    ProtocolError,
    SessionExpiredError,
    TransportError,
)

if TYPE_CHECKING:
    from typing_extensions import TypeIs

__all__ = [
    "LONGEST_PAUSE",
    "Believed",
    "Effect",
    "Failure",
    "Lost",
    "NotSent",
    "Refused",
    "Reply",
    "Ruling",
    "Sending",
    "Step",
    "Unreadable",
    "is_failure",
    "judge",
]

T_co = TypeVar("T_co", covariant=True)

LONGEST_PAUSE: Final = 60.0
"""Seconds. A call that is asked (by Retry-After) to wait longer fails at once instead."""


class Effect(Enum):
    """What a command does to the world."""

    NONE = auto()
    """It cannot send or spend: auth, ping, querymsg, getmsgcharge, getbalance, routeCoverage, delmsg, startbatch,
    endbatch, the Connect API's lists and questions."""
    SENDS = auto()
    """sendmsg: it sends, and the gateway can be asked about it by its climsgid."""
    SPENDS = auto()
    """It sends or spends or changes something, and nobody can be asked: senditem, quicksend, ind_push, si_push,
    token_pay, the other calls of the Connect API."""


@frozen
class Reply:
    """The body of a ``200 OK``."""

    body: bytes = field(repr=False)  # it may hold a session ID
    is_framed: bool = True
    """Whether its end was marked, by a length or by chunks. Otherwise its end is where the connection was closed, and
    it may have been cut."""

    @property
    def text(self) -> str:
        """The body as text. Bytes that are not UTF-8 are replaced: they can only stand in a description."""
        return self.body.decode("utf-8", "replace")


@frozen
class Believed(Generic[T_co]):
    """What a reply said, as far as it can be believed."""

    value: T_co
    in_step: bool = True
    """Whether nothing in it speaks against using its connection again: no line about anybody else, no junk."""


@frozen
class NotSent:
    """Certainly nothing went out, or the infrastructure turned it away (HTTP 429)."""

    reason: str
    retry_after: float | None = None
    """Seconds."""


@frozen
class Lost:
    """The request went out, and no reply of the gateway came back."""

    reason: str
    retry_after: float | None = None
    """Seconds."""


@frozen
class Unreadable:
    """A reply came back that cannot be believed."""

    error: ProtocolError


@frozen
class Refused:
    """The gateway answered ``ERR``."""

    error: ApiError


Failure: TypeAlias = NotSent | Lost | Unreadable | Refused

_FAILURES: Final = frozenset((NotSent, Lost, Unreadable, Refused))


def is_failure(result: object) -> TypeIs[Failure]:
    """Whether a result is a `Failure`: a look at its type, which costs less than `isinstance` with four classes."""
    return type(result) in _FAILURES


@define
class Sending:
    """Whether a request may have reached the gateway, at every moment: what a cancelled call leaves behind."""

    look: Callable[[], None] | None = None
    """Called right before each request leaves. What it raises stops the request."""
    maybe_sent: bool = False

    def mark_sent(self) -> None:
        """A request leaves now."""
        if self.look is not None:
            self.look()
        self.maybe_sent = True


class Step(Enum):
    """What to do about a failure, as long as retries are left."""

    REPEAT = auto()
    """Repeat the command after a pause."""
    RENEW = auto()
    """Repeat the command in another session."""
    RAISE = auto()
    """Nothing: a repeat cannot help."""
    ASK = auto()
    """Ask the gateway by the climsgid. A repeat might send twice."""


@frozen
class Ruling:
    """What the law says of one failure."""

    step: Step
    error: ClickatellError
    """What to raise when there is no other step to take."""


def judge(failure: Failure, effect: Effect) -> Ruling:
    """The law: what to do about `failure` of a command with this `effect`, and what to raise when that did not help."""
    match failure, effect:
        # Certainly not sent. A repeat sends nothing twice, and is made where it can help.
        case NotSent(reason, retry_after), _:
            return Ruling(Step.REPEAT, TransportError(reason, retry_after))
        case Refused(SessionExpiredError() as error), _:
            return Ruling(Step.RENEW, error)
        case Refused(GatewayError() as error), _:
            return Ruling(Step.REPEAT, error)
        case Refused(error), _:
            return Ruling(Step.RAISE, error)
        # Unknown, but harmless when it is made twice.
        case Lost(reason, retry_after), Effect.NONE:
            return Ruling(Step.REPEAT, TransportError(reason, retry_after))
        case Unreadable(error), Effect.NONE:
            return Ruling(Step.REPEAT, error)
        # Unknown, and it may have sent or spent: never repeated.
        case Lost(reason, retry_after), _:
            unknown = OutcomeUnknownError(reason, retry_after=retry_after)
        case Unreadable(error), _:
            unknown = OutcomeUnknownError(str(error))
    return Ruling(Step.ASK if effect is Effect.SENDS else Step.RAISE, unknown)
