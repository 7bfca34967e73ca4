"""Delivery reports, folded into the calls that they are about; and the hooks for a receiver of callbacks.

Reports that come within 20 ms are one transaction, for each call is written once, however many of its recipients are
reported. The receiver answers 200 only after COMMIT: what is not committed comes again.

A report is evidence, whatever stands in the tables: its recipient was accepted. If the tables say that nothing of that
call ever left, the database forgot, and the campaign pauses until it is reconciled.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, TypeAlias, TypedDict

from attrs import frozen
from sqlalchemy import Connection, Row, or_, select, update

from clickasync.callbacks.models import DeliveryReport, InboundMessage
from clickasync.campaigns.blocks import Delivery, unpack_numbers
from clickasync.campaigns.functions import now
from clickasync.campaigns.optouts import OptOuts
from clickasync.campaigns.schema import calls, campaigns
from clickasync.campaigns.sheet import Sheet
from clickasync.campaigns.states import Outcome, State, read_climsgid
from clickasync.campaigns.store import RECONCILE, Store
from clickasync.codes import MessageStatus

__all__ = ["Hooks", "OnMessage", "OnReport", "hooks"]

OnReport: TypeAlias = Callable[[DeliveryReport], Awaitable[object]]
OnMessage: TypeAlias = Callable[[InboundMessage], Awaitable[object]]

_GATHER_SECONDS: Final = 0.02
_AT_ONCE: Final = 1000
_FAILED: Final = frozenset(status.value for status in MessageStatus if status.is_error)
_DELIVERED: Final = "004"
_LONGEST_PREFIX: Final = 4  # digits of a country's code
_log = logging.getLogger("clickasync.campaigns")


class Hooks(TypedDict):
    """Arguments of `clickasync.callbacks.receiver`."""

    on_report: OnReport
    on_message: OnMessage


def hooks(store: Store, on_report: OnReport | None, on_message: OnMessage | None) -> Hooks:
    """Handlers for a receiver; yours get what is not about a campaign (reports), or everything (messages)."""
    folder = _Folder(store)
    optouts = OptOuts(store)

    async def take_report(report: DeliveryReport) -> None:
        if not await folder.take(report) and on_report is not None:
            await on_report(report)

    async def take_message(message: InboundMessage) -> None:
        await optouts.heard(message)
        if on_message is not None:
            await on_message(message)

    return {"on_report": take_report, "on_message": take_message}


class _Folder:
    """Gathers reports."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[tuple[DeliveryReport, asyncio.Future[bool]]] = []
        self._task: asyncio.Task[None] | None = None

    async def take(self, report: DeliveryReport) -> bool:
        """Fold a report; gives whether it is about a call of ours, once that is committed."""
        if read_climsgid(report.climsgid) is None:
            return False
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((report, done))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._fold_soon())
        return await done

    async def _fold_soon(self) -> None:
        await asyncio.sleep(_GATHER_SECONDS)
        while self._waiting:
            taken, self._waiting = self._waiting[:_AT_ONCE], self._waiting[_AT_ONCE:]
            reports = [report for report, _ in taken]
            try:
                ours = await self._store.change(partial(fold, reports=reports))
            except Exception as error:  # told to each of those who wait
                for _, done in taken:
                    if not done.done():
                        done.set_exception(error)
            else:
                for (_, done), is_ours in zip(taken, ours, strict=True):
                    if not done.done():
                        done.set_result(is_ours)


@frozen
class _Aimed:
    """A report, and where it belongs."""

    report: DeliveryReport
    position: int
    generation: int


def fold(connection: Connection, reports: Sequence[DeliveryReport]) -> list[bool]:
    """Fold reports into their calls; gives of each whether there is one. They may have been folded before."""
    names = [read_climsgid(report.climsgid) for report in reports]
    keys = {name[0] for name in names if name is not None}
    locked = select(calls).where(calls.c.key.in_(keys)).order_by(calls.c.id).with_for_update()
    found = {bytes(row.key): row for row in connection.execute(locked)}
    aimed: dict[int, list[_Aimed]] = {}
    rows: dict[int, Row[Any]] = {}
    ours: list[bool] = []
    for report, name in zip(reports, names, strict=True):
        row = found.get(name[0]) if name is not None else None
        ours.append(row is not None)
        if row is None or name is None:
            continue
        position = name[1] if row.kind else _position(row, report)
        if position is None or position >= row.n or not report.status.value.isdigit():
            _log.warning("a report of call %d fits none of its recipients", row.id)
            continue
        rows[row.id] = row
        aimed.setdefault(row.id, []).append(_Aimed(report, position, min(name[2], 31)))
    for id, row in rows.items():
        _fold_into(connection, row, aimed[id])
    return ours


def _position(row: Row[Any], report: DeliveryReport) -> int | None:
    """Whose report it is, of a call that one request carried: by ID, or by number as a reply's lines are matched."""
    ids = Sheet.read(row).ids
    if report.id in ids:
        return ids.index(report.id)
    return _whose(report.to.removeprefix("+"), unpack_numbers(row.numbers))


def _whose(reported: str, numbers: Sequence[str]) -> int | None:
    """Which recipient a number means: the same one, or one whose leading zero became a country's code, if only one."""
    if reported in numbers:
        return numbers.index(reported)
    local = {"0" + reported[length:] for length in range(1, _LONGEST_PREFIX + 1)}
    found = [position for position, number in enumerate(numbers) if number in local]
    return found[0] if len(found) == 1 else None


def _fold_into(connection: Connection, row: Row[Any], reports: Sequence[_Aimed]) -> None:
    sheet = Sheet.read(row)
    charge = 0
    forgot = False
    for each in reports:
        known = sheet.ids[each.position]
        if known is not None and known != each.report.id:
            _log.error("call %d: a recipient was reported under two IDs; the gateway may have sent twice", row.id)
            continue
        before = (sheet.deliveries or {each.position: None})[each.position]
        if before is not None and not each.report.supersedes(_as_report(before, each.report)):
            continue
        was_open = sheet.kind(each.position) is Outcome.OPEN
        was_not_begun = was_open and row.state in (State.READY, State.CLAIMED) and each.generation >= row.gen
        forgot = forgot or was_not_begun or each.generation > row.gen
        when = each.report.timestamp  # without one, a report counts as the oldest of its kind
        stamp = 0 if when is None else max(0, int(when.timestamp()))
        delivery = Delivery(each.report.status.value, min(stamp, 2**32 - 1), each.report.charge)
        charge += sheet.report(each.position, each.report.id, delivery, each.generation)
    statuses = [delivery.status for delivery in sheet.deliveries or () if delivery is not None]
    columns = {
        **sheet.columns(),
        "delivery": sheet.packed_deliveries(),
        "delivered": statuses.count(_DELIVERED),
        "failed": sum(status in _FAILED for status in statuses),
        "charge": row.charge + charge,
    }
    if row.state == State.READY and not sheet.open():
        columns["state"] = State.SETTLED.value
    changed = {name: value for name, value in columns.items() if value != getattr(row, name)}
    if changed:  # PostgreSQL stores what is written anew, though it be the same
        connection.execute(update(calls).where(calls.c.id == row.id).values(changed))
    if forgot:
        _log.error(
            "a report came of a try of call %d that was never begun: the database forgot; campaign paused", row.id
        )
        connection.execute(
            update(campaigns)
            .where(
                campaigns.c.id == row.campaign_id,
                campaigns.c.state.in_(("running", "paused")),
                or_(campaigns.c.reason.is_(None), campaigns.c.reason != RECONCILE),
            )
            .values(before=campaigns.c.state, state="paused", reason=RECONCILE, paused_at=now())
        )


def _as_report(before: Delivery, like: DeliveryReport) -> DeliveryReport:
    """The report that is kept, as `DeliveryReport.supersedes` compares it."""
    at = datetime.fromtimestamp(before.at, UTC)
    return DeliveryReport(
        like.id, like.climsgid, like.to, like.from_, MessageStatus(before.status), before.charge, at, like.api_id
    )
