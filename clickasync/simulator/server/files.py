"""The inbox: a page and its modules, out of the package, with headers that let it load nothing from elsewhere."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

__all__ = ["inbox_routes"]

POLICY: Final = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
)
_HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


def inbox_routes() -> list[Route]:
    """The routes of the page: ``/``, and ``/inbox/`` for what it is made of."""
    folder = files("clickasync.simulator") / "inbox"
    found = dict(_walk(folder, ""))

    async def page(request: Request) -> Response:
        return _file(found["index.html"], "html")

    async def part(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in found:
            return Response("Not found", 404, media_type="text/plain")
        return _file(found[name], name.rpartition(".")[2])

    return [Route("/", page, methods=["GET"]), Route("/inbox/{name:path}", part, methods=["GET"])]


def _walk(folder: Traversable, prefix: str) -> list[tuple[str, Traversable]]:
    found: list[tuple[str, Traversable]] = []
    for item in folder.iterdir():
        if item.is_dir():
            found += _walk(item, f"{prefix}{item.name}/")
        elif item.name.rpartition(".")[2] in _TYPES:
            found.append((f"{prefix}{item.name}", item))
    return found


def _file(item: Traversable, kind: str) -> Response:
    return Response(item.read_bytes(), media_type=_TYPES[kind], headers=_HEADERS)
