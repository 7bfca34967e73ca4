"""`PinSender`: sends one-time codes, and verifies them.

Theory of operation. A code is stored before it is sent, so that none arrives that cannot be verified; where it was
certainly not sent, what was stored before is put back. Nothing else decides than the store, in single steps.

=======================  ===================================================  =======================================
of a number              `send`                                               `verify`
=======================  ===================================================  =======================================
no code is alive         a code is alive, `tries` are left                    False
a code is alive          `PinLimitError` during the pause; then another one   True: none is alive. False: a try less
no try is left           likewise                                             False
it has expired           likewise                                             False
=======================  ===================================================  =======================================
"""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Self, Unpack

from attrs import frozen

from clickasync.errors import ClickatellError, ConfigurationError, InvalidOptionError, OutcomeUnknownError
from clickasync.numbers import normalise
from clickasync.options import MessageOptions, compile_message
from clickasync.pins.memory import MemoryStore
from clickasync.pins.store import HOUR, PinStore, Record
from clickasync.redaction import hidden
from clickasync.settings import check_count, check_positive

if TYPE_CHECKING:
    from types import TracebackType

    from sqlalchemy import Engine
    from sqlalchemy.ext.asyncio import AsyncEngine

    from clickasync.client import Client

__all__ = ["PinLimitError", "PinSender", "PinSent"]

_PLACE: Final = "{pin}"
_LONGEST_LIFE: Final = 86_400.0
_MOST_TURNS: Final = 20
"""So often a step is tried again that somebody else came before."""


class PinLimitError(ClickatellError):
    """No code was sent: the last one was sent too short a while ago, or too many were sent within the hour."""

    def __init__(self, reason: str, retry_after: float) -> None:
        super().__init__(reason, retry_after)
        self.reason = reason
        """Which of the two it was, in words."""
        self.retry_after = retry_after
        """Seconds after which a code may be sent to this number."""

    def __str__(self) -> str:
        return f"{self.reason}; another one may be sent in {math.ceil(self.retry_after)} s"


@frozen
class PinSent:
    """A code is on its way."""

    expires_at: datetime
    """Until when it can be verified (UTC)."""


class PinSender:
    """Sends one-time codes, and verifies them.

    >>> from clickasync.pins import PinSender
    >>> pins = PinSender(client)
    >>> sent = await pins.send("27821234567")
    >>> await pins.verify("27821234567", "not it")
    False

    Args:
        client: what sends.
        store: by default this process's memory; a URL of a database, an `Engine` or `AsyncEngine` of SQLAlchemy
            (``pip install 'clickasync[pins]'``), or a `PinStore`.
        template: the text, with ``{pin}`` where the code belongs.
        digits: of a code, 4 to 10.
        lifetime: seconds for which a code can be verified, a day at most.
        tries: verifications of one code, at most.
        pause: seconds between two codes to a number, at least; an hour at most.
        per_hour: codes to a number within an hour, at most.
        secret: what the HMACs are made with: the same in all processes, at least 32 random bytes, in no repository. It
            is required wherever others may read the store: six digits alone are found in a second.
        purpose: codes for one purpose are no good for another, such as ``"login"`` and ``"pay"``.
        clock: Unix seconds.
        options: of the messages, as for `Client.send_many`.

    Raises:
        ConfigurationError: a setting is wrong, such as a template without a place for the code, or a database without
            a secret.
    """

    def __init__(
        self,
        client: Client,
        *,
        store: PinStore | str | Engine | AsyncEngine | None = None,
        template: str = "Your code is {pin}",
        digits: int = 6,
        lifetime: float = 300,
        tries: int = 3,
        pause: float = 30,
        per_hour: int = 5,
        secret: str | bytes | None = None,
        purpose: str = "",
        clock: Callable[[], float] = time.time,
        **options: Unpack[MessageOptions],
    ) -> None:
        secret, store = hidden(secret), hidden(store)  # a URL may hold a password
        if not isinstance(purpose, str):
            raise ConfigurationError(f"purpose must be a str, not {type(purpose).__name__}")
        self._client = client
        self._store = _store(store, clock)
        self._is_ours = self._store is not store
        self._rules = _Rules(digits, lifetime, tries, pause, per_hour)
        self._template = _checked_template(template, digits, options)
        self._options = options
        self._seal = _Seal(_key(secret, self._store), purpose)
        self._clock = clock

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections to a database that was given as a URL. Nothing else is closed: it is yours."""
        if self._is_ours and not isinstance(self._store, MemoryStore):
            await self._store.aclose()  # type: ignore[attr-defined] # it is a SqlStore

    async def send(self, number: str) -> PinSent:
        """Send a new code. From then on it is the only one that can be verified.

        Raises:
            InvalidNumberError: `number` is none; nothing was sent.
            PinLimitError: it is too soon for another one; nothing was sent.
            OutcomeUnknownError: it may have been sent. The code can be verified: ask for it.
            ApiError, TransportError: it was not sent, and all is as if nobody had asked.
        """
        digits = normalise(number)
        rules = self._rules
        pin = hidden(f"{secrets.randbelow(10**rules.digits):0{rules.digits}}")
        for _ in range(_MOST_TURNS):
            now = self._now()
            was = await self._store.get(self._seal.key(digits))
            sent_at = rules.check(() if was is None else was.sent_at, now)
            expires_at = now + int(rules.lifetime * 1000)
            code = self._seal.code(digits, expires_at, pin)
            record = Record(code, expires_at, rules.tries, (*sent_at, now), 1 if was is None else was.version + 1)
            if await self._store.put(self._seal.key(digits), record, was):
                break
        else:
            raise PinLimitError("codes are being sent to this number", 1.0)
        try:
            await self._client.send(number, hidden(self._template.replace(_PLACE, pin)), **self._options)
            return PinSent(datetime.fromtimestamp(expires_at / 1000, UTC))
        except ClickatellError as error:
            failure = error.fresh()  # the frames of its traceback may show the text, and with it the code
        if not isinstance(failure, OutcomeUnknownError):
            await self._take_back(digits, record, was)
        raise failure

    async def verify(self, number: str, pin: str) -> bool:
        """Whether `pin` is the code that is alive for this number. It is so once; anything else costs a try.

        A `pin` that is not `digits` digits, blanks aside, costs none: nothing is learnt from it. They may be digits of
        any script, as keyboards have them.

        Raises:
            InvalidNumberError: `number` is none.
            InvalidOptionError: `pin` is no str. As a number it would lose its zeros.
        """
        digits = normalise(number)
        if not isinstance(pin, str):
            raise InvalidOptionError("pin must be a str: a number would lose its leading zeros")
        pin = hidden("".join(pin.split()))
        if len(pin) != self._rules.digits or not pin.isdecimal():
            return False
        pin = hidden("".join(str(int(digit)) for digit in pin))
        key = self._seal.key(digits)
        taken = await self._store.take_try(key, self._now())
        if taken is None:
            return False
        code = self._seal.code(digits, taken.expires_at, pin)
        return hmac.compare_digest(code, taken.code) and await self._store.use(key, taken.code)

    def _now(self) -> int:
        return int(self._clock() * 1000)

    async def _take_back(self, digits: str, record: Record, was: Record | None) -> None:
        """It was certainly not sent: what was there before is there again."""
        key = self._seal.key(digits)
        before = was or Record("", record.expires_at, 0, (), 0)
        for _ in range(_MOST_TURNS):
            kept = await self._store.get(key)
            if kept is None or kept.code != record.code:  # another one was sent in the meantime
                return
            again = Record(before.code, before.expires_at, before.tries_left, before.sent_at, kept.version + 1)
            if await self._store.put(key, again, kept):
                return


class _Rules:
    """How codes are, and how many there may be."""

    def __init__(self, digits: int, lifetime: float, tries: int, pause: float, per_hour: int) -> None:
        check_count("digits", digits, 4, 10)
        check_count("tries", tries, 1)
        check_count("per_hour", per_hour, 1, 1000)
        self.digits = digits
        self.tries = tries
        self.lifetime = check_positive("lifetime", lifetime)
        if self.lifetime > _LONGEST_LIFE:
            raise ConfigurationError(f"lifetime must be a day at most, {_LONGEST_LIFE:g} s, not {lifetime!r}")
        if pause != 0:
            check_positive("pause", pause)
        if pause * 1000 > HOUR:
            raise ConfigurationError(f"pause must be an hour at most, 3600 s, not {pause!r}")
        self._pause = pause
        self._per_hour = per_hour

    def check(self, sent_at: tuple[int, ...], now: int) -> tuple[int, ...]:
        """When codes were sent within the last hour, if another one may be sent.

        Raises:
            PinLimitError: it may not.
        """
        recent = tuple(at for at in sent_at if at > now - HOUR)
        if recent and now < recent[-1] + self._pause * 1000:
            wait = recent[-1] / 1000 + self._pause - now / 1000
            raise PinLimitError("a code was sent to this number a moment ago", wait)
        if len(recent) >= self._per_hour:
            wait = (recent[-self._per_hour] + HOUR - now) / 1000
            raise PinLimitError(f"{len(recent)} codes were sent to this number within the hour", wait)
        return recent


class _Seal:
    """What stands in the store in the place of numbers and codes."""

    def __init__(self, secret: bytes, purpose: str) -> None:
        self._secret = secret
        self._purpose = purpose

    def __repr__(self) -> str:
        return "<seal>"

    def key(self, number: str) -> str:
        """For a number."""
        return self._hmac("number", number)

    def code(self, number: str, expires_at: int, pin: str) -> str:
        """For a code, bound to its number and to when it expires."""
        return self._hmac("code", number, str(expires_at), pin)

    def _hmac(self, *parts: str) -> str:
        message = "\0".join([self._purpose, *parts]).encode()
        return hmac.new(self._secret, message, hashlib.sha256).hexdigest()


def _store(store: PinStore | str | Engine | AsyncEngine | None, clock: Callable[[], float]) -> PinStore:
    if store is None:
        return MemoryStore(clock=clock)
    if all(hasattr(store, name) for name in ("get", "put", "take_try", "use")):
        return store  # type: ignore[return-value] # it can do all that a store does
    try:
        from clickasync.pins.sql import SqlStore
    except ModuleNotFoundError as error:
        if error.name != "sqlalchemy":
            raise
        raise ConfigurationError("codes in a database need SQLAlchemy: pip install 'clickasync[pins]'") from None
    return SqlStore(store, clock=clock)  # type: ignore[arg-type] # it says what is wrong


def _key(secret: str | bytes | None, store: PinStore) -> bytes:
    if isinstance(secret, str):
        secret = secret.encode()
    if isinstance(secret, bytes) and secret:
        return secret
    if secret is None and isinstance(store, MemoryStore):
        return secrets.token_bytes(32)
    raise ConfigurationError(
        "secret is missing: give 32 random bytes or more, the same in all processes. Without it whoever reads the "
        "database finds a code in a second"
    )


def _checked_template(template: str, digits: int, options: MessageOptions) -> str:
    if not isinstance(template, str) or _PLACE not in template:
        raise ConfigurationError(f"template must be a str with {_PLACE} where the code belongs")
    try:
        compile_message(template.replace(_PLACE, "0" * digits), options, time.time())
    except InvalidOptionError as error:
        raise ConfigurationError(f"no code could be sent with these: {error}") from None
    return template
