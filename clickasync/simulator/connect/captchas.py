"""Captchas and failed logins: who must prove to be a person.

==============  ============  =====================================
a captcha       becomes       by
==============  ============  =====================================
fresh           used          one attempt, right or wrong
fresh           expired       15 minutes
==============  ============  =====================================
"""

from __future__ import annotations

from collections import Counter

from clickasync.simulator.connect.documents import Refused, Request
from clickasync.simulator.connect.pictures import LIFETIME, Captcha
from clickasync.simulator.world.clock import Clock

__all__ = ["MAX_ADDRESS_FAILURES", "MAX_USER_FAILURES", "Captchas", "Failures"]

MAX_USER_FAILURES = 3
"""Failed logins of one user after which a captcha is needed (004)."""
MAX_ADDRESS_FAILURES = 10
"""Failed logins from one address after which a captcha is needed (003)."""
MOST = 1000
"""Captchas and failures that are kept."""


class Captchas(dict[str, Captcha]):
    """By captcha_id; their ``code`` is what the image shows."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def new(self) -> Captcha:
        """A captcha that nobody has tried yet."""
        while len(self) >= MOST:
            del self[next(iter(self))]
        captcha = Captcha(self._clock.now())
        self[captcha.id] = captcha
        return captcha

    def redeem(self, request: Request) -> None:
        """Use up the captcha that comes with a request: one attempt, right or wrong."""
        captcha = self.get(request["captcha_id"])
        if captcha is None:
            raise Refused("400")
        if captcha.is_used:
            raise Refused("403")
        captcha.is_used = True
        if self._clock.now() - captcha.made_at > LIFETIME:
            raise Refused("402")
        if request["captcha_code"] != captcha.code:
            raise Refused("401")


class Failures:
    """Failed logins, by user and by address."""

    def __init__(self) -> None:
        self.by_user: Counter[str] = Counter()
        self.by_address: Counter[str] = Counter()

    def count(self, request: Request) -> None:
        """A login has failed."""
        for counter, key in ((self.by_user, request["user"]), (self.by_address, request.address)):
            counter[key] += 1
            if len(counter) > MOST:
                del counter[next(iter(counter))]

    def forget(self, request: Request) -> None:
        """A login has succeeded."""
        self.by_user.pop(request["user"], None)
        self.by_address.pop(request.address, None)

    def clear(self) -> None:
        """Forget all failures."""
        self.by_user.clear()
        self.by_address.clear()

    def check(self, request: Request, captchas: Captchas) -> None:
        """Ask for a captcha where too many have failed."""
        by_address = self.by_address[request.address] >= MAX_ADDRESS_FAILURES
        if not by_address and self.by_user[request["user"]] < MAX_USER_FAILURES:
            return
        if not request["captcha_id"] and not request["captcha_code"]:
            raise Refused("003" if by_address else "004")
        captchas.redeem(request)
