"""Who calls the Connect API, and on whose behalf: options that its commands share."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final

import typer
from attrs import field, frozen

from clickasync.cli.login import read_secret
from clickasync.cli.panels import LOGIN
from clickasync.cli.typed import finite
from clickasync.connect.client import ConnectClient
from clickasync.errors import InvalidOptionError

__all__ = ["Access", "Captcha", "Person", "save_captcha"]

_VARIABLE: Final = "CLICKATELL_CONNECT_TOKEN"


@frozen
class Access:
    """The application and the gateway."""

    PANEL: ClassVar = LOGIN

    token: Annotated[
        str | None,
        typer.Option(
            help="Discouraged: others on this machine can read it. Better is CLICKATELL_CONNECT_TOKEN, --token-file or "
            "the prompt.",
        ),
    ] = field(default=None, repr=False)
    token_file: Annotated[Path | None, typer.Option(help="A file whose first line is the token.")] = None
    base_url: Annotated[
        str | None, typer.Option(help="The gateway; by default CLICKATELL_CONNECT_BASE_URL, else Clickatell's.")
    ] = None
    allow_insecure: Annotated[
        bool, typer.Option("--allow-insecure", help="Permit plain http:// to another machine.")
    ] = False
    timeout: Annotated[
        float,
        typer.Option(metavar="SECONDS", parser=finite, help="Seconds for connecting, writing and reading, each."),
    ] = 30.0
    retries: Annotated[int, typer.Option(min=0, help="Repeats of a call, where a repeat can do no harm.")] = 2

    def client(self) -> ConnectClient:
        """A client; asks for a missing token where somebody is there to answer.

        Raises:
            ConfigurationError: there is no token, or a setting is wrong.
        """
        token = read_secret("Token", self.token, self.token_file, _VARIABLE)
        where: dict[str, Any] = {"base_url": self.base_url} if self.base_url else {}
        return ConnectClient(
            token, allow_insecure=self.allow_insecure, timeout=self.timeout, retries=self.retries, **where
        )


@frozen
class Person:
    """A user of the gateway."""

    user: Annotated[str, typer.Argument(metavar="USER", help="The user name.")]
    password_file: Annotated[
        Path | None, typer.Option(help="A file whose first line is the password; else it is asked for.")
    ] = None

    def password(self) -> str:
        """Their password.

        Raises:
            InvalidOptionError: there is none, and nobody to ask.
        """
        password = read_secret("Password", None, self.password_file, None)
        if not password:
            raise InvalidOptionError("the password is missing: give --password-file, or run this on a terminal")
        return password


@frozen
class Captcha:
    """A captcha that a person solved."""

    captcha_id: Annotated[str | None, typer.Option(help="Of the captcha, as `connect captcha` prints it.")] = None
    captcha_code: Annotated[str | None, typer.Option(help="What the captcha shows.")] = None

    def solved(self) -> tuple[str, str] | None:
        """The pair that the client takes; None without one.

        Raises:
            InvalidOptionError: only half of it was given.
        """
        if self.captcha_id is None and self.captcha_code is None:
            return None
        if self.captcha_id is None or self.captcha_code is None:
            raise InvalidOptionError("--captcha-id and --captcha-code go together")
        return self.captcha_id, self.captcha_code

    async def solve(self, client: ConnectClient, file: Path) -> tuple[str, str]:
        """The solved captcha that was given, or a new one, saved to `file` and solved by the person at the terminal.

        Raises:
            InvalidOptionError: none was given, and there is nobody to solve one.
        """
        solved = self.solved()
        if solved is not None:
            return solved
        if not sys.stdin.isatty():
            raise InvalidOptionError(
                "a captcha is needed: run `connect captcha`, and give --captcha-id, --captcha-code"
            )
        captcha = await client.get_captcha()
        save_captcha(captcha.image, file)
        code: str = typer.prompt(f"What does {file} show", err=True)
        return captcha.id, code


def save_captcha(image: bytes, file: Path) -> None:
    """Write a captcha's PNG."""
    file.write_bytes(image)
