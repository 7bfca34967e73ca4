"""`Caller`: makes the calls of one client, each in its session, and asks about those whose outcome is unknown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, TypeVar

import anyio

from clickasync.calls import pause, perform, read_outcome
from clickasync.codes import MessageStatus
from clickasync.errors import (
    ApiError,
    AuthenticationError,
    ClickatellError,
    ClosedError,
    OutcomeUnknownError,
    ProtocolError,
    SessionExpiredError,
    TransportError,
    UnknownMessageError,
)
from clickasync.law import Effect, Failure, Flight, Lost, NotSent, Refused, Unreadable
from clickasync.protocol import Command, encode, querymsg
from clickasync.rate import RateLimit
from clickasync.results import MessageState
from clickasync.session import Session, SessionId
from clickasync.transport import Reply, Transport

__all__ = ["Caller", "naming"]

T = TypeVar("T")

_ASK_SECONDS: Final = 15.0
"""How long an unknown outcome is asked about, at most."""


@contextmanager
def naming(to: str, climsgid: str | None = None) -> Iterator[None]:
    """Name the recipient in what a call about this one raises."""
    try:
        yield
    except ApiError as error:
        raise error.about(to) from None
    except OutcomeUnknownError as error:
        known, wait = error.known_to_gateway, error.retry_after
        raise OutcomeUnknownError(error.reason, to, climsgid, known, wait) from None


class Caller:
    """Makes the calls of one client, each in its session."""

    def __init__(
        self, transport: Transport, session: Session, *, retries: int, rates: Sequence[RateLimit] = ()
    ) -> None:
        self._transport = transport
        self._session = session
        self._rates = tuple(rates)
        self.retries = retries

    def limited(self, rate: RateLimit) -> Caller:
        """The same, at no more than this `rate` besides."""
        return Caller(self._transport, self._session, retries=self.retries, rates=(*self._rates, rate))

    async def call(self, command: Command[T], *, retries: int | None = None, flight: Flight | None = None) -> T:
        """Make a call.

        Args:
            command: what to call.
            retries: repeats, at most; by default the client's.
            flight: told, at every moment, whether cancelling the call would leave its outcome unknown.

        Raises:
            ApiError: the gateway answered ``ERR``.
            TransportError: nothing was sent, or the command sends nothing.
            OutcomeUnknownError: the command may have sent or spent. It was not asked about yet.
            ProtocolError: the command sends nothing, and its reply cannot be read.
        """
        return await perform(
            partial(self._attempt, command, flight or Flight()),
            command.effect,
            self.retries if retries is None else retries,
        )

    async def _attempt(self, command: Command[T], flight: Flight) -> T | Failure:
        session_id = await self._live(command)
        if self._rates and command.to:
            for rate in self._rates:
                await rate.take(len(command.to))
            session_id = await self._live(command)  # it may have died while this waited

        def read(reply: Reply) -> T:
            return command.read(reply.text if len(command.to) < 2 else reply.whole_lines)

        outcome = await self._transport.exchange(command.path, encode(command, session_id.value), flight)
        result = read_outcome(outcome, read, [session_id.value, *command.secrets])
        if isinstance(result, Refused) and isinstance(result.error, SessionExpiredError):
            self._session.forget(session_id)
        elif not isinstance(result, NotSent | Lost | Unreadable | Refused):
            self._session.touch(session_id)
        flight.out = isinstance(result, Lost | Unreadable)
        return result

    async def _live(self, command: Command[Any]) -> SessionId:
        try:
            return await self._session.live()
        except ProtocolError as error:
            if command.effect is Effect.NONE:
                raise
            reason = f"could not authenticate: {error}"
        raise TransportError(reason)  # whatever auth was answered, of this command nothing was sent

    async def ask(self, climsgid: str, *, chosen: bool, patient: bool = False) -> MessageState | bool | None:
        """Ask the gateway about a send whose outcome is unknown (``querymsg``).

        Args:
            climsgid: the client message ID that the call carried.
            chosen: the user chose it, so that it need not be unique and a hit proves nothing.
            patient: believe a 104 only after two of them, 3 s apart, the first of them 3 s from now.

        Returns:
            the state of the message that the gateway knows by it; False: it knows none (104); None: no clear answer.
        """
        unknown = 0
        with anyio.move_on_after(_ASK_SECONDS):
            for question in range(self.retries + 2):
                if patient:
                    await anyio.sleep(3.0)
                elif question:
                    await anyio.sleep(pause(question))
                try:
                    state = await self.call(querymsg(climsgid=climsgid), retries=0)
                except UnknownMessageError:
                    unknown += 1
                    if unknown > patient:
                        return False
                except (AuthenticationError, ClosedError):
                    return None
                except ClickatellError:
                    continue
                else:
                    if state.status is not MessageStatus.MESSAGE_UNKNOWN and state.id != climsgid:
                        return None if chosen else state
                    unknown = 0  # 001 is also said while reporting is delayed: no 104 before it counts
        return None
