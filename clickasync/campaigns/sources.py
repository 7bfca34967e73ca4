"""What a campaign is made of: a file, or any iterable of numbers or messages, as rows for the packer.

A file is read in a thread, a few thousand rows at a time. Iterables are read where they are: what a user wrote for
this event loop, or for this thread, is run in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeAlias

from attrs import frozen

from clickasync.campaigns.packing import BadItem, Item, Plain
from clickasync.campaigns.texts import plain_options
from clickasync.errors import InvalidNumberError, InvalidOptionError
from clickasync.numbers import all_plain, normalise
from clickasync.options import Message
from clickasync.recipients import BadRow, Recipients, open_recipients

__all__ = ["CampaignSource", "Rows", "rows_of"]

CampaignSource: TypeAlias = str | Path | Recipients | Iterable[str | Message] | AsyncIterable[str | Message]
"""The path of a file, or numbers, or messages."""

_CHUNK: Final = 4000

Chunks: TypeAlias = AsyncIterator[list[Item | BadItem] | Plain]


@frozen
class Rows:
    """A source, looked at."""

    chunks: Chunks
    text: str | None
    """The campaign's text: what rows send that bring none."""
    is_personal: bool
    """Whether each row brings a text of its own."""


def rows_of(source: CampaignSource, text: str | None, *, tag_column: str | None, needs_text: bool) -> Rows:
    """The rows of a source.

    Raises:
        InvalidOptionError: the file cannot be read as it is, or the text is no template for it.
        OSError: the file cannot be read.
    """
    if isinstance(source, str | Path):
        return _of_file(open_recipients(source, text, needs_text=needs_text), text, tag_column)
    if isinstance(source, Recipients):
        return _of_file(source, text, tag_column)
    if tag_column is not None:
        raise InvalidOptionError("tag_column goes with a file; give Message(…, tag=…)")
    if isinstance(source, bytes | str) or not isinstance(source, Iterable | AsyncIterable):
        raise InvalidOptionError(f"source must be a path, or an iterable of numbers, not {type(source).__name__}")
    if isinstance(source, AsyncIterable):
        return Rows(_async_chunks(source), text, is_personal=False)
    return Rows(_chunks(source), text, is_personal=False)  # type: ignore[arg-type]


def _of_file(file: Recipients, text: str | None, tag_column: str | None) -> Rows:
    tag = None if tag_column is None else file.find(tag_column)
    shared = text
    is_personal = bool(file.text_columns)
    if is_personal:
        shared = None
    elif file.template is not None:
        shared = file.template.fill({})

    def items() -> Iterator[Item | BadItem]:
        for row in file:
            if isinstance(row, BadRow):
                yield BadItem(row.row, row.to, str(row.error))
            else:
                own = file.text_of(row) if is_personal else None
                yield Item(row.row, row.number, own, None, None if tag is None else row.cells[tag])

    return Rows(_in_thread(items()), shared, is_personal=is_personal and file.template is not None)


async def _in_thread(items: Iterator[Item | BadItem]) -> Chunks:
    while chunk := await asyncio.to_thread(lambda: list(islice(items, _CHUNK))):
        yield chunk


async def _chunks(source: Iterable[str | Message]) -> Chunks:
    items = iter(source)
    row = 1
    while given := list(islice(items, _CHUNK)):
        if all_plain(given):
            yield Plain(row, given)
        else:
            yield [_item(at, each) for at, each in enumerate(given, row)]
        row += len(given)
        await asyncio.sleep(0)


async def _async_chunks(source: AsyncIterable[str | Message]) -> Chunks:
    chunk: list[Item | BadItem] = []
    row = 0
    async for each in source:
        row += 1
        chunk.append(_item(row, each))
        if len(chunk) >= _CHUNK:
            yield chunk
            chunk = []
    yield chunk


def _item(row: int, given: str | Message) -> Item | BadItem:
    to: Any = given.to if isinstance(given, Message) else given
    try:
        number = normalise(to)
        if not isinstance(given, Message):
            return Item(row, number)
        options = plain_options(given.options)
        if "climsgid" in options:
            raise InvalidOptionError("campaigns give climsgids of their own, by which calls are asked about")
    except (InvalidNumberError, InvalidOptionError) as error:
        return BadItem(row, str(to), str(error))
    return Item(row, number, given.text, options or None, getattr(given, "tag", None))
