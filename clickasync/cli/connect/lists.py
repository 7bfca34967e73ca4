"""The lists of the Connect API, the terms and a captcha."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import attrs
import typer

from clickasync.cli.command import add_command
from clickasync.cli.connect.access import Access, save_captcha
from clickasync.cli.screen import AsJson, show_json, show_table

__all__ = ["register"]


async def countries(access: Access, as_json: AsJson = False) -> None:
    """List all countries (get_list_country)."""
    async with access.client() as client:
        _show(await client.get_list_country(), ("id", "name"), as_json=as_json)


async def prefixes(access: Access, as_json: AsJson = False) -> None:
    """List the dialling prefixes of all countries (get_list_country_prefix)."""
    async with access.client() as client:
        _show(await client.get_list_country_prefix(), ("country_id", "prefix"), as_json=as_json)


async def accounts(access: Access, as_json: AsJson = False) -> None:
    """List the kinds of accounts (get_list_account)."""
    async with access.client() as client:
        _show(await client.get_list_account(), ("id", "name"), as_json=as_json)


async def callbacks(access: Access, as_json: AsJson = False) -> None:
    """List the transports for reports and replies (get_list_callback)."""
    async with access.client() as client:
        _show(await client.get_list_callback(), ("id", "name"), as_json=as_json)


async def connections(access: Access, as_json: AsJson = False) -> None:
    """List the kinds of APIs (get_list_connection)."""
    async with access.client() as client:
        _show(await client.get_list_connection(), ("id", "name"), as_json=as_json)


async def terms(
    access: Access,
    country_id: Annotated[int | None, typer.Option(help="The country, as `connect countries` has it.")] = None,
    client_ip_address: Annotated[str | None, typer.Option(help="Or the user's IP address, in its place.")] = None,
    terms_format: Annotated[int | None, typer.Option(help="1 text, 2 HTML.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print the URL of the terms and conditions (get_list_terms)."""
    async with access.client() as client:
        url = await client.get_list_terms(
            country_id=country_id, client_ip_address=client_ip_address, terms_format=terms_format
        )
    show_json({"url": url}) if as_json else typer.echo(url)


async def captcha(
    access: Access,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the picture goes.")] = Path("captcha.png"),
    as_json: AsJson = False,
) -> None:
    """Save a new captcha as a PNG, and print its ID (get_captcha). It serves for 15 minutes and for one attempt."""
    async with access.client() as client:
        picture = await client.get_captcha()
    save_captcha(picture.image, file)
    if as_json:
        show_json({"captcha_id": picture.id, "file": str(file)})
    else:
        typer.echo(f"{file} shows the code of --captcha-id {picture.id}")


def _show(entries: Sequence[Any], columns: tuple[str, ...], *, as_json: bool) -> None:
    if as_json:
        show_json([attrs.asdict(entry) for entry in entries])
    else:
        show_table(columns, ([getattr(entry, column) for column in columns] for entry in entries))


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for function in (countries, prefixes, accounts, callbacks, connections, terms, captcha):
        add_command(app, function)
