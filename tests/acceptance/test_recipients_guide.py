"""The guide to numbers, options, texts and files of recipients: its examples run, and its table is the package's."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from anyio.from_thread import start_blocking_portal
from typer.testing import CliRunner

import clickasync
from clickasync.cli.app import app
from clickasync.options import OPTIONS
from clickasync.simulator import Gateway, serve

GUIDE: Final = (Path(clickasync.__file__).parent / "recipients" / "README.md").read_text(encoding="utf-8")
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


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with the files of the guide."""
    monkeypatch.chdir(tmp_path)
    for name, content in re.findall(r"<!-- file: (\S+) -->\n```\n(.*?)```", GUIDE, re.DOTALL):
        Path(name).write_text(content, encoding="utf-8")


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    """A served simulator that the environment points to."""
    gateway = Gateway()
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(serve(gateway)) as url:
        for name, value in {"API_ID": "1", "USER": "demo", "PASSWORD": "demo", "BASE_URL": url}.items():
            monkeypatch.setenv(f"CLICKATELL_{name}", value)
        yield gateway


def test_every_block_is_an_example() -> None:
    named = dict(re.findall(r"<!-- example: (\S+) -->\n```python\n(.*?)```", GUIDE, re.DOTALL))
    assert named.keys() == PRINTED.keys()
    assert GUIDE.count("```python") == len(named)


@pytest.mark.parametrize("name", PRINTED)
def test_an_example_prints_what_it_should(name: str) -> None:
    found = re.search(rf"<!-- example: {name} -->\n```python\n(.*?)```", GUIDE, re.DOTALL)
    assert found is not None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(found[1], f"README.md: {name}", "exec", dont_inherit=True), {"__name__": "guide"})  # noqa: S102
    assert printed.getvalue() == PRINTED[name]


def shown_by(command: str) -> str:
    program, *arguments = shlex.split(command)
    if program == "cat":
        return Path(arguments[0]).read_text(encoding="utf-8")
    assert program == "clickasync"
    return CliRunner().invoke(app, arguments).output


def test_commands_show_what_the_guide_shows(gateway: Gateway) -> None:
    blocks = re.findall(r"```console\n(.*?)```", GUIDE, re.DOTALL)
    commands = [each for block in blocks for each in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    assert len(commands) == 4
    for each in commands:
        command, _, expected = each.partition("\n")
        pattern = re.escape(expected).replace("…", ".*")
        shown = shown_by(command)
        assert re.fullmatch(pattern, shown, re.DOTALL), shown
    assert sorted(message.to for message in gateway.messages) == ["27821234567", "27827654321"]


def table_of_options() -> str:
    """The table of the guide, from the package's."""
    lines = ["| option | what it may be | meaning |", "|---|---|---|"]
    for option in OPTIONS.values():
        kind = ", ".join(filter(None, (option.type, option.range)))
        lines.append(f"| `{option.name}` | {kind} | {option.meaning.replace('``', '`')} |")
    return "\n".join(lines)


def test_the_table_of_options_is_the_packages() -> None:
    found = re.search(r"<!-- options: begin -->\n(.*?)\n<!-- options: end -->", GUIDE, re.DOTALL)
    assert found is not None
    assert found[1] == table_of_options()
