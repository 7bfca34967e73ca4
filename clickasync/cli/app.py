"""All commands, put together."""

from __future__ import annotations

from typing import Annotated

import typer

from clickasync._version import __version__
from clickasync.cli import account, ask, codes, listen, send, simulator, text
from clickasync.cli.bulk import command as bulk
from clickasync.cli.campaign import command as campaign
from clickasync.cli.command import new_app
from clickasync.cli.connect import command as connect
from clickasync.cli.demo import command as demo

__all__ = ["app"]

app = new_app(
    help="Clickatell's HTTP API on the command line.\n\nCredentials come from CLICKATELL_API_ID, CLICKATELL_USER and "
    "CLICKATELL_PASSWORD, or from options. Exit status: 0 all accepted, 1 something rejected or uncertain, 2 wrong "
    "usage or credentials, 3 the gateway was not reached, 130 interrupted.\n\n"
    "clickasync --install-completion completes commands and options in your shell.",
    completion=True,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"clickasync {__version__}")
        raise typer.Exit


@app.callback()
def _all(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


for module in (send, bulk, campaign, text, ask, account, codes, simulator, demo, connect, listen):
    module.register(app)
