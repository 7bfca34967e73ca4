"""`Sheet`: the outcomes of one call, position by position, as they are read, changed and written back. No I/O.

What may overwrite what stands here, and nowhere else:

- A report proves that its recipient was accepted: nothing that anybody says later takes that back (`report`).
- The sender's own word replaces what a successor made of it (`say`), but for what is accepted already.
- A successor settles only what is open (`settle`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Self

from attrs import define, field, frozen

from clickasync.campaigns.blocks import Delivery, pack_deliveries, pack_ids, unpack_deliveries, unpack_ids
from clickasync.campaigns.states import Outcome

__all__ = ["Said", "Sheet", "Words"]

_KIND: Final = bytes(byte & 7 for byte in range(256))
_MOST_WORDS: Final = 254


@frozen
class Words:
    """Why something was not accepted."""

    code: str | None
    """The gateway's code, or None."""
    text: str


@frozen
class Said:
    """What became of one position."""

    outcome: Outcome
    id: str | None = None
    words: Words | None = None


@define
class Sheet:
    """The outcomes of a call."""

    outcome: bytearray
    """A byte each: an `Outcome`, and above it the generation in which it came about."""
    ids: list[str | None]
    codes: bytearray
    """Which of `words` belongs to each, from 1; 0: none."""
    words: list[Words]
    deliveries: list[Delivery | None] | None = field(default=None)

    @classmethod
    def read(cls, row: Any) -> Self:
        """From the columns of a call: n, outcome, ids, codes, errors, delivery."""
        return cls(
            bytearray(row.outcome),
            unpack_ids(row.ids, row.n),
            bytearray(row.codes or bytes(row.n)),
            [Words(code, text) for code, text in json.loads(row.errors or "[]")],
            None if row.delivery is None else unpack_deliveries(row.delivery, row.n),
        )

    @classmethod
    def blank(cls, outcome: bytes) -> Self:
        """With these outcomes, and nothing else known."""
        return cls(bytearray(outcome), [None] * len(outcome), bytearray(len(outcome)), [])

    def kind(self, position: int) -> Outcome:
        """The outcome of a position."""
        return Outcome(self.outcome[position] & 7)

    def generation(self, position: int) -> int:
        """The generation in which a position came to its outcome."""
        return self.outcome[position] >> 3

    def open(self) -> list[int]:
        """The positions without an outcome."""
        return [position for position, byte in enumerate(self.outcome) if byte == 0]

    def words_of(self, position: int) -> Words | None:
        """Why a position was not accepted."""
        index = self.codes[position]
        return self.words[index - 1] if index else None

    def say(self, said: Mapping[int, Said], generation: int) -> None:
        """The sender's own word: it replaces all but what is accepted."""
        for position, each in said.items():
            if self.kind(position) is not Outcome.ACCEPTED:
                self._put(position, each, generation)

    def say_accepted(self, ids: Sequence[str], generation: int) -> None:
        """The sender's own word that all of it was accepted, on a sheet on which nothing stood."""
        self.outcome[:] = bytes([Outcome.ACCEPTED | generation << 3]) * len(ids)
        self.ids = list(ids)

    def settle(self, said: Mapping[int, Said], generation: int) -> None:
        """What a successor learned of what is open."""
        for position, each in said.items():
            if self.kind(position) is Outcome.OPEN:
                self._put(position, each, generation)

    def doubt(self, said: Mapping[int, Said], generation: int) -> None:
        """What the gateway knows of a try that the database forgot: of those rejected before it."""
        for position, each in said.items():
            if self.kind(position) is Outcome.REJECTED:
                self._put(position, each, generation)

    def reopen(self, positions: Iterable[int]) -> None:
        """Let the next `begin` send to these again."""
        for position in positions:
            self.outcome[position] = 0
            self.ids[position] = None
            self.codes[position] = 0

    def report(self, position: int, id: str, delivery: Delivery, generation: int) -> int:
        """A delivery report, which proves that the position was accepted; gives the change in charge, in millionths."""
        if self.deliveries is None:
            self.deliveries = [None] * len(self.outcome)
        before = self.deliveries[position]
        self.deliveries[position] = delivery
        if self.kind(position) is not Outcome.ACCEPTED:
            self._put(position, Said(Outcome.ACCEPTED, id), generation)
        elif self.ids[position] is None:
            self.ids[position] = id
        return delivery.millionths - (before.millionths if before is not None else 0)

    def _put(self, position: int, said: Said, generation: int) -> None:
        self.outcome[position] = said.outcome | generation << 3 if said.outcome else 0
        self.ids[position] = said.id
        self.codes[position] = self._index(said.words) if said.words is not None else 0

    def _index(self, words: Words) -> int:
        if words not in self.words:
            if len(self.words) >= _MOST_WORDS:
                same = [index for index, each in enumerate(self.words) if each.code == words.code]
                return 1 + (same[0] if same else _MOST_WORDS - 1)
            self.words.append(words)
        return self.words.index(words) + 1

    def columns(self) -> dict[str, Any]:
        """The columns, but for those that only reports change."""
        kinds = self.outcome.translate(_KIND)
        return {
            "outcome": bytes(self.outcome),
            "ids": pack_ids(self.ids),
            "codes": bytes(self.codes) if any(self.codes) else None,
            "errors": json.dumps([[each.code, each.text] for each in self.words]) if self.words else None,
            "accepted": kinds.count(Outcome.ACCEPTED),
            "rejected": kinds.count(Outcome.REJECTED),
            "uncertain": len(kinds) - sum(map(kinds.count, _CERTAIN)),
            "suppressed": kinds.count(Outcome.SUPPRESSED),
        }

    def packed_deliveries(self) -> bytes | None:
        """The column of reports."""
        return None if self.deliveries is None else pack_deliveries(self.deliveries)


_CERTAIN: Final = (Outcome.OPEN, Outcome.ACCEPTED, Outcome.REJECTED, Outcome.SUPPRESSED)
