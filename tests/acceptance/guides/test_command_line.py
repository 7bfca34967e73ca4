"""The guide to the command line: its commands print what it says, and its table names what there is."""

from __future__ import annotations

import re
from typing import Final

import pytest
from typer.main import get_command

from clickasync.cli.app import app
from clickasync.simulator import Gateway
from tests.support.examples import GUIDES, check_commands, simulated

GUIDE: Final = GUIDES / "cli" / "README.md"


def test_commands_show_what_the_guide_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = Gateway()
    with simulated(gateway, monkeypatch):
        assert len(check_commands(GUIDE)) == 3
    assert sorted(message.text for message in gateway.messages) == ["Doors open at 8", "Your code is 4711"]


def test_the_table_names_every_command() -> None:
    rows = re.findall(r"^\| (`.*?) \| ", GUIDE.read_text("utf-8"), re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([a-z]+)", row)}
    assert named >= get_command(app).commands.keys()  # type: ignore[attr-defined]
