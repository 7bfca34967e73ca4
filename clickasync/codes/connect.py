"""The error codes of the Connect API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clickasync.codes.http import Code

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ConnectErrorCode", "captcha_required"]


class ConnectErrorCode(Code):
    """What an ``<Error>`` of the Connect API means. A code that no table lists is ``UNKNOWN_<code>``.

    The vendor's documents disagree about two codes. The descriptions here are those of the page on
    ``get_list_callback``; what the gateway itself says in a reply is in `ConnectError.descriptions`.

    - **004** is "Source IP address blocked" on that page, and "Max user auth attempts exceeded, captcha required"
      in the Connect API guide. A bare 004 is therefore ambiguous: it counts as "captcha required" only where the
      reply's own description speaks of a captcha.
    - **008** reads "Connect API established" on that page, which explains it as "the API has been disabled"; the
      guide has "Connect API disabled", and that is what it means.

    >>> ConnectErrorCode("404").description
    'Authentication failed (username and/or password)'
    """

    SUCCESS = "001", "Success"
    SOURCE_IP_BLOCKED = "002", "Source IP address blocked"
    MAX_IP_ATTEMPTS_EXCEEDED = "003", "Max IP auth attempts exceeded, captcha required"
    MAX_USER_ATTEMPTS_EXCEEDED_OR_IP_BLOCKED = (
        "004",
        "Source IP address blocked",
        "If a specific source IP address has been blocked by Clickatell.",
    )
    INVALID_UNIQUE_URL = "005", "Invalid unique URL"
    ACCOUNT_NOT_ACTIVE = "006", "Account not active"
    COMMAND_NOT_ALLOWED = (
        "007",
        "Command not allowed",
        "If the specific command has been disabled at a global/API level.",
    )
    CONNECT_API_DISABLED = (
        "008",
        "Connect API established",
        "If the API has been disabled (no commands allowed).",
    )
    HTTPS_REQUIRED = (
        "009",
        "HTTP protocol not allowed, require HTTPS",
        "If the API call is performed via HTTP (and not HTTPS-SSL).",
    )
    BLOCKED_MOBILE_NUMBER = "100", "Blocked mobile number"
    DESTINATION_NOT_COVERED = "101", "Destination not covered"
    MAX_SMS_ACTIVATION_ATTEMPTS_EXCEEDED = "102", "Max SMS activation attempts exceeded"
    NOT_EMAIL_ACTIVATED = "103", "Not email activated"
    NOT_SMS_ACTIVATED = "104", "Not SMS activated"
    MATCHING_ACCOUNT_FOUND = "105", "Matching account found (email address)"
    ACCOUNT_RESTRICTED = "106", "Unable to create account due to restrictions"
    ALREADY_EMAIL_ACTIVATED = "107", "Account already email activated"
    ALREADY_SMS_ACTIVATED = "108", "Account already SMS activated"
    COUPON_ERROR = "109", "Coupon error"
    INVALID_CAPTCHA_ID = "400", "Invalid or missing captcha_id"
    INVALID_CAPTCHA_CODE = "401", "Invalid or missing captcha_code"
    CAPTCHA_EXPIRED = "402", "Captcha expired"
    CAPTCHA_ALREADY_REDEEMED = "403", "Captcha already redeemed"
    WRONG_USER_OR_PASSWORD = "404", "Authentication failed (username and/or password)"
    WRONG_USER_OR_EMAIL_ADDRESS = "405", "Authentication failed (username and/or email address)"
    INVALID_COUNTRY_ID = "406", "Invalid or missing country_id"
    INVALID_EMAIL_FORMAT = "407", "Invalid email_format"
    INVALID_WEEKLY_UPDATE = "408", "Invalid weekly_update"
    INVALID_ACCEPT_TERMS = "409", "Invalid accept_terms"
    TERMS_ACCEPTANCE_REQUIRED = "410", "Terms acceptance required"
    INVALID_TEST_MODE = "411", "Invalid test_mode"
    INVALID_ACCOUNT_ID = "412", "Invalid account_id"
    INVALID_FORCE_CREATE = "413", "Invalid force_create"
    INVALID_REGISTRATION_DATA = "414", "Invalid or missing registration data"
    INVALID_ACTIVATION_REDIRECT = "415", "Invalid activation_redirect"
    INVALID_EMAIL_ADDRESS = "416", "Invalid or missing email_address"
    INVALID_MOBILE_NUMBER = "417", "Invalid or missing mobile_number"
    INVALID_SMS_ACTIVATION_CODE = "418", "Invalid or missing sms_activation_code"
    INVALID_CONNECTION_ID = "419", "Invalid connection_id"
    INVALID_FTP_PASSWORD = "420", "Invalid or missing ftp_password"
    INVALID_DIAL_PREFIX = "421", "Invalid dial_prefix"
    INVALID_IP_ADDRESS = "422", "Invalid ip_address"
    INVALID_CALLBACK_URL = "423", "Invalid callback_url"
    INVALID_CALLBACK_TYPE = "424", "Invalid callback_type"
    INVALID_CALLBACK_USERNAME = "425", "Invalid callback_username"
    INVALID_CALLBACK_PASSWORD = "426", "Invalid callback_password"
    INVALID_TERMS_FORMAT = "427", "Invalid terms_format"
    INVALID_API_DESCRIPTION = "428", "Invalid api_description"
    INVALID_CLIENT_IP_ADDRESS = "429", "Invalid or missing client_ip_address"
    UNKNOWN_SERVICE_REQUEST = "430", "Unknown service request"
    INVALID_USERNAME = "431", "Invalid or missing username"
    INVALID_PASSWORD = "432", "Invalid or missing password"
    INVALID_FIRST_NAME = "433", "Invalid or missing firstname"
    INVALID_SURNAME = "434", "Invalid or missing surname"
    INVALID_COMPANY = "435", "Invalid or missing company"
    REFUSED_ACTIVATION_REDIRECT = "436", "Invalid activation redirect"
    INVALID_CREDIT_VALUE = "437", "The credit value is not valid"
    INVALID_USER = "438", "The user is not valid"
    USERNAME_UNAVAILABLE = "439", "Username is unavailable"
    INCORRECT_USER_OR_PASSWORD = "440", "Incorrect username and/or password"
    UNKNOWN_ERROR = (
        "999",
        "Unknown error",
        "An unknown error has occurred. Please contact the support department.",
    )


_ASKS_FOR_CAPTCHA: Final = frozenset(("003", "400", "401", "402", "403"))


def captcha_required(codes: Iterable[str], descriptions: Iterable[str]) -> bool:
    """Whether the same call, repeated with a solved captcha, can succeed.

    Yes for 003 and 400 to 403; for 004, which has two meanings, only where its own description mentions a captcha.
    """
    return any(
        code in _ASKS_FOR_CAPTCHA or (code == "004" and "captcha" in description.casefold())
        for code, description in zip(codes, descriptions, strict=True)
    )
