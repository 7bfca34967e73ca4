"""What a gateway shows of what it keeps."""

from __future__ import annotations

from collections.abc import Collection

from clickasync.simulator.world import World
from clickasync.simulator.world.accounts import Accounts
from clickasync.simulator.world.events import Attempt, Inbound
from clickasync.simulator.world.journal import Hit, Refused
from clickasync.simulator.world.ledger import Ledger
from clickasync.simulator.world.messages import Message
from clickasync.simulator.world.sessions import Sessions

__all__ = ["Readings"]


class Readings:
    """A world, as tests and users look at it. The lists are copies, but for the ledger."""

    def __init__(self, world: World) -> None:
        self.world = world

    @property
    def messages(self) -> list[Message]:
        """The ledger: every accepted message, in order."""
        return self.world.ledger.messages

    @property
    def ledger(self) -> Ledger:
        """The accepted messages, to be found by their IDs."""
        return self.world.ledger

    @property
    def refused(self) -> list[Refused]:
        """What was refused, a recipient or a whole call each; the newest last."""
        with self.world.lock:
            return list(self.world.journal.refused)

    @property
    def hits(self) -> list[Hit]:
        """The faults that were made; the newest last."""
        with self.world.lock:
            return list(self.world.journal.hits)

    @property
    def inbound(self) -> list[Inbound]:
        """Every part of every message that was injected, in order."""
        with self.world.lock:
            return [part for received in self.world.journal.received for part in received.parts]

    @property
    def callbacks(self) -> list[Attempt]:
        """The callbacks that were tried, each try by itself; the newest last."""
        with self.world.lock:
            return list(self.world.outgoing.attempts)

    @property
    def authentications(self) -> int:
        """Successful calls of auth."""
        return self.world.sessions.opened

    @property
    def accounts(self) -> Accounts:
        """The accounts by api_id."""
        return self.world.accounts

    @property
    def sessions(self) -> Sessions:
        """The live sessions."""
        return self.world.sessions

    @property
    def uncovered(self) -> tuple[str, ...]:
        """Prefixes that are not routed."""
        return self.world.network.uncovered

    @uncovered.setter
    def uncovered(self, prefixes: Collection[str]) -> None:
        self.world.network.uncovered = tuple(prefixes)
