"""What the calls of the Connect API give back: small frozen values. IDs are the gateway's."""

from __future__ import annotations

from attrs import field, frozen

__all__ = [
    "AccountType",
    "CallbackType",
    "Captcha",
    "ConnectionType",
    "Country",
    "CountryPrefix",
    "SmsActivation",
]


@frozen
class Country:
    """A country, as ``get_list_country`` names it."""

    id: int
    """For ``country_id``."""
    name: str
    """As the gateway writes it."""


@frozen
class CountryPrefix:
    """The dialling prefix of a country (``get_list_country_prefix``); a country may have several."""

    country_id: int
    """The `Country`'s ID."""
    prefix: str
    """Digits."""


@frozen
class AccountType:
    """A kind of account (``get_list_account``), for `ConnectClient.register`'s ``account_id``."""

    id: int
    """For ``account_id``."""
    name: str
    """In the gateway's words."""


@frozen
class CallbackType:
    """A transport for reports and replies (``get_list_callback``), for `ConnectClient.create_connection`."""

    id: int
    """For ``callback_type_id``."""
    name: str
    """In the gateway's words, such as HTTP POST."""


@frozen
class ConnectionType:
    """A kind of API (``get_list_connection``), for `ConnectClient.create_connection`'s ``connection_id``."""

    id: int
    """For ``connection_id``."""
    name: str
    """In the gateway's words, such as HTTP API."""


@frozen
class Captcha:
    """A picture for a person to read (``get_captcha``). It serves for 15 minutes and for one attempt.

    Solved, it is passed as ``captcha=(captcha.id, code)``.
    """

    id: str
    """The gateway's captcha_id."""
    image: bytes = field(repr=lambda image: f"<{len(image)} bytes>")
    """A PNG."""


@frozen
class SmsActivation:
    """Whether an account is activated by SMS (``sms_activation_status``).

    The numbers are None where the gateway did not give them, as it does not while the account is not activated.
    """

    activated: bool
    """Whether the code of an activation SMS was entered."""
    mobile_number: str | None = None
    """The account's own, in digits."""
    user_number: str | None = None
    """The gateway's number of the account."""
