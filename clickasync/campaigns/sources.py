"""What a campaign is made of: a file, or any iterable of numbers or messages, as rows for the packer.

A file is read in a thread, a few thousand rows at a time. Iterables are read where they are: what a user wrote for
this event loop, or for this thread, is run in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeAlias

from attrs import frozen

from clickasync.campaigns.packing import BadItem, Item, Plain
from clickasync.campaigns.texts import plain_options
from clickasync.errors import InvalidNumberError, InvalidOptionError
from clickasync.numbers import all_plain, normalise
from clickasync.options import Message
from clickasync.recipients import BadRow, Recipients, Row, open_recipients

__all__ = ["CampaignSource", "Rows", "TagOf", "rows_of"]

CampaignSource: TypeAlias = str | Path | Recipients | Iterable[str | Message] | AsyncIterable[str | Message]
"""The path of a file, or numbers, or messages."""

_CHUNK: Final = 4000

TagOf: TypeAlias = Callable[[Row], Any]
"""What results give back as the tag of a row."""

Chunks: TypeAlias = AsyncIterator[list[Item | BadItem] | Plain]


@frozen
class Rows:
    """A source, looked at."""

    chunks: Chunks
    text: str | None
    """The campaign's text: what rows send that bring none."""


def rows_of(
    source: CampaignSource, text: str | None, *, tag_column: str | None, tag_of: TagOf | None, needs_text: bool
) -> Rows:
    """The rows of a source.

    Raises:
        InvalidOptionError: the file cannot be read as it is, or the text is no template for it.
        OSError: the file cannot be read.
    """
    if isinstance(source, str | Path):
        source = open_recipients(source, text, needs_text=needs_text)
    if isinstance(source, Recipients):
        return _of_file(source, text, _tag_of_column(source, tag_column) or tag_of)
    if tag_column is not None or tag_of is not None:
        raise InvalidOptionError("tag_column and tag_of go with a file; give Message(…, tag=…)")
    if isinstance(source, bytes | str) or not isinstance(source, Iterable | AsyncIterable):
        raise InvalidOptionError(f"source must be a path, or an iterable of numbers, not {type(source).__name__}")
    if isinstance(source, AsyncIterable):
        return Rows(_async_chunks(source), text)
    return Rows(_chunks(source), text)  # type: ignore[arg-type]


def _tag_of_column(file: Recipients, column: str | None) -> TagOf | None:
    if column is None:
        return None
    position = file.find(column)
    return lambda row: row.cells[position]


def _of_file(file: Recipients, text: str | None, tag_of: TagOf | None) -> Rows:
    shared = text
    has_own_texts = bool(file.text_columns)
    if has_own_texts:
        shared = None
    elif file.template is not None:
        shared = file.template.fill({})
    rows = iter(file)

    def next_chunk() -> list[Item | BadItem] | Plain:
        taken = list(islice(rows, _CHUNK))
        if tag_of is None and not has_own_texts and all(type(row) is Row for row in taken):
            return Plain(taken[0].row if taken else 1, [row.number for row in taken])  # type: ignore[union-attr]
        return [
            BadItem(row.row, row.to, str(row.error), row.error)
            if isinstance(row, BadRow)
            else Item(
                row.row,
                row.number,
                file.text_of(row) if has_own_texts else None,
                None,
                None if tag_of is None else tag_of(row),
            )
            for row in taken
        ]

    return Rows(_in_thread(next_chunk), shared)


async def _in_thread(next_chunk: Callable[[], list[Item | BadItem] | Plain]) -> Chunks:
    while chunk := await asyncio.to_thread(next_chunk):
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
        return BadItem(row, str(to), str(error), error)
    return Item(row, number, given.text, options or None, getattr(given, "tag", None))
