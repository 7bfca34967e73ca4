"""The gateway: world, commands, Connect and faults, put together. No I/O: fields come in, text goes out.

Everything that changes the state goes through a method of `Gateway`, which holds the world's lock while it does so: a
test may inject a message or advance the clock while the server's thread answers calls.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from typing import Any, Final, Unpack

from clickasync.simulator.answer import Answer, WireError
from clickasync.simulator.callbacks.handset import cut
from clickasync.simulator.commands import NAMES
from clickasync.simulator.connect import Connect
from clickasync.simulator.desk import Desk
from clickasync.simulator.faults import Faults, Rule
from clickasync.simulator.faults.effects import Fault, FaultOptions, make_fault
from clickasync.simulator.readings import Readings
from clickasync.simulator.world import World
from clickasync.simulator.world.accounts import Account, Accounts, Vouchers
from clickasync.simulator.world.clock import Clock
from clickasync.simulator.world.events import Attempt, CallbackType, Notification, Outcome
from clickasync.simulator.world.feed import Subscription
from clickasync.simulator.world.network import Network
from clickasync.simulator.world.optouts import OptOuts
from clickasync.simulator.world.sessions import Sessions

__all__ = ["Gateway"]

KEEP: Final = 100_000
"""Messages that are kept unless somebody says otherwise."""


class Gateway(Readings):
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
        keep: how many messages are kept, and how many refusals, callbacks and inbound messages; the oldest go.
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
        keep: int = KEEP,
    ) -> None:
        if keep < 1:
            raise ValueError("keep must be at least 1")
        world = World(
            Clock(clock, speed=speed, calendar=calendar),
            Accounts(default_prefix, Vouchers(vouchers)),
            Sessions(session_lifetime),
            Network(gateway_delay, handset_delay, uncovered),
            OptOuts(keywords),
            keep=keep,
        )
        super().__init__(world)
        self.connect = Connect(world)
        """The Connect API: who registered, what was sent to them, what captchas show."""
        self.faults = Faults(NAMES)
        """What is to go wrong: see `fail_next` and `fail`."""
        self._desk = Desk(world, self.faults, latency)
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
        self._beginning = self.account.credits, self.account.target
        self._long_messages = 0

    # -- calls --------------------------------------------------------------------------------------------------------

    def handle(self, path: str, fields: Mapping[str, str], *, method: str = "POST") -> str | None:
        """The reply to a call; None if there is no such path.

        `fields` are the parameters of query and form, decoded; `method` decides how many recipients may be given.

        Raises:
            WireError: the call met a fault that a text cannot show: a reset, another HTTP status.
        """
        answer = self.answer(path, fields, method=method)
        if answer is None:
            return None
        if answer.wire is not None or answer.status != 200:
            raise WireError(answer)
        return answer.text

    def answer(self, path: str, fields: Mapping[str, str], *, method: str = "POST") -> Answer | None:
        """The answer to a call as a value, with what a fault does to it; None if there is no such path."""
        return self._desk.answer(path, fields, method)

    # -- what tests and users ask -------------------------------------------------------------------------------------

    @property
    def requests(self) -> Counter[str]:
        """Calls by command, refused ones included: ``{"auth": 1, "sendmsg": 3}``."""
        return self._desk.requests

    @property
    def latency(self) -> float:
        """Seconds, real ones, that the server waits with each reply."""
        return self._desk.latency

    @latency.setter
    def latency(self, seconds: float) -> None:
        self._desk.latency = seconds

    @property
    def credits(self) -> Decimal:
        """The balance of the first account."""
        with self.world.lock:
            self.world.settle()
            return self.account.credits

    def now(self) -> float:
        """The gateway's clock, in its seconds."""
        return self.world.clock.now()

    def subscribe(self) -> Subscription:
        """What happens from now on, as it happens. Close it, or use it in a ``with`` block.

        >>> gateway = Gateway()
        >>> with gateway.subscribe() as events:
        ...     gateway.inject("27821234567", "27820000000", "Hi")
        ...     [event.kind for event in events.poll()]
        [...]
        ['inbound']
        """
        return self.world.journal.feed.subscribe()

    # -- what tests and users do --------------------------------------------------------------------------------------

    def advance(self, seconds: float) -> None:
        """Let that much time pass at once."""
        with self.world.lock:
            self.world.clock.advance(seconds)
            self.world.settle()
            self.world.journal.feed.publish("clock", self.now())

    def forget_sessions(self) -> None:
        """Let all sessions die at once."""
        with self.world.lock:
            self.world.sessions.clear()
            self.world.journal.feed.publish("changed", "sessions")

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
        with self.world.lock:
            return self.world.accounts.open(
                api_id,
                user,
                password,
                credits=credits,
                callback_url=callback_url,
                callback_type=callback_type,
                callback_auth=callback_auth,
                default_prefix=default_prefix,
            )

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
        with self.world.lock:
            account = self.account if api_id is None else self.accounts.get(api_id)
            if account is None:
                raise ValueError(f"there is no account {api_id!r}")
            pieces = cut(text, reference=self._long_messages, parts=parts)
            self._long_messages += len(pieces) > 1
            received = self.world.receive(account, from_, to, text, pieces, charset)
            return [part.id for part in received.parts]

    def delete(self, id: str) -> bool:
        """Forget one message; give whether there was one with that apimsgid."""
        with self.world.lock:
            message = self.world.ledger.get(id)
            if message is None:
                return False
            self.world.ledger.remove(message)
            self.world.journal.feed.publish("deleted", id)
            return True

    def forget_messages(self) -> None:
        """Forget all messages, refusals, faults that were made, inbound messages and callbacks."""
        with self.world.lock:
            self.world.ledger.clear()
            self.world.journal.clear()
            self.world.outgoing.clear()
            self.world.journal.feed.publish("reset")

    def reset(self) -> None:
        """Forget all that happened, heal all faults, and give the first account what it began with.

        Accounts that were added are closed, who registered with Connect is unknown. The clock goes on.
        """
        with self.world.lock:
            self.world.clear()
            self.connect.clear()
            self.faults.heal()
            self.requests.clear()
            self.account.credits, self.account.target = self._beginning
            self.accounts.clear()
            self.accounts[self.account.api_id] = self.account
            self.accounts.vouchers.renew()
            self.world.journal.feed.publish("reset")

    # -- faults -------------------------------------------------------------------------------------------------------

    def fail_next(self, command: str = "sendmsg", *, times: int = 1, **fault: Unpack[FaultOptions]) -> Rule:
        """Let the next calls of a command go wrong, `times` of them.

        >>> gateway = Gateway()
        >>> rule = gateway.fail_next("sendmsg", error="301")
        >>> login = {"api_id": "1", "user": "demo", "password": "demo"}
        >>> gateway.handle("/http/sendmsg", {**login, "to": "27821234567", "text": "Hi"})
        'ERR: 301, No credit left'

        Args:
            command: its name as in `requests`; ``"*"`` for whichever comes next.
            times: how many calls.
            error: the gateway refuses the call with this code.
            http: something in front of the gateway answers with this HTTP status; `retry_after` seconds is its header.
            reset: ``"before"`` or ``"after"`` the gateway took the call, the connection is reset.
            cut: the reply ends in its middle, and the connection with it.
            junk: the reply is a page of HTML.
            second: behind the reply comes another one that nobody asked for.
            hang: so many seconds nothing is said; then the connection is closed.
            latency: seconds that the reply is held back, give or take `jitter`. Goes with all others.
            expire: the session of the call has died.
            taken: whether the gateway carries the call out, where that is not as the fault has it by itself.

        Raises:
            ValueError: it says what cannot be.
        """
        return self._plan(command, make_fault(**fault), times=times)

    def fail(
        self,
        command: str = "sendmsg",
        *,
        probability: float = 1.0,
        seed: int | None = None,
        **fault: Unpack[FaultOptions],
    ) -> Rule:
        """Let calls of a command go wrong until `heal`, each with that probability.

        The arguments are those of `fail_next`. The same `seed` throws the same dice; ``rule.seed`` has the one in use.

        Raises:
            ValueError: it says what cannot be.
        """
        return self._plan(command, make_fault(**fault), probability=probability, seed=seed)

    def heal(self) -> None:
        """Nothing goes wrong any more, but for test numbers."""
        with self.world.lock:
            self.faults.heal()
            self.world.journal.feed.publish("changed", "faults")

    def _plan(self, command: str, fault: Fault, **more: Any) -> Rule:
        with self.world.lock:
            rule = self.faults.add(command, fault, **more)
            self.world.journal.feed.publish("changed", "faults")
            return rule

    # -- callbacks ----------------------------------------------------------------------------------------------------

    def tick(self) -> list[Notification]:
        """Let everything happen that is due, and hand out the callbacks to make now.

        For each, say by `attempted` how it went; it may be due again as the retry schedule has it.
        """
        with self.world.lock:
            self.world.settle()
            return self.world.outgoing.take_due(self.now())

    def attempted(self, notification: Notification, outcome: Outcome) -> Attempt | None:
        """A callback was made: note how it went. None if all was forgotten in the meantime."""
        with self.world.lock:
            journal = self.world.journal
            attempt = self.world.outgoing.attempted(notification, outcome, number=journal.next_number(), now=self.now())
            if attempt is not None:
                journal.feed.publish("callback", attempt)
            return attempt

    def failed(self, notification: Notification) -> None:
        """A callback did not arrive: it is tried again later, or given up after the last try."""
        self.attempted(notification, Outcome(problem="not reached"))

    def redeliver(self, attempt: Attempt) -> None:
        """Make a callback again now, once, to the URL that its account has at this moment.

        Raises:
            ValueError: the account has no callback URL.
        """
        with self.world.lock:
            account = self.accounts.get(attempt.event.api_id)
            if account is None or account.target is None:
                raise ValueError("the account has no callback URL: set one first")
            notification = Notification(attempt.event, account.target, attempt.notification.attempt, by_hand=True)
            self.world.outgoing.add(self.now(), notification)

    @property
    def pending_callbacks(self) -> int:
        """Callbacks that are due or wait for their next try; those handed out by `tick` are not among them."""
        with self.world.lock:
            self.world.settle()
            return len(self.world.outgoing.waiting)

    @property
    def is_calling_back(self) -> bool:
        """Whether callbacks are due at this moment, or under way."""
        with self.world.lock:
            self.world.settle()
            return self.world.outgoing.is_busy(self.now())
