"""What people do to campaigns: pause, resume, cancel, retry, delete, erase. Each is a change of the tables, and every
worker follows within two seconds."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Final

from sqlalchemy import Connection, case, delete, exists, null, or_, select, update

from clickasync.campaigns.blocks import ERASED, NUMBER_BYTES, pack_json, pack_numbers, position_of, unpack_json
from clickasync.campaigns.functions import now
from clickasync.campaigns.results import containing
from clickasync.campaigns.schema import bad_rows, calls, campaigns, is_under_way, rates
from clickasync.campaigns.sheet import Sheet
from clickasync.campaigns.statements import LOCK, WRITE
from clickasync.campaigns.states import LAST_GENERATION, UNDER_WAY, Outcome, State
from clickasync.campaigns.store import RECONCILE, Store
from clickasync.errors import ConfigurationError

__all__ = ["cancel", "delete_campaign", "erase", "pause", "resume", "retry"]

_PAGE: Final = 200
_LATE_WORDS: Final = 3600.0
"""Seconds after `begin` in which a sender may still speak."""
_k = campaigns.c
_c = calls.c


async def pause(store: Store, campaign: int) -> None:
    """running → paused: nothing more leaves."""
    mine = update(campaigns).where(_k.id == campaign, _k.state == "running")
    await store.step(mine.values(state="paused", reason=null(), paused_at=now()))


async def resume(store: Store, campaign: int) -> None:
    """paused → running; what is held back goes on, too, once all that was to go out before it has.

    Raises:
        ConfigurationError: the database forgot, so `reconcile` comes first; or it was cancelled.
    """
    mine = update(campaigns).where(
        _k.id == campaign, _k.state == "paused", or_(_k.reason.is_(None), _k.reason != RECONCILE)
    )
    before = exists().where(_c.campaign_id == campaign, _c.id <= _k.hold_after, _c.state != State.SETTLED.value)
    hold_after = case((before, _k.hold_after), else_=null())
    rows = await store.step(mine.values(state="running", reason=null(), hold_after=hold_after).returning(_k.id))
    if rows:
        return
    [row] = await store.step(select(_k.name, _k.state, _k.reason).where(_k.id == campaign))
    if row.reason == RECONCILE:
        raise ConfigurationError(
            f"campaign {row.name!r} cannot go on before it is reconciled: the database forgot what it had confirmed. "
            "Stop all workers, then run: clickasync campaign reconcile"
        )
    if row.state != "running":
        raise ConfigurationError(f"campaign {row.name!r} is {row.state}, and cannot be resumed")


async def cancel(store: Store, campaign: int) -> None:
    """→ cancelled: what was not sent is skipped, for good."""
    mine = update(campaigns).where(_k.id == campaign, _k.state != "loading")
    await store.step(mine.values(state="cancelled", reason=null(), before=null()))


async def retry(store: Store, campaign: int, errors: Collection[str] | None) -> int:
    """settled → ready: reopen who was rejected (for one of these errors); gives how many.

    Raises:
        ConfigurationError: it was cancelled.
    """
    [row] = await store.step(select(_k.name, _k.state).where(_k.id == campaign))
    if row.state == "cancelled":
        raise ConfigurationError(f"campaign {row.name!r} was cancelled; nothing of it is sent again")
    wanted = None if errors is None else frozenset(errors)
    after = reopened = 0
    while True:
        page = await store.step(
            select(_c.id)
            .where(
                _c.campaign_id == campaign,
                _c.id > after,
                _c.state == State.SETTLED.value,
                _c.rejected > 0,
                _c.sent_epoch.is_(None),
            )
            .order_by(_c.id)
            .limit(_PAGE)
        )
        for call in page:
            reopened += await store.change(partial(_reopen, id=call.id, wanted=wanted))
        if len(page) < _PAGE:
            return reopened
        after = page[-1].id


def _reopen(connection: Connection, id: int, wanted: frozenset[str] | None) -> int:
    row = connection.execute(LOCK, {"b_id": id}).one_or_none()
    if row is None or row.state != State.SETTLED or row.sent_epoch is not None or row.gen >= LAST_GENERATION:
        return 0
    state = select(_k.state).where(_k.id == row.campaign_id).with_for_update()
    if connection.execute(state).scalar_one() == "cancelled":
        return 0
    sheet = Sheet.read(row)
    chosen = []
    for position in range(row.n):
        words = sheet.words_of(position)
        names = {words.code, words.text} if words is not None else set()
        if sheet.kind(position) is Outcome.REJECTED and (wanted is None or wanted & names):
            chosen.append(position)
    if chosen:
        sheet.reopen(chosen)
        columns = {**sheet.columns(), "state": State.READY.value, "gen": row.gen + 1, "tries": 0, "worker": None}
        connection.execute(WRITE, {"b_id": id, **columns})
    return len(chosen)


async def delete_campaign(store: Store, campaign: int) -> None:
    """→ gone, with everything about its recipients.

    Raises:
        ConfigurationError: something of it is under way, or was less than an hour ago.
    """

    def stop(connection: Connection) -> None:
        connection.execute(update(campaigns).where(_k.id == campaign).values(state="cancelled", loader=null()))
        busy = select(_c.id).where(_c.campaign_id == campaign, or_(is_under_way, _c.out_at > now() - _LATE_WORDS))
        if connection.execute(busy.limit(1)).first() is not None:
            name = connection.execute(select(_k.name).where(_k.id == campaign)).scalar_one()
            raise ConfigurationError(
                f"something of campaign {name!r} is under way, or was less than an hour ago; delete it later"
            )

    await store.change(stop)
    some = select(_c.id).where(_c.campaign_id == campaign).limit(_PAGE)
    while await store.change(lambda connection: connection.execute(delete(calls).where(_c.id.in_(some))).rowcount):
        pass

    def finish(connection: Connection) -> None:
        connection.execute(delete(bad_rows).where(bad_rows.c.campaign_id == campaign))
        connection.execute(delete(rates).where(rates.c.scope == f"campaign:{campaign}"))
        connection.execute(delete(campaigns).where(_k.id == campaign))

    await store.change(finish)
    await store.vacuum()


async def erase(store: Store, number: str) -> int:
    """Forget a person: number, text and tag in every campaign; gives in how many calls it stood. An opt-out stays.

    Who was not sent to yet is not sent to any more.

    Raises:
        ConfigurationError: a call with the number is under way at this moment.
    """
    packed = pack_numbers([number])
    found = await store.read(
        lambda connection: [
            row.id for row in connection.execute(containing(packed)) if position_of(number, row.numbers) is not None
        ]
    )
    for id in found:
        if not await store.change(partial(_erase, id=id, number=number)):
            raise ConfigurationError("a call to this number is under way at this moment; erase it again later")
    await store.step(delete(bad_rows).where(bad_rows.c.to.contains(number, autoescape=True)))
    await store.vacuum()
    return len(found)


def _erase(connection: Connection, id: int, number: str) -> bool:
    row = connection.execute(LOCK, {"b_id": id}).one_or_none()
    if row is None or (position := position_of(number, row.numbers)) is None:
        return True
    if row.state in UNDER_WAY:
        return False
    at = position * NUMBER_BYTES
    sheet = Sheet.read(row)
    if sheet.kind(position) is Outcome.OPEN:
        sheet.outcome[position] = Outcome.SUPPRESSED | row.gen << 3
    columns = {
        **sheet.columns(),
        "numbers": row.numbers[:at] + ERASED + row.numbers[at + NUMBER_BYTES :],
        "errors": None if row.errors is None else row.errors.replace(number, "…"),
    }
    if row.state == State.READY and not sheet.open():
        columns["state"] = State.SETTLED.value
    if row.texts is not None and row.kind:
        texts = unpack_json(row.texts)
        texts[position] = ""
        columns["texts"] = pack_json(texts)
    if row.tags is not None:
        tags = unpack_json(row.tags)
        tags[position] = None
        columns["tags"] = pack_json(tags)
    connection.execute(WRITE, {"b_id": id, **columns})
    return True
