"""What became of recipients: a row each, read by pages of calls, so that no snapshot is held open for long."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from attrs import frozen
from sqlalchemy import Connection, Row, bindparam, select

from clickasync.campaigns.blocks import (
    pack_numbers,
    position_of,
    unpack_deliveries,
    unpack_json,
    unpack_numbers,
    unpack_rows,
)
from clickasync.campaigns.functions import place_in
from clickasync.campaigns.schema import calls, campaigns
from clickasync.campaigns.sheet import Sheet
from clickasync.campaigns.states import NAMES, Outcome, climsgid_of
from clickasync.campaigns.store import Store
from clickasync.codes import MessageStatus
from clickasync.errors import ConfigurationError, InvalidOptionError

__all__ = ["RESULTS", "Preview", "Result", "containing", "find_results", "read_preview", "read_results"]

PAGE: Final = 100
RESULTS: Final = ("accepted", "rejected", "uncertain", "suppressed", "skipped", "ready")

_PAGE = (
    select(calls)
    .where(calls.c.campaign_id == bindparam("b_campaign"), calls.c.id > bindparam("b_after"))
    .order_by(calls.c.id)
    .limit(PAGE)
)
_STATE = select(campaigns.c.state).where(campaigns.c.id == bindparam("b_campaign"))


@frozen
class Result:
    """What became of one recipient."""

    row: int
    """Its row in the source, from 1."""
    to: str
    """Its number, as it is sent; empty once it was erased."""
    tag: Any
    """Yours."""
    result: str
    """accepted, rejected, uncertain, suppressed (opted out), skipped (cancelled), or ready (not sent yet)."""
    id: str | None
    """The gateway's ID of the message (apimsgid)."""
    climsgid: str | None
    """The client message ID of the request that carried it, once there was one."""
    error: str | None
    """Why it was not accepted: the gateway's code and words, or ours."""
    delivery: MessageStatus | None
    """The newest report."""
    delivered_at: datetime | None
    """The time of that report."""


def rows_of_call(call: Row[Any], *, is_cancelled: bool) -> Iterator[Result]:
    """The recipients of one call."""
    sheet = Sheet.read(call)
    deliveries = unpack_deliveries(call.delivery, call.n)
    tags = [None] * call.n if call.tags is None else unpack_json(call.tags)
    each = zip(unpack_rows(call.rows, call.n), unpack_numbers(call.numbers), tags, deliveries, strict=True)
    for position, (row, number, tag, delivery) in enumerate(each):
        outcome = sheet.kind(position)
        name = NAMES[outcome]
        words = sheet.words_of(position)
        climsgid = None
        if outcome is Outcome.OPEN:
            name = "skipped" if is_cancelled and call.state <= 1 else "ready"
        elif outcome is not Outcome.SUPPRESSED:
            climsgid = climsgid_of(call.key, position if call.kind else 0, sheet.generation(position))
        yield Result(
            row,
            number,
            tag,
            name,
            sheet.ids[position],
            climsgid,
            None if words is None else " ".join(filter(None, (words.code, words.text))),
            None if delivery is None else MessageStatus(delivery.status),
            None if delivery is None else datetime.fromtimestamp(delivery.at, UTC),
        )


@frozen
class Preview:
    """A message as it goes out."""

    to: str
    text: str | None
    options: Mapping[str, Any]


async def read_preview(store: Store, campaign: int) -> Preview:
    """The message of the first row.

    Raises:
        ConfigurationError: the campaign has no recipients.
    """

    def work(connection: Connection) -> Preview | None:
        kept = connection.execute(select(campaigns).where(campaigns.c.id == campaign)).one()
        page = connection.execute(_PAGE, {"b_campaign": campaign, "b_after": 0}).all()
        if not page:
            return None
        first = min(page, key=lambda call: unpack_rows(call.rows, call.n)[0])
        text = kept.text if first.texts is None else unpack_json(first.texts)[0]
        options = {**json.loads(kept.options), **json.loads(first.options or "{}")}
        return Preview(unpack_numbers(first.numbers)[0], text, options)

    preview = await store.read(work)
    if preview is None:
        raise ConfigurationError("the campaign has no recipients")
    return preview


async def read_results(store: Store, campaign: int, only: str | None = None) -> AsyncIterator[Result]:
    """The recipients of a campaign, call by call.

    Raises:
        InvalidOptionError: `only` is no result.
    """
    if only is not None and only not in RESULTS:
        raise InvalidOptionError(f"only must be one of {', '.join(RESULTS)}, not {only!r}")
    after = 0
    while True:
        page, is_cancelled = await store.read(partial(_page, campaign=campaign, after=after))
        for call in page:
            for result in rows_of_call(call, is_cancelled=is_cancelled):
                if only is None or result.result == only:
                    yield result
        if len(page) < PAGE:
            return
        after = page[-1].id


def _page(connection: Connection, campaign: int, after: int) -> tuple[list[Row[Any]], bool]:
    state = connection.execute(_STATE, {"b_campaign": campaign}).scalar_one_or_none()
    page = connection.execute(_PAGE, {"b_campaign": campaign, "b_after": after}).all()
    return list(page), state == "cancelled"


def containing(packed: bytes, *, campaign: int | None = None) -> Any:
    """Calls in whose numbers these eight bytes stand, at any place: whoever asks looks which."""
    found = select(calls).where(place_in(calls.c.numbers, packed) > 0)
    return found if campaign is None else found.where(calls.c.campaign_id == campaign)


async def find_results(store: Store, campaign: int, number: str) -> list[Result]:
    """What became of one number."""
    return await store.read(lambda connection: _find(connection, campaign, number))


def _find(connection: Connection, campaign: int, number: str) -> list[Result]:
    state = connection.execute(_STATE, {"b_campaign": campaign}).scalar_one_or_none()
    found: list[Result] = []
    for call in connection.execute(containing(pack_numbers([number]), campaign=campaign)):
        position = position_of(number, call.numbers)
        if position is not None:
            found.append(list(rows_of_call(call, is_cancelled=state == "cancelled"))[position])
    return sorted(found, key=lambda result: result.row)
