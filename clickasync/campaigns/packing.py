"""From the rows of a source to calls, ready to be inserted: who travels together, and who came twice. No I/O.

Rows with equal text and options share calls; personal texts go into blocks. Everything is in constant memory: what
waits for company is bounded, and whether a number came before is kept in bitmaps.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias

from attrs import define, field, frozen

from clickasync.campaigns.blocks import pack_json, pack_numbers, pack_rows
from clickasync.errors import ClickatellError
from clickasync.recipients import Seen

__all__ = ["BLOCK", "BadItem", "Item", "Items", "Packer", "Plain", "Rules", "Witness"]

BLOCK: Final = 25
"""Personal texts in one call, at most."""
_WAITING: Final = 8
"""So many full calls may wait for company, together."""
_END: Final = "\x1e"
"""Between recipients, in what is digested."""
_COMPANY: Final = 4
"""What is fewer than this when it has waited long enough goes into a block."""


@frozen
class Item:
    """A row with a recipient."""

    row: int
    """Which row of the source, from 1."""
    number: str
    """As it is sent: digits."""
    text: str | None = None
    """None: the campaign's."""
    options: Mapping[str, Any] | None = None
    """Its own, as JSON values; None: only the campaign's."""
    tag: Any = None
    """A JSON value of the user's."""


@frozen
class BadItem:
    """A row that cannot be sent to."""

    row: int
    to: str
    error: str
    cause: ClickatellError | None = field(default=None, eq=False)
    """The same error, as it was raised; it is not stored."""


class Witness(Protocol):
    """Hears of the rows that are left out, as they are read; maybe in another thread."""

    def bad(self, item: BadItem) -> None:
        """A row that cannot be sent to."""

    def duplicate(self, row: int) -> None:
        """A row that is not sent to because its number stands in an earlier one."""


@frozen
class Plain:
    """Rows of nothing but numbers, as they are sent."""

    row: int
    """The first row."""
    numbers: Sequence[str]

    def __bool__(self) -> bool:
        return bool(self.numbers)

    def items(self) -> Iterator[Item | BadItem]:
        """Each by itself."""
        return (Item(row, number) for row, number in enumerate(self.numbers, self.row))


Items: TypeAlias = Iterable[Item | BadItem] | Plain


@frozen
class Rules:
    """How rows become calls."""

    size: int
    """Recipients in a call, at most."""
    new_key: Callable[[], bytes]
    """Makes the random key of a call."""
    check: Callable[[str | None, Mapping[str, Any] | None], None]
    """Raises `ClickatellError` for a text with options that cannot be sent."""
    has_text: bool = True
    """Whether the campaign has a text, for rows that bring none."""
    once: bool = True
    """Whether a number that came before is left out."""
    excluded: Collection[str] = frozenset()
    """Numbers to leave out."""
    witness: Witness | None = None


@define(eq=False)
class _Group:
    text: str | None
    options: str | None
    rows: list[int] = field(factory=list)
    numbers: list[str] = field(factory=list)
    tags: list[Any] = field(factory=list)
    texts: list[str] | None = None
    """Where each has its own."""


class Packer:
    """Makes calls of rows, and counts."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._seen = Seen()
        self._groups: dict[tuple[str | None, str | None], _Group] = {}
        self._blocks: dict[str | None, _Group] = {}
        self._waiting = 0
        self._hash = hashlib.sha256()
        self._tags = hashlib.sha256()
        self.recipients = self.excluded = 0
        self.bad: list[BadItem] = []
        """Taken away by whoever stores them."""

    @property
    def duplicates(self) -> int:
        """How many numbers had stood there before."""
        return self._seen.repeats

    @property
    def digest(self) -> str:
        """Of all recipients so far, with their own texts and options."""
        return self._hash.hexdigest()

    @property
    def digest_of_tags(self) -> str:
        """Of their tags."""
        return self._tags.hexdigest()

    def add(self, items: Items) -> Iterator[dict[str, Any]]:
        """Rows; gives the calls that are full."""
        if isinstance(items, Plain):
            yield from self._add_plain(items.numbers, items.row)
            return
        for item in items:
            if isinstance(item, BadItem):
                self._leave_out(item)
                continue
            try:
                options = None if not item.options else json.dumps(item.options, sort_keys=True)
                if item.text is not None or options is not None or not self._rules.has_text:
                    self._rules.check(item.text, item.options)
                tag = json.dumps(item.tag) if item.tag is not None else ""
            except ClickatellError as error:
                self._leave_out(BadItem(item.row, item.number, str(error), error))
                continue
            except (TypeError, ValueError) as error:
                self._leave_out(BadItem(item.row, item.number, f"the tag must be a JSON value: {error}"))
                continue
            number = item.number
            if number in self._rules.excluded:
                self.excluded += 1
                continue
            if not self._seen.add(number) and self._rules.once:
                self._leave_out_duplicate(item.row)
                continue
            self.recipients += 1
            own = "" if item.text is None and options is None else f"\x1f{item.text}\x1f{options}"
            self._hash.update(f"{number}{own}{_END}".encode(errors="surrogatepass"))
            if tag:
                self._tags.update(f"{item.row}\x1f{tag}{_END}".encode(errors="surrogatepass"))
            yield from self._put(item, options)

    def _leave_out(self, item: BadItem) -> None:
        self.bad.append(item)
        if self._rules.witness is not None:
            self._rules.witness.bad(item)

    def _leave_out_duplicate(self, row: int) -> None:
        if self._rules.witness is not None:
            self._rules.witness.duplicate(row)

    def _add_plain(self, numbers: Sequence[str], row: int) -> Iterator[dict[str, Any]]:
        """Rows of nothing but numbers, as they are sent, the first of them row `row`; gives the calls that are full."""
        is_new = self._seen.add_all(numbers)
        rows: Sequence[int] = range(row, row + len(numbers))
        if self._rules.excluded or not all(is_new):
            for index, number in enumerate(numbers):
                if self._rules.once and not is_new[index] and number not in self._rules.excluded:
                    self._leave_out_duplicate(row + index)
            kept = [
                index
                for index, number in enumerate(numbers)
                if (is_new[index] or not self._rules.once) and number not in self._rules.excluded
            ]
            self.excluded += sum(number in self._rules.excluded for number in numbers)
            numbers, rows = [numbers[index] for index in kept], [rows[index] for index in kept]
        self.recipients += len(numbers)
        if numbers:
            self._hash.update(f"{_END.join(numbers)}{_END}".encode())
        if not all(is_new):  # and the same one twice is not to stand in one call
            for at, number in zip(rows, numbers, strict=True):
                yield from self._put(Item(at, number), None)
            return
        while numbers:
            group = self._group(None, None)
            taken = self._rules.size - len(group.numbers)
            group.numbers += numbers[:taken]
            group.rows += rows[:taken]
            group.tags += [None] * len(numbers[:taken])
            self._waiting += len(numbers[:taken])
            numbers, rows = numbers[taken:], rows[taken:]
            if len(group.numbers) >= self._rules.size:
                self._waiting -= len(group.numbers)
                yield self._call(self._groups.pop((None, None)))

    def flush(self) -> Iterator[dict[str, Any]]:
        """What still waits for company."""
        while self._groups:
            yield from self._let_go()
        for block in self._blocks.values():
            yield self._call(block)
        self._blocks.clear()

    def _group(self, text: str | None, options: str | None) -> _Group:
        group = self._groups.get((text, options))
        if group is None:
            group = self._groups[text, options] = _Group(text, options)
        return group

    def _put(self, item: Item, options: str | None) -> Iterator[dict[str, Any]]:
        number = item.number
        group = self._group(item.text, options)
        if not self._rules.once and number in group.numbers:  # which are each somebody else, in one call
            yield self._call(self._groups.pop((item.text, options)))
            group = self._group(item.text, options)
        group.rows.append(item.row)
        group.numbers.append(number)
        group.tags.append(item.tag)
        self._waiting += 1
        if len(group.numbers) >= self._rules.size:
            self._waiting -= len(group.numbers)
            yield self._call(self._groups.pop((item.text, options)))
        elif self._waiting > _WAITING * self._rules.size:
            yield from self._let_go()

    def _let_go(self) -> Iterator[dict[str, Any]]:
        """The oldest group has waited long enough."""
        group = self._groups.pop(next(iter(self._groups)))
        self._waiting = max(0, self._waiting - len(group.numbers))
        if group.text is None or len(group.numbers) >= _COMPANY:
            yield self._call(group)
            return
        for row, number, tag in zip(group.rows, group.numbers, group.tags, strict=True):
            yield from self._into_block(group.options, group.text, row, number, tag)

    def _into_block(self, options: str | None, text: str, row: int, number: str, tag: Any) -> Iterator[dict[str, Any]]:
        block = self._blocks.get(options)
        if block is not None and ((not self._rules.once and number in block.numbers) or block.rows[-1] >= row):
            yield self._call(self._blocks.pop(options))
            block = None
        if block is None:
            block = self._blocks[options] = _Group(None, options, texts=[])
        assert block.texts is not None  # for the type checker
        block.texts.append(text)
        block.rows.append(row)
        block.numbers.append(number)
        block.tags.append(tag)
        if len(block.numbers) >= min(BLOCK, self._rules.size):
            yield self._call(self._blocks.pop(options))

    def _call(self, group: _Group) -> dict[str, Any]:
        texts = group.texts if group.text is None else [group.text]
        return {
            "key": self._rules.new_key(),
            "n": len(group.numbers),
            "kind": 0 if group.texts is None else 1,
            "options": group.options,
            "rows": pack_rows(group.rows),
            "numbers": pack_numbers(group.numbers),
            "outcome": bytes(len(group.numbers)),
            "texts": None if texts is None else pack_json(texts),
            "tags": None if group.tags.count(None) == len(group.tags) else pack_json(group.tags),
        }
