"""The file of recipients: CSV with a header line or without, or a number a line.

UTF-8 with or without a byte order mark, or UTF-16 with one; commas, semicolons, tabs or bars between the cells.
"""

from __future__ import annotations

import csv
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias

from attrs import field, frozen

from clickasync.cli.bulk.template import Template
from clickasync.errors import InvalidNumberError, InvalidOptionError
from clickasync.numbers import normalise

__all__ = ["BadRow", "Item", "Recipients", "Row", "parse", "spooled"]

_NAMES: Final = ("to", "number", "msisdn")
_DELIMITERS: Final = ",;\t|"


@frozen
class Row:
    """A row with a recipient."""

    number: int
    """Which row, from 1; the header and empty lines do not count."""
    line: int
    """Where it ends in the file, from 1."""
    to: str
    text: str | None
    """What to send; None where the message is a payload."""


@frozen
class BadRow:
    """A row that cannot be sent to."""

    number: int
    line: int
    to: str
    error: str


Item: TypeAlias = Row | BadRow


@frozen
class Recipients:
    """A file of recipients that can be read again and again.

    Args:
        source: the file, opened for reading bytes.
        name: for messages.
        to_column: the column with the numbers; by default `to`, `number`, `msisdn`, or the first.
        text: a template; None: the column `text`.
        needs_text: False where the message is a payload.
    """

    source: BinaryIO
    name: str
    to_column: str | None = None
    text: str | None = None
    needs_text: bool = True
    template: Template | None = field(init=False)

    def __attrs_post_init__(self) -> None:
        template = None if self.text is None or not self.needs_text else Template(self.text)
        object.__setattr__(self, "template", template)

    def __iter__(self) -> Iterator[Item]:
        """The rows, in order.

        Raises:
            InvalidOptionError: it is not text, no CSV, or lacks a column.
        """
        self.source.seek(0)
        start = self.source.read(4)
        self.source.seek(0)
        encoding = "utf-16" if start.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
        text = TextIOWrapper(self.source, encoding, newline="")
        try:
            yield from parse(text, to_column=self.to_column, template=self.template, needs_text=self.needs_text)
        except UnicodeDecodeError:
            raise InvalidOptionError(f"{self.name} is not UTF-8; save it as UTF-8") from None
        finally:
            if not self.source.closed:  # as it may be when an iteration that was given up is forgotten at last
                text.detach()

    def checked(self) -> Iterator[Item]:
        """The rows; those whose number is no number are bad."""
        for item in self:
            if isinstance(item, Row):
                try:
                    normalise(item.to)
                except InvalidNumberError as error:
                    yield BadRow(item.number, item.line, item.to, str(error))
                    continue
            yield item


@contextmanager
def spooled(path: str) -> Iterator[tuple[BinaryIO, str]]:
    """The file at `path`, or stdin for ``-``, which is first read to its end into a temporary file.

    So nothing is sent before whatever writes to stdin has come to its end, and the file can be read twice.
    """
    if path != "-":
        with Path(path).open("rb") as file:
            yield file, path
        return
    with closing(tempfile.TemporaryFile()) as spool:
        shutil.copyfileobj(sys.stdin.buffer, spool)
        yield spool, "stdin"


def parse(
    lines: Iterable[str], *, to_column: str | None = None, template: Template | None = None, needs_text: bool = True
) -> Iterator[Item]:
    """The rows in `lines`, which keep their line ends.

    Raises:
        InvalidOptionError: no CSV, or a column is missing.
    """
    lines = iter(lines)
    first = next(lines, None)
    if first is None:
        return
    reader = csv.reader(_again(first, lines), delimiter=_delimiter(first))
    number = 0
    layout: _Layout | None = None
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if layout is None:
                header = cells if _is_header(cells, to_column) else None
                layout = _Layout.of(header, to_column, template, needs_text)
                if header is not None:
                    continue
            number += 1
            yield layout.read(number, reader.line_num, cells)
    except csv.Error as error:
        raise InvalidOptionError(f"line {reader.line_num}: this is no CSV: {error}") from None


def _again(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _delimiter(line: str) -> str:
    """The delimiter that the first line uses most, outside of quotes."""
    bare = "".join(line.split('"')[::2])
    return max(_DELIMITERS, key=bare.count)


def _is_header(cells: list[str], to_column: str | None) -> bool:
    """Whether the first row names columns: it has a name that we look for, or no cell that could be a number."""
    names = {Template.key(cell) for cell in cells}
    looked_for = (*_NAMES, "text") if to_column is None else (Template.key(to_column),)
    return not names.isdisjoint(looked_for) or not any(map(_is_number, cells))


def _is_number(cell: str) -> bool:
    try:
        normalise(cell)
    except InvalidNumberError:
        return False
    return True


@frozen
class _Layout:
    """Which cell is what."""

    width: int | None
    """Cells in a row; None where no header says so."""
    to: int
    text: int | None
    template: Template | None
    columns: dict[str, int]

    @classmethod
    def of(
        cls, header: list[str] | None, to_column: str | None, template: Template | None, needs_text: bool
    ) -> _Layout:
        names = {Template.key(name): index for index, name in reversed([*enumerate(header or ())])}
        to = _find_to(names, header, to_column)
        if header is None:
            names = {"to": 0}
        if template is not None:
            for column in template.columns:
                _require(column, names, header)
        text = None
        if needs_text and template is None:
            if "text" not in names:
                raise InvalidOptionError(f"there is no text: give --text, or a column text ({_listed(header)})")
            text = names["text"]
        return cls(len(header) if header else None, to, text, template, names)

    def read(self, number: int, line: int, cells: list[str]) -> Item:
        """One row."""
        to = cells[self.to].strip() if self.to < len(cells) else ""
        if self.width is not None and len(cells) != self.width:
            return BadRow(number, line, to, f"it has {len(cells)} cells, and the header {self.width}")
        if not to:
            return BadRow(number, line, to, "it has no number")
        if self.template is not None and self.template.columns:
            text: str | None = self.template.fill({name: cells[index] for name, index in self.columns.items()})
        elif self.template is not None:
            text = self.template.fill({})
        else:
            text = None if self.text is None else cells[self.text]
        return Row(number, line, to, text)


def _find_to(names: dict[str, int], header: list[str] | None, to_column: str | None) -> int:
    if to_column is not None:
        return _require(Template.key(to_column), names, header)
    return next((names[name] for name in _NAMES if name in names), 0)


def _require(column: str, names: dict[str, int], header: list[str] | None) -> int:
    if column not in names:
        raise InvalidOptionError(f"there is no column {column!r} ({_listed(header)})")
    return names[column]


def _listed(header: list[str] | None) -> str:
    if header is None:
        return "the file has no header line"
    return f"the columns are {', '.join(name.strip() for name in header)}"
