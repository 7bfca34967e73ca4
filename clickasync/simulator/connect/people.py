"""Who has registered, and what the gateway sent to them."""

from __future__ import annotations

import secrets
from typing import TypeAlias

from attrs import define, field, frozen

__all__ = ["Email", "Letter", "Sms", "User"]


@frozen
class Email:
    """An e-mail of the gateway."""

    to: str
    subject: str
    text: str
    link: str = ""
    """Follow it (a GET) to activate the account."""


@frozen
class Sms:
    """An activation SMS of the gateway."""

    to: str
    text: str
    code: str


Letter: TypeAlias = Email | Sms


@define(eq=False)
class User:
    """Somebody who registered."""

    number: str
    name: str
    password: str = field(repr=False)
    email_address: str
    mobile_number: str
    redirect: str = ""
    """Where the activation link leads on to."""
    active: bool = True
    """False: every login is answered with 006."""
    email_code: str = field(factory=lambda: secrets.token_hex(16), repr=False)
    email_activated: bool = False
    sms_code: str = field(default="", repr=False)
    sms_activated: bool = False
    wrong_sms_codes: int = 0
    connections: list[str] = field(factory=list)
    """The api_id of each."""
