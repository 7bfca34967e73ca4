"""Who has registered, and what the gateway sent to them."""

from __future__ import annotations

import secrets
from typing import TypeAlias

from attrs import define, field, frozen

__all__ = ["Email", "Letter", "Link", "Sms", "SmsProof", "User"]


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
class Link:
    """The link in the e-mail that activates an account."""

    redirect: str = ""
    """Where it leads on to."""
    code: str = field(factory=lambda: secrets.token_hex(16), repr=False)


@define(eq=False)
class SmsProof:
    """How far somebody has proved to have a handset."""

    code: str = field(default="", repr=False)
    """The last one that was sent."""
    wrong: int = 0
    """Wrong codes since then."""
    activated: bool = False


@define(eq=False)
class User:
    """Somebody who registered."""

    number: str
    name: str
    password: str = field(repr=False)
    email_address: str
    mobile_number: str
    link: Link = field(factory=Link)
    active: bool = True
    """False: every login is answered with 006."""
    email_activated: bool = False
    sms: SmsProof = field(factory=SmsProof)
    connections: list[str] = field(factory=list)
    """The api_id of each."""
