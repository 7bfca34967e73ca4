"""The sixteen actions of the Connect API as a table: their parameters, in the guide's order, and the rule of each.

A parameter obeys the same rule in every action. No error repeats a value, because it may be a password.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import urlsplit

from attrs import frozen

from clickasync.errors import InvalidOptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["ACTIONS", "SECRET", "Action", "check"]


@frozen
class Action:
    """What an action takes, in the guide's order."""

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    repeatable: bool = False
    """It changes nothing, so it may be repeated when nobody knows whether it was carried out. A login does not
    qualify: a failed one counts, and too many of them block the account."""


_LOGIN: Final = ("user", "password")
_CAPTCHA: Final = ("captcha_id", "captcha_code")

ACTIONS: Final[dict[str, Action]] = {
    "get_list_country": Action(repeatable=True),
    "get_list_country_prefix": Action(repeatable=True),
    "get_list_account": Action(repeatable=True),
    "get_list_callback": Action(repeatable=True),
    "get_list_connection": Action(repeatable=True),
    "get_list_terms": Action((), ("country_id", "client_ip_address", "terms_format"), repeatable=True),
    "get_captcha": Action(repeatable=True),
    "register": Action(
        (
            *_LOGIN,
            "fname",
            "sname",
            "email_address",
            "country_id",
            "mobile_number",
            "accept_terms",
            *_CAPTCHA,
        ),
        (
            "account_id",
            "company",
            "email_format",
            "weekly_update",
            "force_create",
            "coupon_code",
            "activation_redirect",
            "test_mode",
        ),
    ),
    "resend_email_activation": Action(_LOGIN, ("email_address", *_CAPTCHA)),
    "authenticate_user": Action(_LOGIN, _CAPTCHA),
    "forgot_password": Action(("user", "email_address", *_CAPTCHA)),
    "sms_activation_status": Action(_LOGIN, _CAPTCHA, repeatable=True),
    "send_activation_sms": Action(_LOGIN, ("mobile_number", *_CAPTCHA)),
    "validate_activation_sms": Action((*_LOGIN, "sms_activation_code"), _CAPTCHA),
    "create_connection": Action(
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
            *_CAPTCHA,
        ),
    ),
    "buy_credits_url": Action(_LOGIN, _CAPTCHA, repeatable=True),
}

SECRET: Final = frozenset(
    ("password", "captcha_code", "ftp_password", "callback_password", "sms_activation_code", "coupon_code")
)
"""Parameters whose values nothing may show."""


def check(action: str, given: Mapping[str, object]) -> list[tuple[str, str]]:
    """The parameters of `action` as text, in the guide's order; optional ones that are None or empty are left out.

    Raises:
        InvalidOptionError: a required one is missing, or one breaks its rule. It names the parameter and the rule.
    """
    known = ACTIONS[action]
    parameters = []
    for name in (*known.required, *known.optional):
        value = given.get(name)
        if value is None or value == "":
            if name in known.required:
                raise InvalidOptionError(f"{action} needs {name}")
            continue
        rule = _RULES[name]
        text = rule.read(value)
        if text is None:
            raise InvalidOptionError(f"{name} must be {rule.words}")
        parameters.append((name, text))
    return parameters


_Read: TypeAlias = "Callable[[object], str | None]"


@frozen
class _Rule:
    words: str
    read: _Read
    """Gives the value as text, or None if it breaks the rule."""


def _matching(words: str, pattern: str) -> _Rule:
    compiled = re.compile(pattern, re.DOTALL)
    return _Rule(words, lambda value: value if isinstance(value, str) and compiled.fullmatch(value) else None)


def _up_to(limit: int) -> _Rule:
    return _matching(f"a str of at most {limit} characters", f".{{1,{limit}}}")


def _whole_number(value: object) -> str | None:
    if isinstance(value, str):  # as read from a file or a command line
        return value if re.fullmatch(r"[0-9]{1,9}", value) else None
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1_000_000_000:
        return str(int(value))
    return None


def _flag(value: object) -> str | None:
    if isinstance(value, bool | int) and value in (0, 1):
        return str(int(value))
    return value if value in ("0", "1") and isinstance(value, str) else None


def _text_or_html(value: object) -> str | None:
    text = _whole_number(value)
    return text if text in ("1", "2") else None


def _ip_address(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return None
    return None if getattr(address, "scope_id", None) else value  # a zone means nothing on another machine


def _ip_addresses(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    return value if all(_ip_address(address) for address in value.split(",")) else None


def _url(value: object) -> str | None:
    if not isinstance(value, str) or re.search(r"[\s\x00-\x1f]", value):
        return None
    try:
        parts = urlsplit(value)
        _ = parts.port  # reading it checks it
    except ValueError:
        return None
    return value if parts.scheme in ("http", "https") and parts.hostname else None


_TEXT: Final = _matching("a str", ".+")
_ID: Final = _Rule("a whole number, an ID as the lists give them", _whole_number)
_FLAG: Final = _Rule("True or False (1 or 0)", _flag)
_FORMAT: Final = _Rule("1 (text) or 2 (HTML)", _text_or_html)
_URL: Final = _Rule("an http:// or https:// URL", _url)

_RULES: Final[dict[str, _Rule]] = {
    "user": _matching("1 to 128 letters and digits", "[A-Za-z0-9]{1,128}"),
    "password": _matching("6 to 32 letters and digits, without blanks", "[A-Za-z0-9]{6,32}"),
    "fname": _up_to(80),
    "sname": _up_to(80),
    "company": _up_to(80),
    "email_address": _matching(
        "at most 64 characters, with one @ and something on each side of it", r"(?=.{3,64}\Z)[^@]+@[^@]+"
    ),
    "country_id": _ID,
    "account_id": _ID,
    "connection_id": _ID,
    "callback_type_id": _ID,
    "mobile_number": _matching("1 to 30 digits, without plus or blanks", "[0-9]{1,30}"),
    "accept_terms": _FLAG,
    "weekly_update": _FLAG,
    "force_create": _FLAG,
    "test_mode": _FLAG,
    "email_format": _FORMAT,
    "terms_format": _FORMAT,
    "coupon_code": _TEXT,
    "activation_redirect": _URL,
    "captcha_id": _matching("a str, as get_captcha gave it", ".+"),
    "captcha_code": _matching("1 to 6 letters and digits", "[A-Za-z0-9]{1,6}"),
    "sms_activation_code": _up_to(11),
    "client_ip_address": _Rule("an IPv4 or IPv6 address", _ip_address),
    "ip_address": _Rule("IPv4 or IPv6 addresses, joined by commas without blanks", _ip_addresses),
    "ftp_password": _up_to(10),
    "api_description": _TEXT,
    "Dial_prefix": _TEXT,
    "callback_url": _URL,
    "callback_username": _up_to(64),
    "callback_password": _up_to(64),
}
