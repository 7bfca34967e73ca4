"""Who calls, and where: the options that every command of the HTTP API shares."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any, ClassVar

import typer
from attrs import field, frozen

from clickasync.cli.panels import LOGIN
from clickasync.cli.typed import finite
from clickasync.client import Client

__all__ = ["Login", "read_secret"]


@frozen
class Login:
    """The account and the gateway."""

    PANEL: ClassVar = LOGIN

    api_id: Annotated[
        str | None,
        typer.Option(
            help="The API's ID; for an account of the vendor's new portal the API key. By default CLICKATELL_API_ID."
        ),
    ] = None
    user: Annotated[str | None, typer.Option(help="The account's user name; by default CLICKATELL_USER.")] = None
    password: Annotated[
        str | None,
        typer.Option(
            help="Discouraged: others on this machine can read it, and the shell remembers it. Better is "
            "CLICKATELL_PASSWORD, --password-file, or the prompt.",
        ),
    ] = field(default=None, repr=False)
    password_file: Annotated[
        Path | None, typer.Option(help="A file whose first line is the password.", show_default=False)
    ] = None
    base_url: Annotated[
        str | None, typer.Option(help="The gateway; by default CLICKATELL_BASE_URL, else Clickatell's.")
    ] = None
    allow_insecure: Annotated[
        bool, typer.Option("--allow-insecure", help="Permit plain http:// to another machine.")
    ] = False
    timeout: Annotated[
        float,
        typer.Option(metavar="SECONDS", parser=finite, help="Seconds for connecting, writing and reading, each."),
    ] = 30.0
    retries: Annotated[int, typer.Option(min=0, help="Repeats of a call, where a repeat cannot send twice.")] = 2

    @property
    def is_complete(self) -> bool:
        """Whether there are credentials without asking anybody."""
        given = {"api_id": self.api_id, "user": self.user, "password": self.password or self.password_file}
        return all(value or os.environ.get(f"CLICKATELL_{name.upper()}") for name, value in given.items())

    def client(self, **settings: Any) -> Client:
        """A client; asks for a missing password where somebody is there to answer.

        Raises:
            ConfigurationError: credentials are missing, or a setting is wrong.
        """
        password = read_secret("Password", self.password, self.password_file, "CLICKATELL_PASSWORD")
        return Client(
            api_id=self.api_id,
            user=self.user,
            password=password,
            base_url=self.base_url,
            allow_insecure=self.allow_insecure,
            timeout=self.timeout,
            retries=self.retries,
            **settings,
        )


def read_secret(what: str, given: str | None, file: Path | None, variable: str | None) -> str | None:
    """A secret: as given, from a file, from the environment (None: the caller looks there), or from the prompt."""
    if given:
        return given
    if file is not None:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
        return lines[0] if lines else ""
    if variable is not None and os.environ.get(variable):
        return None
    if not sys.stdin.isatty():
        return None
    secret: str = typer.prompt(what, hide_input=True, err=True)
    return secret
