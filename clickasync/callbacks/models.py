"""What a callback says: a delivery report or an inbound message, as small frozen values."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from clickasync.codes import MessageStatus

__all__ = ["DeliveryReport", "InboundMessage", "OptOut", "Part"]

OPT_OUT_WORDS: Final = frozenset({"STOP", "END", "CANCEL", "UNSUBSCRIBE", "QUIT"})

# Concatenation in 3GPP TS 23.040: the information element's identifier, and the bytes of its reference.
_REFERENCE_BYTES: Final = {0x00: 1, 0x08: 2}

# The way of a message through its statuses, where reports have the same second. A receipt of the handset is proof
# of delivery, so it outranks the other final statuses.
_WAY: Final = ("001", "011", "008", "002", "003", "006", "014", "012", "010", "009", "005", "007", "004")

_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


@frozen
class Part:
    """Which part of a long message this is."""

    reference: int
    """What the parts of one message have in common: 0 to 255, or 0 to 65535. Handsets use it again and again."""
    total: int
    """How many parts there are, 1 to 255."""
    number: int
    """Which one this is, 1 to `total`."""


@frozen
class OptOut:
    """The handset asks for no more messages."""

    word: str
    """STOP, END, CANCEL, UNSUBSCRIBE or QUIT."""
    everywhere: bool
    """Whether it means all your numbers (STOP ALL, STOP STOP), not only the one it was sent to."""
    keyword: str | None
    """The keyword of a shared short code that it means, as you spelled it; None without one."""


@frozen
class DeliveryReport:
    """What became of a message that you sent (an "MT callback")."""

    id: str
    """The gateway's ID of the message (apimsgid)."""
    climsgid: str
    """The client message ID; may be empty."""
    to: str
    """The recipient; empty where the gateway does not say."""
    from_: str
    """The sender; may be empty."""
    status: MessageStatus
    """What became of the message."""
    charge: Decimal | None
    """Credits, where the gateway says so."""
    timestamp: datetime | None
    """When the message came to this status: aware, in UTC; None where the gateway does not say."""
    api_id: str | None
    """The API connection it was sent through; XML callbacks do not say."""

    def supersedes(self, earlier: DeliveryReport) -> bool:
        """Whether this report should replace `earlier`, the one you have of the same message.

        Reports come late, twice and out of order. A final status beats an intermediate one whatever the timestamps
        say; of two of a kind the later one wins; within one second the one further on its way (004 before all).
        A report without a time counts as the oldest of its kind. A repeated status replaces nothing, and neither does a
        report of another message. Keep each report that supersedes the one kept before, and you end with the same
        status in whatever order they arrive.

        >>> if stored is None or report.supersedes(stored):
        ...     await save(report)
        """
        if self.id != earlier.id or self.status == earlier.status:
            return False
        return self._precedence > earlier._precedence

    @property
    def _precedence(self) -> tuple[bool, datetime, int, str]:
        way = _WAY.index(self.status.value) if self.status.value in _WAY else -1
        return self.status.is_final, self.timestamp or _LONG_AGO, way, self.status.value


def _as_tuple(keywords: Iterable[str]) -> tuple[str, ...]:
    return (keywords,) if isinstance(keywords, str) else tuple(keywords)


@frozen
class InboundMessage:
    """A message that a handset sent to you (an "MO callback")."""

    id: str
    """The gateway's ID of the message (momsgid)."""
    to: str
    """Your number."""
    from_: str
    """The handset."""
    text: str
    """Decoded. A part of a long message may hold half of a surrogate pair (an emoji that the handset cut in two):
    `Assembler` heals it."""
    timestamp: datetime
    """When the gateway received it: aware, in UTC."""
    charset: str
    """What the gateway said about the text's charset; may be empty. `text` is decoded already."""
    udh: bytes
    """The user data header; may be empty."""
    api_id: str | None
    """The API connection it came through, where the gateway says so."""
    keywords: tuple[str, ...] = field(default=(), converter=_as_tuple, kw_only=True, eq=False, repr=False)
    """Your keywords on shared short codes, for `opt_out`."""

    @property
    def part(self) -> Part | None:
        """Which part of a long message this is, from the UDH; None for a whole message.

        As the standard asks of a receiver, a part numbered outside 1 to total counts as a whole message.
        """
        return find_part(self.udh)

    @property
    def opt_out(self) -> OptOut | None:
        """Whether the handset opts out: the whole text, blanks and case aside, is an opt-out word.

        The text of one part among several is not the whole text: ask the message that `Assembler` gives.
        Any later message from the handset lifts an opt-out.
        """
        part = self.part
        if part is not None and part.total > 1:
            return None
        return _find_opt_out(self.text, self.keywords)


def find_part(udh: bytes) -> Part | None:
    found: Part | None = None
    end = min(len(udh), udh[0] + 1) if udh else 0
    at = 1
    while at + 2 <= end:
        size = _REFERENCE_BYTES.get(udh[at])
        start, stop = at + 2, at + 2 + udh[at + 1]
        if size is not None and udh[at + 1] == size + 2 and stop <= end:
            reference, total, number = int.from_bytes(udh[start : start + size]), udh[stop - 2], udh[stop - 1]
            if 1 <= number <= total:
                # 3GPP TS 23.040, 9.2.3.24: when an element stands there twice, the last one counts.
                found = Part(reference, total, number)
        at = stop
    return found


def _find_opt_out(text: str, keywords: tuple[str, ...]) -> OptOut | None:
    match text.upper().split():
        case [word] if word in OPT_OUT_WORDS:
            return OptOut(word, everywhere=False, keyword=None)
        case ["STOP", "ALL" | "STOP"]:
            return OptOut("STOP", everywhere=True, keyword=None)
        case [first, *_, last] as words:
            for keyword in keywords:
                named = keyword.upper().split()
                if first in OPT_OUT_WORDS and words[1:] == named:
                    return OptOut(first, everywhere=False, keyword=keyword)
                if last in OPT_OUT_WORDS and words[:-1] == named:
                    return OptOut(last, everywhere=False, keyword=keyword)
    return None
