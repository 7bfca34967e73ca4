"""An attempt as an observer and the log are given it: each line of the table of `core.attempts`."""

from __future__ import annotations

import logging
from typing import Any

import anyio
import pytest

from clickasync import CallEnded, CallStarted, OutcomeUnknownError, ProtocolError, TransportError
from clickasync.codes import ConnectErrorCode
from clickasync.core.attempts import Note, Subject, watch
from clickasync.errors import (
    AuthenticationError,
    ClosedError,
    ConnectError,
    CreditError,
    InvalidRequestError,
    UnreachableError,
    api_error,
)
from clickasync.law import Effect, Lost, NotSent, Refused, Sending, Unreadable
from clickasync.protocol import Lines
from tests.support.virtual import on_virtual_time
from tests.support.watcher import Watcher

pytestmark = [pytest.mark.anyio, on_virtual_time]

WRONG = api_error("105", "no such number")
GONE = api_error("114", "gone")
BROKE = api_error("301", "no credit")
JUNK = ProtocolError("the reply cannot be read", "junk")
LOGGER = "clickasync"


def send(**changes: Any) -> Subject:
    """A send to three."""
    return Subject("sendmsg", "gateway", **{"effect": Effect.SENDS, "recipients": 3, "parts": 2, **changes})


def question(**changes: Any) -> Subject:
    """A call that sends nothing."""
    return Subject("querymsg", "gateway", **{"effect": Effect.NONE, **changes})


async def ended(subject: Subject, result: object) -> CallEnded:
    """How an attempt that gives `result`, or raises it, is said to have ended."""
    watcher = Watcher()

    async def attempt(_: Note) -> Any:
        if isinstance(result, Exception):
            raise result
        return result

    try:
        assert await watch(watcher, subject, 1, attempt) is result
    except Exception as error:
        assert error is result
    [(_, end)] = watcher.ended
    return end


@pytest.mark.parametrize(
    ("subject", "result", "end"),
    [
        (send(), Lines(["a", "b", "c"]), CallEnded("accepted", accepted=3)),
        (send(), Lines([WRONG, GONE, WRONG]), CallEnded("rejected", rejected=3, error=InvalidRequestError, code="105")),
        (send(), Lines([None, None, None]), CallEnded("uncertain", uncertain=3)),
        (send(), Lines(["a", GONE, None]), CallEnded("mixed", 1, 1, 1, UnreachableError, "114")),
        (send(), Lines(["a", "b", None], BROKE), CallEnded("mixed", 2, 0, 1, CreditError, "301")),
        (send(), Lines(["a", GONE, None], BROKE), CallEnded("mixed", 1, 1, 1, UnreachableError, "114")),
        (send(recipients=1), "an ID", CallEnded("accepted", accepted=1)),
        (question(), "a value", CallEnded("done")),
        (question(), None, CallEnded("done")),
        (send(), NotSent("refused"), CallEnded("not_sent", error=TransportError)),
        (send(), Refused(WRONG), CallEnded("rejected", rejected=3, error=InvalidRequestError, code="105")),
        (send(), Lost("reset"), CallEnded("uncertain", uncertain=3, error=OutcomeUnknownError)),
        (send(), Unreadable(JUNK), CallEnded("uncertain", uncertain=3, error=OutcomeUnknownError)),
        (send(effect=Effect.SPENDS), Lost("reset"), CallEnded("uncertain", uncertain=3, error=OutcomeUnknownError)),
        (question(), Lost("reset"), CallEnded("uncertain", error=TransportError)),
        (question(), Unreadable(JUNK), CallEnded("uncertain", error=ProtocolError)),
    ],
)
async def test_what_an_attempt_gave_says_how_it_ended(subject: Subject, result: object, end: CallEnded) -> None:
    """A value, a line for each recipient, or a failure."""
    assert await ended(subject, result) == end


REFUSED = ConnectError((ConnectErrorCode("404"),), ("no",))


@pytest.mark.parametrize(
    ("error", "sending", "end"),
    [
        (BROKE, None, CallEnded("not_sent", error=CreditError, code="301")),
        (ClosedError("closed"), Sending(), CallEnded("not_sent", error=ClosedError)),
        (api_error("001", "no"), Sending(), CallEnded("not_sent", error=AuthenticationError, code="001")),
        (REFUSED, None, CallEnded("rejected", error=ConnectError, code="404")),
        (KeyError("a bug"), Sending(maybe_sent=True), CallEnded("uncertain", uncertain=3, error=KeyError)),
        (REFUSED, Sending(maybe_sent=True), CallEnded("uncertain", uncertain=3, error=ConnectError)),
    ],
)
async def test_what_an_attempt_raised_says_how_it_ended(
    error: Exception, sending: Sending | None, end: CallEnded
) -> None:
    """Uncertain, where the request may have gone out."""
    assert await ended(send(sending=sending), error) == end


@pytest.mark.parametrize(
    ("sending", "uncertain"), [(None, 0), (Sending(), 0), (Sending(maybe_sent=True), 3)], ids=["none", "in", "out"]
)
async def test_a_cancelled_attempt_is_seen_to_end(sending: Sending | None, uncertain: int) -> None:
    """Its recipients are uncertain, if it may have gone out."""
    watcher = Watcher()

    async def attempt(_: Note) -> object:
        await anyio.sleep_forever()
        return None

    with anyio.move_on_after(2):
        await watch(watcher, send(sending=sending), 1, attempt)
    [(_, end)] = watcher.ended
    assert (end.outcome, end.uncertain) == ("cancelled", uncertain)
    assert end.seconds == pytest.approx(2)


async def test_seconds_are_those_that_no_limit_made_it_wait() -> None:
    """And what an attempt says of itself is passed on."""
    watcher = Watcher()

    async def attempt(note: Note) -> Lines:
        await anyio.sleep(5)
        note.paused, note.renewed = 3.5, True
        return Lines(["a", "b", "c"])

    await watch(watcher, send(), 4, attempt)
    [(start, end)] = watcher.ended
    assert start == CallStarted("sendmsg", recipients=3, parts=2, server="gateway", attempt=4)
    assert end.seconds == pytest.approx(1.5)
    assert end.renewed


@pytest.mark.parametrize(
    ("subject", "result", "words"),
    [
        (send(), Lines(["a", "b", "c"]), "sendmsg to 3: accepted, 1500.0 ms, attempt 2"),
        (send(), NotSent("refused"), "sendmsg to 3: not sent, 1500.0 ms, attempt 2"),
        (send(), Refused(WRONG), "sendmsg to 3: rejected 105, 1500.0 ms, attempt 2"),
        (
            send(),
            Lines(["a", GONE, None]),
            "sendmsg to 3: mixed (1 accepted, 1 rejected, 1 uncertain) 114, 1500.0 ms, attempt 2",
        ),
        (question(), None, "querymsg: done, 1500.0 ms, attempt 2"),
    ],
)
async def test_an_attempt_is_a_line_of_the_log(
    subject: Subject, result: object, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Where nobody else watches, too. Nothing is wrong with that."""

    async def attempt(_: Note) -> Any:
        await anyio.sleep(1.5)
        return result

    with caplog.at_level(logging.DEBUG, LOGGER):
        await watch(None, subject, 2, attempt)
    assert caplog.record_tuples == [(LOGGER, logging.DEBUG, words)]
