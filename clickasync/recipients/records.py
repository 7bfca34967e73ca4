"""CSV, strictly: lines become records, or an error that names the line where a quote was opened. No I/O.

A quote that is not closed swallows the lines that follow into one cell, up to the next quote: what was meant for many
customers becomes the text of one. Python's reader finds most of it in strict mode, but says only where it ended.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

__all__ = ["DELIMITERS", "Misquoted", "Record", "delimiters_in", "explain", "records"]

DELIMITERS: Final = {",": "commas", ";": "semicolons", "\t": "tabs"}
"""What may stand between cells, and how it is called."""

Record: TypeAlias = tuple[int, int, list[str]]
"""The line in which a record begins, the one in which it ends (from 1), and its cells."""


class Misquoted(Exception):  # it is not raised to users
    """No CSV; `line` is where the record begins."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


def records(lines: Iterable[str], delimiter: str) -> Iterator[Record]:
    """The records in `lines`, which keep their line ends; an empty line is a record without cells.

    Raises:
        Misquoted: see `explain`.
    """
    ends = 0
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            begins, ends = ends + 1, reader.line_num
            yield begins, ends, cells
    except csv.Error:
        raise Misquoted(ends + 1) from None


def delimiters_in(line: str) -> dict[str, int]:
    """How often each delimiter stands in `line`, outside of quotes, the most frequent first."""
    bare = "".join(line.split('"')[::2])
    counts = {delimiter: bare.count(delimiter) for delimiter in DELIMITERS}
    return {each: counts[each] for each in sorted(counts, key=lambda each: -counts[each]) if counts[each]}


def explain(lines: Iterable[str], line: int, delimiter: str) -> str:
    """What is wrong with the record that begins in `line`: its quotes, followed as the reader follows them.

    Args:
        lines: from that line on.
    """
    opened = line
    inside = closing = False
    at_start = True
    size = 0
    for number, text in enumerate(lines, line):
        for char in text:
            size = 0 if at_start else size + 1
            if size > csv.field_size_limit():
                return (
                    f"line {opened}: a cell that begins there is longer than {size - 1:,} characters; is a quote open?"
                )
            if char == '"' and (inside or closing):
                inside, closing = closing, inside  # closed, or doubled and so a part of the cell
            elif char == '"' and at_start:
                inside, opened = True, number
            elif closing and char not in (delimiter, "\r", "\n"):
                if number == opened:
                    return f"line {opened}: a cell goes on after its closing quote; write the quotes within it twice"
                return (
                    f"line {opened}: the quote that is opened there ends only in line {number}, in the middle of a "
                    "cell; close it where the cell ends"
                )
            else:
                closing = False
            at_start = not inside and char in (delimiter, "\r", "\n")
    return f"line {opened}: a quote is opened there and never closed; close it where the cell ends"
