"""What is shown: tables and lines for people, JSON for programs. Results on stdout, all else on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import IO, Annotated, Any, Final, TypeAlias

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from clickasync.cli.panels import OUTPUT

__all__ = ["AsJson", "clean", "complain", "console", "notice", "show_json", "show_table", "table"]

AsJson: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print JSON for programs instead of a table.", rich_help_panel=OUTPUT)
]

_WIDE: Final = 200
"""Columns where nobody watches: an ID must not be cut off in a pipe."""


def console(file: IO[str] | None = None) -> Console:
    """A console on stdout, or on `file`. Made when needed, because the streams may be replaced."""
    file = sys.stdout if file is None else file
    return Console(file=file, width=None if file.isatty() else _WIDE, highlight=False, markup=False, emoji=False)


def clean(value: object) -> str:
    """`value` as one line of printable text: what others sent must not steer the terminal.

    >>> clean("Hi\\x1b[31m")
    'Hi\\\\x1b[31m'
    """
    text = str(value)
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def complain(message: str) -> None:
    """Say on stderr, in one line, what went wrong."""
    notice(f"clickasync: {message}")


def notice(message: str) -> None:
    """Say a line on stderr."""
    print(clean(message), file=sys.stderr, flush=True)


def table(*columns: str, title: str | None = None) -> Table:
    """A table whose cells are never cut off."""
    made = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def show_table(columns: Iterable[str], rows: Iterable[Iterable[object]], *, title: str | None = None) -> None:
    """Print a table; None is shown as an empty cell."""
    made = table(*columns, title=title)
    for row in rows:
        made.add_row(*(Text(clean("" if cell is None else cell)) for cell in row))
    console().print(made)


def show_json(value: object) -> None:
    """Print one JSON document on one line, flushed. In ASCII, which every terminal and pipe can carry."""
    print(json.dumps(value, default=_plain), flush=True)


def _plain(value: object) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)
