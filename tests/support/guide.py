"""Guides whose examples are run as they stand there."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import clickasync

PACKAGE = Path(clickasync.__file__).parent


class Guide:
    """The README of a room of the package."""

    def __init__(self, room: str) -> None:
        self.room = room
        self.text = (PACKAGE / room / "README.md").read_text(encoding="utf-8")
        self.examples: dict[str, str] = dict(
            re.findall(r"<!-- example: (\S+) -->\n```python\n(.*?)```", self.text, re.DOTALL)
        )
        """Code by the name in the comment before it."""
        self.files: dict[str, str] = dict(re.findall(r"<!-- file: (\S+) -->\n```\w*\n(.*?)```", self.text, re.DOTALL))
        """Contents by the path in the comment before them."""
        self.shown: dict[str, str] = dict(
            re.findall(r"<!-- example: (\S+) -->\n```python\n(?:.*?)```\n\n```\n(.*?)```", self.text, re.DOTALL)
        )
        """What the guide says that an example prints."""

    def check(self, *names: str) -> None:
        """Every block of Python has a name, and is one of those that are tested."""
        assert self.text.count("```python") == len(self.examples)
        assert self.examples.keys() == set(names)

    def run(self, name: str) -> dict[str, Any]:
        """Run an example as if it were pasted into a file; gives its names."""
        module = ModuleType(f"guide_{name}".replace("-", "_"))
        code = compile(self.examples[name], f"{self.room}/README.md: {name}", "exec", dont_inherit=True)
        exec(code, vars(module))  # noqa: S102
        return vars(module)

    @contextmanager
    def imported(self, name: str, module: str) -> Iterator[ModuleType]:
        """Run an example as the module of that name, which others can import."""
        made = ModuleType(module)
        sys.modules[module] = made
        try:
            code = compile(self.examples[name], f"{self.room}/README.md: {name}", "exec", dont_inherit=True)
            exec(code, vars(made))  # noqa: S102
            yield made
        finally:
            del sys.modules[module]
