"""The law of sending: never send twice, never lose one silently, never say "sent" or "failed" of what nobody can know.

Whatever can go wrong with a call is one of four failures, each a value: what decides is whether anything was sent.

==============  ================================================================  =================
failure         what happened                                                     was it sent?
==============  ================================================================  =================
`NotSent`       refused connection, DNS, TLS, connect timeout, HTTP 429           no
`Refused`       the gateway read it and answered ``ERR``                          no
`Lost`          reset, read timeout, cut reply, any other HTTP status             nobody can know
`Unreadable`    a reply came back that cannot be read                             nobody can know
==============  ================================================================  =================

`judge` is the law itself, of one call. No I/O here: `calls.perform` carries it out. Three more places build on it, and
send again only what is certainly not sent or what the user asked for: `sending.deliver` (`resend_unknown`), and in
`bulk` the wait for a gateway that cannot be reached, and the recipients answered with 901.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Final, TypeAlias

from attrs import define, frozen

from clickasync.errors import (
    ApiError,
    ClickatellError,
    GatewayError,
    OutcomeUnknownError,
    ProtocolError,
    SessionExpiredError,
    TransportError,
)

__all__ = [
    "LONGEST_PAUSE",
    "Effect",
    "Failure",
    "Flight",
    "Lost",
    "NotSent",
    "Refused",
    "Ruling",
    "Step",
    "Unreadable",
    "judge",
]

LONGEST_PAUSE: Final = 60.0
"""Seconds. Who is asked (by Retry-After) to wait longer than this is told so at once instead."""


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
    """A reply came back that cannot be read."""

    error: ProtocolError


@frozen
class Refused:
    """The gateway answered ``ERR``."""

    error: ApiError


Failure: TypeAlias = NotSent | Lost | Unreadable | Refused


@define
class Flight:
    """Whether a call is out: its request may have reached the gateway, and no verdict has come back."""

    on_leaving: Callable[[], None] | None = None
    """Called just before each of its requests goes out; what it raises stops the request."""
    out: bool = False

    def leave(self) -> None:
        """A request goes out now."""
        if self.on_leaving is not None:
            self.on_leaving()
        self.out = True


class Step(Enum):
    """What to do about a failure, as long as retries are left."""

    REPEAT = auto()
    """Repeat the call after a pause."""
    RENEW = auto()
    """Renew the session and repeat the call at once."""
    RAISE = auto()
    """Nothing: a repeat cannot help."""
    ASK = auto()
    """Ask the gateway by the climsgid. A repeat might send twice."""


@frozen
class Ruling:
    step: Step
    error: ClickatellError
    """What the caller is told when there is no other step to take."""


def judge(failure: Failure, effect: Effect) -> Ruling:
    """The law: what to do about `failure` in a call of this `effect`, and what to tell when that did not help."""
    match failure, effect:
        # Certainly not sent: a repeat sends nothing twice, and is made where it can help.
        case NotSent(reason, retry_after), _:
            return Ruling(Step.REPEAT, TransportError(reason, retry_after))
        case Refused(SessionExpiredError() as error), _:
            return Ruling(Step.RENEW, error)
        case Refused(GatewayError() as error), _:
            return Ruling(Step.REPEAT, error)
        case Refused(error), _:
            return Ruling(Step.RAISE, error)
        # Unknown, of a call that can do no harm when it is made twice.
        case Lost(reason, retry_after), Effect.NONE:
            return Ruling(Step.REPEAT, TransportError(reason, retry_after))
        case Unreadable(error), Effect.NONE:
            return Ruling(Step.REPEAT, error)
        # Unknown, of a call that may have sent or spent: never repeated.
        case Lost(reason, retry_after), _:
            unknown = OutcomeUnknownError(reason, retry_after=retry_after)
        case Unreadable(error), _:
            unknown = OutcomeUnknownError(str(error))
    return Ruling(Step.ASK if effect is Effect.SENDS else Step.RAISE, unknown)
