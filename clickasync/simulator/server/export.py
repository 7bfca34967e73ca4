"""The ledger as a file: CSV for a spreadsheet, JSON for a program."""

from __future__ import annotations

import csv
import io
import json
from typing import Final

from starlette.responses import Response

from clickasync.simulator.gateway import Gateway
from clickasync.simulator.server import views

__all__ = ["as_csv", "as_json"]

_COLUMNS: Final = (
    "number", "id", "climsgid", "api_id", "command", "to", "from", "text", "data", "parts", "charge", "status",
    "description", "accepted_at",
)  # fmt: skip


def as_csv(gateway: Gateway) -> Response:
    """The messages, a line each."""
    file = io.StringIO()
    rows = csv.writer(file)
    rows.writerow(_COLUMNS)
    for message in gateway.messages:
        shown = views.message(message)
        rows.writerow([_cell(shown[column]) for column in _COLUMNS])
    return _download(file.getvalue(), "text/csv; charset=utf-8", "messages.csv")


def as_json(gateway: Gateway) -> Response:
    """The messages, as a list."""
    shown = [views.message(message) for message in gateway.messages]
    return _download(json.dumps(shown, indent=2, ensure_ascii=False), "application/json", "messages.json")


def _cell(value: object) -> str:
    # A spreadsheet takes a cell that begins like this for a formula, and runs it.
    text = str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _download(content: str, media_type: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content.encode("utf-8", "replace"), media_type=media_type, headers=headers)
