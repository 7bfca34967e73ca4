"""Opening an account by hand: register, activate by e-mail and SMS, add a connection, buy credits."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import attrs
import typer
from attrs import frozen

from clickasync.cli.command import Status, add_command, new_app
from clickasync.cli.connect.access import Access, Captcha, Person
from clickasync.cli.login import read_secret
from clickasync.cli.screen import AsJson, show_json
from clickasync.errors import InvalidOptionError

__all__ = ["register_commands"]


@frozen
class Application:
    """What is known of a new user; what is required is asked for."""

    user: Annotated[str | None, typer.Option(help="The user name: letters and digits.")] = None
    fname: Annotated[str | None, typer.Option(help="First name.")] = None
    sname: Annotated[str | None, typer.Option(help="Surname.")] = None
    email_address: Annotated[str | None, typer.Option(help="Where the activation link goes.")] = None
    country_id: Annotated[int | None, typer.Option(help="The country, as `connect countries` has it.")] = None
    mobile_number: Annotated[str | None, typer.Option(help="International, digits only.")] = None
    accept_terms: Annotated[
        bool | None, typer.Option("--accept-terms/--refuse-terms", help="Whether the user accepts the terms.")
    ] = None
    account_id: Annotated[int | None, typer.Option(help="The kind of account, as `connect accounts` has it.")] = None
    company: Annotated[str | None, typer.Option(help="The user's company.")] = None
    email_format: Annotated[int | None, typer.Option(help="Of the activation e-mail: 1 text, 2 HTML.")] = None
    weekly_update: Annotated[
        bool | None, typer.Option("--weekly-update/--no-weekly-update", help="The weekly newsletter.")
    ] = None
    force_create: Annotated[
        bool | None, typer.Option("--force-create", help="Even if there is an account with this e-mail address.")
    ] = None
    coupon_code: Annotated[str | None, typer.Option(help="A voucher for credits.")] = None
    activation_redirect: Annotated[str | None, typer.Option(help="Where the activation link leads on to.")] = None
    test_mode: Annotated[bool | None, typer.Option("--test-mode", help="Check everything, and open nothing.")] = None

    def complete(self) -> dict[str, Any]:
        """The parameters; asks for what is required and missing.

        Raises:
            InvalidOptionError: something is missing, and there is nobody to ask.
        """
        given = {name: value for name, value in attrs.asdict(self).items() if value is not None}
        required = ("user", "fname", "sname", "email_address", "country_id", "mobile_number")
        missing = [name for name in required if name not in given]
        if missing and not sys.stdin.isatty():
            options = ", ".join("--" + name.replace("_", "-") for name in missing)
            raise InvalidOptionError(f"missing: {options}")
        for name in missing:
            kind = int if name == "country_id" else str
            given[name] = typer.prompt(name.replace("_", " ").capitalize(), type=kind, err=True)
        if "accept_terms" not in given:
            if not sys.stdin.isatty():
                raise InvalidOptionError("missing: --accept-terms; `connect terms` says where they are")
            given["accept_terms"] = typer.confirm("Does the user accept the terms", err=True)
        return given


async def register(
    access: Access,
    application: Application,
    captcha: Captcha,
    password_file: Annotated[
        Path | None, typer.Option(help="A file whose first line is the new password; else it is asked for.")
    ] = None,
    captcha_file: Annotated[Path, typer.Option(help="Where a captcha is put to be solved.")] = Path("captcha.png"),
    as_json: AsJson = False,
) -> None:
    """Open an account; the gateway then sends an activation link by e-mail (register)."""
    given = application.complete()
    password = read_secret("New password", None, password_file, None)
    if not password:
        raise InvalidOptionError("the password is missing: give --password-file, or run this on a terminal")
    async with access.client() as client:
        solved = await captcha.solve(client, captcha_file)
        user = given.pop("user")
        await client.register(user, password, captcha=solved, **given)
    _say(as_json, f"{user} is registered; the activation link is on its way by e-mail", user=user)


async def authenticate(access: Access, person: Person, captcha: Captcha, as_json: AsJson = False) -> None:
    """Check a user name and password (authenticate_user). A failed login counts."""
    async with access.client() as client:
        number = await client.authenticate_user(person.user, person.password(), captcha=captcha.solved())
    _say(as_json, f"{person.user} is user number {number}", user=person.user, user_number=number)


async def forgot_password(
    access: Access,
    user: Annotated[str, typer.Argument(metavar="USER", help="The user name.")],
    email_address: Annotated[str, typer.Argument(metavar="EMAIL_ADDRESS", help="The account's e-mail address.")],
    captcha: Captcha,
    captcha_file: Annotated[Path, typer.Option(help="Where a captcha is put to be solved.")] = Path("captcha.png"),
    as_json: AsJson = False,
) -> None:
    """Have a new password sent by e-mail; the old one is no longer good then (forgot_password)."""
    async with access.client() as client:
        await client.forgot_password(user, email_address, captcha=await captcha.solve(client, captcha_file))
    _say(as_json, f"a new password is on its way to {email_address}", user=user)


async def resend_email(
    access: Access,
    person: Person,
    captcha: Captcha,
    email_address: Annotated[
        str | None, typer.Option(help="Changes the account's address, and sends it there.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Send the activation e-mail again (resend_email_activation)."""
    async with access.client() as client:
        number = await client.resend_email_activation(
            person.user, person.password(), email_address=email_address, captcha=captcha.solved()
        )
    _say(as_json, "the activation link is on its way by e-mail", user=person.user, user_number=number)


async def status(access: Access, person: Person, captcha: Captcha, as_json: AsJson = False) -> Status:
    """Ask whether an account is activated by SMS (sms_activation_status). The exit status is 1 if it is not."""
    async with access.client() as client:
        state = await client.sms_activation_status(person.user, person.password(), captcha=captcha.solved())
    words = f"activated by SMS to {state.mobile_number}" if state.activated else "not activated by SMS"
    _say(as_json, f"{person.user} is {words}", **attrs.asdict(state))
    return Status.OK if state.activated else Status.NOT_ALL


async def send(
    access: Access,
    person: Person,
    captcha: Captcha,
    mobile_number: Annotated[str | None, typer.Option(help="Changes the account's number, and sends it there.")] = None,
    as_json: AsJson = False,
) -> None:
    """Send the activation code by SMS (send_activation_sms)."""
    async with access.client() as client:
        await client.send_activation_sms(
            person.user, person.password(), mobile_number=mobile_number, captcha=captcha.solved()
        )
    _say(as_json, "the activation code is on its way by SMS", user=person.user)


async def validate(
    access: Access,
    person: Person,
    code: Annotated[str, typer.Argument(metavar="CODE", help="The code in the activation SMS.")],
    captcha: Captcha,
    as_json: AsJson = False,
) -> None:
    """Activate an account by the code in the activation SMS (validate_activation_sms)."""
    async with access.client() as client:
        await client.validate_activation_sms(person.user, person.password(), code, captcha=captcha.solved())
    _say(as_json, f"{person.user} is activated by SMS", user=person.user, activated=True)


async def create_connection(
    access: Access,
    person: Person,
    captcha: Captcha,
    connection_id: Annotated[int | None, typer.Option(help="The kind of API, as `connect connections` has it.")] = None,
    ftp_password_file: Annotated[
        Path | None, typer.Option(help="For FTP: a file whose first line is the password.")
    ] = None,
    api_description: Annotated[str | None, typer.Option(help="A name for it.")] = None,
    ip_address: Annotated[str | None, typer.Option(help="Only these addresses may use it; joined by commas.")] = None,
    dial_prefix: Annotated[str | None, typer.Option(help="Takes the place of a number's leading zero.")] = None,
    callback_url: Annotated[str | None, typer.Option(help="To be called with statuses and replies.")] = None,
    callback_type_id: Annotated[int | None, typer.Option(help="How, as `connect callbacks` has it.")] = None,
    callback_username: Annotated[str | None, typer.Option(help="HTTP Basic user name for the callback URL.")] = None,
    callback_password_file: Annotated[
        Path | None, typer.Option(help="A file whose first line is the password for the callback URL.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add an API to an account, and print its api_id, with which `clickasync send` works (create_connection)."""
    callback_password = (
        read_secret("Callback password", None, callback_password_file, None) if callback_username else None
    )
    async with access.client() as client:
        api_id = await client.create_connection(
            person.user,
            person.password(),
            connection_id,
            ftp_password=read_secret("", None, ftp_password_file, None) if ftp_password_file else None,
            api_description=api_description,
            ip_address=ip_address,
            Dial_prefix=dial_prefix,
            callback_url=callback_url,
            callback_type_id=callback_type_id,
            callback_username=callback_username,
            callback_password=callback_password,
            captcha=captcha.solved(),
        )
    _say(as_json, api_id, api_id=api_id)


async def buy_credits_url(access: Access, person: Person, captcha: Captcha, as_json: AsJson = False) -> None:
    """Print the URL of the page where a user buys credits (buy_credits_url)."""
    async with access.client() as client:
        url = await client.buy_credits_url(person.user, person.password(), captcha=captcha.solved())
    _say(as_json, url, url=url)


def _say(as_json: bool, words: str, **fields: Any) -> None:
    show_json(fields) if as_json else typer.echo(words)


def register_commands(app: typer.Typer) -> None:
    """Add the commands."""
    commands: tuple[Callable[..., Any], ...] = (
        register,
        authenticate,
        forgot_password,
        resend_email,
        create_connection,
        buy_credits_url,
    )
    for function in commands:
        add_command(app, function)
    activation = new_app("The activation of an account by SMS.")
    for function in (status, send, validate):
        add_command(activation, function)
    app.add_typer(activation, name="activation")
