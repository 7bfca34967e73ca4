"""The exceptions of clickasync::

    ClickatellError
      ConfigurationError           the client cannot work with these settings
      InvalidOptionError           (also ValueError) a parameter is wrong; nothing was sent
      InvalidNumberError           (also ValueError) a number is wrong; nothing was sent to it
      ApiError                     the gateway answered ERR; nothing was sent
        AuthenticationError        001 002 004 007 108
        SessionExpiredError        003 005
        InvalidRequestError        100-102 105-107 109-113 116 120 123 201 202
        UnknownMessageError        103 104
        UnreachableError           114 115 121 122 128
        QuotaExceededError         130
        CreditError                301 302
        GatewayError               901
      TransportError               the gateway could not be reached, or a call that sends nothing failed
      OutcomeUnknownError          the request went out, no readable reply came back: it may have been sent
      ProtocolError                the reply could not be read
      ConnectError                 the Connect API answered with error codes
      CallbackError                (also ValueError) a callback of the gateway could not be read
      ClosedError                  (also RuntimeError) a call was made on a client that is closed

``except TransportError: retry`` is safe, because OutcomeUnknownError is not a TransportError. No exception holds a
password, a session ID or a token, nor does any exception that it was raised from. All of them can be pickled.
"""

from __future__ import annotations

import copy
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Self

from clickasync.codes import ErrorCode

if TYPE_CHECKING:
    from clickasync.codes import ConnectErrorCode

__all__ = [
    "ApiError",
    "AuthenticationError",
    "CallbackError",
    "ClickatellError",
    "ClosedError",
    "ConfigurationError",
    "ConnectError",
    "CreditError",
    "GatewayError",
    "InvalidNumberError",
    "InvalidOptionError",
    "InvalidRequestError",
    "OutcomeUnknownError",
    "ProtocolError",
    "QuotaExceededError",
    "SessionExpiredError",
    "TransportError",
    "UnknownMessageError",
    "UnreachableError",
    "api_error",
]


BEGINS: Final = "; the reply begins with "
"""In the words of an error, what stands behind it is the gateway's."""


class ClickatellError(Exception):
    """What every exception of this package is."""

    def fresh(self) -> Self:
        """A copy without traceback and causes, to be raised to another of several tasks that wait."""
        return copy.copy(self)

    def about(
        self, *, to: str | None = None, climsgid: str | None = None, known_to_gateway: bool | None = None
    ) -> Self:
        """The same error, with what is known by now of the message that it is about."""
        return self


class ConfigurationError(ClickatellError):
    """A client cannot work with these settings; the message names what is missing or wrong."""


class InvalidOptionError(ClickatellError, ValueError):
    """A parameter is wrong in itself; the message names it and the rule. Nothing was sent."""

    options: tuple[str, ...] = ()
    """The parameters that the text speaks of, by their names in Python, where they are options of a message or of a
    file of recipients: a form can show the text beside them."""


class InvalidNumberError(ClickatellError, ValueError):
    """A number is not an MSISDN; the message names it. Nothing was sent to it."""


class ApiError(ClickatellError):
    """The gateway answered ``ERR``: nothing was sent to the recipients that this concerns."""

    code: ErrorCode | None
    """None where the gateway gave no code."""
    description: str
    """The gateway's own words."""
    to: str | None
    """The recipient, as the caller gave it, where the error concerns one."""

    advice = "a repeat cannot help"
    """What to do next, in words; the message ends with it."""

    def __init__(self, code: ErrorCode | None, description: str, to: str | None = None) -> None:
        super().__init__(code, description, to)
        self.code, self.description, self.to = code, description, to

    def __str__(self) -> str:
        code = f"{self.code} " if self.code else ""
        known = self.code.description if self.code else ""
        words = self.description or known or "no description"
        recipient = f", to {self.to}" if self.to else ""
        return f"ERR {code}{words}{recipient}; nothing was sent; {self.advice}"

    def about(
        self, *, to: str | None = None, climsgid: str | None = None, known_to_gateway: bool | None = None
    ) -> Self:
        """The same error, about one recipient."""
        return type(self)(self.code, self.description, to or self.to)


class AuthenticationError(ApiError):
    """001 002 004 007 108: the account, or the address of the caller, is refused."""

    advice = "check api_id, user, password, and the account's IP lockdown"


class SessionExpiredError(ApiError):
    """003 005: the gateway does not know the session, not even after it was renewed."""

    advice = "the gateway keeps forgetting the session; try again later"


class InvalidRequestError(ApiError):
    """100-102 105-107 109-113 116 120 123 201 202: this request, or this recipient, is wrong."""

    advice = "correct the request; a repeat cannot help"


class UnknownMessageError(ApiError):
    """103 104: the gateway knows no such message."""

    advice = "check the ID; reporting may also lag a little behind"


class UnreachableError(ApiError):
    """114 115 121 122 128: this recipient cannot be reached."""


class QuotaExceededError(ApiError):
    """130: the account's daily or monthly quota is spent."""

    advice = "stop sending until the time in `until`"

    @property
    def until(self) -> datetime | None:
        """When sending is possible again (UTC), if the gateway said so."""
        found = re.search(r"\b\d{9,11}\b", self.description)
        return datetime.fromtimestamp(int(found[0]), UTC) if found else None


class CreditError(ApiError):
    """301 302: no credit."""

    advice = "buy credits or redeem a voucher, then send again"


class GatewayError(ApiError):
    """901: the gateway asked for a retry, and the retries allowed did not help."""

    advice = "try again later"


class TransportError(ClickatellError):
    """The gateway could not be reached, or a call that sends nothing failed. A repeat sends nothing twice."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason, retry_after)
        self.reason = reason
        """What happened, in words."""
        self.retry_after = retry_after
        """Seconds that the infrastructure asked to wait, where it did (HTTP 429 or 503)."""

    def __str__(self) -> str:
        wait = f"; asked to wait {self.retry_after:g} s" if self.retry_after is not None else ""
        return f"{self.reason}{wait}; nothing was sent; it is safe to try again"


class OutcomeUnknownError(ClickatellError):
    """The request went out and no readable reply came back: it may have been sent, and nobody can know.

    Not a `TransportError`: repeating the call may send, or spend, twice.
    """

    def __init__(
        self,
        reason: str,
        to: str | None = None,
        climsgid: str | None = None,
        known_to_gateway: bool | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(reason, to, climsgid, known_to_gateway, retry_after)
        self.reason = reason
        """What happened, in words."""
        self.to = to
        """The recipient, as the caller gave it, where there is one."""
        self.climsgid = climsgid
        """The client message ID under which it may be known: ask `Client.status`, or look for it in reports."""
        self.known_to_gateway = known_to_gateway
        """True: the gateway knows the climsgid. False: it answered 104, strong evidence that it was not
        accepted. None: it gave no clear answer, or could not be asked."""
        self.retry_after = retry_after
        """Seconds that the infrastructure asked to wait, where it did."""

    def about(
        self, *, to: str | None = None, climsgid: str | None = None, known_to_gateway: bool | None = None
    ) -> Self:
        """The same error, about one message, and with what the gateway said of it."""
        known = self.known_to_gateway if known_to_gateway is None else known_to_gateway
        return type(self)(self.reason, to or self.to, climsgid or self.climsgid, known, self.retry_after)

    def __str__(self) -> str:
        recipient = f", to {self.to}" if self.to else ""
        asked = {
            True: f"; the gateway knows climsgid {self.climsgid}",
            False: f"; the gateway does not know climsgid {self.climsgid}",
            None: f"; ask later by climsgid {self.climsgid}" if self.climsgid else "",
        }[self.known_to_gateway]
        return f"{self.reason}{recipient}: the outcome is unknown, and a repeat may do it twice{asked}"


class ProtocolError(ClickatellError):
    """A reply could not be read; `reply` holds its beginning, without secrets."""

    def __init__(self, reason: str, reply: str = "") -> None:
        super().__init__(reason, reply)
        self.reason, self.reply = reason, reply

    def __str__(self) -> str:
        return f"{self.reason}{BEGINS}{self.reply!r}" if self.reply else self.reason


class ConnectError(ClickatellError):
    """The Connect API answered with one error or more."""

    def __init__(
        self,
        codes: tuple[ConnectErrorCode, ...],
        descriptions: tuple[str, ...],
        captcha_required: bool = False,
    ) -> None:
        super().__init__(codes, descriptions, captcha_required)
        self.codes, self.descriptions = codes, descriptions
        self.captcha_required = captcha_required
        """Whether the call can be repeated with a solved captcha: see `ConnectClient.get_captcha`."""

    def __str__(self) -> str:
        each = [f"{code} {text}".rstrip() for code, text in zip(self.codes, self.descriptions, strict=True)]
        captcha = "; repeat the call with a solved captcha" if self.captcha_required else ""
        return f"the Connect API answered: {'; '.join(each) or 'an error without a code'}{captcha}"


class ClosedError(ClickatellError, RuntimeError):
    """The client, or the `http_client` it was given, is closed. Nothing was sent."""


class CallbackError(ClickatellError, ValueError):
    """A callback of the gateway could not be read; the message says why."""


_CLASSES: Final[dict[str, type[ApiError]]] = {
    code: error_class
    for error_class, codes in {
        AuthenticationError: "001 002 004 007 108",
        SessionExpiredError: "003 005",
        InvalidRequestError: "100 101 102 105 106 107 109 110 111 112 113 116 120 123 201 202",
        UnknownMessageError: "103 104",
        UnreachableError: "114 115 121 122 128",
        QuotaExceededError: "130",
        CreditError: "301 302",
        GatewayError: "901",
    }.items()
    for code in codes.split()
}


def api_error(code: str | None, description: str, to: str | None = None) -> ApiError:
    """The `ApiError` for an ``ERR: <code>, <description>``; the class is chosen by the code."""
    if code is None:
        return ApiError(None, description, to)
    return _CLASSES.get(code, ApiError)(ErrorCode(code), description, to)
