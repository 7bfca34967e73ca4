from __future__ import annotations

from tests.support.browser import browser, gateway, inbox, url

__all__ = ["browser", "gateway", "inbox", "url"]
