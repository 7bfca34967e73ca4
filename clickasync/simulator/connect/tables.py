"""What the lists of the Connect API hold, and which value of a parameter earns which error."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Final

from clickasync.simulator.world.events import CallbackType

__all__ = ["ACCOUNTS", "CALLBACKS", "CONNECTIONS", "COUNTRIES", "FTP", "PARAMETERS", "PREFIXES", "check"]

COUNTRIES: Final = {
    10: "Australia",
    25: "Brazil",
    39: "Côte d'Ivoire",
    67: "France",
    72: "Germany",
    88: "India",
    100: "Kenya",
    139: "Nigeria",
    173: "South Africa",
    200: "United Kingdom",
    201: "United States & Canada",
}
PREFIXES: Final = {
    10: "61",
    25: "55",
    39: "225",
    67: "33",
    72: "49",
    88: "91",
    100: "254",
    139: "234",
    173: "27",
    200: "44",
    201: "1",
}
ACCOUNTS: Final = {1: "International", 2: "Local"}
CALLBACKS: Final = {int(kind): kind.label for kind in CallbackType}
FTP: Final = 5
CONNECTIONS: Final = {2: "HTTP API", FTP: "FTP API", 6: "SMTP API", 12: "SOAP API", 13: "XML API"}

_Test = Callable[[str], bool]


def _like(pattern: str) -> _Test:
    compiled = re.compile(pattern, re.DOTALL)
    return lambda value: compiled.fullmatch(value) is not None


def _of(table: Mapping[int, str]) -> _Test:
    return lambda value: value in map(str, table)


def _is_address(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def _are_addresses(value: str) -> bool:
    return all(map(_is_address, value.split(",")))


_flag = _like("[01]")
_url = _like(r"https?://[^\s/]+\S*")

PARAMETERS: Final[Mapping[str, tuple[_Test, str]]] = {
    "user": (_like("[A-Za-z0-9]{1,128}"), "431"),
    "password": (_like("[A-Za-z0-9]{6,32}"), "432"),
    "fname": (_like(".{1,80}"), "433"),
    "sname": (_like(".{1,80}"), "434"),
    "company": (_like(".{1,80}"), "435"),
    "email_address": (_like(r"(?=.{3,64}\Z)[^@]+@[^@]+"), "416"),
    "country_id": (_of(COUNTRIES), "406"),
    "account_id": (_of(ACCOUNTS), "412"),
    "mobile_number": (_like("[0-9]{1,30}"), "417"),
    "accept_terms": (_flag, "409"),
    "email_format": (_like("[12]"), "407"),
    "weekly_update": (_flag, "408"),
    "force_create": (_flag, "413"),
    "test_mode": (_flag, "411"),
    "activation_redirect": (_url, "415"),
    "sms_activation_code": (_like(".{1,11}"), "418"),
    "connection_id": (_of(CONNECTIONS), "419"),
    "ftp_password": (_like(".{1,10}"), "420"),
    "Dial_prefix": (_like("[0-9]{1,6}"), "421"),
    "ip_address": (_are_addresses, "422"),
    "callback_url": (_url, "423"),
    "callback_type_id": (_of(CALLBACKS), "424"),
    "callback_username": (_like(".{1,64}"), "425"),
    "callback_password": (_like(".{1,64}"), "426"),
    "terms_format": (_like("[12]"), "427"),
    "api_description": (_like(".{1,255}"), "428"),
    "client_ip_address": (_is_address, "429"),
}
"""By parameter: what it may be, and the error that anything else earns."""


def check(fields: Mapping[str, str], required: tuple[str, ...], optional: tuple[str, ...]) -> list[str]:
    """The errors of an action's parameters: all of them, in order."""
    wrong = []
    for name in required + optional:
        test, code = PARAMETERS[name]
        value = fields.get(name, "")
        if not test(value) if value else name in required:
            wrong.append(code)
    return wrong
