"""The file of recipients: opened, or read from stdin to its end."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ["spooled"]


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
