"""The rows of a file of recipients, each with its number or with what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Final, TypeAlias

from attrs import field, frozen

from clickasync.errors import InvalidNumberError, InvalidOptionError
from clickasync.numbers import all_plain, normalise
from clickasync.recipients.files import Source, TextFile
from clickasync.recipients.layout import Layout, find_delimiter, looks_like_a_number
from clickasync.recipients.records import DELIMITERS, Misquoted, Record, explain, records
from clickasync.recipients.template import Template
from clickasync.values import wrong

__all__ = ["BadRow", "Item", "PlainRows", "Recipients", "Row", "open_recipients"]


_LINE_END: Final = re.compile(r"\r\n|\r|\n")


@frozen
class Row:
    """A row with a recipient."""

    row: int
    """Which row, from 1; the header and empty lines do not count."""
    line: int
    """The line in which it begins, from 1."""
    to: str
    """The recipient as it stands there, without blanks around it."""
    number: str
    """The recipient as it is sent: digits."""
    cells: Sequence[str] = field(repr=False)
    """All its cells as they stand, the number's too, in the order of `Recipients.columns`."""


@frozen
class BadRow:
    """A row that cannot be sent to."""

    row: int
    """As of `Row`."""
    line: int
    """As of `Row`."""
    to: str
    """What stands where the number should."""
    error: InvalidNumberError | InvalidOptionError
    """What is wrong with it, and what would be right."""
    cells: Sequence[str] = field(repr=False)
    """As of `Row`, but as many as there are."""


Item: TypeAlias = Row | BadRow
"""What a line of the file is."""


@frozen
class PlainRows:
    """Rows with recipients whose numbers stand there as they are sent."""

    row: int
    """Which row the first of them is."""
    numbers: list[str]
    """Their numbers, in the order of the file."""


@frozen
class Recipients:
    """A file of recipients: made by `open_recipients`, iterated as often as needed, each time from its beginning.

    To iterate over it yields a `Row` or a `BadRow` for each row of the file, in order. It keeps nothing in memory.
    Before anything is sent, iterate once to the end: what makes the whole file doubtful may stand in its last line.

    Iterating raises:
        InvalidOptionError: a quote is not closed, a cell that goes into a text has a line break, or it is not text in
            its encoding. The message names the line.
        OSError: it cannot be read.
    """

    name: str
    """What messages call it."""
    template: Template | None
    """The text, where it is a template."""
    header_notice: str | None
    """How the file is read, to be shown to the sender: the line that is taken for the header, the delimiter, and
    the column of the numbers. None where there is nothing to say: one number a line."""
    delimiter: str
    """What separates the cells: a comma, a semicolon or a tab."""
    _file: TextFile
    _layout: Layout
    _text_of: Callable[[Sequence[str]], str] | None
    _text_columns: Sequence[int]
    _allow_line_breaks: bool

    @property
    def columns(self) -> Sequence[str]:
        """The names of the columns, as the header has them; none without a header."""
        return self._layout.header or ()

    @property
    def text_columns(self) -> Sequence[int]:
        """The positions of the columns that go into the text, each once."""
        return self._text_columns

    def find(self, column: str) -> int:
        """The position of a column by its name; its case and blanks around it do not matter.

        Raises:
            InvalidOptionError: there is none; the message lists those that there are.
        """
        return self._layout.find(column)

    def text_of(self, row: Row) -> str | None:
        """The text for a row: the template, filled, or what stands in the column text. None where none is needed."""
        return None if self._text_of is None else self._text_of(row.cells)

    def __iter__(self) -> Iterator[Item]:
        row = 0
        for record in self._records():
            item = self._item(row + 1, record)
            if item is not None:
                row = item.row
                yield item

    def chunks(self, size: int) -> Iterator[list[Item] | PlainRows]:
        """The same, up to `size` rows at a time; as `PlainRows` where that says all but the other cells.

        Of plain rows it takes 0.3 µs a row, where to iterate takes 1.0.
        """
        layout = self._layout
        found = self._records()
        row = 0
        while taken := list(islice(found, size)):
            begins, ends, cells = zip(*taken, strict=True)
            if begins == ends and set(map(len, cells)) == {layout.width}:
                numbers = [each[layout.to] for each in cells]
                if all_plain(numbers):
                    yield PlainRows(row + 1, numbers)
                    row += len(numbers)
                    continue
            items: list[Item] = []
            for record in taken:
                item = self._item(row + 1, record)
                if item is not None:
                    row = item.row
                    items.append(item)
            if items:
                yield items

    def _records(self) -> Iterator[Record]:
        with self._file.lines() as lines:
            try:
                found = records(lines, self.delimiter)
                if self._layout.header is not None:
                    _next_with_content(found)
                yield from found
            except Misquoted as error:
                raise InvalidOptionError(_explained(self._file, error.line, self.delimiter)) from None

    def _item(self, row: int, record: Record) -> Item | None:
        """What a record is, if it is the next row; None: it is empty."""
        layout = self._layout
        begins, ends, cells = record
        if len(cells) != layout.width:
            return _of_wrong_width(layout, row, begins, cells) if any(cell.strip() for cell in cells) else None
        if ends != begins and not self._allow_line_breaks:
            self._refuse_line_breaks(begins, ends, cells)
        to = cells[layout.to].strip()
        try:
            return Row(row, begins, to, normalise(to), cells)
        except InvalidNumberError as error:
            if to:
                return BadRow(row, begins, to, error, cells)
            if any(cell.strip() for cell in cells):
                return BadRow(row, begins, to, InvalidNumberError("the row has no number"), cells)
            return None

    def _refuse_line_breaks(self, begins: int, ends: int, cells: Sequence[str]) -> None:
        """Whether it is in a text or not, a cell that swallowed whole rows is refused: these would be lost unseen."""
        for index, cell in enumerate(cells):
            first, *rest = _LINE_END.split(cell)
            swallowed = any(map(self._may_be_a_row, rest))
            if swallowed or (rest and index in self._text_columns):
                why = ", and what follows looks like another row: is a quote open?" if swallowed else ""
                raise wrong(
                    f"line {begins}: the cell in column {self._layout.name(index)} that begins with {first[:40]!r} has "
                    f"a line break, the row ends in line {ends}{why}; if it is meant so, set allow_line_breaks",
                    "allow_line_breaks",
                )

    def _may_be_a_row(self, line: str) -> bool:
        cells = line.split(self.delimiter)
        layout = self._layout
        return len(cells) == layout.width > 1 and looks_like_a_number(cells[layout.to])


def open_recipients(
    source: Source,
    text: str | None = None,
    *,
    name: str | None = None,
    to_column: str | None = None,
    needs_text: bool = True,
    encoding: str | None = None,
    delimiter: str | None = None,
    allow_line_breaks: bool = False,
) -> Recipients:
    """A file of recipients: CSV with a header line or without, or a number a line.

    >>> import io
    >>> recipients = open_recipients(io.BytesIO(b"to;name\\n+27 82 123 4567;Ann\\n"), "Hi {name}")
    >>> recipients.header_notice
    "line 1 is taken for the header: to, name; cells are separated by semicolons, and the numbers are in column 'to'"
    >>> [(row.number, recipients.text_of(row)) for row in recipients]
    [('27821234567', 'Hi Ann')]

    Args:
        source: its path, or a file opened for reading bytes that can be read again from its beginning.
        text: a `Template`; None: the texts stand in the column ``text``.
        name: what messages call it; by default its path.
        to_column: the column with the numbers; by default ``to``, ``number``, ``msisdn``, or the first.
        needs_text: False where no text is sent.
        encoding: such as ``cp1252``; by default UTF-16 where a byte order mark says so, else UTF-8.
        delimiter: a comma, a semicolon or a tab; by default what the first line uses.
        allow_line_breaks: let cells that go into a text have line breaks.

    Raises:
        InvalidOptionError: it is not clear how to read it, a column is missing or stands twice, or the text is no
            template. The message says what would be right.
        OSError: it cannot be read.
    """
    if delimiter is not None and delimiter not in DELIMITERS:
        raise wrong(f"delimiter must be a comma, a semicolon or a tab, not {delimiter!r}", "delimiter")
    template = None if text is None or not needs_text else Template(text)
    file = TextFile(source, encoding) if name is None else TextFile(source, encoding, name)
    with file.lines() as lines:
        number, line = next(((at, each) for at, each in enumerate(lines, 1) if each.strip(" ,;\t\r\n")), (1, ""))
    delimiter = delimiter or find_delimiter(line, number, to_column)
    first, second = _first_rows(file, delimiter)
    if first is None:
        layout, notice = Layout.of([""], 1, None), None
    else:
        layout = Layout.of(first[2], first[0], to_column)
        notice = layout.notice(first[0], delimiter)
        if layout.header is not None and second is not None:
            layout.refuse_another_number(second[2], second[0])
    text_of: Callable[[Sequence[str]], str] | None = None
    used: list[int] = []
    if template is not None and first is not None:
        used = [layout.find(column) for column in template.columns]
        text_of = template.bind(layout.positions)
    elif needs_text and first is not None:
        used = [layout.find_text()]
        text_of = _cell_at(used[0])
    return Recipients(file.name, template, notice, delimiter, file, layout, text_of, used, allow_line_breaks)


def _cell_at(position: int) -> Callable[[Sequence[str]], str]:
    return lambda cells: cells[position]


def _first_rows(file: TextFile, delimiter: str) -> tuple[Record | None, Record | None]:
    with file.lines() as lines:
        found = records(lines, delimiter)
        try:
            return _next_with_content(found), _next_with_content(found)
        except Misquoted as error:
            raise InvalidOptionError(_explained(file, error.line, delimiter)) from None


def _next_with_content(found: Iterator[Record]) -> Record | None:
    return next((record for record in found if any(cell.strip() for cell in record[2])), None)


def _of_wrong_width(layout: Layout, row: int, line: int, cells: Sequence[str]) -> BadRow:
    to = cells[layout.to].strip() if layout.to < len(cells) else ""
    first = "the first row" if layout.header is None else "the header"
    error = InvalidOptionError(f"the row has {len(cells)} cells, and {first} {layout.width}")
    return BadRow(row, line, to, error, cells)


def _explained(file: TextFile, line: int, delimiter: str) -> str:
    with file.lines() as lines:
        return explain(islice(lines, line - 1, None), line, delimiter)
