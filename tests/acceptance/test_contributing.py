"""CONTRIBUTING.md: the code that it quotes is the code, and its floors are those that the tests hold."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent
from typing import Final

from tests.test_architecture import FLOORS

ROOT: Final = Path(__file__).parents[2]
TEXT: Final = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_the_code_that_it_quotes_is_there() -> None:
    quoted = re.findall(r"^ +<!-- from: (\S+) -->\n +```python\n(.*?)^ +```", TEXT, re.DOTALL | re.MULTILINE)
    assert len(quoted) == TEXT.count("```python") == 5
    for file, code in quoted:
        assert dedent(code).strip() in dedent((ROOT / file).read_text(encoding="utf-8")), file


def test_its_floors_are_those_of_the_tests() -> None:
    picture = re.search(r"```\n( 1  codes/.*?)```", TEXT, re.DOTALL)
    assert picture is not None
    shown: dict[str, int] = {}
    for line in picture[1].splitlines():
        floor, names = re.fullmatch(r" ?(\d+)  (.*?)   +.*", line).groups()  # type: ignore[union-attr]
        shown |= {f"clickasync.{name.rstrip('/')}": int(floor) for name in names.split("  ")}
    entries = {"clickasync", "clickasync.__main__", "clickasync._version"}
    assert shown == {name: floor for name, floor in FLOORS.items() if name not in entries}


def test_the_folders_of_tests_are_there() -> None:
    named = set(re.findall(r"^\| `tests/(\w+)/` ", TEXT, re.MULTILINE))
    assert named
    assert [name for name in named if not (ROOT / "tests" / name).is_dir()] == []
