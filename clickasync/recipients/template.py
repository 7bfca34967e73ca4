"""A text with ``{column}`` holes: `str.format_map`, with plain column names only. No I/O."""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from clickasync.errors import InvalidOptionError

__all__ = ["Template"]


class Template:
    """A text to be filled from the columns of a row.

    ``{name}`` is the column ``name``; ``{{`` and ``}}`` stand for braces. No attributes, indexes, conversions or
    formats: a text must not reach into the program.

    >>> Template("Hi {First Name}").fill({"first name": "Ann"})
    'Hi Ann'

    Raises:
        InvalidOptionError: it cannot be read; the message says where.
    """

    def __init__(self, text: str) -> None:
        try:
            pieces = list(string.Formatter().parse(text))
        except ValueError as error:
            raise InvalidOptionError(f"the text is no template ({error}); write {{{{ and }}}} for braces") from None
        self._pieces = [(literal, None if column is None else _key(column, *rest)) for literal, column, *rest in pieces]
        self.columns = tuple(dict.fromkeys(column for _, column in self._pieces if column is not None))
        """The columns that it needs, by their keys (`Template.key`), each once."""

    def fill(self, cells: Mapping[str, str]) -> str:
        """The text for one row; `cells` are by key (`Template.key`)."""
        return "".join(literal if column is None else literal + cells[column] for literal, column in self._pieces)

    def bind(self, columns: Mapping[str, int]) -> Callable[[Sequence[str]], str]:
        """`fill` for rows whose cells are known by position: from a row's cells to its text.

        Args:
            columns: the position of each column that the template needs, by its key.
        """
        pattern = "".join(
            literal.replace("%", "%%") + ("" if column is None else "%s") for literal, column in self._pieces
        )
        positions = [columns[column] for _, column in self._pieces if column is not None]
        if not positions:
            text = self.fill({})
            return lambda _cells: text
        pick: Callable[[Sequence[str]], Any] = itemgetter(*positions)
        return lambda cells: pattern % pick(cells)

    @staticmethod
    def key(column: str) -> str:
        """What a column is looked up by: blanks around its name and its case do not matter."""
        return column.strip().casefold()


def _key(column: str, format: str | None, conversion: str | None) -> str:
    name = column.strip()
    if (
        format
        or conversion
        or not name
        or name.isdigit()
        or not name.replace(" ", "_").replace("-", "_").isidentifier()
    ):
        written = "{" + column + (f"!{conversion}" if conversion else "") + (f":{format}" if format else "") + "}"
        raise InvalidOptionError(f"{written} is not a plain column name; write {{{{ and }}}} for braces")
    return Template.key(name)
