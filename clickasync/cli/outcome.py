"""A `SendResult` as flat fields: the same in tables, in JSON and in the results file of a bulk run."""

from __future__ import annotations

from typing import Any, Final

from clickasync.cli.typed import words
from clickasync.errors import ApiError, ClickatellError
from clickasync.results import Accepted, Rejected, SendResult, Skipped, Uncertain

__all__ = ["COLUMNS", "as_fields", "kind_of"]

COLUMNS: Final = ("to", "result", "id", "climsgid", "error_code", "error", "known_to_gateway")


def kind_of(result: SendResult) -> str:
    """``accepted``, ``rejected``, ``uncertain`` or ``skipped``."""
    return type(result).__name__.lower()


def as_fields(result: SendResult) -> dict[str, Any]:
    """The fields of a result, by `COLUMNS`; None where there is nothing to say."""
    fields: dict[str, Any] = dict.fromkeys(COLUMNS)
    fields |= {"to": result.to, "result": kind_of(result)}
    match result:
        case Accepted(id=id, climsgid=climsgid):
            fields |= {"id": id, "climsgid": climsgid}
        case Rejected(error=error):
            fields |= _error(error)
        case Uncertain(climsgid=climsgid, error=error, known_to_gateway=known):
            fields |= {"climsgid": climsgid, "known_to_gateway": known, **_error(error)}
        case Skipped(reason=reason):
            fields |= _error(reason)
    return fields


def _error(error: ClickatellError) -> dict[str, Any]:
    code = error.code if isinstance(error, ApiError) else None
    return {"error_code": None if code is None else code.value, "error": words(error)}
