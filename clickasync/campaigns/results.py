"""What became of recipients: a row each, read by pages of calls, so that no snapshot is held open for long."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import repeat
from typing import Any, Final, Self

from attrs import frozen
from sqlalchemy import Connection, Row, bindparam, select

from clickasync.campaigns.blocks import (
    Delivery,
    pack_numbers,
    position_of,
    unpack_deliveries,
    unpack_ids,
    unpack_json,
    unpack_numbers,
    unpack_rows,
)
from clickasync.campaigns.functions import place_in
from clickasync.campaigns.prepared import Prepared
from clickasync.campaigns.schema import calls, campaigns
from clickasync.campaigns.sheet import Words
from clickasync.campaigns.states import NAMES, Outcome, State, climsgid_of
from clickasync.campaigns.store import Store
from clickasync.codes import MessageStatus
from clickasync.errors import ConfigurationError, InvalidOptionError

__all__ = [
    "RESULTS",
    "CallResults",
    "Preview",
    "Result",
    "containing",
    "find_results",
    "read_calls",
    "read_preview",
    "read_results",
    "read_some",
]

PAGE: Final = 100
RESULTS: Final = ("accepted", "rejected", "uncertain", "suppressed", "skipped", "ready")
"""What may become of a row."""

_PAGE = (
    select(calls)
    .where(calls.c.campaign_id == bindparam("b_campaign"), calls.c.id > bindparam("b_after"))
    .order_by(calls.c.id)
    .limit(PAGE)
)
_ONE: Final = Prepared(select(calls).where(calls.c.id == bindparam("b_id")))
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

    @classmethod
    def many(cls, *columns: Iterable[Any], count: int) -> list[Self]:
        """So many of them, from columns in the order of the attributes.

        Made slot by slot, a result costs 0.3 µs in place of 0.7.
        """
        made = list(map(cls.__new__, repeat(cls, count)))
        for name, values in zip(cls.__match_args__, columns, strict=True):
            deque(map(getattr(cls, name).__set__, made, values), maxlen=0)
        return made


@frozen(eq=False)
class CallResults:
    """What became of the recipients of one call, column by column: so a million of them are written in a second."""

    id: int
    outcome: bytes
    """A byte each; two that are equal say that nothing became of the call in between."""
    rows: Sequence[int]
    numbers: Sequence[str]
    tags: Sequence[Any] | None
    """None: nobody has one."""
    results: Sequence[str]
    """As `Result.result`."""
    ids: Sequence[str | None]
    climsgids: Sequence[str | None]
    words: Sequence[Words | None]
    """Why it was not accepted."""
    delivery: bytes | None
    is_under_way: bool
    """Whether it may have been sent, and nothing is known of it yet."""

    def known(self, position: int) -> bool | None:
        """What the gateway said of an uncertain one when it was asked."""
        match Outcome(self.outcome[position] & 7):
            case Outcome.UNCERTAIN_KNOWN:
                return True
            case Outcome.UNCERTAIN_UNKNOWN:
                return False
        return None

    def each(self) -> list[Result]:
        """Row by row."""
        n = len(self.rows)
        errors: Iterable[str | None] = repeat(None)
        if any(self.words):
            errors = [
                None if words is None else " ".join(filter(None, (words.code, words.text))) for words in self.words
            ]
        statuses: Iterable[MessageStatus | None] = repeat(None)
        times: Iterable[datetime | None] = repeat(None)
        if self.delivery is not None:
            statuses, times = zip(*map(_delivery, unpack_deliveries(self.delivery, n)), strict=True)
        tags = repeat(None) if self.tags is None else self.tags
        columns = (self.rows, self.numbers, tags, self.results, self.ids, self.climsgids, errors, statuses, times)
        return Result.many(*columns, count=n)


def results_of(call: Any, *, is_cancelled: bool = False) -> CallResults:
    """The recipients of one call. What they have in common is worked out once."""
    n = call.n
    outcome = bytes(call.outcome)
    open_name = "skipped" if is_cancelled and call.state <= State.CLAIMED else "ready"
    names = {byte: NAMES[Outcome(byte & 7)] if byte else open_name for byte in set(outcome)}
    if call.kind:
        climsgids = [_climsgid(call.key, position, byte) for position, byte in enumerate(outcome)]
    else:
        shared = {byte: _climsgid(call.key, 0, byte) for byte in names}
        climsgids = [shared[byte] for byte in outcome]
    words: list[Words | None] = [None] * n
    if call.codes is not None:
        known = [None, *(Words(code, text) for code, text in json.loads(call.errors))]
        words = [known[index] for index in call.codes]
    return CallResults(
        call.id,
        outcome,
        unpack_rows(call.rows, n),
        unpack_numbers(call.numbers),
        None if call.tags is None else unpack_json(call.tags),
        [names[byte] for byte in outcome],
        unpack_ids(call.ids, n),
        climsgids,
        words,
        call.delivery,
        call.state in (State.OUT, State.ASKING),
    )


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
    async for call in read_calls(store, campaign):
        if only is None:
            for result in call.each():
                yield result
        elif only in call.results:
            for result in call.each():
                if result.result == only:
                    yield result


async def read_calls(store: Store, campaign: int) -> AsyncIterator[CallResults]:
    """The recipients of a campaign, a call at a time."""
    after = 0
    while True:
        page, is_cancelled = await store.read(partial(_page, campaign=campaign, after=after))
        for call in page:
            yield results_of(call, is_cancelled=is_cancelled)
        if len(page) < PAGE:
            return
        after = page[-1].id


async def read_some(store: Store, ids: Collection[int]) -> list[CallResults]:
    """The recipients of these calls; those that are gone are left out."""
    found = await asyncio.gather(*(store.step(_ONE, b_id=id, may_be_lost=True) for id in ids))
    return [results_of(call) for rows in found for call in rows]


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
            found.append(results_of(call, is_cancelled=state == "cancelled").each()[position])
    return sorted(found, key=lambda result: result.row)
