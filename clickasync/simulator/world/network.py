"""What becomes of messages by the number that they go to: what is routed, and the test numbers.

A test number is 999, a three-digit code, and anything more.

==========================  =========================================================
999001, 002, 003, 005 …     accepted: 008, then that status from the gateway
999008, 999011              accepted: that status from the beginning
999004, 999007              accepted: 008, 003, then that status from the handset
999100 and above            refused with that error
999950 to 999959            a fault of the connection or the reply, see `clickasync.simulator.faults.recipients`
any other number            accepted, as 999004
==========================  =========================================================
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from clickasync.codes import MessageStatus
from clickasync.simulator.world.messages import Life
from clickasync.simulator.world.refusals import Refusal

__all__ = ["Network", "code_of"]

MOST_TRIED: Final = 10_000
"""Numbers that `Network.is_new` remembers."""
_TEST_PREFIX: Final = "999"
_OK: Final = (0.0, MessageStatus.OK)


def code_of(number: str) -> str:
    """The code of a test number; empty for any other."""
    return number[3:6] if number.startswith(_TEST_PREFIX) else ""


class Network:
    """The networks behind the gateway.

    Args:
        gateway_delay: seconds from leaving the queue to "delivered to gateway" (003).
        handset_delay: seconds from there to "received by recipient" (004).
        uncovered: prefixes that are not routed.
    """

    def __init__(self, gateway_delay: float, handset_delay: float, uncovered: Collection[str]) -> None:
        self.uncovered = tuple(uncovered)
        self._tried: set[str] = set()
        self._gateway_delay = gateway_delay
        passed_on = (gateway_delay, MessageStatus.DELIVERED_TO_GATEWAY)
        answered = gateway_delay + handset_delay
        self._delivered: Life = (_OK, passed_on, (answered, MessageStatus.RECEIVED_BY_RECIPIENT))
        self._lives: dict[str, Life] = {
            "004": self._delivered,
            "007": (_OK, passed_on, (answered, MessageStatus.ERROR_DELIVERING)),
            "008": (_OK,),
            "011": ((0.0, MessageStatus.QUEUED_FOR_LATER),),
        }

    def life_of(self, number: str) -> Life:
        """The life of a message to `number`."""
        code = code_of(number)
        if not "001" <= code <= "014":
            return self._delivered
        return self._lives.get(code) or (_OK, (self._gateway_delay, MessageStatus(code)))

    def is_new(self, number: str) -> bool:
        """Whether this is the first time that anybody asks about `number` here."""
        if number in self._tried or len(self._tried) >= MOST_TRIED:
            return False
        self._tried.add(number)
        return True

    def clear(self) -> None:
        """Forget who was asked about."""
        self._tried.clear()

    def routes(self, number: str) -> bool:
        """Whether messages to `number` are routed."""
        return code_of(number) != "114" and not number.startswith(self.uncovered)

    def refusal(self, number: str, *, until: float) -> Refusal | None:
        """How the network refuses `number`. `until` is the Unix time of a 130."""
        code = code_of(number)
        if len(code) == 3 and code >= "100" and not code.startswith("95"):
            return Refusal(code, int(until) if code == "130" else "")
        return Refusal("114") if self.uncovered and number.startswith(self.uncovered) else None
