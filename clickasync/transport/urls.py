"""URLs: which base is safe to use, and how to keep a path that is a secret out of logs."""

from __future__ import annotations

import ipaddress

import httpx

from clickasync.errors import ConfigurationError

__all__ = ["DiscreetURL", "check_base_url"]


def check_base_url(url: str, *, allow_insecure: bool) -> str:
    """`url` without a final slash.

    Raises:
        ConfigurationError: not an ``https://`` URL (``http://`` is for loopback, or `allow_insecure`), or one with
            user info, a query or a fragment.
    """
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError):
        raise ConfigurationError("base_url is not a URL; give one like https://api.clickatell.com") from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ConfigurationError(f"base_url must begin with https:// and name a host, not {url!r}")
    if parsed.userinfo or parsed.query or parsed.fragment:
        raise ConfigurationError("base_url must have no user info, query or fragment")
    if parsed.scheme == "http" and not (allow_insecure or _is_loopback(parsed.host)):
        raise ConfigurationError(
            f"base_url {url!r} would send the password unencrypted; use https://, or allow_insecure=True"
        )
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


class DiscreetURL(httpx.URL):
    """A URL that does not tell its path when it is written: the Connect API's path is a secret."""

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc.decode('ascii')}/***"
