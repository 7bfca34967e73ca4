"""Which cell is what: from the first row of a file, and from what was asked for. No I/O."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from attrs import field, frozen

from clickasync.errors import InvalidNumberError, InvalidOptionError
from clickasync.numbers import normalise
from clickasync.recipients.records import DELIMITERS, delimiters_in, records
from clickasync.recipients.template import Template
from clickasync.values import wrong

__all__ = ["Layout", "find_delimiter", "looks_like_a_number"]

_NAMES: Final = ("to", "number", "msisdn")
_TEXT: Final = "text"
_LIKE_A_NUMBER: Final = re.compile("phone|mobile|cell|tel|number|recipient|msisdn")
_SHORTEST_NUMBER: Final = 7  # what is shorter may be anything: a code, an age, a year


@frozen
class Layout:
    """Where the recipients, and the other columns, stand in a row."""

    width: int
    """Cells in a row."""
    to: int
    """Position of the cell with the number."""
    header: Sequence[str] | None
    """The names of the columns as they stand, without blanks around them; None where there is no header."""
    positions: Mapping[str, int] = field(repr=False)
    """The position of each column, by its key (`Template.key`)."""
    is_default: bool
    """Whether the numbers are taken to be in the first column though no name says so."""

    @classmethod
    def of(cls, first: Sequence[str], line: int, to_column: str | None) -> Layout:
        """The layout that the first row, which begins in `line`, gives a file.

        Raises:
            InvalidOptionError: two columns have one name, one is missing, or it is not clear what the row is.
        """
        header = [cell.strip() for cell in first] if _is_header(first, to_column) else None
        positions = {Template.key(name): index for index, name in enumerate(header or ()) if name}
        if header is None:
            _refuse_several_numbers(first, line)
            positions = {"to": 0}
        else:
            _refuse_names_that_repeat(header, line)
            if positions.keys().isdisjoint((*_NAMES, _TEXT, Template.key(to_column or "to"))):
                _refuse_what_may_be_a_row(header, line)
        wanted = _NAMES if to_column is None else (Template.key(to_column),)
        layout = cls(
            width=len(first),
            to=next((positions[name] for name in wanted if name in positions), 0),
            header=header,
            positions=positions,
            is_default=header is not None
            and positions.keys().isdisjoint(wanted)
            and not _LIKE_A_NUMBER.search(Template.key(header[0])),
        )
        if to_column is not None:
            layout.find(to_column)
        return layout

    def find(self, column: str) -> int:
        """The position of a column.

        Raises:
            InvalidOptionError: there is none of that name; the message lists those that there are.
        """
        key = Template.key(column)
        if key not in self.positions:
            raise InvalidOptionError(f"there is no column {column!r} ({self._listed()})")
        return self.positions[key]

    def find_text(self) -> int:
        """The position of the column with the texts.

        Raises:
            InvalidOptionError: there is none.
        """
        if _TEXT not in self.positions:
            raise wrong(f"there is no text: give one, or a column 'text' ({self._listed()})", "text")
        return self.positions[_TEXT]

    def name(self, position: int) -> str:
        """How a column is called in messages."""
        name = self.header[position] if self.header else ""
        return repr(name) if name else f"number {position + 1}"

    def notice(self, line: int, delimiter: str) -> str | None:
        """How the file is read, where that is not plain to see."""
        if self.width == 1:
            cells = ""
        else:
            cells = (
                f"cells are separated by {DELIMITERS[delimiter]}, and the numbers are in column {self.name(self.to)}"
            )
        if self.header is None:
            return f"line {line} is taken for the first recipient: {cells}" if cells else None
        return f"line {line} is taken for the header: {', '.join(self.header)}" + (f"; {cells}" if cells else "")

    def refuse_another_number(self, cells: Sequence[str], line: int) -> None:
        """Refuse to guess which column has the numbers, where the first row has two and no name says which.

        Raises:
            InvalidOptionError: it names both.
        """
        if not self.is_default or len(cells) != self.width:
            return
        for index, cell in enumerate(cells):
            if index != self.to and looks_like_a_number(cell):
                raise wrong(
                    f"line {line}: the numbers may be in column {self.name(self.to)} or {self.name(index)}; "
                    "say in which by to_column",
                    "to_column",
                )

    def _listed(self) -> str:
        if self.header is None:
            return "the file has no header line"
        return f"the columns are {', '.join(self.header)}"


def find_delimiter(line: str, number: int, to_column: str | None) -> str:
    """What separates the cells of a file that begins with `line`: commas, semicolons or tabs.

    Raises:
        InvalidOptionError: it may be either of two.
    """
    counts = delimiters_in(line)
    if len(counts) < 2:
        return next(iter(counts), ",")
    wanted = {*_NAMES, _TEXT, Template.key(to_column or "to")}
    likely = []
    for delimiter in counts:
        cells = next(records([line.rstrip("\r\n").replace('"', "")], delimiter))[2]
        if any(Template.key(cell) in wanted or looks_like_a_number(cell) for cell in cells):
            likely.append(delimiter)
    if len(likely) == 1:
        return likely[0]
    first, second = list(counts)[:2]
    if counts[first] > counts[second]:
        return first
    raise wrong(
        f"line {number}: cells may be separated by {DELIMITERS[first]} or by {DELIMITERS[second]}; "
        "say by which with delimiter",
        "delimiter",
    )


def _is_header(cells: Sequence[str], to_column: str | None) -> bool:
    """Whether the first row names columns: it has a name that we look for, or no cell that could be a number."""
    names = {Template.key(cell) for cell in cells}
    wanted = (*_NAMES, _TEXT) if to_column is None else (Template.key(to_column),)
    return not names.isdisjoint(wanted) or not any(_is_number(cell, 1) for cell in cells)


def looks_like_a_number(cell: str) -> bool:
    """Whether `cell` is a number, and long enough to be nothing else."""
    return _is_number(cell, _SHORTEST_NUMBER)


def _is_number(cell: str, shortest: int) -> bool:
    try:
        return len(normalise(cell)) >= shortest
    except InvalidNumberError:
        return False


def _refuse_what_may_be_a_row(header: Sequence[str], line: int) -> None:
    """A number that cannot be read must not be taken for the name of a column."""
    fewest = 1 if len(header) == 1 else _SHORTEST_NUMBER
    for cell in header:
        if len(re.findall("[0-9]", cell)) < fewest:
            continue
        try:
            normalise(cell)
        except InvalidNumberError as error:
            raise wrong(
                f"line {line} is neither a header nor a recipient: {error}; if it is a header, name the column of the "
                "numbers by to_column",
                "to_column",
            ) from None


def _refuse_names_that_repeat(header: Sequence[str], line: int) -> None:
    names = Counter(Template.key(name) for name in header if name)
    twice = [name for name in header if names[Template.key(name)] > 1]
    if twice:
        raise InvalidOptionError(
            f"line {line}: {names[Template.key(twice[0])]} columns are called {twice[0]!r}; rename one"
        )


def _refuse_several_numbers(cells: Sequence[str], line: int) -> None:
    numbers = [cell for cell in cells if looks_like_a_number(cell)]
    if len(numbers) > 1:
        raise InvalidOptionError(
            f"line {line} holds {len(numbers)} numbers; write one number a line, or a header that says where they are"
        )
