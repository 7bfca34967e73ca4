"""``clickasync balance``, ``coverage`` and ``redeem``."""

from __future__ import annotations

import sys
from typing import Annotated

import attrs
import typer

from clickasync.cli.command import Status, add_command
from clickasync.cli.login import Login
from clickasync.cli.screen import AsJson, show_json, show_table

__all__ = ["register"]


async def balance(login: Login, as_json: AsJson = False) -> None:
    """Ask for the account's credits (getbalance)."""
    async with login.client() as client:
        credits = await client.balance()
    if as_json:
        show_json({"balance": credits})
    else:
        typer.echo(f"{credits} credits")


async def coverage(
    numbers: Annotated[list[str], typer.Argument(metavar="NUMBER", help="Phone numbers.")],
    login: Login,
    as_json: AsJson = False,
) -> Status:
    """Ask whether numbers can be reached, and at what charge in credits (routeCoverage).

    The exit status is 1 if one of them is not covered. --json prints an array.
    """
    async with login.client() as client:
        answers = [await client.coverage(number) for number in numbers]
    if as_json:
        show_json([attrs.asdict(answer) for answer in answers])
    else:
        shown = [(each.msisdn, "yes" if each.covered else "no", each.charge, each.message) for each in answers]
        show_table(("number", "covered", "charge", "the gateway's words"), shown)
    return Status.OK if all(answer.covered for answer in answers) else Status.NOT_ALL


async def redeem(
    login: Login,
    token: Annotated[
        str | None,
        typer.Argument(
            metavar="TOKEN", help="The voucher, 16 digits. Better left out: it is then asked for.", show_default=False
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Redeem a voucher for credits (token_pay). Without TOKEN it is read from the prompt, or from stdin."""
    if token is None:
        token = typer.prompt("Voucher", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline()
    async with login.client() as client:
        answer = await client.redeem(token.strip())
        credits = await client.balance()
    if as_json:
        show_json({"answer": answer, "balance": credits})
    else:
        typer.echo(f"Redeemed ({answer}); the balance is now {credits} credits")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for function in (balance, coverage, redeem):
        add_command(app, function)
