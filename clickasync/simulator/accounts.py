"""Who may call: accounts and their sessions."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from decimal import Decimal

from attrs import define, field

from clickasync.simulator.callbacks import Target
from clickasync.simulator.replies import Refusal

__all__ = ["Account", "Sessions", "as_credits", "check_credentials"]


def as_credits(amount: float | Decimal | str) -> Decimal:
    """An exact amount of credits; a float counts as it is written, not as it is stored.

    >>> as_credits(0.1)
    Decimal('0.1')
    """
    return amount if isinstance(amount, Decimal) else Decimal(str(amount))


@define(eq=False)
class Account:
    """An account, as one API connection (`api_id`) sees it. `credits` change; all else is set up once."""

    api_id: str
    user: str
    password: str = field(repr=False)
    credits: Decimal
    default_prefix: str
    """The country code that takes the place of a leading zero."""
    target: Target | None = None
    """Where callbacks go; None makes none."""


@define(eq=False)
class _Session:
    account: Account
    last_used: float


class Sessions:
    """Sessions that die of inactivity. Kept in the order of their last use, so that the dead are found first."""

    def __init__(self, lifetime: float) -> None:
        self.lifetime = lifetime
        self._sessions: dict[str, _Session] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def open(self, account: Account, now: float) -> str:
        """Begin a session and return its ID."""
        self._bury(now)
        session_id = secrets.token_hex(16)
        self._sessions[session_id] = _Session(account, now)
        return session_id

    def find(self, session_id: str, now: float) -> Account:
        """The account of a live session; unknown and dead sessions alike have expired."""
        self._bury(now)
        session = self._sessions.get(session_id)
        if session is None:
            raise Refusal("003")
        return session.account

    def extend(self, session_id: str, now: float) -> None:
        """Let a live session begin its lifetime again."""
        session = self._sessions.pop(session_id)
        session.last_used = now
        self._sessions[session_id] = session

    def clear(self) -> None:
        """Let all sessions die at once."""
        self._sessions.clear()

    def _bury(self, now: float) -> None:
        while self._sessions:
            oldest = next(iter(self._sessions))
            if now - self._sessions[oldest].last_used <= self.lifetime:
                return
            del self._sessions[oldest]


def check_credentials(accounts: Mapping[str, Account], fields: Mapping[str, str]) -> Account:
    """The account that `fields` log in to: 108 without a usable api_id, 001 for everything else that is wrong."""
    api_id = fields.get("api_id", "")
    if api_id not in accounts and not (api_id.isascii() and api_id.isdigit()):  # an API key may stand in its place
        raise Refusal("108")
    account = accounts.get(api_id)
    if account is None or (account.user, account.password) != (fields.get("user"), fields.get("password")):
        raise Refusal("001")
    return account
