"""The sixteen actions, as the gateway carries them out."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from attrs import frozen

from clickasync.simulator.connect.documents import Refused
from clickasync.simulator.connect.people import Email, Sms, User
from clickasync.simulator.connect.tables import (
    ACCOUNTS,
    CALLBACKS,
    CONNECTIONS,
    COUNTRIES,
    FTP,
    PREFIXES,
    check,
)

if TYPE_CHECKING:
    from clickasync.simulator.connect.state import Connect, Request

__all__ = ["ACTIONS", "Action"]

Values: TypeAlias = list[dict[str, Any]]
_Do: TypeAlias = "Callable[[Connect, Request], Values]"


@frozen
class Action:
    """What an action checks and does."""

    do: _Do
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()

    def run(self, connect: Connect, request: Request) -> Values:
        """Carry it out.

        Raises:
            Refused: by a trigger, by the parameters, or by what it finds.
        """
        _obey_triggers(request)
        if wrong := check(request.fields, self.required, self.optional):
            raise Refused(*wrong)
        return self.do(connect, request)


def _obey_triggers(request: Request) -> None:
    triggered = re.fullmatch("error([0-9]{3})", request["user"]) or re.match(
        "999([1-9][0-9]{2})", request["mobile_number"]
    )
    if triggered:
        raise Refused(triggered[1])


def _table(table: Mapping[int, str], id_name: str, name: str) -> _Do:
    return lambda connect, request: [{id_name: id, name: text} for id, text in table.items()]


def _prefixes(connect: Connect, request: Request) -> Values:
    # As in the guide, where some entries have it in an element called name.
    return [
        {"country_id": id, "name" if number == 1 else "prefix": prefix}
        for number, (id, prefix) in enumerate(PREFIXES.items())
    ]


def _terms(connect: Connect, request: Request) -> Values:
    if not request["country_id"] and not request["client_ip_address"]:
        raise Refused("429")
    kind = "html" if request["terms_format"] == "2" else "txt"
    return [{"URL_location": f"{request.base_url}/simulator/connect/terms.{kind}?country={request['country_id']}"}]


def _captcha(connect: Connect, request: Request) -> Values:
    captcha = connect.new_captcha()
    return [{"captcha_id": captcha.id, "captcha_image": "".join(f"%{byte:02X}" for byte in captcha.image)}]


def _register(connect: Connect, request: Request) -> Values:
    connect.redeem_captcha(request)
    if request["accept_terms"] == "0":
        raise Refused("410")
    if request["user"] in connect.users:
        raise Refused("439")
    addresses = {user.email_address for user in connect.users.values()}
    if request["email_address"] in addresses and request["force_create"] != "1":
        raise Refused("105")
    coupon = request["coupon_code"]
    if coupon and coupon not in connect.coupons:
        raise Refused("109")
    if request["test_mode"] == "1":
        return []
    user = User(
        number=connect.next_number(),
        name=request["user"],
        password=request["password"],
        email_address=request["email_address"],
        mobile_number=request["mobile_number"],
        redirect=request["activation_redirect"],
    )
    connect.users[user.name] = user
    if coupon:
        connect.credits[user.name] += connect.coupons.pop(coupon)
    _send_link(connect, request, user)
    return []


def _resend(connect: Connect, request: Request) -> Values:
    user = connect.log_in(request, email_activated=False)
    if user.email_activated:
        raise Refused("107")
    user.email_address = request["email_address"] or user.email_address
    _send_link(connect, request, user)
    return [{"UserNumber": user.number}]


def _send_link(connect: Connect, request: Request, user: User) -> None:
    link = f"{request.base_url}/simulator/connect/activate?code={user.email_code}"
    text = f"Welcome, {user.name}. Activate your account: {link}"
    connect.outbox.append(Email(user.email_address, "Activate your account", text, link))


def _authenticate(connect: Connect, request: Request) -> Values:
    return [{"Usernumber": connect.log_in(request).number}]


def _forgot(connect: Connect, request: Request) -> Values:
    connect.redeem_captcha(request)
    user = connect.users.get(request["user"])
    if user is None or user.email_address != request["email_address"]:
        raise Refused("405")
    user.password = secrets.token_hex(4)
    for api_id in user.connections:
        connect.gateway.accounts[api_id].password = user.password
    connect.outbox.append(Email(user.email_address, "Your new password", f"Your new password: {user.password}"))
    return []


def _status(connect: Connect, request: Request) -> Values:
    user = connect.log_in(request)
    if not user.sms_activated:
        raise Refused("104")
    return [{"Cellphone": user.mobile_number, "UserNumber": user.number}]


def _send_sms(connect: Connect, request: Request) -> Values:
    user = connect.log_in(request)
    if user.sms_activated:
        raise Refused("108")
    user.mobile_number = request["mobile_number"] or user.mobile_number
    user.sms_code, user.wrong_sms_codes = f"{secrets.randbelow(10**6):06}", 0
    connect.outbox.append(Sms(user.mobile_number, f"Your activation code: {user.sms_code}", user.sms_code))
    return []


def _validate_sms(connect: Connect, request: Request) -> Values:
    user = connect.log_in(request)
    if user.sms_activated:
        raise Refused("108")
    if user.wrong_sms_codes >= connect.max_wrong_codes:
        raise Refused("102")
    if not user.sms_code or request["sms_activation_code"] != user.sms_code:
        user.wrong_sms_codes += 1
        raise Refused("418")
    user.sms_activated = True
    return []


def _create_connection(connect: Connect, request: Request) -> Values:
    user = connect.log_in(request)
    if request["connection_id"] == str(FTP) and not request["ftp_password"]:
        raise Refused("420")
    api_id = connect.next_api_id()
    login = request["callback_username"], request["callback_password"]
    connect.gateway.add_account(
        api_id,
        user.name,
        user.password,
        credits=connect.free_credits + connect.credits.pop(user.name, 0),
        callback_url=request["callback_url"] or None,
        callback_type=int(request["callback_type_id"] or 1),
        callback_auth=login if any(login) else None,
        default_prefix=request["Dial_prefix"] or None,
    )
    user.connections.append(api_id)
    return [{"api_id": api_id}]


def _buy(connect: Connect, request: Request) -> Values:
    user = connect.log_in(request)
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
