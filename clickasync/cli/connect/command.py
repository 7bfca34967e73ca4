"""``clickasync connect``."""

from __future__ import annotations

import typer

from clickasync.cli.command import new_app
from clickasync.cli.connect import lists, people

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands, as commands of a command."""
    connect = new_app(
        "The Connect API: open accounts for your users.\n\nThe token comes from CLICKATELL_CONNECT_TOKEN, "
        "--token-file or the prompt; passwords from --password-file or the prompt."
    )
    lists.register(connect)
    people.register_commands(connect)
    app.add_typer(connect, name="connect")
