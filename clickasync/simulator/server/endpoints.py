"""How an endpoint of the control interface is described, and how its parameters are read.

One table describes each endpoint: from it come the route, the check of its parameters and the OpenAPI document, so they
cannot disagree. Parameters go in the path, in the query, in a form or in a JSON object.
"""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal, TypeAlias

from attrs import frozen
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from clickasync.simulator.gateway import Gateway
from clickasync.simulator.server.forms import read_query

__all__ = ["Endpoint", "Missing", "Parameter", "Values", "route"]

MAX_BODY: Final = 64 * 1024
"""Bytes."""
_LARGEST: Final = 10**9
"""No number is larger: a thousand million seconds are thirty years."""

Kind: TypeAlias = Literal["string", "integer", "number", "boolean"]
Values: TypeAlias = dict[str, Any]


class Missing(LookupError):  # it is a name, in an answer
    """There is no such thing: a 404."""


@frozen
class Parameter:
    """A parameter of an endpoint."""

    name: str
    kind: Kind
    description: str
    required: bool = False
    minimum: float | None = None
    choices: tuple[str | int, ...] = ()

    def read(self, given: object) -> Any:
        """The value, from JSON or from text.

        Raises:
            ValueError: it says what is wrong.
        """
        value = _READERS[self.kind](given)
        if value is None:
            raise ValueError(f"{self.name} must be {_ARTICLES[self.kind]}")
        if self.minimum is not None and value < self.minimum:
            raise ValueError(f"{self.name} must be {self.minimum:g} or more")
        if self.choices and value not in self.choices:
            raise ValueError(f"{self.name} must be one of {', '.join(map(str, self.choices))}")
        return value


def _integer(given: object) -> int | None:
    number = _number(given)
    return int(number) if number is not None and number == int(number) else None


def _number(given: object) -> float | None:
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        return None
    try:
        number = float(given)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and abs(number) <= _LARGEST else None


def _boolean(given: object) -> bool | None:
    if isinstance(given, bool):
        return given
    return {"true": True, "1": True, "false": False, "0": False}.get(given) if isinstance(given, str) else None


def _string(given: object) -> str | None:
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        return None
    return str(given)


_READERS: Final[Mapping[Kind, Callable[[object], Any]]] = {
    "string": _string,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
}
_ARTICLES: Final = {
    "string": "a text",
    "integer": "a whole number, below a thousand million",
    "number": "a number, below a thousand million",
    "boolean": "true or false",
}


@frozen
class Endpoint:
    """An endpoint: what it is for, what it takes, what it does."""

    method: Literal["GET", "POST", "DELETE"]
    path: str
    summary: str
    run: Callable[[Gateway, Values], Any]
    """Gives what is answered: something for JSON, or a response."""
    parameters: tuple[Parameter, ...] = ()
    returns: str = "application/json"


def route(gateway: Gateway, endpoint: Endpoint) -> Route:
    """The route of an endpoint."""
    return Route(endpoint.path, _answering(gateway, endpoint), methods=[endpoint.method])


def _answering(gateway: Gateway, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            values = _values(endpoint.parameters, await _given(request))
            with gateway.world.lock:
                gateway.world.settle()
                result = endpoint.run(gateway, values)
        except Missing as error:
            return JSONResponse({"error": str(error)}, 404)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)
        return result if isinstance(result, Response) else JSONResponse(result)

    return answer


def _values(parameters: tuple[Parameter, ...], given: Mapping[str, object]) -> Values:
    values: Values = {}
    for parameter in parameters:
        value = given.get(parameter.name)
        if value is None or (value == "" and parameter.kind != "string"):
            if parameter.required:
                raise ValueError(f"{parameter.name} is missing")
        else:
            values[parameter.name] = parameter.read(value)
    return values


async def _given(request: Request) -> dict[str, object]:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise ValueError(f"the body is longer than {MAX_BODY} bytes")
    given: dict[str, object] = {**read_query(request.scope["query_string"])}
    if request.headers.get("content-type", "").startswith("application/json"):
        given |= _json(bytes(body))
    else:
        given |= read_query(bytes(body))
    return given | request.path_params


def _json(body: bytes) -> dict[str, object]:
    if not body:
        return {}
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("the body is not JSON") from None
    if not isinstance(given, dict):
        raise ValueError("the body must be a JSON object")  # noqa: TRY004  it is the caller's value
    return given
