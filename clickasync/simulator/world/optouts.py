"""Who wants no more messages, as the two-way guide has it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

__all__ = ["OptOuts"]

MOST: Final = 10_000
"""Handsets that are remembered; beyond that the oldest may be reached again."""
_WORDS: Final = frozenset({"stop", "end", "cancel", "unsubscribe", "quit"})
_EVERYWHERE: Final = frozenset({("stop", "all"), ("stop", "stop")})
_FROM_ALL: Final = ""


class OptOuts:
    """The handsets that opted out, of one of an account's numbers or of all of them.

    STOP (END, CANCEL …) opts out of the number that it was sent to, STOP ALL and STOP STOP of all numbers; whatever
    else the handset writes later lifts that. `keywords` are the account's on shared short codes, where "STOP fun" and
    "fun STOP" say the same.
    """

    def __init__(self, keywords: Collection[str] = ()) -> None:
        self._keywords = frozenset(keyword.lower() for keyword in keywords)
        self._numbers: dict[tuple[str, str], set[str]] = {}

    def hear(self, api_id: str, handset: str, number: str, text: str) -> None:
        """Note what a handset wrote to one of the account's numbers."""
        words = tuple(text.lower().split())
        if len(self._numbers) >= MOST:
            del self._numbers[next(iter(self._numbers))]
        if words in _EVERYWHERE:
            self._numbers.setdefault((api_id, handset), set()).add(_FROM_ALL)
        elif self._is_stop(words):
            self._numbers.setdefault((api_id, handset), set()).add(number)
        else:
            self._numbers.pop((api_id, handset), None)

    def refuses(self, api_id: str, handset: str, sender: str) -> bool:
        """Whether the handset takes nothing from `sender`.

        Only another number of the account's still reaches a handset that stopped one: a name is no number that
        anybody could have stopped, and without a sender the gateway would choose the number that was.
        """
        numbers = self._numbers.get((api_id, handset))
        if not numbers:
            return False
        return _FROM_ALL in numbers or sender in numbers or not sender.isdigit()

    def all(self) -> list[tuple[str, str, list[str]]]:
        """Each account and handset, and the numbers that the handset stopped; ``""`` stands for all of them."""
        return [(api_id, handset, sorted(numbers)) for (api_id, handset), numbers in self._numbers.items()]

    def lift(self, api_id: str, handset: str) -> None:
        """Let a handset be reached again."""
        self._numbers.pop((api_id, handset), None)

    def clear(self) -> None:
        """Let all handsets be reached again."""
        self._numbers.clear()

    def _is_stop(self, words: tuple[str, ...]) -> bool:
        if len(words) == 2:
            words = tuple(word for word in words if word not in self._keywords)
        return len(words) == 1 and words[0] in _WORDS
