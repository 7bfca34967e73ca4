"""``clickasync codes``: the tables of the API."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any, Final

import typer

from clickasync.cli.command import add_command
from clickasync.cli.screen import AsJson, show_json, show_table
from clickasync.codes import Callback, ConnectErrorCode, ErrorCode, Feature, MessageStatus, MessageType, Queue

__all__ = ["register"]


_WHICH: Final = "statuses, errors, callbacks, connect, features, types or queues"


class CodeTable(StrEnum):
    """A table."""

    STATUSES = "statuses"
    ERRORS = "errors"
    CALLBACKS = "callbacks"
    CONNECT = "connect"
    FEATURES = "features"
    TYPES = "types"
    QUEUES = "queues"


def _statuses() -> list[dict[str, Any]]:
    return [
        {
            "code": each.value,
            "description": each.description,
            "final": each.is_final,
            "error": each.is_error,
            "comment": each.comment,
        }
        for each in MessageStatus
    ]


def _errors(kind: type[ErrorCode] | type[ConnectErrorCode]) -> list[dict[str, Any]]:
    return [{"code": each.value, "description": each.description, "comment": each.comment} for each in kind]


def _callbacks() -> list[dict[str, Any]]:
    return [
        {"value": value, "statuses": sorted(status.value for status in Callback(value).statuses)} for value in range(8)
    ]


def _names(kind: type[Feature] | type[Queue] | type[MessageType]) -> list[dict[str, Any]]:
    return [{"value": each.value, "name": each.name} for each in kind]


_TABLES: Final[dict[CodeTable, tuple[str, Callable[[], list[dict[str, Any]]]]]] = {
    CodeTable.STATUSES: ("Message statuses", _statuses),
    CodeTable.ERRORS: ("Errors of the HTTP API", lambda: _errors(ErrorCode)),
    CodeTable.CALLBACKS: ("Values of callback, and the statuses that each reports", _callbacks),
    CodeTable.CONNECT: ("Errors of the Connect API", lambda: _errors(ConnectErrorCode)),
    CodeTable.FEATURES: ("Values of req_feat, to be added up", lambda: _names(Feature)),
    CodeTable.TYPES: ("Values of msg_type", lambda: _names(MessageType)),
    CodeTable.QUEUES: ("Values of queue", lambda: _names(Queue)),
}


def codes(
    tables: Annotated[
        list[CodeTable] | None,
        typer.Argument(metavar="TABLE", help=_WHICH + "; all of them by default.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print the tables of the API: statuses, errors, callback values, and more. --json prints an object of arrays."""
    wanted = {name: _TABLES[name] for name in tables or _TABLES}
    if as_json:
        show_json({name.value: rows() for name, (_, rows) in wanted.items()})
        return
    for title, make_rows in wanted.values():
        rows = make_rows()
        show_table(rows[0], ([_cell(value) for value in row.values()] for row in rows), title=title)


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return "yes" if value else ""
    return " ".join(value) if isinstance(value, list) else value


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, codes)
