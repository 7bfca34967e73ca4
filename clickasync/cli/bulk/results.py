"""The results file: a line for each row as soon as it is known what became of it. CSV, or JSON lines.

A row that is tried again in a later run gets another line; its last line counts. At the end of a run that was not
interrupted the lines that no longer count are taken out, so that each row has one.
"""

from __future__ import annotations

import csv
import io
import json
import os
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Final, Protocol, Self

from attrs import frozen

from clickasync.cli.outcome import COLUMNS, as_fields
from clickasync.errors import ConfigurationError, InvalidOptionError
from clickasync.recipients import Recipients
from clickasync.results import SendResult

__all__ = ["Csv", "JsonLines", "ResultLine", "Results", "cut_half_line", "format_of", "kept_columns"]

_KNOWN: Final = {True: "true", False: "false", None: ""}
_KINDS: Final = frozenset({"accepted", "rejected", "uncertain", "skipped", "duplicate"})


@frozen
class ResultLine:
    """What became of a row."""

    row: int
    to: str
    result: str
    """accepted, rejected, uncertain, skipped or duplicate."""
    id: str | None = None
    climsgid: str | None = None
    """Of the call that the row travelled in, whatever became of it."""
    error_code: str | None = None
    error: str | None = None
    known_to_gateway: bool | None = None
    kept: Sequence[str] = ()
    """Cells of the row that are kept beside what became of it."""

    @classmethod
    def of(cls, row: int, result: SendResult, climsgid: str | None, kept: Sequence[str] = ()) -> Self:
        """The line for a row's result."""
        fields = as_fields(result)
        return cls(row, **{**fields, "climsgid": fields["climsgid"] or climsgid}, kept=kept)

    def fields(self) -> dict[str, Any]:
        """Its fields in the order of the columns, except the kept ones."""
        return {"row": self.row, **{name: getattr(self, name) for name in COLUMNS}}


class Format(Protocol):
    """How a line is written."""

    header: str

    def write(self, line: ResultLine) -> str:
        """The line as text, with its line end."""
        ...

    def read(self, text: str) -> ResultLine:
        """The line back; ValueError if it is none."""
        ...


class Csv:
    """Comma-separated values with a header; every record is one line.

    Args:
        kept: the names of the columns that are kept.
    """

    def __init__(self, kept: Sequence[str] = ()) -> None:
        self.header = _csv(("row", *COLUMNS, *kept))

    def write(self, line: ResultLine) -> str:
        """As `Format.write`."""
        cells = line.fields() | {"known_to_gateway": _KNOWN[line.known_to_gateway]}
        return _csv([*cells.values(), *line.kept])

    def read(self, text: str) -> ResultLine:
        """As `Format.read`."""
        cells = next(csv.reader([text]))
        row, to, result, *rest = cells
        id, climsgid, code, error, known = (cell or None for cell in rest[:5])
        return _checked(ResultLine(int(row), to, result, id, climsgid, code, error, _read_known(known), rest[5:]))


def _csv(cells: Iterable[object]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(
        [" ".join(str("" if cell is None else cell).splitlines()) for cell in cells]
    )
    return text.getvalue()


class JsonLines:
    """A JSON object a line.

    Args:
        kept: the names of the columns that are kept.
    """

    def __init__(self, kept: Sequence[str] = ()) -> None:
        self.header = ""
        self._kept = kept

    def write(self, line: ResultLine) -> str:
        """As `Format.write`."""
        kept = dict(zip(self._kept, line.kept, strict=True))
        return json.dumps({**line.fields(), **kept}, ensure_ascii=False) + "\n"

    def read(self, text: str) -> ResultLine:
        """As `Format.read`."""
        fields = json.loads(text)
        try:
            own = {name: fields.pop(name) for name in ("row", *COLUMNS)}
            return _checked(ResultLine(**own, kept=[*fields.values()]))
        except (TypeError, AttributeError, KeyError):
            raise ValueError("not a line of results") from None


def _read_known(text: str | None) -> bool | None:
    return {None: None, "true": True, "false": False}[text]


def _checked(line: ResultLine) -> ResultLine:
    if line.result not in _KINDS or line.row < 1:
        raise ValueError("not a line of results")
    return line


def kept_columns(recipients: Recipients) -> list[str]:
    """The names under which the columns of a file stand beside the results: all of them, as they are, or with
    ``input_`` before where the results have a column of that name.

    Raises:
        InvalidOptionError: the columns have no names.
    """
    if not recipients.columns:
        raise InvalidOptionError("--keep-columns needs a header line that names the columns")
    names: list[str] = []
    for position, name in enumerate(recipients.columns, 1):
        taken = {"row", *COLUMNS, *names}
        kept = name or f"column_{position}"
        while kept in taken:
            kept = f"input_{kept}"
        names.append(kept)
    return names


def format_of(path: Path, kept: Sequence[str] = ()) -> Format:
    """The format that a file's name asks for.

    Raises:
        InvalidOptionError: neither ``.csv`` nor ``.jsonl``.
    """
    match path.suffix.lower():
        case ".csv":
            return Csv(kept)
        case ".jsonl" | ".ndjson":
            return JsonLines(kept)
    raise InvalidOptionError(f"results go to a .csv or a .jsonl file, not {path.name}")


class Results:
    """The file on disk.

    Args:
        kept: the names of the columns that are kept beside the results.
    """

    def __init__(self, path: Path, kept: Sequence[str] = ()) -> None:
        self.path = path
        self.kept = kept
        self._format = format_of(path, kept)
        self._file: IO[str] | None = None

    def open(self) -> None:
        """Open it to append; a half-written last line is taken out, and a missing header is written."""
        cut_half_line(self.path)
        self._file = self.path.open("a", encoding="utf-8", newline="")
        if self._file.tell() == 0:
            self._file.write(self._format.header)
            self._file.flush()

    def close(self) -> None:
        """Close it."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def write(self, line: ResultLine) -> None:
        """Append a line, and hand it to the system: a kill loses nothing."""
        assert self._file is not None  # for the type checker
        self._file.write(self._format.write(line))
        self._file.flush()

    def __iter__(self) -> Iterator[ResultLine]:
        """The lines of the file.

        Raises:
            ConfigurationError: it is no results file.
        """
        for number, text in self._lines():
            if number == 1 and self._format.header:
                if text != self._format.header.rstrip("\n"):
                    if text.startswith(Csv().header.rstrip("\n")):
                        raise ConfigurationError(f"{self.path} has other columns: give --keep-columns as before")
                    raise ConfigurationError(f"{self.path} is no results file: its first line is another")
                continue
            try:
                yield self._format.read(text)
            except (ValueError, KeyError, csv.Error, StopIteration):
                raise ConfigurationError(f"{self.path}, line {number}: this is no line of results") from None

    def _lines(self) -> Iterator[tuple[int, str]]:
        """The complete lines, and which they are, from 1."""
        with self.path.open(encoding="utf-8", newline="\n") as file:
            for number, text in enumerate(file, start=1):
                if text.endswith("\n"):
                    yield number, text.rstrip("\r\n")

    def keep_last_lines(self) -> None:
        """Take out the lines that later ones made obsolete. The file is replaced in one step."""
        self.close()
        headers = 1 if self._format.header else 0
        last = array("Q")
        for index, line in enumerate(self, start=headers + 1):
            if line.row >= len(last):
                last.extend([0] * (line.row + 1 - len(last)))
            last[line.row] = index
        kept = set(last)
        beside = self.path.with_name(f"{self.path.name}.new")
        with beside.open("w", encoding="utf-8", newline="") as file:
            for number, text in self._lines():
                if number <= headers or number in kept:
                    file.write(f"{text}\n")
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.path)


def cut_half_line(path: Path) -> None:
    """Take out what follows the last line end of a file, if it exists: a line that was being written at a kill."""
    if not path.exists():
        return
    with path.open("rb+") as file:
        end = file.seek(0, os.SEEK_END)
        kept = end
        while kept > 0:
            start = max(0, kept - 65536)
            file.seek(start)
            found = file.read(kept - start).rfind(b"\n")
            if found >= 0:
                kept = start + found + 1
                break
            kept = start
        if kept < end:
            file.truncate(kept)
