"""Guides whose examples are run as they stand there."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from tests.support.examples import GUIDES, examples_in, run_example


class Guide:
    """The README of a room of the package."""

    def __init__(self, room: str) -> None:
        self.path = GUIDES / room / "README.md"
        self.text = self.path.read_text(encoding="utf-8")
        self.examples = examples_in(self.path)
        """Code by the name in the comment before it."""
        self.files: dict[str, str] = dict(re.findall(r"<!-- file: (\S+) -->\n```\w*\n(.*?)```", self.text, re.DOTALL))
        """Contents by the path in the comment before them."""
        self.shown: dict[str, str] = dict(
            re.findall(r"<!-- example: (\S+) -->\n```python\n(?:.*?)```\n\n```\n(.*?)```", self.text, re.DOTALL)
        )
        """What the guide says that an example prints."""

    def check(self, *names: str) -> None:
        """Every block of Python is one of those that are tested."""
        assert self.examples.keys() == set(names)

    def run(self, name: str) -> dict[str, Any]:
        """Run an example as if it were pasted into a file; gives its names."""
        return run_example(self.path, name)

    @contextmanager
    def imported(self, name: str, module: str) -> Iterator[ModuleType]:
        """Run an example as the module of that name, which others can import."""
        made = ModuleType(module)
        sys.modules[module] = made
        try:
            code = compile(self.examples[name], f"{self.path.name}: {name}", "exec", dont_inherit=True)
            exec(code, vars(made))
            yield made
        finally:
            del sys.modules[module]
