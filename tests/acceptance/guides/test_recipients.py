"""The guide to numbers, options, texts and files of recipients: its examples run, and its table is the package's."""

from __future__ import annotations

import re
from typing import Final

import pytest

from clickasync.options import OPTIONS
from clickasync.simulator import Gateway
from tests.support.examples import GUIDES, check_commands, examples_in, run_example, write_files

GUIDE: Final = GUIDES / "recipients" / "README.md"
PRINTED: Final = {
    "numbers": "",
    "texts": "Unicode 2 ('’',)\nGSM 1 ()\n",
    "files": """\
line 1 is taken for the header: to, name, city; cells are separated by semicolons, and the numbers are in column 'to'
27821234567 Hi Ann, greetings from Cape Town
27827654321 Hi Ben, greetings from Cairo
line 4: the number stands there again
line 5: '27825555555.0' is not a phone number: this looks like a number that a spreadsheet turned into a float; \
format the column as text, as in 27825555555
""",
}


def test_every_example_is_run() -> None:
    assert examples_in(GUIDE).keys() == PRINTED.keys()


@pytest.mark.parametrize("name", PRINTED)
def test_an_example_prints_what_it_should(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    write_files(GUIDE)
    run_example(GUIDE, name)
    assert capsys.readouterr().out == PRINTED[name]


def test_commands_show_what_the_guide_shows(gateway: Gateway) -> None:
    write_files(GUIDE)
    assert len(check_commands(GUIDE)) == 4
    assert sorted(message.to for message in gateway.messages) == ["27821234567", "27827654321"]


def table_of_options() -> str:
    """The table of the guide, from the package's."""
    lines = ["| option | what it may be | meaning |", "|---|---|---|"]
    for option in OPTIONS.values():
        kind = ", ".join(filter(None, (option.type, option.range)))
        lines.append(f"| `{option.name}` | {kind} | {option.meaning.replace('``', '`')} |")
    return "\n".join(lines)


def test_the_table_of_options_is_the_packages() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    found = re.search(r"<!-- options: begin -->\n(.*?)\n<!-- options: end -->", text, re.DOTALL)
    assert found is not None
    assert found[1] == table_of_options()
