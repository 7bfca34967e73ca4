"""Attempts, as an observer and the log are given them: how each began, and how it ended.

==============================  ==============  ===========================================================
what an attempt gave or raised  outcome         its recipients count as
==============================  ==============  ===========================================================
a line for each recipient       as they say     what their lines say
one ID for its only recipient   ``accepted``    accepted
any other value                 ``done``        none: it has no recipients
`NotSent`                       ``not_sent``    none: the attempt left nothing behind
`Refused`, a `ConnectError`     ``rejected``    rejected
`Lost`, `Unreadable`            ``uncertain``   uncertain
any other exception             ``not_sent``    none: there was no session, or the client is closed
a cancellation                  ``cancelled``   uncertain, if it may have gone out
==============================  ==============  ===========================================================
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import anyio
from attrs import define, evolve, frozen

from clickasync.core.words import code_of
from clickasync.errors import ApiError, ConnectError
from clickasync.law import Effect, Failure, Lost, NotSent, Refused, Sending, Unreadable, judge
from clickasync.observe import CallEnded, CallStarted, Observer, Outcome, begin, finish
from clickasync.protocol import Line, Lines

__all__ = ["Note", "Subject", "count", "watch"]

T = TypeVar("T")

_log = logging.getLogger("clickasync")


@define
class Note:
    """What an attempt says of itself."""

    renewed: bool = False
    """It waited for a new session."""
    paused: float = 0.0
    """Seconds that a rate limit made it wait."""


@frozen
class Subject:
    """The call whose attempts are watched."""

    command: str
    server: str
    effect: Effect
    recipients: int = 0
    parts: int = 0
    sending: Sending | None = None
    """Whether it may have gone out."""


async def watch(
    observer: Observer | None, subject: Subject, number: int, attempt: Callable[[Note], Awaitable[T | Failure]]
) -> T | Failure:
    """Make an attempt, the `number`-th, while `observer` and the log watch."""
    started = CallStarted(subject.command, subject.recipients, subject.parts, subject.server, number)
    end = None if observer is None else begin(observer, started)
    note = Note()
    since = anyio.current_time()
    ended: CallEnded | None = None
    try:
        result = await attempt(note)
        ended = _returned(result, subject)
    except Exception as error:
        ended = _raised(error, subject)
        raise
    finally:
        seconds = max(0.0, anyio.current_time() - since - note.paused)
        ended = evolve(ended or _cancelled(subject), seconds=seconds, renewed=note.renewed)
        if _log.isEnabledFor(logging.DEBUG):
            _log.debug("%s", _in_words(started, ended))
        finish(end, ended)
    return result


def _returned(result: object, subject: Subject) -> CallEnded:
    """The end of an attempt that gave a value or a `Failure`."""
    match result:
        case NotSent() | Refused() | Lost() | Unreadable():
            return _failed(result, subject)
        case Lines():
            return _answered(result)
        case _ if subject.recipients:
            return CallEnded("accepted", accepted=subject.recipients)
        case _:
            return CallEnded("done")


def _raised(error: Exception, subject: Subject) -> CallEnded:
    """The end of an attempt that raised."""
    if subject.sending is not None and subject.sending.maybe_sent:
        return CallEnded("uncertain", uncertain=subject.recipients, error=type(error))
    outcome: Outcome = "rejected" if isinstance(error, ConnectError) else "not_sent"
    return CallEnded(outcome, error=type(error), code=code_of(error))


def _cancelled(subject: Subject) -> CallEnded:
    """The end of an attempt that nobody waits for any more."""
    maybe_sent = subject.sending is not None and subject.sending.maybe_sent
    return CallEnded("cancelled", uncertain=subject.recipients if maybe_sent else 0)


def count(lines: Sequence[Line]) -> tuple[int, int, int]:
    """How many recipients were accepted and rejected, and of how many nobody can know."""
    accepted = sum(isinstance(line, str) for line in lines)
    uncertain = sum(line is None for line in lines)
    return accepted, len(lines) - accepted - uncertain, uncertain


def _in_words(started: CallStarted, ended: CallEnded) -> str:
    """An attempt in a line of the log."""
    to = f" to {started.recipients}" if started.recipients else ""
    how = ended.outcome.replace("_", " ")
    if ended.outcome == "mixed":
        how += f" ({ended.accepted} accepted, {ended.rejected} rejected, {ended.uncertain} uncertain)"
    code = f" {ended.code}" if ended.code else ""
    return f"{started.command}{to}: {how}{code}, {ended.seconds * 1000:.1f} ms, attempt {started.attempt}"


def _failed(failure: Failure, subject: Subject) -> CallEnded:
    error = judge(failure, subject.effect).error
    match failure:
        case NotSent():
            return CallEnded("not_sent", error=type(error))
        case Refused():
            return CallEnded("rejected", rejected=subject.recipients, error=type(error), code=code_of(error))
        case _:
            return CallEnded("uncertain", uncertain=subject.recipients, error=type(error))


def _answered(lines: Lines) -> CallEnded:
    counts = count(lines.each)
    kinds: tuple[Outcome, ...] = ("accepted", "rejected", "uncertain")
    found = [kind for kind, recipients in zip(kinds, counts, strict=True) if recipients]
    outcome = found[0] if len(found) == 1 else "mixed"
    first = next((line for line in lines.each if isinstance(line, ApiError)), lines.stop)
    if first is None:
        return CallEnded(outcome, *counts)
    return CallEnded(outcome, *counts, error=type(first), code=code_of(first))
