"""The results file: a line for each row as soon as it is known what became of it. CSV, or JSON lines.

It is a projection of the store: nothing is ever read from it. A run that goes on writes it anew, beside the old one,
and puts it in its place in one step; then it appends what becomes known. So whatever happened to it in between does not
matter, whether it was cut, edited or deleted.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Protocol

from attrs import frozen

from clickasync.errors import InvalidOptionError
from clickasync.recipients import Recipients

if TYPE_CHECKING:
    from clickasync.campaigns import CallResults

__all__ = ["COLUMNS", "Csv", "JsonLines", "Line", "ResultsFile", "format_of", "kept_columns", "lines_of"]

COLUMNS: Final = ("row", "to", "result", "id", "climsgid", "error_code", "error", "known_to_gateway")
_KNOWN: Final = {True: "true", False: "false", None: ""}


@frozen
class Line:
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


def lines_of(call: CallResults, positions: Iterable[int], *, reason: str | None = None) -> Iterator[Line]:
    """The lines of some recipients of a call; with a `reason`, they are skipped for it.

    The tag of a recipient is what the results cannot have from elsewhere: the number as it was written where it is sent
    otherwise, and the cells that are kept.
    """
    for at in positions:
        tag = None if call.tags is None else call.tags[at]
        written, kept = (tag[0], tag[1:]) if tag else (None, ())
        words = call.words[at]
        yield Line(
            call.rows[at],
            written or call.numbers[at],
            "skipped" if reason is not None else call.results[at],
            call.ids[at],
            call.climsgids[at],
            None if words is None else words.code,
            reason or (None if words is None else words.text),
            call.known(at),
            kept,
        )


class Format(Protocol):
    """How lines are written."""

    header: str

    def lines(self, lines: Iterable[Line]) -> str:
        """Lines as text, each with its line end."""
        ...

    def accepted(self, call: CallResults) -> str:
        """The lines of a call of plain numbers that were all accepted: most are, so that has a way of its own."""
        ...


class Csv:
    """Comma-separated values with a header; every record is one line.

    Args:
        kept: the names of the columns that are kept.
    """

    def __init__(self, kept: Sequence[str] = ()) -> None:
        self.header = _csv([map(_one_line, (*COLUMNS, *kept))])

    def lines(self, lines: Iterable[Line]) -> str:
        """As `Format.lines`."""
        return _csv(
            map(
                _one_line,
                (
                    line.row,
                    line.to,
                    line.result,
                    line.id,
                    line.climsgid,
                    line.error_code,
                    line.error,
                    _KNOWN[line.known_to_gateway],
                    *line.kept,
                ),
            )
            for line in lines
        )

    def accepted(self, call: CallResults) -> str:
        """As `Format.accepted`."""
        if "".join(map(str, call.ids)).isalnum():  # then nothing is to be quoted, and it takes a quarter of the time
            each = zip(call.rows, call.numbers, call.ids, call.climsgids, strict=True)
            return "".join([f"{row},{to},accepted,{id},{climsgid},,,\n" for row, to, id, climsgid in each])
        return self.lines(lines_of(call, range(len(call.rows))))


def _csv(records: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(records)
    return text.getvalue()


def _one_line(cell: object) -> str:
    return "" if cell is None else " ".join(str(cell).splitlines())


class JsonLines:
    """A JSON object a line.

    Args:
        kept: the names of the columns that are kept.
    """

    def __init__(self, kept: Sequence[str] = ()) -> None:
        self.header = ""
        self._kept = kept

    def lines(self, lines: Iterable[Line]) -> str:
        """As `Format.lines`."""
        return "".join(
            json.dumps(
                {name: getattr(line, name) for name in COLUMNS} | dict(zip(self._kept, line.kept, strict=True)),
                ensure_ascii=False,
            )
            + "\n"
            for line in lines
        )

    def accepted(self, call: CallResults) -> str:
        """As `Format.accepted`."""
        return self.lines(lines_of(call, range(len(call.rows))))


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
        taken = {*COLUMNS, *names}
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


class ResultsFile:
    """The file on disk.

    Args:
        path: where it is.
        format: how lines are written.
        sync_folder: brings the names in a folder to the disk.
    """

    def __init__(self, path: Path, format: Format, sync_folder: Callable[[Path], None]) -> None:
        self.path = path
        self.format = format
        self._sync_folder = sync_folder
        self._file: IO[str] | None = None
        self._beside: Path | None = None

    def begin(self) -> None:
        """Begin it anew, beside the one that is there.

        Raises:
            OSError: it cannot be written.
        """
        self.close()
        self._beside = self.path.with_name(f"{self.path.name}.new")
        self._file = self._beside.open("w", encoding="utf-8", newline="")
        self._file.write(self.format.header)

    def put_in_place(self) -> None:
        """Put what was written since `begin` in the place of the old one. From here on it is appended to.

        Raises:
            OSError: it cannot be written.
        """
        assert self._file is not None  # see `begin`
        assert self._beside is not None
        with suppress(FileNotFoundError):
            self._beside.chmod(self.path.stat().st_mode & 0o777)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._beside.replace(self.path)
        self._beside = None
        self._sync_folder(self.path.parent)

    def write(self, text: str) -> None:
        """Append lines, and hand them to the system: a kill loses nothing."""
        assert self._file is not None  # see `begin`
        self._file.write(text)
        self._file.flush()

    def sync(self) -> None:
        """Bring it to the disk."""
        assert self._file is not None  # see `begin`
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close it; one that was not put in its place is taken away."""
        if self._file is not None:
            file, self._file = self._file, None
            with suppress(OSError):  # of a full disk, which was said before
                file.close()
        if self._beside is not None:
            self._beside.unlink(missing_ok=True)
            self._beside = None
