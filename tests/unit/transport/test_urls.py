"""Base URLs: what is taken, what it becomes, and what is said of those that are not."""

from __future__ import annotations

from typing import Any

import pytest

from clickasync import ConfigurationError
from clickasync.transport import BaseUrl, parse_base_url


@pytest.mark.parametrize(
    ("url", "parsed"),
    [
        (
            "https://api.clickatell.com",
            BaseUrl("https://api.clickatell.com", "https", "api.clickatell.com", 443, "api.clickatell.com", ""),
        ),
        (
            "https://API.clickatell.com:443/",
            BaseUrl("https://api.clickatell.com", "https", "api.clickatell.com", 443, "api.clickatell.com", ""),
        ),
        (
            "https://gw.example:8443/a/X//",
            BaseUrl("https://gw.example:8443/a/X", "https", "gw.example", 8443, "gw.example:8443", "/a/X"),
        ),
        ("https://gw.example/X", BaseUrl("https://gw.example/X", "https", "gw.example", 443, "gw.example", "/X")),
        ("http://[::1]:8095", BaseUrl("http://[::1]:8095", "http", "::1", 8095, "[::1]:8095", "")),
        (
            "https://gâteway.example/sms",
            BaseUrl(
                "https://xn--gteway-wta.example/sms",
                "https",
                "xn--gteway-wta.example",
                443,
                "xn--gteway-wta.example",
                "/sms",
            ),
        ),
    ],
)
def test_a_base_url_is_taken_apart(url: str, parsed: BaseUrl) -> None:
    """The scheme's own port and slashes at the end go; a host in another alphabet becomes ASCII."""
    assert parse_base_url(url, allow_insecure=False) == parsed


BLANK = "base_url must have no blanks or control characters"
NO_URL = "base_url is not a URL; give one like https://api.clickatell.com"
NO_HOST = "base_url must begin with https:// and name a host"
SURPLUS = "base_url must have no user info, query or fragment"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://gw.example /", BLANK),
        ("https://gw.example\n", BLANK),
        ("https://gw.example/\x7f", BLANK),
        ("https://[", NO_URL),
        ("https://gw.example:port", NO_URL),
        (None, NO_URL),
        ("ftp://gw.example", NO_HOST),
        ("gw.example", NO_HOST),
        ("https://", NO_HOST),
        ("https://me:pa55@gw.example", SURPLUS),
        ("https://gw.example/?key=1", SURPLUS),
        ("https://gw.example/#top", SURPLUS),
        ("https://gw.example?", SURPLUS),
        ("https://gw.example#", SURPLUS),
        ("https://☃.example", "base_url names a host that cannot be one"),
        ("https://gw.example/café", "base_url must have no letters outside ASCII in its path"),
        (
            "http://gw.example",
            "base_url 'http://gw.example' would send the password unencrypted; use https://, or allow_insecure=True",
        ),
    ],
)
def test_what_is_no_safe_base_url_is_told(url: Any, says: str) -> None:
    """Why, and what would be right. A URL that may hold a password is not repeated."""
    with pytest.raises(ConfigurationError) as caught:
        parse_base_url(url, allow_insecure=False)
    assert str(caught.value) == says
