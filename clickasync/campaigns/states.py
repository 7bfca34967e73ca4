"""What a call can be, what can become of a recipient, and how a call is named at the gateway. No I/O.

A *call* is one row of ``ca_calls``: up to 600 recipients of one text (one request), or a block of up to 25 personal
texts (a request each). Its states, and the only ways between them; `statements` has one statement for each row:

=========================  ==========  ==========================================================================
from → to                  statement   when
=========================  ==========  ==========================================================================
ready → claimed            claim       a live worker of the campaign's account takes it: epoch + 1
claimed → out              begin       the claim is still mine; the intent is committed before the request leaves
claimed, out → ready       give back   nothing has left
out, asking → ready        release     the sender says: certainly nothing of it left
settled → settled          release     … but it was told as uncertain already: rejected, and waits for a person
out, asking, settled →     finish      the sender says what the reply said; its word is taken whenever it comes
settled (or ready)
claimed → ready            takeover    no live worker holds it: epoch + 1
out, asking → asking       takeover    no live worker holds it: epoch + 1. It is asked about, never sent
asking → settled           settle      what the gateway knows of it
settled → ready            retry       a person reopens what was rejected: generation + 1
any → gone                 delete      nothing of the campaign is under way
=========================  ==========  ==========================================================================

The *epoch* is the fence: it counts who has had the call in hand, and what a worker says of an epoch that is not the
newest changes nothing but by the rules above. The *generation* counts how often positions were reopened: the gateway
knows each try by an ID of its own.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

__all__ = [
    "KEY_BYTES",
    "LAST_GENERATION",
    "NAMES",
    "REFUSED",
    "UNDER_WAY",
    "Outcome",
    "State",
    "climsgid_of",
    "read_climsgid",
]

KEY_BYTES: Final = 12
LAST_GENERATION: Final = 31
"""A call can be reopened so often; the generation stands in the five high bits of an outcome."""


class State(IntEnum):
    """The state of a call."""

    READY = 0
    """Waits for a worker."""
    CLAIMED = 1
    """A worker has it in hand, and nothing has left."""
    OUT = 2
    """A request may have left."""
    ASKING = 3
    """Its sender is gone: the gateway is asked what became of it."""
    SETTLED = 4
    """Each of its recipients has an outcome."""


UNDER_WAY: Final = (State.CLAIMED, State.OUT, State.ASKING)


class Outcome(IntEnum):
    """What became of a recipient."""

    OPEN = 0
    """Nothing yet: the next `begin` sends to it."""
    ACCEPTED = 1
    REJECTED = 2
    """Certainly not sent."""
    UNCERTAIN = 3
    """It may have been sent, and the gateway gave no clear answer."""
    SUPPRESSED = 4
    """Not sent, because the recipient has opted out."""
    UNCERTAIN_KNOWN = 5
    """Uncertain, but the gateway knows the call: it was taken, and which ID is whose is not known."""
    UNCERTAIN_UNKNOWN = 6
    """Uncertain, and the gateway said that it does not know the call: strong evidence, not proof."""

    @classmethod
    def uncertain(cls, known_to_gateway: bool | None) -> Outcome:
        """Uncertain, by what the gateway said when it was asked."""
        if known_to_gateway is None:
            return cls.UNCERTAIN
        return cls.UNCERTAIN_KNOWN if known_to_gateway else cls.UNCERTAIN_UNKNOWN

    @property
    def is_uncertain(self) -> bool:
        """Whether nobody can know."""
        return self in (Outcome.UNCERTAIN, Outcome.UNCERTAIN_KNOWN, Outcome.UNCERTAIN_UNKNOWN)


NAMES: Final = {
    Outcome.OPEN: "ready",
    Outcome.ACCEPTED: "accepted",
    Outcome.REJECTED: "rejected",
    Outcome.UNCERTAIN: "uncertain",
    Outcome.UNCERTAIN_KNOWN: "uncertain",
    Outcome.UNCERTAIN_UNKNOWN: "uncertain",
    Outcome.SUPPRESSED: "suppressed",
}
"""The outcomes as results show them."""


REFUSED: Final = "the credentials are refused"
"""The reason of a pause begins with it."""


def climsgid_of(key: bytes, position: int, generation: int) -> str:
    """The client message ID of a request: 24 hex digits of the call's key, 4 of the position, 4 of the generation.

    The position is 0 where one request carries the whole call.

    >>> climsgid_of(bytes(12), 3, 1)
    '00000000000000000000000000030001'
    """
    return f"{key.hex()}{position:04x}{generation:04x}"


def read_climsgid(climsgid: str) -> tuple[bytes, int, int] | None:
    """Key, position and generation of a client message ID; None if no call of ours can have it.

    >>> read_climsgid("00000000000000000000000000030001")[1:]
    (3, 1)
    """
    if len(climsgid) != 2 * KEY_BYTES + 8:
        return None
    try:
        packed = bytes.fromhex(climsgid)
    except ValueError:
        return None
    if len(packed) != KEY_BYTES + 4:  # fromhex overlooks blanks
        return None
    return packed[:KEY_BYTES], int.from_bytes(packed[KEY_BYTES:-2]), int.from_bytes(packed[-2:])
