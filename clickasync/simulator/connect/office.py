"""Who has registered, what was sent to them, and what the actions need of both."""

from __future__ import annotations

import secrets
from collections import Counter
from itertools import count
from typing import Final

from clickasync.simulator.connect.captchas import Captchas, Failures
from clickasync.simulator.connect.documents import Refused, Request
from clickasync.simulator.connect.people import Letter, User
from clickasync.simulator.world import World

__all__ = ["MAX_WRONG_CODES", "Office"]

MAX_WRONG_CODES: Final = 3
"""Wrong activation codes after which a new SMS is needed (102)."""
MOST: Final = 1000
"""Users and letters that are kept."""


class Office:
    """The state of the Connect API.

    Args:
        world: its clock counts, and the connections that are created become accounts of it.
    """

    free_credits = 10
    """What every new connection begins with."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.users: dict[str, User] = {}
        """Who registered, by name."""
        self.outbox: list[Letter] = []
        """E-mails and SMS, in order."""
        self.captchas = Captchas(world.clock)
        self.failures = Failures()
        self.coupons = {"FREE10": 10}
        """Coupons, and the credits that each gives; used up when redeemed."""
        self.credits: Counter[str] = Counter()
        """Credits by user name that coupons gave and no connection has taken yet."""
        self._numbers = count(1000001)
        self._api_ids = count(3000001)

    def log_in(self, request: Request, *, email_activated: bool = True) -> User:
        """The user that a request names and proves to be, behind a captcha where too many have failed.

        Args:
            request: the call.
            email_activated: whether that is asked for (103).
        """
        self.failures.check(request, self.captchas)
        user = self.users.get(request["user"])
        if user is None or user.password != request["password"]:
            self.failures.count(request)
            raise Refused("404")
        self.failures.forget(request)
        if not user.active:
            raise Refused("006")
        if email_activated and not user.email_activated:
            raise Refused("103")
        return user

    def activate(self, code: str) -> User | None:
        """Somebody follows the link in an e-mail; None if no account waits for this code."""
        for user in self.users.values():
            if not user.email_activated and secrets.compare_digest(user.link.code.encode(), code.encode()):
                user.email_activated = True
                return user
        return None

    def admit(self, user: User) -> None:
        """Somebody registers."""
        while len(self.users) >= MOST:
            del self.users[next(iter(self.users))]
        self.users[user.name] = user

    def send(self, letter: Letter) -> None:
        """Send an e-mail or an SMS."""
        self.outbox.append(letter)
        del self.outbox[:-MOST]

    def next_number(self) -> str:
        """A number for a new user."""
        return str(next(self._numbers))

    def next_api_id(self) -> str:
        """An api_id that no account of the gateway has."""
        return next(api_id for api_id in map(str, self._api_ids) if api_id not in self.world.accounts)

    def clear(self) -> None:
        """Forget everybody."""
        self.users.clear()
        self.outbox.clear()
        self.captchas.clear()
        self.failures.clear()
        self.credits.clear()
        self.coupons = {"FREE10": 10}
