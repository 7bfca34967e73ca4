"""The examples of the guides, run as they stand there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import clickasync

__all__ = ["GUIDES", "examples_in", "run_example"]

GUIDES = Path(clickasync.__file__).parent


def examples_in(guide: Path) -> dict[str, str]:
    """The blocks that a comment ``<!-- example: name -->`` stands before."""
    text = guide.read_text(encoding="utf-8")
    found = dict(re.findall(r"<!-- example: (\S+) -->\n```python\n(.*?)```", text, re.DOTALL))
    assert len(found) == text.count("```python"), f"a block of {guide} has no name"
    return found


def run_example(guide: Path, name: str, **names: Any) -> Mapping[str, Any]:
    """Run an example as if it were pasted into a file; gives its names."""
    module = ModuleType(f"guide_{name}")
    vars(module).update(names)
    code = examples_in(guide)[name]
    exec(compile(code, f"{guide.name}: {name}", "exec", dont_inherit=True), vars(module))  # noqa: S102
    return vars(module)
