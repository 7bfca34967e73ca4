"""Which recipients travel together: messages with equal text and options share calls. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import define, field

from clickasync.errors import ApiError
from clickasync.law import Sending
from clickasync.numbers import all_plain, normalise
from clickasync.options import Message, WireMessage

__all__ = ["Group", "Groups"]


@define(eq=False)
class Group:
    """Recipients of one message, who travel in one call."""

    message: WireMessage
    positions: Sequence[int]
    """Where each stood in the source, from 0."""
    to: Sequence[str]
    """Each as the caller gave it."""
    numbers: Sequence[str]
    """Each as it is sent."""
    tags: Sequence[Any] | None = None
    """The tag of each; None where nobody has one."""
    climsgid: str = ""
    sending: Sending = field(factory=Sending)
    refusals: Sequence[ApiError] = ()
    """What each recipient was answered (901) in the call before this one, if there was one."""

    def tag(self, index: int) -> Any:
        """The tag of a recipient."""
        return None if self.tags is None else self.tags[index]

    def pick(self, chosen: Sequence[int], refusals: Sequence[ApiError]) -> Group:
        """The same message for some of its recipients, which the gateway wants retried."""
        return Group(
            self.message,
            [self.positions[index] for index in chosen],
            [self.to[index] for index in chosen],
            [self.numbers[index] for index in chosen],
            None if self.tags is None else [self.tags[index] for index in chosen],
            refusals=refusals,
        )


@define(eq=False)
class _Waiting(Group):
    """A group that waits for company."""

    positions: list[int] = field(factory=list)
    to: list[str] = field(factory=list)
    numbers: list[str] = field(factory=list)
    tags: list[Any] | None = None

    def append(self, position: int, to: str, number: str, tag: Any) -> None:
        if tag is not None and self.tags is None:
            self.tags = [None] * len(self.to)
        if self.tags is not None:
            self.tags.append(tag)
        self.positions.append(position)
        self.to.append(to)
        self.numbers.append(number)


class Groups:
    """The groups that wait for company.

    Args:
        text: the text of an item that brings none.
        options: the options of every item; a `Message`'s own come first.
        batch_size: recipients in a call, at most.
        compile: what makes a `WireMessage` of a text and options.

    Raises:
        InvalidOptionError: the text or an option is wrong. Nothing was read from the source.
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
        has_content = text is not None or "data" in options
        checked = compile(text if has_content else "-", options)
        self._default = checked if has_content else None
        self._waiting: dict[object, _Waiting] = {}
        self.items = 0
        """How many recipients wait."""

    def waiting(self) -> list[Group]:
        """The groups, oldest first."""
        return list(self._waiting.values())

    def add(self, item: str | Message, position: int) -> Group | None:
        """Put an item into its group; gives the group when it is to go out, full or bound to travel alone.

        Raises:
            ClickatellError: the item is wrong in itself.
        """
        key: object = None
        if isinstance(item, Message):
            to, number, tag = item.to, normalise(item.to), item.tag
            options = {**self._options, **item.options} if self._options else item.options
            text = self._text if item.text is None else item.text
            key = _key(text, options)
            group = self._waiting.get(key) or _Waiting(self._compile(text, options))
        else:
            to, number, tag = item, normalise(item), None
            group = self._waiting.get(None) or _Waiting(self._default or self._compile(None, self._options))
        group.append(position, to, number, tag)
        if group.message.climsgid is not None:
            return group
        self.items += 1
        if len(group.numbers) >= self._batch_size:
            self._waiting.pop(key, None)
            self.items -= len(group.numbers)
            return group
        self._waiting[key] = group
        return None

    @property
    def space(self) -> int:
        """How many numbers without options the group of such still takes."""
        group = self._waiting.get(None)
        return self._batch_size - (len(group.numbers) if group else 0)

    def group_of(self, items: Sequence[str | Message], position: int) -> Group | None:
        """The group that these `items` make, the first of them at `position`, without work for each of them.

        None where they make none: they are not as many as a call takes, or not all are numbers as they are sent.
        """
        if self._default is None or len(items) != self._batch_size or not all_plain(items):
            return None
        return Group(self._default, range(position, position + len(items)), items, items)

    def pop(self, group: Group | None = None) -> Group | None:
        """Take out the oldest group, or this one if it still waits."""
        for key, waiting in self._waiting.items():
            if group is None or waiting is group:
                del self._waiting[key]
                self.items -= len(waiting.numbers)
                return waiting
        return None


def _key(text: str | None, options: Mapping[str, Any]) -> object:
    """Messages with equal keys travel together."""
    if text is not None and not isinstance(text, str):
        return object()  # it will be refused
    if not options:
        return (text,)
    return (text, *sorted((name, repr(value)) for name, value in options.items()))
