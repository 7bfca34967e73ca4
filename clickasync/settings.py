"""What a client is made with: credentials and the base URL, given or of the environment, and checks of the rest."""

from __future__ import annotations

import os
import re
from typing import Final

from clickasync.core.session import Credentials
from clickasync.errors import ClickatellError, ConfigurationError
from clickasync.redaction import Secret, hidden
from clickasync.transport import BaseUrl, parse_base_url

__all__ = ["check_count", "check_positive", "find_base_url", "find_credentials", "within_a_second"]

_BASE_URL: Final = "https://api.clickatell.com"


def find_base_url(given: str | None, *, allow_insecure: bool) -> BaseUrl:
    """What was given, else CLICKATELL_BASE_URL, else the vendor's.

    Raises:
        ConfigurationError: it cannot be used.
    """
    return parse_base_url(given or os.environ.get("CLICKATELL_BASE_URL") or _BASE_URL, allow_insecure=allow_insecure)


def find_credentials(api_id: str | int | None, user: str | None, password: str | None) -> Credentials:
    """What was given, else CLICKATELL_API_ID, CLICKATELL_USER and CLICKATELL_PASSWORD.

    Raises:
        ConfigurationError: it names what is missing.
    """
    password = hidden(password)
    given = {
        "api_id": str(api_id) if api_id is not None else None,
        "user": user,
        "password": password,
    }
    found = {name: hidden(value or os.environ.get(f"CLICKATELL_{name.upper()}") or "") for name, value in given.items()}
    missing = [name for name, value in found.items() if not value]
    if missing:
        variables = ", ".join(f"CLICKATELL_{name.upper()}" for name in missing)
        raise ConfigurationError(f"missing {', '.join(missing)}: give them, or set {variables}")
    for name, value in found.items():
        if re.search("[\ud800-\udfff]", value):
            raise ConfigurationError(f"{name} is not valid Unicode: look at how it is read, or at the environment")
    return Credentials(found["api_id"], found["user"], Secret(found["password"]))


def within_a_second(batch_size: int, rate_limit: float | None) -> int:
    """The size of a call that takes about a second of the rate at the most, so that sending is smooth."""
    return batch_size if rate_limit is None else max(1, int(min(batch_size, rate_limit)))


def check_count(
    name: str, value: object, low: int, high: int | None = None, error: type[ClickatellError] = ConfigurationError
) -> None:
    """Check that `value` is a whole number in these limits, or raise `error`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < low or (high is not None and value > high):
        limit = f"{low} or more" if high is None else f"{low} to {high}"
        raise error(f"{name} must be a whole number, {limit}, not {value!r}")


def check_positive(name: str, value: object, error: type[ClickatellError] = ConfigurationError) -> float:
    """`value`, if it is a positive number (infinity is one, NaN is not), or raise `error`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise error(f"{name} must be a positive number, not {value!r}")
    return float(value)
