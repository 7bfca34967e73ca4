"""The gateway: accounts, credits, the ledger and the clock. No I/O: requests come in as fields, replies go out as text.

Everything that changes the state goes through a method of `Gateway`, which holds a lock while it does so: a test may
inject a message or advance the clock while the server's thread answers calls.

Durations (a session's life, deliveries, retries) run on the gateway's clock, which `speed` makes faster and `advance`
moves. The calendar (a `scheduled_time`, the time stamp of a callback) is the real one, for those who call live in it.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from typing import Final

from clickasync.codes import MessageStatus
from clickasync.simulator.accounts import Account, Sessions, as_credits
from clickasync.simulator.agenda import Agenda
from clickasync.simulator.batches import Batches
from clickasync.simulator.callbacks import CallbackType, Inbound, Notification, Report, Target, cut
from clickasync.simulator.commands import COMMANDS, Call
from clickasync.simulator.connect import Connect
from clickasync.simulator.messages import Ledger, Lives, Message
from clickasync.simulator.optouts import OptOuts
from clickasync.simulator.replies import Refusal
from clickasync.simulator.validation import Order

__all__ = ["Gateway"]

VOUCHER: Final = "1234567890123456"
"""The voucher that every gateway begins with: 100 credits, once."""


class Gateway:
    """A Clickatell gateway in memory, to develop and test against.

    >>> gateway = Gateway(credits=10)
    >>> login = {"api_id": "1", "user": "demo", "password": "demo"}
    >>> gateway.handle("/http/sendmsg", {**login, "to": "27821234567", "text": "Hi"})
    'ID: ...'
    >>> gateway.messages[0].text, gateway.credits
    ('Hi', Decimal('9'))

    Args:
        api_id, user, password, credits: the first account; `add_account` makes more.
        session_lifetime: seconds of inactivity after which a session is dead.
        clock: seconds; by default the machine's monotonic clock.
        speed: how many of the gateway's seconds pass in one of the clock's.
        calendar: Unix seconds.
        default_prefix: the country code that takes the place of a number's leading zero.
        gateway_delay: seconds from leaving the queue to "delivered to gateway" (003).
        handset_delay: seconds from there to "received by recipient" (004).
        uncovered: prefixes that are not routed: no coverage, and sends are refused with 114.
        vouchers: 16-digit tokens and the credits that they are worth; by default `VOUCHER` for 100.
        latency: seconds, real ones, that the server waits with each reply. The call itself is handled at once.
        callback_url: where the first account wants its callbacks; None makes none.
        callback_type: their transport.
        callback_auth: user and password for HTTP Basic.
        keywords: the account's keywords on shared short codes, for "STOP <keyword>".
    """

    def __init__(
        self,
        *,
        api_id: str = "1",
        user: str = "demo",
        password: str = "demo",  # noqa: S107  the simulator's documented login
        credits: float | Decimal | str = 1000,
        session_lifetime: float = 900.0,
        clock: Callable[[], float] | None = None,
        speed: float = 1.0,
        calendar: Callable[[], float] = time.time,
        default_prefix: str = "27",
        gateway_delay: float = 1.0,
        handset_delay: float = 2.0,
        uncovered: Collection[str] = (),
        vouchers: Mapping[str, float | Decimal | str] | None = None,
        latency: float = 0.0,
        callback_url: str | None = None,
        callback_type: CallbackType | int = CallbackType.HTTP_GET,
        callback_auth: tuple[str, str] | None = None,
        keywords: Collection[str] = (),
    ) -> None:
        self._clock = clock or time.monotonic
        self._speed = speed
        self._advanced = 0.0
        self._lock = threading.RLock()
        self._changes: Agenda[tuple[Message, MessageStatus]] = Agenda()
        self._notifications: Agenda[Notification] = Agenda()
        self._lives = Lives(gateway_delay, handset_delay)
        self._long_messages = 0
        self.calendar = calendar
        self.latency = latency
        self.default_prefix = default_prefix
        self.uncovered = tuple(uncovered)
        self.ledger = Ledger()
        self.sessions = Sessions(session_lifetime)
        self.batches = Batches()
        self.opt_outs = OptOuts(keywords)
        self.inbound: list[Inbound] = []
        """Every part of every message that was injected, in order."""
        self.vouchers = {
            token: as_credits(worth) for token, worth in ({VOUCHER: 100} if vouchers is None else vouchers).items()
        }
        """The vouchers not yet redeemed: token to credits."""
        self.authentications = 0
        """Successful calls of auth."""
        self.requests: Counter[str] = Counter()
        """Calls by command, refused ones included: ``{"auth": 1, "sendmsg": 3}``."""
        self.accounts: dict[str, Account] = {}
        """The accounts by api_id."""
        self.account = self.add_account(
            api_id,
            user,
            password,
            credits=credits,
            callback_url=callback_url,
            callback_type=callback_type,
            callback_auth=callback_auth,
        )
        """The first account."""
        self.connect = Connect(self)
        """The Connect API: who registered, what was sent to them, what captchas show."""

    # -- what tests and users ask -------------------------------------------------------------------------------------

    @property
    def messages(self) -> list[Message]:
        """The ledger: every accepted message, in order."""
        return self.ledger.messages

    @property
    def credits(self) -> Decimal:
        """The balance of the first account."""
        with self._lock:
            self._settle()
            return self.account.credits

    def now(self) -> float:
        """The gateway's clock, in its seconds."""
        return self._clock() * self._speed + self._advanced

    def advance(self, seconds: float) -> None:
        """Let that much time pass at once."""
        with self._lock:
            self._advanced += seconds
            self._settle()

    def forget_sessions(self) -> None:
        """Let all sessions die at once."""
        with self._lock:
            self.sessions.clear()

    def add_account(
        self,
        api_id: str,
        user: str,
        password: str,
        *,
        credits: float | Decimal | str = 0,
        callback_url: str | None = None,
        callback_type: CallbackType | int = CallbackType.HTTP_GET,
        callback_auth: tuple[str, str] | None = None,
        default_prefix: str | None = None,
    ) -> Account:
        """Open an account, or replace the one with that api_id. Without a `default_prefix` it has the gateway's."""
        prefix = self.default_prefix if default_prefix is None else default_prefix
        target = Target(callback_url, CallbackType(callback_type), callback_auth) if callback_url else None
        account = Account(api_id, user, password, as_credits(credits), prefix, target)
        with self._lock:
            self.accounts[api_id] = account
        return account

    # -- calls --------------------------------------------------------------------------------------------------------

    def handle(self, path: str, fields: Mapping[str, str], *, method: str = "POST") -> str | None:
        """The reply to a call; None if there is no such path.

        `fields` are the parameters of query and form, decoded; `method` decides how many recipients may be given.
        """
        command = COMMANDS.get(path)
        if command is None:
            return None
        with self._lock:
            self._settle()
            self.requests[command.name] += 1
            try:
                return command.run(Call(self, fields, method))
            except Refusal as refusal:
                return refusal.line()

    def accept(self, account: Account, to: str, order: Order, command: str) -> Message:
        """Take a message on, and its price off the account. `to` is normalised; 301 if the credits do not suffice."""
        if account.credits < order.price:
            raise Refusal("301")
        account.credits -= order.price
        now = self.now()
        message = Message(
            id=secrets.token_hex(16),
            climsgid=order.climsgid,
            api_id=account.api_id,
            command=command,
            to=to,
            sender=order.sender,
            text=order.text,
            data=order.data,
            unicode=order.unicode,
            parts=order.parts,
            price=order.price,
            callback=order.callback,
            accepted_at=now,
            leaves_at=now + order.delay if order.delay > 0 else now,
            options=order.options,
            life=self._lives.of(to),
            clock=self.now,
        )
        self.ledger.add(message)
        for due, status in message.changes():
            if status in order.callback.statuses or status is MessageStatus.MESSAGE_EXPIRED:
                self._changes.add(due, (message, status))
        return message

    def cancel(self, account: Account, message: Message) -> None:
        """Stop a message that is still queued and give its credits back; leave any other as it is."""
        if message.cancel():
            account.credits += message.price

    # -- time and callbacks -------------------------------------------------------------------------------------------

    def tick(self) -> list[Notification]:
        """Let everything happen that is due, and hand out the callbacks to make now.

        For each, report `failed` if it did not arrive: it is then due again as the retry schedule has it.
        """
        with self._lock:
            self._settle()
            return list(self._notifications.take_due(self.now()))

    def failed(self, notification: Notification) -> None:
        """A callback did not arrive: it is tried again later, or given up after the last try."""
        delay = notification.retry_delay
        if delay is not None:
            with self._lock:
                self._notifications.add(self.now() + delay, notification.again())

    @property
    def pending_callbacks(self) -> int:
        """Callbacks that are due or wait for their next try; those handed out by `tick` are not among them."""
        with self._lock:
            self._settle()
            return len(self._notifications)

    def inject(
        self,
        from_: str,
        to: str,
        text: str,
        *,
        charset: str = "UTF-8",
        parts: int | None = None,
        api_id: str | None = None,
    ) -> list[str]:
        """Let a handset write to one of an account's numbers, and return the moMsgId of each part.

        A long text travels in as many parts as it takes, or in `parts` of them. STOP and its like opt the handset out.

        Args:
            from_: the handset.
            to: the account's number.
            charset: how the handset's network encoded the text: UTF-8, ISO-8859-1, UTF-16BE …
            parts: how many parts to cut it into, however short it is.
            api_id: the account; by default the first.

        Raises:
            ValueError: the charset cannot say the text or is unknown, it cannot be cut so, or there is no such account.
        """
        try:
            text.encode(charset)
        except LookupError:
            raise ValueError(f"there is no charset {charset!r}") from None
        with self._lock:
            account = self.account if api_id is None else self.accounts.get(api_id)
            if account is None:
                raise ValueError(f"there is no account {api_id!r}")
            pieces = cut(text, reference=self._long_messages, parts=parts)
            self._long_messages += len(pieces) > 1
            self.opt_outs.hear(account.api_id, from_, to, text)
            stamp = self.calendar()
            events = [
                Inbound(account.api_id, secrets.token_hex(16), from_, to, stamp, piece, charset, udh)
                for udh, piece in pieces
            ]
            self.inbound += events
            for event in events:
                self._notify(account, event)
            return [event.id for event in events]

    def _settle(self) -> None:
        """Do what status changes bring about. The statuses themselves need nobody: they are read off the clock."""
        for message, status in self._changes.take_due(self.now()):
            if message.is_cancelled:
                continue
            account = self.accounts[message.api_id]
            if status is MessageStatus.MESSAGE_EXPIRED:
                account.credits += message.price
            if status in message.callback.statuses:
                self._notify(account, self._report(message, status))

    def _report(self, message: Message, status: MessageStatus) -> Report:
        expired = status is MessageStatus.MESSAGE_EXPIRED
        return Report(
            api_id=message.api_id,
            id=message.id,
            climsgid=message.climsgid,
            to=message.to,
            sender=message.sender,
            timestamp=self.calendar(),
            status=status,
            charge=Decimal(0) if expired else message.price,
        )

    def _notify(self, account: Account, event: Report | Inbound) -> None:
        if account.target is not None:
            self._notifications.add(self.now(), Notification(event, account.target))
