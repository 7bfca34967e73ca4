"""The control interface: what a test or a person does to the simulator over HTTP, beside the API that it simulates.

===============================  =====================================================================================
``GET /simulator/status``        ``{"credits": "997", "messages": 3, "authentications": 1, "requests": {...}, ...}``
``GET /simulator/messages``      the ledger, as a list; ``?since=100`` leaves out the first hundred
``POST /simulator/mo``           a handset writes: ``from``, ``to``, ``text``, and if wanted ``charset``, ``parts``,
                                 ``api_id``; gives ``{"ids": [...]}``, the moMsgId of each part
``POST /simulator/advance``      ``seconds``: let time pass
``POST /simulator/forget``       let all sessions die at once
===============================  =====================================================================================

Parameters go in the query, in a form or in a JSON object. What cannot be read is a 400 with ``{"error": "..."}``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from clickasync.simulator.gateway import Gateway
from clickasync.simulator.world.messages import Message

__all__ = ["control_routes"]

_MAX_BODY = 64 * 1024

Parameters = dict[str, str]
Action = Callable[[Gateway, Parameters], Any]


def control_routes(gateway: Gateway) -> list[Route]:
    """The routes of the control interface."""
    return [
        Route("/simulator/status", _endpoint(gateway, _status), methods=["GET"]),
        Route("/simulator/messages", _endpoint(gateway, _messages), methods=["GET"]),
        Route("/simulator/mo", _endpoint(gateway, _mo), methods=["POST"]),
        Route("/simulator/advance", _endpoint(gateway, _advance), methods=["POST"]),
        Route("/simulator/forget", _endpoint(gateway, _forget), methods=["POST"]),
    ]


def _endpoint(gateway: Gateway, action: Action) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            return JSONResponse(action(gateway, await _parameters(request)))
        except KeyError as error:
            return JSONResponse({"error": f"{error.args[0]} is missing"}, 400)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)

    return endpoint


async def _parameters(request: Request) -> Parameters:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY:
            raise ValueError(f"the body is longer than {_MAX_BODY} bytes")
    parameters = dict(request.query_params)
    if request.headers.get("content-type", "").startswith("application/json"):
        given = json.loads(body)
        if not isinstance(given, dict):
            raise ValueError("the body must be a JSON object")
        return parameters | {name: str(value) for name, value in given.items() if value is not None}
    return parameters | dict(parse_qsl(body.decode(), keep_blank_values=True))


def _status(gateway: Gateway, parameters: Parameters) -> Any:
    return {
        "credits": str(gateway.credits),
        "messages": len(gateway.messages),
        "sessions": len(gateway.sessions),
        "authentications": gateway.authentications,
        "requests": dict(gateway.requests),
        "pending_callbacks": gateway.pending_callbacks,
    }


def _messages(gateway: Gateway, parameters: Parameters) -> Any:
    return [_entry(message) for message in gateway.messages[int(parameters.get("since", 0)) :]]


def _entry(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "climsgid": message.climsgid,
        "api_id": message.api_id,
        "command": message.command,
        "to": message.to,
        "from": message.sender,
        "text": message.text,
        "data": message.data,
        "unicode": message.unicode,
        "parts": message.parts,
        "charge": str(message.charge),
        "callback": int(message.callback),
        "accepted_at": message.accepted_at,
        "status": message.status,
        "description": message.status.description,
        "options": dict(message.options),
    }


def _mo(gateway: Gateway, parameters: Parameters) -> Any:
    parts = parameters.get("parts")
    ids = gateway.inject(
        parameters["from"],
        parameters["to"],
        parameters["text"],
        charset=parameters.get("charset") or "UTF-8",
        parts=int(parts) if parts else None,
        api_id=parameters.get("api_id"),
    )
    return {"ids": ids}


def _advance(gateway: Gateway, parameters: Parameters) -> Any:
    seconds = float(parameters["seconds"])
    if not (math.isfinite(seconds) and seconds >= 0):
        raise ValueError("seconds must be zero or more: time does not run backwards")
    gateway.advance(seconds)
    return {"now": gateway.now()}


def _forget(gateway: Gateway, parameters: Parameters) -> Any:
    gateway.forget_sessions()
    return {}
