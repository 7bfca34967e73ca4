"""``clickasync simulator``: a gateway to develop against."""

from __future__ import annotations

from typing import Annotated

import typer

from clickasync.cli.command import add_command
from clickasync.cli.screen import clean
from clickasync.errors import InvalidOptionError

__all__ = ["pair", "register"]


def simulator(
    port: Annotated[int, typer.Option(help="The port; 0 takes a free one.", min=0, max=65535)] = 8095,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    api_id: Annotated[str, typer.Option(help="The account's API ID.")] = "1",
    user: Annotated[str, typer.Option(help="The account's user name.")] = "demo",
    password: Annotated[str, typer.Option(help="The account's password.")] = "demo",  # noqa: S107 - documented
    credits: Annotated[str, typer.Option(help="The account's credits; a message costs one a part.")] = "1000",
    session_lifetime: Annotated[float, typer.Option(help="Seconds of silence after which a session is dead.")] = 900,
    latency: Annotated[float, typer.Option(help="Seconds that each reply is held back.", min=0)] = 0,
    callback_url: Annotated[str | None, typer.Option(help="Where to report statuses and replies.")] = None,
    callback_type: Annotated[
        int, typer.Option(help="How: 0 HTTP GET, 1 HTTP POST, 2 XML GET, 3 XML POST, 4 SOAP GET, 6 SOAP POST.")
    ] = 0,
    callback_auth: Annotated[
        str | None, typer.Option(metavar="USER:PASSWORD", help="HTTP Basic credentials for the callback URL.")
    ] = None,
    speed: Annotated[float, typer.Option(help="How many of the gateway's seconds pass in one.")] = 1,
) -> None:
    """Run a gateway on this machine, until Ctrl-C. Nothing leaves it, and nothing costs anything.

    Point any Clickatell client at the URL that it prints. 999 and a three-digit code is a test number: 001 to 014 is
    accepted and ends in that status, 100 and above is refused with that error. What it accepted is at
    URL/simulator/messages; POST /simulator/mo lets a handset write.
    """
    from clickasync.simulator import CallbackType, Gateway, run

    try:
        gateway = Gateway(
            api_id=api_id,
            user=user,
            password=password,
            credits=credits,
            session_lifetime=session_lifetime,
            latency=latency,
            callback_url=callback_url,
            callback_type=CallbackType(callback_type),
            callback_auth=pair("--callback-auth", callback_auth),
            speed=speed,
        )
    except (ValueError, ArithmeticError) as error:
        raise InvalidOptionError(str(error) or "--credits must be a number") from None
    run(gateway, host=host, port=port, on_listening=_tell)


def _tell(url: str) -> None:
    print(f"Listening on {clean(url)}", flush=True)
    print(f"The Connect API's token, e-mails and codes: {clean(url)}/simulator/connect", flush=True)


def pair(name: str, text: str | None) -> tuple[str, str] | None:
    """User and password from ``user:password``.

    Raises:
        InvalidOptionError: there is no colon. The text is not repeated.
    """
    if text is None:
        return None
    user, colon, password = text.partition(":")
    if not (user and colon):
        raise InvalidOptionError(f"{name} must be USER:PASSWORD")
    return user, password


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, simulator)
