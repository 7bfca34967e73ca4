"""What became of recipients: a row each, read by pages of calls, so that no snapshot is held open for long."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from itertools import repeat
from typing import Any, Final

from attrs import frozen
from sqlalchemy import Connection, Row, bindparam, select

from clickasync.campaigns.blocks import (
    Delivery,
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
from clickasync.campaigns.states import NAMES, Outcome, State, climsgid_of
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
    """The recipients of one call. What they have in common is worked out once."""
    n = call.n
    sheet = Sheet.read(call)
    tags = [None] * n if call.tags is None else unpack_json(call.tags)
    open_name = "skipped" if is_cancelled and call.state <= State.CLAIMED else "ready"
    names = {byte: NAMES[Outcome(byte & 7)] if byte else open_name for byte in set(sheet.outcome)}
    words = [None, *(" ".join(filter(None, (each.code, each.text))) for each in sheet.words)]
    if call.kind:
        climsgids = [_climsgid(call.key, position, byte) for position, byte in enumerate(sheet.outcome)]
    else:
        shared = {byte: _climsgid(call.key, 0, byte) for byte in names}
        climsgids = [shared[byte] for byte in sheet.outcome]
    deliveries: Iterable[tuple[MessageStatus | None, datetime | None]] = repeat((None, None), n)
    if call.delivery is not None:
        deliveries = map(_delivery, unpack_deliveries(call.delivery, n))
    each = zip(
        unpack_rows(call.rows, n),
        unpack_numbers(call.numbers),
        tags,
        [names[byte] for byte in sheet.outcome],
        sheet.ids,
        climsgids,
        [words[index] for index in sheet.codes],
        deliveries,
        strict=True,
    )
    for row, number, tag, name, id, climsgid, error, (delivery, at) in each:
        yield Result(row, number, tag, name, id, climsgid, error, delivery, at)


def _climsgid(key: bytes, position: int, outcome: int) -> str | None:
    if outcome & 7 in (Outcome.OPEN, Outcome.SUPPRESSED):
        return None
    return climsgid_of(key, position, outcome >> 3)


def _delivery(delivery: Delivery | None) -> tuple[MessageStatus | None, datetime | None]:
    if delivery is None:
        return None, None
    return MessageStatus(delivery.status), datetime.fromtimestamp(delivery.at, UTC)


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
