"""The sixteen actions, as the gateway carries them out."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from attrs import frozen

from clickasync.simulator.connect.documents import Refused, Request
from clickasync.simulator.connect.office import MAX_WRONG_CODES, Office
from clickasync.simulator.connect.people import Email, Link, Sms, User
from clickasync.simulator.connect.tables import (
    ACCOUNTS,
    CALLBACKS,
    CONNECTIONS,
    COUNTRIES,
    FTP,
    PREFIXES,
    check,
)

__all__ = ["ACTIONS", "Action"]

Values: TypeAlias = list[dict[str, Any]]
_Do: TypeAlias = Callable[[Office, Request], Values]


@frozen
class Action:
    """What an action checks and does."""

    do: _Do
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()

    def run(self, office: Office, request: Request) -> Values:
        """Carry it out.

        Raises:
            Refused: by a trigger, by the parameters, or by what it finds.
        """
        _obey_triggers(request)
        if wrong := check(request.fields, self.required, self.optional):
            raise Refused(*wrong)
        return self.do(office, request)


def _obey_triggers(request: Request) -> None:
    triggered = re.fullmatch("error([0-9]{3})", request["user"]) or re.match(
        "999([1-9][0-9]{2})", request["mobile_number"]
    )
    if triggered:
        raise Refused(triggered[1])


def _table(table: Mapping[int, str], id_name: str, name: str) -> _Do:
    return lambda office, request: [{id_name: id, name: text} for id, text in table.items()]


def _prefixes(office: Office, request: Request) -> Values:
    # As in the guide, where some entries have it in an element called name.
    return [
        {"country_id": id, "name" if number == 1 else "prefix": prefix}
        for number, (id, prefix) in enumerate(PREFIXES.items())
    ]


def _terms(office: Office, request: Request) -> Values:
    if not request["country_id"] and not request["client_ip_address"]:
        raise Refused("429")
    kind = "html" if request["terms_format"] == "2" else "txt"
    return [{"URL_location": f"{request.base_url}/simulator/connect/terms.{kind}?country={request['country_id']}"}]


def _captcha(office: Office, request: Request) -> Values:
    captcha = office.captchas.new()
    return [{"captcha_id": captcha.id, "captcha_image": "".join(f"%{byte:02X}" for byte in captcha.image)}]


def _register(office: Office, request: Request) -> Values:
    office.captchas.redeem(request)
    if request["accept_terms"] == "0":
        raise Refused("410")
    if request["user"] in office.users:
        raise Refused("439")
    addresses = {user.email_address for user in office.users.values()}
    if request["email_address"] in addresses and request["force_create"] != "1":
        raise Refused("105")
    coupon = request["coupon_code"]
    if coupon and coupon not in office.coupons:
        raise Refused("109")
    if request["test_mode"] == "1":
        return []
    user = User(
        number=office.next_number(),
        name=request["user"],
        password=request["password"],
        email_address=request["email_address"],
        mobile_number=request["mobile_number"],
        link=Link(request["activation_redirect"]),
    )
    office.admit(user)
    if coupon:
        office.credits[user.name] += office.coupons.pop(coupon)
    _send_link(office, request, user)
    return []


def _resend(office: Office, request: Request) -> Values:
    user = office.log_in(request, email_activated=False)
    if user.email_activated:
        raise Refused("107")
    user.email_address = request["email_address"] or user.email_address
    _send_link(office, request, user)
    return [{"UserNumber": user.number}]


def _send_link(office: Office, request: Request, user: User) -> None:
    link = f"{request.base_url}/simulator/connect/activate?code={user.link.code}"
    text = f"Welcome, {user.name}. Activate your account: {link}"
    office.send(Email(user.email_address, "Activate your account", text, link))


def _authenticate(office: Office, request: Request) -> Values:
    return [{"Usernumber": office.log_in(request).number}]


def _forgot(office: Office, request: Request) -> Values:
    office.captchas.redeem(request)
    user = office.users.get(request["user"])
    if user is None or user.email_address != request["email_address"]:
        raise Refused("405")
    user.password = secrets.token_hex(4)
    for api_id in user.connections:
        office.world.accounts[api_id].password = user.password
    office.send(Email(user.email_address, "Your new password", f"Your new password: {user.password}"))
    return []


def _status(office: Office, request: Request) -> Values:
    user = office.log_in(request)
    if not user.sms.activated:
        raise Refused("104")
    return [{"Cellphone": user.mobile_number, "UserNumber": user.number}]


def _send_sms(office: Office, request: Request) -> Values:
    user = office.log_in(request)
    if user.sms.activated:
        raise Refused("108")
    user.mobile_number = request["mobile_number"] or user.mobile_number
    user.sms.code, user.sms.wrong = f"{secrets.randbelow(10**6):06}", 0
    office.send(Sms(user.mobile_number, f"Your activation code: {user.sms.code}", user.sms.code))
    return []


def _validate_sms(office: Office, request: Request) -> Values:
    user = office.log_in(request)
    if user.sms.activated:
        raise Refused("108")
    if user.sms.wrong >= MAX_WRONG_CODES:
        raise Refused("102")
    if not user.sms.code or request["sms_activation_code"] != user.sms.code:
        user.sms.wrong += 1
        raise Refused("418")
    user.sms.activated = True
    return []


def _create_connection(office: Office, request: Request) -> Values:
    user = office.log_in(request)
    if request["connection_id"] == str(FTP) and not request["ftp_password"]:
        raise Refused("420")
    api_id = office.next_api_id()
    login = request["callback_username"], request["callback_password"]
    office.world.accounts.open(
        api_id,
        user.name,
        user.password,
        credits=office.free_credits + office.credits.pop(user.name, 0),
        callback_url=request["callback_url"] or None,
        callback_type=int(request["callback_type_id"] or 1),
        callback_auth=login if any(login) else None,
        default_prefix=request["Dial_prefix"] or None,
    )
    user.connections.append(api_id)
    return [{"api_id": api_id}]


def _buy(office: Office, request: Request) -> Values:
    user = office.log_in(request)
    return [{"buy_url": f"{request.base_url}/simulator/connect/buy?user={user.number}&amount=any"}]


_LOGIN: Final = ("user", "password")

ACTIONS: Final[Mapping[str, Action]] = {
    "get_list_country": Action(_table(COUNTRIES, "country_id", "name")),
    "get_list_country_prefix": Action(_prefixes),
    "get_list_account": Action(_table(ACCOUNTS, "account_id", "account_type")),
    "get_list_callback": Action(_table(CALLBACKS, "callback_type_id", "callback_type")),
    "get_list_connection": Action(_table(CONNECTIONS, "connection_type_id", "connection_type")),
    "get_list_terms": Action(_terms, (), ("country_id", "client_ip_address", "terms_format")),
    "get_captcha": Action(_captcha),
    "register": Action(
        _register,
        (*_LOGIN, "fname", "sname", "email_address", "country_id", "mobile_number", "accept_terms"),
        (
            "account_id",
            "company",
            "email_format",
            "weekly_update",
            "force_create",
            "activation_redirect",
            "test_mode",
        ),
    ),
    "resend_email_activation": Action(_resend, _LOGIN, ("email_address",)),
    "authenticate_user": Action(_authenticate, _LOGIN),
    "forgot_password": Action(_forgot, ("user", "email_address")),
    "sms_activation_status": Action(_status, _LOGIN),
    "send_activation_sms": Action(_send_sms, _LOGIN, ("mobile_number",)),
    "validate_activation_sms": Action(_validate_sms, (*_LOGIN, "sms_activation_code")),
    "create_connection": Action(
        _create_connection,
        _LOGIN,
        (
            "connection_id",
            "ftp_password",
            "api_description",
            "ip_address",
            "Dial_prefix",
            "callback_url",
            "callback_type_id",
            "callback_username",
            "callback_password",
        ),
    ),
    "buy_credits_url": Action(_buy, _LOGIN),
}
