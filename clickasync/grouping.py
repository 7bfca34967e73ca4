"""Which recipients travel together: messages with equal text and options share calls. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import define, field

from clickasync.errors import ApiError
from clickasync.law import Flight
from clickasync.numbers import all_plain, normalise
from clickasync.options import Message, WireMessage

__all__ = ["Call", "Groups"]


@define(eq=False)
class Call:
    """Recipients of one message, together."""

    message: WireMessage
    positions: Sequence[int]
    """Where each stood in the source, from 0."""
    to: Sequence[str]
    """Each as the caller gave it."""
    numbers: Sequence[str]
    """Each as it is sent."""
    climsgid: str = ""
    flight: Flight = field(factory=Flight)
    refusals: Sequence[ApiError] = ()
    """What each recipient was answered (901) in the call before this one, if there was one."""

    def pick(self, chosen: Sequence[int], refusals: Sequence[ApiError]) -> Call:
        """The same message for some of its recipients, whom the gateway wants retried."""
        return Call(
            self.message,
            [self.positions[index] for index in chosen],
            [self.to[index] for index in chosen],
            [self.numbers[index] for index in chosen],
            refusals=refusals,
        )


@define(eq=False)
class _Group(Call):
    """A call that waits for company."""

    positions: list[int] = field(factory=list)
    to: list[str] = field(factory=list)
    numbers: list[str] = field(factory=list)


class Groups:
    """The groups that wait for company.

    Args:
        text: the text of an item that brings none.
        options: the options of every item; a `Message`'s own come first.
        batch_size: recipients in a call, at most.
        compile: what makes a `WireMessage` of a text and options.
    """

    def __init__(
        self,
        text: str | None,
        options: Mapping[str, Any],
        batch_size: int,
        compile: Callable[[str | None, Mapping[str, Any]], WireMessage],
    ) -> None:
        self._text = text
        self._options = options
        self._batch_size = batch_size
        self._compile = compile
        # Compiled now, so that a wrong text is told before anything is read from the source.
        has_content = text is not None or "data" in options
        checked = compile(text if has_content else "-", options)
        self._default = checked if has_content else None
        self._groups: dict[object, _Group] = {}
        self.items = 0
        """How many recipients wait."""

    def __bool__(self) -> bool:
        return bool(self._groups)

    def waiting(self) -> list[Call]:
        """The groups, oldest first."""
        return list(self._groups.values())

    def add(self, item: str | Message, position: int) -> Call | None:
        """Put an item into its group; gives the group when it is to go out, full or bound to travel alone.

        Raises:
            ClickatellError: the item is wrong in itself.
        """
        key: object = None
        if isinstance(item, Message):
            to, number = item.to, normalise(item.to)
            options = {**self._options, **item.options} if self._options else item.options
            text = self._text if item.text is None else item.text
            key = _key(text, options)
            group = self._groups.get(key) or _Group(self._compile(text, options))
        else:
            to, number = item, normalise(item)
            group = self._groups.get(None) or _Group(self._default or self._compile(None, self._options))
        group.positions.append(position)
        group.to.append(to)
        group.numbers.append(number)
        if group.message.climsgid is not None:
            return group
        self.items += 1
        if len(group.numbers) >= self._batch_size:
            self._groups.pop(key, None)
            self.items -= len(group.numbers)
            return group
        self._groups[key] = group
        return None

    @property
    def space(self) -> int:
        """How many numbers without options of their own the group of such still takes."""
        group = self._groups.get(None)
        return self._batch_size - (len(group.numbers) if group else 0)

    def call_of(self, items: Sequence[str | Message], position: int) -> Call | None:
        """The call that these `items` make, the first of them at `position`, without work for each of them.

        None where they make none: for they are not as many as a call takes, or not all numbers as they are sent.
        """
        if self._default is None or len(items) != self._batch_size or not all_plain(items):
            return None
        return Call(self._default, range(position, position + len(items)), items, items)

    def pop(self, group: Call | None = None) -> Call | None:
        """Take out the oldest group, or this one if it still waits."""
        for key, waiting in self._groups.items():
            if group is None or waiting is group:
                del self._groups[key]
                self.items -= len(waiting.numbers)
                return waiting
        return None


def _key(text: str | None, options: Mapping[str, Any]) -> object:
    """Messages with equal keys travel together; one with a climsgid of its own travels alone."""
    if not isinstance(text, str):
        text = repr(text)  # None, or what will be refused
    if not options:
        return (text,)
    if options.get("climsgid") is not None:
        return object()
    return (text, *sorted((name, repr(value)) for name, value in options.items()))
