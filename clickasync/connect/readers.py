"""From the Values of a reply to what a call gives back. A Value that lacks what is documented is a ProtocolError."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, TypeVar
from urllib.parse import unquote_to_bytes

from clickasync.connect.models import (
    AccountType,
    CallbackType,
    Captcha,
    ConnectionType,
    Country,
    CountryPrefix,
    SmsActivation,
)
from clickasync.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Values",
    "account_types",
    "activation",
    "callback_types",
    "captcha",
    "connection_types",
    "countries",
    "country_prefixes",
    "nothing",
    "one",
]

T = TypeVar("T")
Values: TypeAlias = list[dict[str, str]]


def nothing(_: Values) -> None:
    """For calls that answer nothing but Success."""


def one(name: str) -> Callable[[Values], str]:
    """For calls that answer a single thing, the element `name` (in lower case)."""
    return lambda values: _found(values, name)


def countries(values: Values) -> list[Country]:
    return _named(values, Country, "country_id", "name")


def country_prefixes(values: Values) -> list[CountryPrefix]:
    # The guide's own example has the prefix of some entries in an element called name.
    return [
        CountryPrefix(_id(value, "country_id"), _text(value, "prefix" if "prefix" in value else "name"))
        for value in values
    ]


def account_types(values: Values) -> list[AccountType]:
    return _named(values, AccountType, "account_id", "account_type")


def callback_types(values: Values) -> list[CallbackType]:
    return _named(values, CallbackType, "callback_type_id", "callback_type")


def connection_types(values: Values) -> list[ConnectionType]:
    return _named(values, ConnectionType, "connection_type_id", "connection_type")


def captcha(values: Values) -> Captcha:
    """The image comes percent-encoded, byte by byte; line breaks between the bytes are no part of it."""
    image = "".join(_found(values, "captcha_image").split())
    return Captcha(_found(values, "captcha_id"), unquote_to_bytes(image))


def activation(values: Values) -> SmsActivation:
    """Success alone says that it is activated; the numbers come with it."""
    known = {name: text for value in values for name, text in value.items() if text}
    return SmsActivation(True, known.get("cellphone"), known.get("usernumber"))


def _named(values: Values, make: Callable[[int, str], T], id_name: str, name: str) -> list[T]:
    return [make(_id(value, id_name), _text(value, name)) for value in values]


def _id(value: dict[str, str], name: str) -> int:
    text = _text(value, name)
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise ProtocolError(f"the reply has a {name} that is not a number")
    return int(text)


def _text(value: dict[str, str], name: str) -> str:
    if name not in value:
        raise ProtocolError(f"the reply has a Value without {name}")
    return value[name]


def _found(values: Values, name: str) -> str:
    for value in values:
        if value.get(name):
            return value[name]
    raise ProtocolError(f"the reply has no {name}")
