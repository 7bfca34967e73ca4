"""What debuggers, crash reports and ``pytest -l`` show of an exception."""

from __future__ import annotations

import traceback
from pathlib import Path

__all__ = ["shown"]


def shown(error: BaseException, seen: set[int] | None = None, within: Path = Path("/")) -> str:
    """The variables of all frames of an exception, of what it came from, and of what was handled when it came.

    But for those of tests, which know what they gave.
    """
    seen = seen or set()
    if id(error) in seen:
        return ""
    seen.add(id(error))
    summary = traceback.TracebackException.from_exception(error, capture_locals=True)
    here = [frame for frame in summary.stack if not Path(frame.filename).name.startswith("test_")]
    here = [frame for frame in here if within in Path(frame.filename).parents]
    parts = [str(error), repr(error), *(str(frame.locals) for frame in here)]
    others = [error.__cause__, error.__context__]
    if isinstance(error, BaseExceptionGroup):
        others += error.exceptions
    return "\n".join([*parts, *(shown(other, seen, within) for other in others if other is not None)])
