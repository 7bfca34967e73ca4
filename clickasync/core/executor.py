"""`Executor`: carries out the commands of one client, each in its session, and asks where an outcome is unknown."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import anyio

from clickasync.codes import MessageStatus
from clickasync.core.posting import post
from clickasync.core.rate import RateLimit
from clickasync.core.retrying import backoff, retry
from clickasync.core.session import Session, SessionId
from clickasync.core.watching import Watch
from clickasync.errors import (
    AuthenticationError,
    ClickatellError,
    ClosedError,
    OutcomeUnknownError,
    ProtocolError,
    SessionExpiredError,
    TransportError,
    UnknownMessageError,
)
from clickasync.law import Effect, Failure, Lost, Refused, Sending, Unreadable, is_failure
from clickasync.options import WireMessage
from clickasync.protocol import Command, Lines, encode, querymsg, sendmsg
from clickasync.results import MessageState
from clickasync.transport import Transport

if TYPE_CHECKING:
    from clickasync.core.attempts import Note

__all__ = ["Executor", "new_climsgid"]

T = TypeVar("T")

_log = logging.getLogger("clickasync")

_ASK_SECONDS: Final = 15.0
"""How long an unknown outcome is asked about, at most."""
_BETWEEN_QUESTIONS: Final = 3.0
"""Seconds before each question, where its answer may lead to sending again."""


def new_climsgid() -> str:
    """A client message ID that no other call has: 32 hex digits."""
    return os.urandom(16).hex()  # as `secrets.token_hex`, which takes 2 ms to import


class Executor:
    """Carries out the commands of one client.

    Args:
        transport: the door to the gateway.
        session: the client's.
        retries: repeats of a command, at most.
        rates: what sending must wait for.
        watch: who sees its attempts.
    """

    def __init__(
        self,
        transport: Transport,
        session: Session,
        *,
        retries: int,
        rates: Sequence[RateLimit] = (),
        watch: Watch | None = None,
    ) -> None:
        self._transport = transport
        self._rates = tuple(rates)
        self.session = session
        self.retries = retries
        self.watch = watch or Watch()

    def limited(self, rate: RateLimit) -> Executor:
        """The same, at no more than this `rate` too."""
        rates = (*self._rates, rate)
        return Executor(self._transport, self.session, retries=self.retries, rates=rates, watch=self.watch)

    def unlimited(self) -> Executor:
        """The same without limits, for whoever takes its turn before."""
        return Executor(self._transport, self.session, retries=self.retries, watch=self.watch)

    @property
    def is_limited(self) -> bool:
        """Whether sending must wait for something."""
        return bool(self._rates)

    async def take_turn(self, recipients: int) -> None:
        """Wait until its limits let a command of so many recipients pass."""
        for rate in self._rates:
            await rate.take(recipients)

    async def execute(
        self,
        command: Command[T],
        *,
        retries: int | None = None,
        sending: Sending | None = None,
    ) -> T:
        """Carry out a command.

        Args:
            command: what to do.
            retries: repeats, at most; by default the client's.
            sending: says, at every moment, whether cancelling this would leave its outcome unknown.

        Raises:
            ApiError: the gateway answered ``ERR``.
            TransportError: nothing was sent, or the command sends nothing.
            OutcomeUnknownError: the command may have sent or spent. Nobody was asked about it yet.
            ProtocolError: the command sends nothing, and its reply cannot be read.
        """
        sending = sending or Sending()
        attempt = self.watch.over(
            partial(self._attempt, command, sending),
            command.name,
            command.effect,
            recipients=len(command.to),
            parts=command.parts,
            sending=sending,
        )
        most = self.retries if retries is None else retries
        return await retry(attempt, command.effect, most, name=command.name)

    async def _attempt(self, command: Command[T], sending: Sending, note: Note | None = None) -> T | Failure:
        newest = self.session.newest
        session_id = await self._live_session(command)
        paused = 0.0
        if self._rates and command.to:
            for rate in self._rates:
                paused += await rate.take(len(command.to))
            session_id = await self._live_session(command)  # it may have died in the meantime
        if note is not None:
            note.paused, note.renewed = paused, session_id is not newest
        result = await post(
            self._transport,
            command.path,
            encode(command, session_id.value),
            command.read,
            [session_id.value, *command.secrets],
            sending=sending,
        )
        if not is_failure(result):
            self.session.touch(session_id)
            sending.maybe_sent = False
        else:
            if isinstance(result, Refused) and isinstance(result.error, SessionExpiredError):
                self.session.forget(session_id)
            sending.maybe_sent = isinstance(result, Lost | Unreadable)
        return result

    async def _live_session(self, command: Command[Any]) -> SessionId:
        try:
            return await self.session.live()
        except ProtocolError as error:
            if command.effect is Effect.NONE:
                raise
            reason = f"could not authenticate: {error}"
        raise TransportError(reason)  # whatever auth was answered, of this command nothing was sent

    async def send(
        self,
        numbers: Sequence[str],
        message: WireMessage,
        climsgid: str,
        *,
        resend_unknown: bool = False,
        sending: Sending | None = None,
    ) -> Lines:
        """Send `message` to `numbers` in one call (``sendmsg``); gives a line for each, in their order.

        Args:
            numbers: the recipients, as digits.
            message: what they get.
            climsgid: the client message ID of the call.
            resend_unknown: send again, under the same climsgid, what the gateway twice said it does not know. After an
                unknown outcome, nothing that the second try is answered can prove that the first one failed.
            sending: as for `execute`.

        Raises:
            ApiError: the whole call was refused; nothing was sent.
            TransportError: nothing was sent.
            OutcomeUnknownError: nobody can know; it carries what the gateway said when it was asked.
        """
        command = sendmsg(numbers, message.fields, climsgid, message.parts)
        sending = sending or Sending()
        try:
            return await self.execute(command, sending=sending)
        except OutcomeUnknownError as error:
            unknown = error.with_traceback(None)
        chosen = message.climsgid is not None
        for resends_left in range(self.retries if resend_unknown else 0, -1, -1):
            sending.maybe_sent = True  # whatever a second try is answered
            answer = await self.ask_outcome(climsgid, chosen=chosen, patient=resends_left > 0)
            _log_answer(answer, len(numbers))
            if isinstance(answer, MessageState) and len(numbers) == 1:
                return Lines([answer.id])
            known = True if isinstance(answer, MessageState) else answer
            unknown = unknown.about(climsgid=climsgid, known_to_gateway=known)
            if known is not False or not resends_left:
                break
            _log.warning("sendmsg to %d: sent again under the same climsgid", len(numbers))
            try:
                lines = await self.execute(command, sending=Sending(sending.look))
            except OutcomeUnknownError as error:
                unknown = error.about(climsgid=climsgid)
            except ClickatellError:
                break
            else:
                # An error may be answered because the first try went through (no credit is left, say).
                return Lines([line if isinstance(line, str) else None for line in lines.each], lines.stop)
        raise unknown

    async def ask_outcome(self, climsgid: str, *, chosen: bool, patient: bool = False) -> MessageState | bool | None:
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
                    await anyio.sleep(_BETWEEN_QUESTIONS)
                elif question:
                    await anyio.sleep(backoff(question))
                try:
                    state = await self.execute(querymsg(climsgid=climsgid), retries=0)
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


def _log_answer(answer: MessageState | bool | None, recipients: int) -> None:
    """What the gateway said, when it was asked about an unknown outcome."""
    if isinstance(answer, MessageState):
        _log.info("sendmsg to %d: the gateway was asked, and knows the call", recipients)
    else:
        said = "does not know the call (104)" if answer is False else "gave no clear answer"
        _log.warning("sendmsg to %d: the gateway was asked, and %s", recipients, said)
