"""Base URLs: which one is safe to use, what it means for a connection, and whether a proxy stands before it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from attrs import frozen

from clickasync.errors import ConfigurationError

if TYPE_CHECKING:
    from urllib.parse import SplitResult

__all__ = ["BaseUrl", "environment_has_proxy", "parse_base_url"]

_PORTS: Final = {"https": 443, "http": 80}


@frozen
class BaseUrl:
    """What paths are joined to."""

    url: str
    """Without a final slash."""
    scheme: str
    host: str
    """As it is looked up: ASCII, an IPv6 address without brackets."""
    port: int
    authority: str
    """As it stands in the Host header."""
    path: str
    """What stands before each path of a command; mostly empty."""

    @property
    def is_loopback(self) -> bool:
        """Whether it names this machine."""
        import ipaddress

        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost" or self.host.endswith(".localhost")


def parse_base_url(url: str, *, allow_insecure: bool) -> BaseUrl:
    """Take a base URL apart.

    Raises:
        ConfigurationError: not an ``https://`` URL (``http://`` is for loopback, or `allow_insecure`), or one with
            user info, a query or a fragment.
    """
    from urllib.parse import urlsplit

    try:
        if re.search(r"[\x00-\x20\x7f]", url):  # which `urlsplit` would take out without a word
            raise ConfigurationError("base_url must have no blanks or control characters")
        parts = urlsplit(url)
        port = parts.port
    except (ValueError, TypeError, AttributeError):
        raise ConfigurationError("base_url is not a URL; give one like https://api.clickatell.com") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        # Not repeated: in a URL that is wrong, anything may be a password.
        raise ConfigurationError("base_url must begin with https:// and name a host")
    if "@" in parts.netloc or parts.query or parts.fragment or url[-1:] in "?#":
        raise ConfigurationError("base_url must have no user info, query or fragment")
    base = _base(url, parts, _PORTS[parts.scheme] if port is None else port)
    if base.scheme == "http" and not (allow_insecure or base.is_loopback):
        raise ConfigurationError(
            f"base_url {url!r} would send the password unencrypted; use https://, or allow_insecure=True"
        )
    return base


def _base(url: str, parts: SplitResult, port: int) -> BaseUrl:
    host = parts.hostname or ""
    if not host.isascii():
        import httpx  # it brings what encodes the names of other alphabets

        try:
            host = httpx.URL(url).raw_host.decode("ascii")
        except httpx.InvalidURL:
            raise ConfigurationError("base_url names a host that cannot be one") from None
    path = parts.path.rstrip("/")
    if not path.isascii():
        raise ConfigurationError("base_url must have no letters outside ASCII in its path")
    authority = f"[{host}]" if ":" in host else host
    if port != _PORTS[parts.scheme]:
        authority = f"{authority}:{port}"
    return BaseUrl(f"{parts.scheme}://{authority}{path}", parts.scheme, host, port, authority, path)


def environment_has_proxy(base: BaseUrl) -> bool:
    """Whether the environment (or, on some systems, the settings) names a proxy. Loopback never has one."""
    if base.is_loopback:
        return False
    import urllib.request  # it takes 20 ms to import

    proxies = urllib.request.getproxies()
    return bool(proxies.get(base.scheme) or proxies.get("all"))
