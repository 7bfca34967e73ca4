"""Joining the parts of long inbound messages."""

from __future__ import annotations

from collections import OrderedDict
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias

from attrs import Factory, define, evolve

if TYPE_CHECKING:
    from datetime import datetime

    from clickasync.callbacks.models import InboundMessage

__all__ = ["Assembler"]

_Key: TypeAlias = tuple[str, str, int, int]


@define
class _Long:
    """A long message, as far as its parts have come."""

    timestamp: datetime
    """Of the first part that came."""
    parts: dict[int, InboundMessage] = Factory(dict)

    def holds(self, number: int, message: InboundMessage) -> bool:
        held = self.parts.get(number)
        return held is not None and held.text == message.text

    def whole(self) -> InboundMessage:
        parts = [self.parts[number] for number in sorted(self.parts)]
        return evolve(parts[0], text=_joined([part.text for part in parts]), udh=b"")


class Assembler:
    """Joins the parts of long inbound messages: any order, duplicates, many senders at once.

    It keeps what is incomplete in memory, and no clock: age is measured by the messages' own timestamps. One
    assembler must see all parts of a sender, so with several processes keep one behind them all.

    A reference is not unique: handsets use it again. A part that is like none that is held under its number begins a
    new message, and what there was under the same reference is given up: joining parts of two messages would put
    words into a mouth. Parts that disagree about the total belong to different messages.

    Args:
        max_messages: how many incomplete messages are kept; beyond, the oldest are given up. As many complete ones
            are remembered, so that a late duplicate of a part does not begin them anew.
        max_age: how far apart the parts of one message may be (a timedelta, or seconds).

    >>> assembler = Assembler()
    >>> async def save(part: InboundMessage) -> None:
    ...     whole = assembler.add(part)
    ...     if whole is not None:
    ...         print(whole.from_, whole.text)
    """

    def __init__(self, *, max_messages: int = 10_000, max_age: timedelta | float = timedelta(hours=24)) -> None:
        if max_messages < 1:
            raise ValueError("max_messages must be at least 1")
        self._max_messages = max_messages
        self._max_age = max_age if isinstance(max_age, timedelta) else timedelta(seconds=max_age)
        self._incomplete: OrderedDict[_Key, _Long] = OrderedDict()
        self._complete: OrderedDict[_Key, _Long] = OrderedDict()

    def __len__(self) -> int:
        """How many messages are incomplete."""
        return len(self._incomplete)

    def add(self, message: InboundMessage) -> InboundMessage | None:
        """The whole message when `message` is its last part to arrive, else None.

        A message that is no part comes straight back. The whole has everything of part number 1 (ID, timestamp,
        charset) but for its text, which is all of it, and its UDH, which is empty.
        """
        part = message.part
        if part is None:
            return message
        key = (message.from_, message.to, part.reference, part.total)
        if self._is_repeated(self._complete.get(key), part.number, message):
            return None
        long = self._incomplete.get(key)
        if long is not None and self._is_over(long, part.number, message):
            if message.timestamp < long.timestamp - self._max_age:
                return None  # a straggler of an older message must not displace a newer one
            del self._incomplete[key]
            long = None
        if long is None:
            long = self._incomplete[key] = _Long(message.timestamp)
            _bound(self._incomplete, self._max_messages)
        long.parts.setdefault(part.number, message)
        if len(long.parts) < part.total:
            return None
        del self._incomplete[key]
        self._complete.pop(key, None)
        self._complete[key] = long
        _bound(self._complete, self._max_messages)
        return long.whole()

    def _is_repeated(self, complete: _Long | None, number: int, message: InboundMessage) -> bool:
        return complete is not None and complete.holds(number, message) and not self._is_apart(complete, message)

    def _is_over(self, long: _Long, number: int, message: InboundMessage) -> bool:
        is_other = number in long.parts and not long.holds(number, message)
        return is_other or self._is_apart(long, message)

    def _is_apart(self, long: _Long, message: InboundMessage) -> bool:
        return abs(message.timestamp - long.timestamp) > self._max_age


def _bound(messages: OrderedDict[_Key, _Long], most: int) -> None:
    while len(messages) > most:
        messages.popitem(last=False)


def _joined(texts: list[str]) -> str:
    text = "".join(texts)
    try:
        text.encode()
    except UnicodeEncodeError:
        # A handset cut a surrogate pair in two: its halves meet here.
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
