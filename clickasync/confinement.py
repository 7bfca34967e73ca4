"""Whether this process may post to no machine but its own: pytest's plugin says so, and `transport.guard` keeps it.

The environment variable is for the programs that a test starts, which inherit it. Within this process what was said
is remembered besides, because tests clear the environment: ``patch.dict(os.environ, …, clear=True)``.

It imports nothing of ours, for pytest imports it in every project that has the package installed.
"""

from __future__ import annotations

import os
from typing import Final

__all__ = ["VARIABLE", "confinement", "say"]

VARIABLE: Final = "CLICKASYNC_ONLY_LOOPBACK"

_said: list[str | None] = [None]


def confinement() -> str | None:
    """What the variable says or, where it is gone, what was said last; None where nothing was."""
    return os.environ.get(VARIABLE, _said[0])


def say(value: str | None) -> None:
    """Set the variable, or take it away, for this process and those that it starts."""
    _said[0] = value
    if value is None:
        os.environ.pop(VARIABLE, None)
    else:
        os.environ[VARIABLE] = value
