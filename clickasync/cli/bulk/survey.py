"""A look at all rows before anything is sent: how many there are, and whether they are still those of earlier runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import define

from clickasync.cli.bulk.journal import fingerprint
from clickasync.cli.bulk.resume import OpenCall
from clickasync.cli.bulk.standing import Standing
from clickasync.errors import ConfigurationError
from clickasync.recipients import Recipients, Row, Seen

__all__ = ["Survey", "look_over"]


@define
class Survey:
    """What was found."""

    rows: int = 0
    to_send: int = 0
    """How many are to be sent, bad ones included."""
    other_text: int = 0
    """How many of the rows that were under way would say something else now."""
    duplicates: int = 0
    """How many have a number that stands in an earlier row."""


def look_over(
    recipients: Recipients,
    standing: Standing,
    calls: list[OpenCall],
    options: Mapping[str, Any],
    *,
    retry_rejected: bool,
) -> Survey:
    """Count the rows, check them against `standing`, and give `calls` their rows.

    Raises:
        ConfigurationError: the recipients have changed since an earlier run; nobody can say who was sent what.
        InvalidOptionError: they cannot be read.
    """
    survey = Survey()
    wanted = {row: call for call in calls for row in call.entry.rows}
    seen = Seen()
    for item in recipients:
        survey.rows += 1
        if isinstance(item, Row):
            seen.add(item.number)
        if standing.changed(item.row, item.to):
            raise ConfigurationError(
                f"{recipients.name}, line {item.line}: row {item.row} had another number when it was sent; "
                "resume with the recipients as they were, or start afresh with another results file"
            )
        survey.to_send += standing.to_send(item.row, retry_rejected=retry_rejected)
        call = wanted.get(item.row)
        if call is not None and isinstance(item, Row):
            text = recipients.text_of(item)
            call.rows[item.row] = item
            call.texts[item.row] = text
            survey.other_text += call.entry.text != fingerprint(text, options)
    survey.duplicates = seen.repeats
    if standing.last_row > survey.rows:
        raise ConfigurationError(
            f"{recipients.name} has {survey.rows} rows, and the results have row {standing.last_row}; "
            "resume with the recipients as they were"
        )
    return survey
