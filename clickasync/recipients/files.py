"""A file of bytes as lines of text: in which encoding, and in which line it is not that. It reads, and knows no CSV."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias

from attrs import field, frozen

from clickasync.values import wrong

__all__ = ["Source", "TextFile"]

Source: TypeAlias = str | Path | BinaryIO
"""A path, or a file that is open in binary mode."""
"""A path, or a file that is opened for reading bytes and can be read again from its beginning."""

_MARKS: Final = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


@frozen
class TextFile:
    """Text that can be read again and again.

    Args:
        source: where it is.
        wanted: its encoding; None: UTF-16 where a byte order mark says so, else UTF-8.
        name: what messages call it; by default its path.

    Raises:
        InvalidOptionError: there is no such encoding, or the file begins with the mark of another one.
        OSError: it cannot be read.
    """

    source: Source = field(repr=False)
    wanted: str | None = None
    name: str = field()
    encoding: str = field(init=False)
    """The encoding that it is read in."""

    @name.default
    def _path(self) -> str:
        return str(self.source) if isinstance(self.source, str | Path) else "the file"

    @encoding.default
    def _find_encoding(self) -> str:
        with self._opened() as file:
            start = file.read(4)
        marked = next((encoding for mark, encoding in _MARKS.items() if start.startswith(mark)), None)
        if self.wanted is None:
            return marked or "utf-8"
        try:
            "".encode(self.wanted)
            known = codecs.lookup(self.wanted).name
        except (LookupError, UnicodeError):
            raise wrong(
                f"encoding must be one such as utf-8, cp1252 or utf-16, not {self.wanted[:40]!r}", "encoding"
            ) from None
        if marked is not None and known[:5] != marked[:5]:
            mark = marked.removesuffix("-sig").upper()
            raise wrong(
                f"{self.name} begins with the mark of {mark}, and is not {self.wanted}; leave encoding out", "encoding"
            )
        return marked or known

    @contextmanager
    def lines(self) -> Iterator[Iterable[str]]:
        """Its lines, with their line ends as they are, from the beginning.

        Raises:
            InvalidOptionError: it is not text in that encoding; it names the line.
            OSError: it cannot be read.
        """
        with self._opened() as file:
            text = TextIOWrapper(file, self.encoding, newline="")
            try:
                first = text.readline()
                if "\0" in first:
                    raise wrong(
                        f"line 1 of {self.name} holds NUL characters: it looks like UTF-16 without a byte order mark; "
                        "give encoding, such as utf-16-le",
                        "encoding",
                    )
                yield chain([first] if first else [], text)
            except UnicodeDecodeError:
                encoding = self.encoding.removesuffix("-sig").upper()
                raise wrong(
                    f"{self._first_bad_line()} is not {encoding}; save it as UTF-8, or give encoding, such as cp1252",
                    "encoding",
                ) from None
            finally:
                if not file.closed:  # as it may be when an iteration that was given up is forgotten at last
                    text.detach()

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        if isinstance(self.source, str | Path):
            with Path(self.source).open("rb") as file:
                yield file
        else:
            self.source.seek(0)
            yield self.source

    def _first_bad_line(self) -> str:
        if not self.encoding.startswith("utf-16"):  # whose line ends are not single bytes
            with self._opened() as file:
                for number, line in enumerate(file, start=1):
                    try:
                        line.decode(self.encoding)
                    except UnicodeDecodeError:
                        return f"line {number} of {self.name}"
        return self.name
