"""The OpenAPI document of the control interface, made from the table of its endpoints."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from clickasync._version import __version__
from clickasync.simulator.server.endpoints import Endpoint, Parameter

__all__ = ["describe"]


def describe(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """The document."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(_path(endpoint.path), {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "clickasync simulator",
            "version": __version__,
            "description": "What a test or a person does to the simulator, beside the API that it simulates.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": paths,
    }


def _path(path: str) -> str:
    return re.sub(r"{(\w+):\w+}", r"{\1}", path)


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    in_path = set(re.findall(r"{(\w+)", endpoint.path))
    body = endpoint.method == "POST"
    outside = [parameter for parameter in endpoint.parameters if parameter.name in in_path or not body]
    inside = [parameter for parameter in endpoint.parameters if parameter not in outside]
    schema = {"type": "string"} if endpoint.returns != "application/json" else {}
    operation: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{endpoint.method.lower()}{endpoint.path}").strip("_"),
        "summary": endpoint.summary,
        "parameters": [_outside(parameter, in_path) for parameter in outside],
        "responses": {
            "200": {"description": "done", "content": {endpoint.returns: {"schema": schema}}},
            "400": {"description": "a parameter is missing or wrong; `error` says which and why"},
            "403": {"description": "the Host or the Origin is a stranger's"},
        },
    }
    if in_path:
        operation["responses"]["404"] = {"description": "there is no such thing"}
    if inside:
        operation["requestBody"] = {"content": {"application/json": {"schema": _object(inside)}}}
    return operation


def _outside(parameter: Parameter, in_path: set[str]) -> dict[str, Any]:
    is_path = parameter.name in in_path
    return {
        "name": parameter.name,
        "in": "path" if is_path else "query",
        "required": is_path or parameter.required,
        "description": parameter.description,
        "schema": _schema(parameter),
    }


def _object(parameters: list[Parameter]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            parameter.name: {**_schema(parameter), "description": parameter.description} for parameter in parameters
        },
        "required": [parameter.name for parameter in parameters if parameter.required],
    }


def _schema(parameter: Parameter) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": parameter.kind}
    if parameter.minimum is not None:
        schema["minimum"] = parameter.minimum
    if parameter.choices:
        schema["enum"] = list(parameter.choices)
    return schema
