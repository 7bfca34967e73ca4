"""Who may see the inbox and the control interface: this machine's own pages, and programs.

A web page elsewhere must be able neither to read what is here nor to change it. Its name in ``Host`` gives it away
where it had its own name resolved to this machine (DNS rebinding), its ``Origin`` where it sends requests from a
browser. Programs send no ``Origin``, and are let in.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["Guard"]

_ELSEWHERE: Final = "This request comes from a page of another origin.\n"


class Guard:
    """Middleware that turns strangers away.

    Args:
        app: what is guarded.
        hosts: names and addresses, beside those of loopback, under which it may be called.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = frozenset(host.lower().strip("[]") for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "http" and _is_guarded(scope["path"]):
            problem = self._problem(Request(scope))
            if problem:
                await PlainTextResponse(problem, 403)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _problem(self, request: Request) -> str:
        host = request.headers.get("host", "")
        if not self._knows(host):
            return (
                "The simulator does not know itself by the name in the Host header. "
                "Start it with --allow-host NAME (in Python: allow_hosts=[NAME]).\n"
            )
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return _ELSEWHERE
        # What a page loads or fetches without asking comes without an Origin, but the browser says whose it is.
        is_elsewhere = request.headers.get("sec-fetch-site") in ("cross-site", "same-site")
        return _ELSEWHERE if is_elsewhere and request.headers.get("sec-fetch-mode") != "navigate" else ""

    def _knows(self, host: str) -> bool:
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
        except ValueError:
            return False
        return name in self._hosts or name == "localhost" or name.endswith(".localhost") or _is_loopback(name)


def _is_guarded(path: str) -> bool:
    return path == "/" or path.startswith(("/simulator", "/inbox"))


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
