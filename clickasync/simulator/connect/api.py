"""`Connect`: who may call, what was sent, who is locked out. No I/O: documents come in and go out as text."""

from __future__ import annotations

import secrets
import threading
from collections import Counter
from collections.abc import Mapping
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from clickasync.simulator.connect.actions import ACTIONS
from clickasync.simulator.connect.documents import Refused, read, write
from clickasync.simulator.connect.people import Letter, User
from clickasync.simulator.connect.pictures import LIFETIME, Captcha

if TYPE_CHECKING:
    from clickasync.simulator.gateway import Gateway

__all__ = ["TOKEN", "Connect", "Request"]

TOKEN: Final = "00112233445566778899aabbccddeeff"  # noqa: S105 - the simulator's documented token
"""The token that a `Connect` answers to at first."""


@frozen
class Request:
    """One call, as the web brought it."""

    action: str
    fields: Mapping[str, str]
    address: str
    """Where it came from."""
    base_url: str
    """Where it went to, for links."""

    def __getitem__(self, name: str) -> str:
        return self.fields.get(name, "")


class Connect:
    """The Connect API of a `Gateway`, at ``gateway.connect``.

    Args:
        gateway: its clock counts, and the connections that are created become accounts of it.
    """

    max_user_failures = 3
    """Failed logins of one user after which a captcha is needed (004)."""
    max_address_failures = 10
    """Failed logins from one address after which a captcha is needed (003)."""
    max_wrong_codes = 3
    """Wrong activation codes after which a new SMS is needed (102)."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.token = TOKEN
        self.enabled = True
        """False: everything is answered with 008."""
        self.require_https = False
        """True: plain HTTP is answered with 009."""
        self.forbidden: set[str] = set()
        """Actions that are answered with 007."""
        self.coupons = {"FREE10": 10}
        """Coupons, and the credits that each gives; used up when redeemed."""
        self.free_credits = 10
        """What every new connection begins with."""
        self.users: dict[str, User] = {}
        """Who registered, by name."""
        self.captchas: dict[str, Captcha] = {}
        """By captcha_id; their ``code`` is what the image shows."""
        self.outbox: list[Letter] = []
        """E-mails and SMS, in order."""
        self.user_failures: Counter[str] = Counter()
        self.address_failures: Counter[str] = Counter()
        self.credits: Counter[str] = Counter()
        """Credits by user name that coupons gave and no connection has taken yet."""
        self._refusals: list[tuple[Refused, str | None]] = []
        self._numbers = count(1000001)
        self._api_ids = count(3000001)
        self._lock = threading.RLock()

    def refuse_next(self, *codes: str, description: str | None = None, action: str | None = None) -> None:
        """Answer the next call, or the next one of that `action`, with these errors."""
        with self._lock:
            self._refusals.append((Refused(*codes, description=description), action))

    def handle(
        self, token: str, document: str, *, address: str = "127.0.0.1", base_url: str = "", secure: bool = False
    ) -> str:
        """The reply to a request document.

        Args:
            token: from the path.
            document: the form field XML.
            address: of the caller.
            base_url: of the server, for the links that it sends.
            secure: it came by HTTPS.
        """
        action = ""
        with self._lock:
            try:
                self._admit(token, secure)
                action, fields = read(document)
                values = self._run(Request(action, fields, address, base_url.rstrip("/")))
            except Refused as refused:
                return write(action, self.gateway.calendar(), errors=refused.errors)
        return write(action, self.gateway.calendar(), values=values)

    def activate(self, code: str) -> User | None:
        """Somebody follows the link in an e-mail; None if no account waits for this code."""
        with self._lock:
            for user in self.users.values():
                if not user.email_activated and secrets.compare_digest(user.email_code, code):
                    user.email_activated = True
                    return user
        return None

    def _admit(self, token: str, secure: bool) -> None:
        if token != self.token:
            raise Refused("005")
        if self.require_https and not secure:
            raise Refused("009")
        if not self.enabled:
            raise Refused("008")

    def _run(self, request: Request) -> list[dict[str, Any]]:
        action = ACTIONS.get(request.action)
        if action is None:
            raise Refused("430")
        if request.action in self.forbidden:
            raise Refused("007")
        for number, (refused, only) in enumerate(self._refusals):
            if only in (None, request.action):
                del self._refusals[number]
                raise refused
        return action.run(self, request)

    # -- what the actions do ------------------------------------------------------------------------------------------

    def new_captcha(self) -> Captcha:
        """A captcha that nobody has tried yet."""
        while len(self.captchas) >= 1000:
            del self.captchas[next(iter(self.captchas))]
        captcha = Captcha(self.gateway.now())
        self.captchas[captcha.id] = captcha
        return captcha

    def redeem_captcha(self, request: Request) -> None:
        """Use up the captcha that comes with a request: one attempt, right or wrong."""
        captcha = self.captchas.get(request["captcha_id"])
        if captcha is None:
            raise Refused("400")
        if captcha.is_used:
            raise Refused("403")
        captcha.is_used = True
        if self.gateway.now() - captcha.made_at > LIFETIME:
            raise Refused("402")
        if request["captcha_code"] != captcha.code:
            raise Refused("401")

    def log_in(self, request: Request, *, email_activated: bool = True) -> User:
        """The user that a request names and proves to be, behind a captcha where too many have failed.

        Args:
            request: the call.
            email_activated: whether that is asked for (103).
        """
        name = request["user"]
        self._guard(request, name)
        user = self.users.get(name)
        if user is None or user.password != request["password"]:
            self.user_failures[name] += 1
            self.address_failures[request.address] += 1
            raise Refused("404")
        self.user_failures.pop(name, None)
        self.address_failures.pop(request.address, None)
        if not user.active:
            raise Refused("006")
        if email_activated and not user.email_activated:
            raise Refused("103")
        return user

    def _guard(self, request: Request, name: str) -> None:
        by_address = self.address_failures[request.address] >= self.max_address_failures
        if not by_address and self.user_failures[name] < self.max_user_failures:
            return
        if not request["captcha_id"] and not request["captcha_code"]:
            raise Refused("003" if by_address else "004")
        self.redeem_captcha(request)

    def next_number(self) -> str:
        """A number for a new user."""
        return str(next(self._numbers))

    def next_api_id(self) -> str:
        """An api_id that no account of the gateway has."""
        return next(api_id for api_id in map(str, self._api_ids) if api_id not in self.gateway.accounts)
