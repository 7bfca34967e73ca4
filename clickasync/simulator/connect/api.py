"""`Connect`: who may call, and what is answered. No I/O: documents come in and go out as text."""

from __future__ import annotations

from typing import Any, Final

from clickasync.simulator.connect.actions import ACTIONS
from clickasync.simulator.connect.captchas import Captchas
from clickasync.simulator.connect.documents import Refused, Request, read, write
from clickasync.simulator.connect.office import Office
from clickasync.simulator.connect.people import Letter, User
from clickasync.simulator.world import World

__all__ = ["TOKEN", "Connect"]

TOKEN: Final = "00112233445566778899aabbccddeeff"  # noqa: S105 - the simulator's documented token
"""The token that a `Connect` answers to at first."""


class Connect:
    """The Connect API of a `Gateway`, at ``gateway.connect``.

    Args:
        world: its clock counts, and the connections that are created become accounts of it.
    """

    def __init__(self, world: World) -> None:
        self.token = TOKEN
        self.enabled = True
        """False: everything is answered with 008."""
        self.require_https = False
        """True: plain HTTP is answered with 009."""
        self.forbidden: set[str] = set()
        """Actions that are answered with 007."""
        self.office = Office(world)
        """Who registered, what was sent to them."""
        self._refusals: list[tuple[Refused, str | None]] = []
        self._lock = world.lock
        self._clock = world.clock

    @property
    def users(self) -> dict[str, User]:
        """Who registered, by name."""
        return self.office.users

    @property
    def outbox(self) -> list[Letter]:
        """E-mails and SMS, in order."""
        return self.office.outbox

    @property
    def captchas(self) -> Captchas:
        """By captcha_id; their ``code`` is what the image shows."""
        return self.office.captchas

    @property
    def coupons(self) -> dict[str, int]:
        """Coupons, and the credits that each gives; used up when redeemed."""
        return self.office.coupons

    def refuse_next(self, *codes: str, description: str | None = None, action: str | None = None) -> None:
        """Answer the next call, or the next one of that `action`, with these errors."""
        with self._lock:
            self._refusals = [*self._refusals[-999:], (Refused(*codes, description=description), action)]

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
                return write(action, self._clock.calendar(), errors=refused.errors)
        return write(action, self._clock.calendar(), values=values)

    def activate(self, code: str) -> User | None:
        """Somebody follows the link in an e-mail; None if no account waits for this code."""
        with self._lock:
            return self.office.activate(code)

    def clear(self) -> None:
        """Forget who registered, and what was to be refused. Settings stay."""
        self.office.clear()
        self._refusals.clear()

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
        for place, (refused, only) in enumerate(self._refusals):
            if only in (None, request.action):
                del self._refusals[place]
                raise refused
        return action.run(self.office, request)
