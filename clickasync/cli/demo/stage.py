"""What the demo shows itself with: chapters, lines, tables, and the check that what is shown is so."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import anyio
from rich.console import RenderableType
from rich.text import Text

from clickasync.cli.screen import clean, console, table
from clickasync.errors import ClickatellError

__all__ = ["Stage", "Surprise", "expect", "until"]


class Surprise(ClickatellError):  # it is the demo's plot that is wrong
    """Something was not as the demo says; it ends with a status that is not 0."""


def expect(condition: bool, what: str) -> None:
    """Raise `Surprise` unless it is so."""
    if not condition:
        raise Surprise(f"the demo expected {what}, and it was not so")


async def until(condition: Callable[[], bool], what: str, *, seconds: float = 5.0) -> None:
    """Wait for something that happens soon."""
    with anyio.move_on_after(seconds):
        while not condition():  # what happens in the gateway's thread sets no event of ours
            await anyio.sleep(0.02)
    expect(condition(), f"{what} within {seconds:g} s")


class Stage:
    """A console with headings."""

    def __init__(self) -> None:
        self._console = console()

    def chapter(self, title: str) -> None:
        """Begin a chapter."""
        self._console.print()
        self._console.print(Text(f"── {title} ".ljust(80, "─"), style="bold"))

    def say(self, what: str, shown: object, *, call: str | None = None) -> None:
        """A line: what it is, and what came of it. Below it the call in Python that it stands for, if it is one."""
        self._console.print(Text(f"{what:<44}"), Text(clean(shown), style="cyan"))
        self._show_call(call)

    def print(self, renderable: RenderableType) -> None:
        """Anything that rich can draw."""
        self._console.print(renderable)

    def _show_call(self, call: str | None) -> None:
        if call is not None:
            self._console.print(Text(f"    >>> {call}", style="dim"))

    def show(self, columns: Iterable[str], rows: Iterable[Iterable[object]], *, call: str | None = None) -> None:
        """A table; what went wrong is red. Above it the call in Python that it stands for."""
        self._show_call(call)
        made = table(*columns)
        for row in rows:
            cells = [clean(cell) for cell in row]
            made.add_row(*map(Text, cells), style="red" if "rejected" in cells else None)
        self._console.print(made)
