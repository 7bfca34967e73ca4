"""The state of the gateway: clock, accounts, sessions, messages, batches, opt-outs, callbacks. It knows nobody.

`World` puts the parts together and is the one place where one part's change brings about another's: a message costs
credits, a status is reported, a word opts out. Whoever changes or reads more than one value holds `World.lock`: a test
may advance the clock while the server's thread answers commands.

========================  ==================================================================================
when                      what follows
========================  ==================================================================================
a message is accepted     its price leaves the account; its statuses to come are entered in the agenda
a status is due           it is reported where the message asks for it; 010 gives the price back
a queued one is stopped   its price comes back; nothing of it is reported
a handset writes          it opts out, or in again; the account's callback waits
========================  ==================================================================================
"""

from __future__ import annotations

import secrets
import threading
from decimal import Decimal

from clickasync.codes import MessageStatus
from clickasync.simulator.world.accounts import Account, Accounts
from clickasync.simulator.world.batches import Batches
from clickasync.simulator.world.clock import Clock
from clickasync.simulator.world.events import CallbackEvent, Inbound, Notification, Report
from clickasync.simulator.world.journal import Journal, Received
from clickasync.simulator.world.ledger import Ledger
from clickasync.simulator.world.messages import Message, Order
from clickasync.simulator.world.network import Network
from clickasync.simulator.world.optouts import OptOuts
from clickasync.simulator.world.outgoing import Outgoing
from clickasync.simulator.world.refusals import Refusal
from clickasync.simulator.world.sessions import Sessions

__all__ = ["World"]

_EXPIRED = MessageStatus.MESSAGE_EXPIRED


class World:
    """All that the gateway knows.

    Args:
        clock: the gateway's.
        accounts: who may call.
        sessions: those of the accounts.
        network: what becomes of messages.
        opt_outs: who wants none.
        keep: how many messages, refusals, faults, inbound messages and callbacks are kept.
    """

    def __init__(
        self, clock: Clock, accounts: Accounts, sessions: Sessions, network: Network, opt_outs: OptOuts, *, keep: int
    ) -> None:
        self.lock = threading.RLock()
        self.clock = clock
        self.accounts = accounts
        self.sessions = sessions
        self.network = network
        self.opt_outs = opt_outs
        self.batches = Batches()
        self.ledger = Ledger(keep)
        self.journal = Journal(keep)
        self.outgoing = Outgoing(keep)

    def accept(self, account: Account, to: str, order: Order, command: str) -> Message:
        """Take a message on, and its price off the account.

        Raises:
            Refusal: 301, the credits do not suffice.
        """
        if account.credits < order.price:
            raise Refusal("301")
        account.credits -= order.price
        journal = self.journal
        now = self.clock.now()
        message = Message(
            number=journal.next_number(),
            id=secrets.token_hex(16),
            api_id=account.api_id,
            command=command,
            to=to,
            order=order,
            accepted_at=now,
            life=self.network.life_of(to),
            clock=self.clock.now,
        )
        self.ledger.add(message)
        has_readers = journal.feed.has_readers
        for due, status in message.changes():
            if (has_readers and due > now) or status is _EXPIRED or status in order.callback.statuses:
                self.ledger.changes.add(due, (message, status))
        if has_readers:
            journal.feed.publish("message", message)
        return message

    def cancel(self, message: Message) -> None:
        """Stop a message that is still queued and give its credits back; leave any other as it is."""
        if message.cancel():
            self.accounts[message.api_id].credits += message.price
            self.journal.feed.publish("status", message)

    def settle(self) -> None:
        """Do what status changes bring about. The statuses themselves need nobody: they are read off the clock."""
        changes = self.ledger.changes
        if not changes:
            return
        for message, status in changes.take_due(self.clock.now()):
            if message.ended:
                continue
            if status is _EXPIRED and message.api_id in self.accounts:
                self.accounts[message.api_id].credits += message.price
            if status in message.callback.statuses:
                self.notify(message.api_id, self._report(message, status))
            self.journal.feed.publish("status", message)

    def receive(
        self, account: Account, handset: str, to: str, text: str, pieces: list[tuple[bytes, str]], charset: str
    ) -> Received:
        """Take in what a handset wrote, `pieces` at a time: a user data header and a text each."""
        self.opt_outs.hear(account.api_id, handset, to, text)
        stamp = self.clock.calendar()
        parts = tuple(
            Inbound(account.api_id, secrets.token_hex(16), handset, to, stamp, piece, charset, udh)
            for udh, piece in pieces
        )
        received = Received(self.journal.next_number(), self.clock.now(), text, parts)
        self.journal.received.append(received)
        self.journal.feed.publish("inbound", received)
        for part in parts:
            self.notify(account.api_id, part)
        return received

    def notify(self, api_id: str, event: CallbackEvent) -> None:
        """Let a callback wait, if the account wants any."""
        account = self.accounts.get(api_id)
        if account is not None and account.target is not None:
            self.outgoing.add(self.clock.now(), Notification(event, account.target))

    def clear(self) -> None:
        """Forget all that happened. Accounts stay."""
        self.sessions.clear()
        self.sessions.opened = 0
        self.batches.clear()
        self.opt_outs.clear()
        self.network.clear()
        self.ledger.clear()
        self.journal.clear()
        self.outgoing.clear()

    def _report(self, message: Message, status: MessageStatus) -> Report:
        return Report(
            api_id=message.api_id,
            id=message.id,
            climsgid=message.climsgid,
            to=message.to,
            sender=message.sender,
            timestamp=self.clock.calendar(),
            status=status,
            charge=Decimal(0) if status is _EXPIRED else message.price,
        )
