"""The Connect API over HTTP, and beside it what a person or a test needs: links, the outbox, errors on demand.

====================================  ================================================================================
``POST /<token>``                     a call; the form field ``XML`` is the document. GET does as well
``GET /simulator/connect``            the token, users, e-mails and SMS, captchas and their codes
``GET /simulator/connect/activate``   the link in an e-mail: ``code``
``POST /simulator/connect/refuse``    answer the next call with ``code``; ``description`` and ``action`` if wanted
====================================  ================================================================================
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from urllib.parse import parse_qs

import attrs
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from clickasync.simulator.connect.api import Connect
from clickasync.simulator.connect.people import Email

__all__ = ["connect_routes"]

_MAX_BODY = 256 * 1024

Endpoint = Callable[[Connect, Request], Awaitable[Response]]


def connect_routes(connect: Connect) -> list[Route]:
    """The routes of the Connect API."""

    def route(path: str, endpoint: Endpoint, *methods: str) -> Route:
        async def bound(request: Request) -> Response:
            return await endpoint(connect, request)

        return Route(path, bound, methods=list(methods))

    return [
        route("/simulator/connect", _overview, "GET"),
        route("/simulator/connect/activate", _activate, "GET"),
        route("/simulator/connect/refuse", _refuse, "POST"),
        route("/simulator/connect/{page}", _page, "GET"),
        route("/{token}", _call, "GET", "POST"),
    ]


async def _call(connect: Connect, request: Request) -> Response:
    fields = await _fields(request)
    token = request.path_params["token"]
    if fields is None:
        return PlainTextResponse("Request body too large", 413, headers={"Connection": "close"})
    if "XML" not in fields and not re.fullmatch("[0-9a-fA-F]{32}", token):
        return PlainTextResponse("Not found", 404)  # a browser asking for /favicon.ico is no caller
    reply = connect.handle(
        token,
        fields.get("XML", ""),
        address=request.client.host if request.client else "",
        base_url=str(request.base_url),
        secure=request.scope["scheme"] == "https",
    )
    return Response(reply, media_type="text/xml")


async def _overview(connect: Connect, request: Request) -> Response:
    hidden = attrs.filters.exclude("password")
    return JSONResponse(
        {
            "token": connect.token,
            "users": [attrs.asdict(user, filter=hidden) for user in list(connect.users.values())],
            "outbox": [
                {"kind": "e-mail" if isinstance(letter, Email) else "sms", **attrs.asdict(letter)}
                for letter in list(connect.outbox)
            ],
            "captchas": [attrs.asdict(captcha) for captcha in list(connect.captchas.values())],
        }
    )


async def _activate(connect: Connect, request: Request) -> Response:
    user = connect.activate(request.query_params.get("code", ""))
    if user is None:
        return PlainTextResponse("This link is not valid, or it was followed already.", 404)
    if user.link.redirect:
        return RedirectResponse(user.link.redirect, 303)
    return PlainTextResponse(f"The account of {user.name} is active.")


async def _refuse(connect: Connect, request: Request) -> Response:
    fields = await _fields(request) or {}
    codes = [code for code in fields.get("code", "").split(",") if code]
    if not codes:
        return JSONResponse({"error": "code is missing"}, 400)
    connect.refuse_next(*codes, description=fields.get("description"), action=fields.get("action"))
    return JSONResponse({})


async def _page(connect: Connect, request: Request) -> Response:
    """Where the URLs of get_list_terms and buy_credits_url lead."""
    return PlainTextResponse("Here the vendor would show the page that this link stands for.")


async def _fields(request: Request) -> dict[str, str] | None:
    """Query and form; None if the body is too long."""
    body = bytearray()
    async with aclosing(request.stream()) as chunks:
        async for chunk in chunks:
            body += chunk
            if len(body) > _MAX_BODY:
                return None
    encoded = request.scope["query_string"] + b"&" + bytes(body)
    return {name: values[-1] for name, values in parse_qs(encoded.decode("latin-1"), errors="replace").items()}
