"""``clickasync simulator``: a gateway to develop against."""

from __future__ import annotations

import contextlib
import sys
import threading
import webbrowser
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from clickasync.cli.command import add_command
from clickasync.cli.screen import clean
from clickasync.cli.typed import credit, finite
from clickasync.errors import InvalidOptionError

if TYPE_CHECKING:
    from clickasync.simulator import Gateway

__all__ = ["pair", "register"]


def simulator(
    port: Annotated[int, typer.Option(help="The port; 0 takes a free one.", min=0, max=65535)] = 8095,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    api_id: Annotated[str, typer.Option(help="The account's API ID.")] = "1",
    user: Annotated[str, typer.Option(help="The account's user name.")] = "demo",
    password: Annotated[str, typer.Option(help="The account's password.")] = "demo",  # noqa: S107 - documented
    credits: Annotated[
        Decimal,
        typer.Option(metavar="NUMBER", parser=credit, help="The account's credits; a message costs one a part."),
    ] = Decimal(1000),
    session_lifetime: Annotated[
        float, typer.Option(metavar="SECONDS", parser=finite, help="The silence after which a session is dead.")
    ] = 900,
    latency: Annotated[float, typer.Option(help="Seconds that each reply is held back.", min=0)] = 0,
    callback_url: Annotated[str | None, typer.Option(help="Where to report statuses and replies.")] = None,
    callback_type: Annotated[
        int,
        typer.Option(
            help="How: 0 HTTP GET, 1 HTTP POST, 2 XML GET, 3 XML POST, 4 SOAP GET, 6 SOAP POST, 7 JSON RAW HTTP POST."
        ),
    ] = 0,
    callback_auth: Annotated[
        str | None, typer.Option(metavar="USER:PASSWORD", help="HTTP Basic credentials for the callback URL.")
    ] = None,
    speed: Annotated[
        float, typer.Option(metavar="NUMBER", parser=finite, help="How many of the gateway's seconds pass in one.")
    ] = 1,
    keep: Annotated[int, typer.Option(help="How many messages are kept; the oldest go.", min=1)] = 5000,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A name under which the inbox may be called, as in Compose; repeatable."),
    ] = None,
    open_inbox: Annotated[bool, typer.Option("--open", help="Open the inbox in the browser.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No line for each message, on a terminal either.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="A line for each message, also where stdout is no terminal.")
    ] = False,
) -> None:
    """Run a gateway on this machine, until Ctrl-C. Nothing leaves it, and nothing costs anything.

    Point any Clickatell client at the URL that it prints, and look at its inbox there in a browser. 999 and a
    three-digit code is a test number: 001 to 014 is accepted and ends in that status, 100 and above is refused with
    that error, 950 to 959 is a fault of the connection. Everything that the inbox does, programs do under
    URL/simulator: see URL/simulator/openapi.json.
    """
    from clickasync.cli.lines import printing
    from clickasync.simulator import CallbackType, Gateway, run

    if quiet and verbose:
        raise InvalidOptionError("--quiet or --verbose: not both")
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
            keep=keep,
        )
    except ValueError as error:
        raise InvalidOptionError(str(error)) from None
    lines = contextlib.ExitStack()
    if verbose or (sys.stdout.isatty() and not quiet):
        lines.enter_context(printing(gateway, sys.stdout.fileno()))
    with lines:
        run(
            gateway, host=host, port=port, on_listening=_on_listening(gateway, open_inbox), allow_hosts=allow_host or ()
        )


def _on_listening(gateway: Gateway, open_inbox: bool) -> Callable[[str], None]:
    def show(url: str) -> None:
        print(f"Listening on {clean(url)}", flush=True)
        print(f"The inbox is there too. The Connect API's token is {gateway.connect.token}", flush=True)
        if open_inbox:
            # On a thread: starting a browser takes a while, and calls are answered meanwhile.
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()

    return show


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
