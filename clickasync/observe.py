"""Hooks: what a client, a run or a receiver does, as it happens. Spans, metrics and an audit are made of it.

An observer sees every attempt of every call, with how many recipients it has and how it ended. It never sees a number,
a text, an ID or a secret, so that none can end up on a dashboard.

>>> class Printer:
...     def start(self, call):
...         print(call.command, "to", call.recipients)
...         return lambda ended: print(call.command, ended.outcome)
>>> async with Client(api_id=1, user="demo", password="demo", observer=Printer()) as observed:
...     sent = await observed.send("27821234567", "Hi")
sendmsg to 1
auth to 0
auth done
sendmsg accepted

An observer is called in the event loop and must not wait. What it raises is logged, and changes nothing.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from typing import Literal, Protocol, TypeAlias

from attrs import frozen

from clickasync.errors import ConfigurationError

__all__ = ["CALLBACKS", "CallEnded", "CallStarted", "Observer", "Outcome", "begin", "check", "finish", "settle"]

logger = logging.getLogger("clickasync")

Outcome: TypeAlias = Literal["accepted", "rejected", "mixed", "uncertain", "not_sent", "done", "cancelled"]
"""How an attempt ended.

=============  ======================================================================================================
``accepted``   every recipient was accepted
``rejected``   every recipient, or the call, was refused by the gateway; a callback was not answered with 200
``mixed``      some were accepted, others not: see the counts
``uncertain``  the request went out and no readable reply came back; where it could send, nobody knows whether it did
``not_sent``   nothing went out: the gateway was not reached, or there was no session
``done``       a call without recipients succeeded; a callback was answered with 200
``cancelled``  whoever waited for it was cancelled; if it may have gone out, its recipients count as uncertain
=============  ======================================================================================================
"""

CALLBACKS = ("report", "message", "callback")
"""The commands that the gateway calls on you: a delivery report, an inbound message, and what could not be read."""


@frozen
class CallStarted:
    """An attempt begins."""

    command: str
    """As the API's documents call it: ``sendmsg``, ``auth``, an action of the Connect API; or one of `CALLBACKS`."""
    recipients: int
    """How many it is to send to; 0 for a call that sends nothing."""
    parts: int
    """How many messages it costs each recipient, at the least; 0 where that is not known."""
    server: str
    """The gateway's host, with its port where that is not the scheme's own; empty for a callback."""
    attempt: int
    """1, and one more for each time that this call is repeated."""


@frozen
class CallEnded:
    """An attempt has ended."""

    outcome: Outcome
    """What the attempt came to."""
    accepted: int = 0
    """Recipients that the gateway took."""
    rejected: int = 0
    """Recipients that it refused."""
    uncertain: int = 0
    """Recipients of which nobody can know."""
    error: type[BaseException] | None = None
    """The class of what went wrong; where several did, of the first."""
    code: str | None = None
    """The gateway's three-digit code for it, if it gave one; for a callback, the status that it was answered with."""
    seconds: float = 0.0
    """How long it took, without what a rate limit made it wait."""
    renewed: bool = False
    """Whether the attempt had to wait for a new session, the first one included."""


class Observer(Protocol):
    """Whoever wants to know, made by you or by `clickasync.otel.observer`.

    Besides `start`, an observer may have a method ``settled(accepted, rejected, uncertain)``. It is called once a send,
    when all that can be known is known: an attempt that ended ``uncertain`` and was settled by asking the gateway is
    not counted as uncertain there. A run settles its recipients as their results come. Each recipient that was tried
    is counted once.
    """

    def start(self, call: CallStarted, /) -> Callable[[CallEnded], None] | None:
        """An attempt begins. What this gives, if anything, is called when it has ended, in the same task."""


def check(observer: object) -> None:
    """Check that this can be an observer.

    Raises:
        ConfigurationError: it has no method `start`, or one of its methods would have to be awaited.
    """
    if not callable(getattr(observer, "start", None)):
        raise ConfigurationError("observer must have a method start(call), as clickasync.Observer says")
    for name in ("start", "settled"):
        if inspect.iscoroutinefunction(getattr(observer, name, None)):
            raise ConfigurationError(
                f"observer.{name} must be a plain function, not async: nobody waits for an observer"
            )


def begin(observer: Observer, call: CallStarted) -> Callable[[CallEnded], None] | None:
    """Let `observer` know that an attempt begins."""
    try:
        return observer.start(call)
    except Exception:
        logger.exception("the observer failed at the start of a call")
        return None


def finish(end: Callable[[CallEnded], None] | None, ended: CallEnded) -> None:
    """Let whoever `begin` gave know how the attempt ended."""
    if end is None:
        return
    try:
        end(ended)
    except Exception:
        logger.exception("the observer failed at the end of a call")


def settle(observer: Observer, accepted: int, rejected: int, uncertain: int) -> None:
    """Let `observer` know what became of recipients, if it wants to."""
    settled = getattr(observer, "settled", None)
    if settled is None:
        return
    try:
        settled(accepted, rejected, uncertain)
    except Exception:
        logger.exception("the observer failed when a send was settled")
