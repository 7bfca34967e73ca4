"""Sending one ``sendmsg`` by the law, until its outcome is as clear as it can be.

An unknown outcome is asked about by the climsgid of the call. Only `resend_unknown` ever sends again after one, and
then nothing that the second try is told can prove that the first one failed.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from clickasync.caller import Caller
from clickasync.errors import ClickatellError, OutcomeUnknownError
from clickasync.law import Flight
from clickasync.options import WireMessage
from clickasync.protocol import Line, sendmsg
from clickasync.results import MessageState

__all__ = ["deliver", "new_climsgid"]


def new_climsgid() -> str:
    """A client message ID that no other call has: 32 hex digits."""
    return secrets.token_hex(16)


async def deliver(
    caller: Caller,
    numbers: Sequence[str],
    message: WireMessage,
    climsgid: str,
    *,
    resend_unknown: bool,
    flight: Flight | None = None,
) -> list[Line]:
    """Send `message` to `numbers` in one call; gives a line for each, in their order.

    Raises:
        ApiError: the whole call was refused; nothing was sent.
        TransportError: nothing was sent.
        OutcomeUnknownError: nobody can know; it carries what the gateway said when it was asked.
    """
    command = sendmsg(numbers, message.fields, climsgid)
    flight = flight or Flight()
    chosen = message.climsgid is not None
    unknown: OutcomeUnknownError | None = None
    for resends_left in range(caller.retries, -1, -1):
        try:
            # Once the outcome is unknown it stays so, whatever the second try is told: the call remains out.
            lines = await caller.call(command, flight=flight if unknown is None else Flight())
        except OutcomeUnknownError as error:
            unknown = error
        except ClickatellError:
            if unknown is None:
                raise
            break
        else:
            # After an unknown outcome an error may be told because the first try went through (no credit left, say).
            return lines if unknown is None else [line if isinstance(line, str) else None for line in lines]
        flight.out = True
        patient = resend_unknown and resends_left > 0
        answer = await caller.ask(climsgid, chosen=chosen, patient=patient)
        if isinstance(answer, MessageState) and len(numbers) == 1:
            return [answer.id]
        known = True if isinstance(answer, MessageState) else answer
        unknown = OutcomeUnknownError(unknown.reason, None, climsgid, known, unknown.retry_after)
        if known is not False or not patient:
            break
    assert unknown is not None  # for the type checker
    raise unknown
