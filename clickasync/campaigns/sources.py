"""What a campaign is made of: a file, or any iterable of numbers or messages, as rows for the packer.

A file is read in a thread, a few thousand rows at a time. Iterables are read where they are: what a user wrote for
this event loop, or for this thread, is run in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeAlias

from attrs import frozen

from clickasync.campaigns.packing import BadItem, Item, Plain
from clickasync.campaigns.texts import plain_options
from clickasync.errors import InvalidNumberError, InvalidOptionError
from clickasync.numbers import all_plain, normalise
from clickasync.options import Message
from clickasync.recipients import BadRow, PlainRows, Recipients, Row, open_recipients

__all__ = ["CampaignSource", "Rows", "Tagging", "rows_of"]

CampaignSource: TypeAlias = str | Path | Recipients | Iterable[str | Message] | AsyncIterable[str | Message]
"""The path of a file, or numbers, or messages."""

_CHUNK: Final = 4000


@frozen
class Tagging:
    """What results give back as the tag of a row."""

    of: Callable[[Row], Any]
    tags_plain_rows: bool = True
    """Whether `of` says anything of rows whose numbers stand there as they are sent."""


Chunks: TypeAlias = AsyncIterator[list[Item | BadItem] | Plain]


@frozen
class Rows:
    """A source, looked at."""

    chunks: Chunks
    text: str | None
    """The campaign's text: what rows send that bring none."""


def rows_of(
    source: CampaignSource, text: str | None, *, tag_column: str | None, tagging: Tagging | None, needs_text: bool
) -> Rows:
    """The rows of a source.

    Raises:
        InvalidOptionError: the file cannot be read as it is, or the text is no template for it.
        OSError: the file cannot be read.
    """
    if isinstance(source, str | Path):
        source = open_recipients(source, text, needs_text=needs_text)
    if isinstance(source, Recipients):
        return _of_file(source, text, _tagging_by(source, tag_column) or tagging)
    if tag_column is not None or tagging is not None:
        raise InvalidOptionError("tag_column and tagging go with a file; give Message(…, tag=…)")
    if isinstance(source, bytes | str) or not isinstance(source, Iterable | AsyncIterable):
        raise InvalidOptionError(f"source must be a path, or an iterable of numbers, not {type(source).__name__}")
    if isinstance(source, AsyncIterable):
        return Rows(_async_chunks(source), text)
    return Rows(_chunks(source), text)  # type: ignore[arg-type]


def _tagging_by(file: Recipients, column: str | None) -> Tagging | None:
    if column is None:
        return None
    position = file.find(column)
    return Tagging(lambda row: row.cells[position])


def _of_file(file: Recipients, text: str | None, tagging: Tagging | None) -> Rows:
    shared = text
    has_own_texts = bool(file.text_columns)
    if has_own_texts:
        shared = None
    elif file.template is not None:
        shared = file.template.fill({})
    if has_own_texts or (tagging is not None and tagging.tags_plain_rows):
        rows = iter(file)
        chunks: Iterator[list[Row | BadRow] | PlainRows] = iter(lambda: list(islice(rows, _CHUNK)), [])
    else:
        chunks = file.chunks(_CHUNK)

    def next_chunk() -> list[Item | BadItem] | Plain:
        match next(chunks, []):
            case PlainRows(row, numbers):
                return Plain(row, numbers)
            case taken:
                return [item(row) for row in taken]

    def item(row: Row | BadRow) -> Item | BadItem:
        if isinstance(row, BadRow):
            return BadItem(row.row, row.to, str(row.error), row.error)
        tag = None if tagging is None else tagging.of(row)
        return Item(row.row, row.number, file.text_of(row) if has_own_texts else None, None, tag)

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
