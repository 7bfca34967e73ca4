"""The journal: a line for each call, on disk before the call goes out.

JSON lines beside the results, ``results.csv.journal``::

    {"time": 1738300000.5, "climsgid": "…", "text": "…", "rows": [1, 2], "to": ["27821234567", "27827654321"]}

`text` is a fingerprint of the text and the options, so that a call is never repeated with other ones. A line that was
half-written at a kill belongs to a call that had not gone out.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Self

from attrs import frozen

from clickasync.cli.bulk.results import cut_half_line
from clickasync.errors import ConfigurationError

__all__ = ["Entry", "Journal", "fingerprint"]

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows has none; there nobody watches over two runs on one file
    fcntl = None  # type: ignore[assignment]


@frozen
class Entry:
    """A call that was about to go out."""

    time: float
    """Unix seconds."""
    climsgid: str
    text: str
    """A fingerprint."""
    rows: Sequence[int]
    to: Sequence[str]

    def dump(self) -> str:
        """The entry as a line."""
        fields = {"time": self.time, "climsgid": self.climsgid, "text": self.text}
        return json.dumps({**fields, "rows": list(self.rows), "to": list(self.to)}, ensure_ascii=False) + "\n"

    @classmethod
    def load(cls, line: str) -> Self:
        """The entry back.

        Raises:
            ValueError: it is none.
        """
        try:
            entry = cls(**json.loads(line))
            if len(entry.rows) != len(entry.to) or not entry.rows:
                raise ValueError("rows and recipients do not match")
        except TypeError:
            raise ValueError("not an entry of a journal") from None
        return entry


def fingerprint(text: str | None, options: Mapping[str, Any]) -> str:
    """A short hash of what a call says."""
    said = json.dumps([text, sorted((name, str(value)) for name, value in options.items())])
    return hashlib.sha256(said.encode()).hexdigest()[:16]


class Journal:
    """The journal on disk, beside the results at `results`."""

    def __init__(self, results: Path) -> None:
        self.path = results.with_name(f"{results.name}.journal")
        self._file: IO[str] | None = None

    def open(self) -> None:
        """Open it to append, for this run alone; a half-written last line is taken out.

        Raises:
            ConfigurationError: another run is writing to it.
        """
        file = self.path.open("a", encoding="utf-8", newline="")
        try:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            raise ConfigurationError(f"another run is writing to {self.path}") from None
        cut_half_line(self.path)
        self._file = file

    def close(self) -> None:
        """Close it, and let another run have it. An empty one is taken away."""
        if self._file is not None:
            self._file.close()
            self._file = None
            if not self.path.stat().st_size:
                self.path.unlink()

    def clear(self) -> None:
        """Forget everything."""
        assert self._file is not None  # for the type checker
        self._file.truncate(0)

    def append(self, entry: Entry) -> None:
        """Enter a call; when this returns, it is on disk."""
        assert self._file is not None  # for the type checker
        self._file.write(entry.dump())
        self._file.flush()
        os.fsync(self._file.fileno())

    def __iter__(self) -> Iterator[Entry]:
        """The entries, in order.

        Raises:
            ConfigurationError: it is no journal.
        """
        if not self.path.exists():
            return
        with self.path.open(encoding="utf-8", newline="\n") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith("\n"):
                    return
                try:
                    yield Entry.load(line)
                except ValueError:
                    raise ConfigurationError(f"{self.path}, line {number}: this is no entry of a journal") from None
