"""What campaigns need of the client, over the modules of today. To be deleted when `Client.executor` has it.

The one place in this room that reaches into `Client`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from attrs import define

from clickasync.caller import Caller
from clickasync.client import Client
from clickasync.law import Flight
from clickasync.options import WireMessage
from clickasync.protocol import Line
from clickasync.results import MessageState
from clickasync.sending import deliver
from clickasync.session import Session

__all__ = ["Executor", "Line", "Sending", "account_of", "batch_size_of", "executor_of", "timeout_of"]


@define
class Sending:
    """Whether a request may have reached the gateway."""

    look: Callable[[], None] | None = None
    """Called right before each of its requests leaves; what it raises stops the request."""
    maybe_sent: bool = False


class Executor:
    """Executes commands of one client."""

    def __init__(self, caller: Caller, session: Session) -> None:
        self._caller = caller
        self.session = session

    async def send(
        self,
        numbers: Sequence[str],
        message: WireMessage,
        climsgid: str,
        *,
        sending: Sending | None = None,
    ) -> list[Line]:
        """Send a message; a line for each number, in their order."""
        sending = sending or Sending()
        flight = Flight(on_leaving=sending.look)
        try:
            return await deliver(self._caller, numbers, message, climsgid, resend_unknown=False, flight=flight)
        finally:
            sending.maybe_sent = flight.out

    async def ask_outcome(self, climsgid: str, *, chosen: bool, patient: bool = False) -> MessageState | bool | None:
        """Ask the gateway what it knows by a climsgid."""
        return await self._caller.ask(climsgid, chosen=chosen, patient=patient)


def executor_of(client: Client) -> Executor:
    """What executes the commands of a client."""
    return Executor(client._caller, client._session)


def account_of(client: Client) -> str:
    """Whose campaigns a client may send, as the tables have it."""
    credentials = client._session._credentials
    return json.dumps([client._base_url, credentials.api_id, credentials.user])


def batch_size_of(client: Client) -> int:
    """How many recipients one request takes."""
    return client._batch_size


def timeout_of(client: Client) -> float:
    """Seconds after which nothing of a request can be under way any more."""
    phases = client._transport._extensions["timeout"]
    return float(sum(phases[name] or 0.0 for name in ("connect", "write", "read")))
