"""Sessions, which die of inactivity.

==========  ============================  =========================================
a session   becomes                       by
==========  ============================  =========================================
live        live, its time begins anew    a call that succeeds (`Sessions.extend`)
live        dead                          `lifetime` seconds without one, or `clear`
dead        \\-                            (it stays dead, and is forgotten)
==========  ============================  =========================================
"""

from __future__ import annotations

import secrets
from typing import Final

from attrs import define

from clickasync.simulator.world.accounts import Account
from clickasync.simulator.world.refusals import Refusal

__all__ = ["Session", "Sessions"]

MOST: Final = 10_000
"""Sessions that live at one time; beyond that the longest silent dies."""


@define(eq=False)
class Session:
    """A session of an account. Its ID is a secret, so it is no part of it."""

    account: Account
    opened_at: float
    """On the gateway's clock."""
    last_used: float
    """On the gateway's clock."""


class Sessions:
    """The live sessions, in the order of their last use, so that the dead are found first.

    Args:
        lifetime: seconds of inactivity after which a session is dead.
    """

    def __init__(self, lifetime: float) -> None:
        self.lifetime = lifetime
        self.opened = 0
        """How many there ever were: the successful calls of auth."""
        self._sessions: dict[str, Session] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def open(self, account: Account, now: float) -> str:
        """Begin a session and return its ID."""
        self._bury(now)
        if len(self._sessions) >= MOST:
            del self._sessions[next(iter(self._sessions))]
        session_id = secrets.token_hex(16)
        self._sessions[session_id] = Session(account, now, now)
        self.opened += 1
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

    def end(self, session_id: str) -> None:
        """Let one session die; one that is not live stays dead."""
        self._sessions.pop(session_id, None)

    def live(self, now: float) -> list[Session]:
        """The live sessions, the longest silent first."""
        self._bury(now)
        return list(self._sessions.values())

    def clear(self) -> None:
        """Let all sessions die at once."""
        self._sessions.clear()

    def _bury(self, now: float) -> None:
        while self._sessions:
            oldest = next(iter(self._sessions))
            if now - self._sessions[oldest].last_used <= self.lifetime:
                return
            del self._sessions[oldest]
