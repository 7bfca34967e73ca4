"""How a campaign is, and why nothing moves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from attrs import frozen
from sqlalchemy import Connection, Integer, bindparam, cast, func, select

from clickasync.campaigns.functions import now
from clickasync.campaigns.schema import LEASE, calls, campaigns, meta, workers
from clickasync.campaigns.states import State
from clickasync.campaigns.store import RECONCILE
from clickasync.campaigns.upkeep import word_of

__all__ = ["Status", "WorkerSeen", "read_status"]

_MILLION: Final = 1_000_000
_c = calls.c
_COUNTS: Final = ("n", "accepted", "rejected", "uncertain", "suppressed", "delivered", "failed", "charge")
_SUMS = (
    select(_c.state, *(cast(func.sum(_c[name]), Integer if name != "charge" else _c.charge.type) for name in _COUNTS))
    .where(_c.campaign_id == bindparam("b_campaign"))
    .group_by(_c.state)
)
_CODES = select(_c.errors, _c.codes).where(_c.campaign_id == bindparam("b_campaign"), _c.errors.is_not(None))
_WORKERS = (
    select(
        workers.c.id,
        workers.c.host,
        workers.c.pid,
        (now() - workers.c.beat).label("age"),
        select(func.count())
        .where(_c.worker == workers.c.id, _c.state.in_((State.CLAIMED.value, State.OUT.value)))
        .scalar_subquery()
        .label("in_hand"),
    )
    .where(workers.c.account == bindparam("b_account"))
    .order_by(workers.c.id)
)


@frozen
class WorkerSeen:
    """A worker of the campaign's account."""

    id: int
    host: str
    pid: int
    last_beat: float
    """Seconds ago."""
    in_hand: int
    """Calls."""

    @property
    def is_alive(self) -> bool:
        """Whether others leave its calls alone."""
        return abs(self.last_beat) < LEASE


@frozen
class Status:
    """How a campaign is; all numbers but `charge` count recipients."""

    name: str
    state: str
    """loading, running, paused, cancelled, or done: everything has an outcome."""
    reason: str | None
    """Why it is paused."""
    recipients: int
    ready: int
    """Not sent yet."""
    out: int
    """Under way, or asked about."""
    accepted: int
    rejected: int
    uncertain: int
    suppressed: int
    """Not sent, because they opted out."""
    skipped: int
    """Cancelled before they were sent."""
    delivered: int
    failed: int
    """Of those accepted: reports say that they were not delivered."""
    bad_rows: int
    duplicates: int
    charge: Decimal
    """Credits, as far as reports have said."""
    workers: Sequence[WorkerSeen]
    errors: Mapping[str, int]
    """How many have which error; by the gateway's code, or our words."""
    waits_for: str | None
    """Why nothing moves, where nothing does."""

    @property
    def done(self) -> int:
        """How many have an outcome."""
        return self.recipients - self.ready - self.out


def read_status(connection: Connection, name: str) -> Status | None:
    """The status of a campaign; None where there is none of that name."""
    row = connection.execute(select(campaigns, now().label("now")).where(campaigns.c.name == name)).one_or_none()
    if row is None:
        return None
    sums = dict.fromkeys(_COUNTS, 0)
    open_by_state = dict.fromkeys(State, 0)
    for state, *values in connection.execute(_SUMS, {"b_campaign": row.id}):
        counted = dict(zip(_COUNTS, values, strict=True))
        for each, value in counted.items():
            sums[each] += int(value)
        decided = sum(int(counted[each]) for each in ("accepted", "rejected", "uncertain", "suppressed"))
        open_by_state[State(state)] = int(counted["n"]) - decided
    seen = [WorkerSeen(*tuple(worker)) for worker in connection.execute(_WORKERS, {"b_account": row.account})]
    ready = open_by_state[State.READY] + open_by_state[State.CLAIMED]
    out = open_by_state[State.OUT] + open_by_state[State.ASKING]
    skipped = 0
    if row.state == "cancelled":
        ready, skipped = 0, ready
    is_done = row.state == "running" and not ready and not out
    return Status(
        name=row.name,
        state="done" if is_done else row.state,
        reason=row.reason,
        recipients=sums["n"] if row.state == "loading" else row.recipients,
        ready=ready,
        out=out,
        accepted=sums["accepted"],
        rejected=sums["rejected"],
        uncertain=sums["uncertain"],
        suppressed=sums["suppressed"],
        skipped=skipped,
        delivered=sums["delivered"],
        failed=sums["failed"],
        bad_rows=row.bad_rows,
        duplicates=row.duplicates,
        charge=Decimal(sums["charge"]) / _MILLION,
        workers=seen,
        errors=_errors(connection, row.id),
        waits_for=None if is_done else _why(connection, row, seen),
    )


def _errors(connection: Connection, campaign: int) -> dict[str, int]:
    counts: dict[str, int] = {}
    for errors, codes in connection.execute(_CODES, {"b_campaign": campaign}):
        for index, (code, text) in enumerate(json.loads(errors), 1):
            if found := (codes or b"").count(index):
                counts[code or text] = counts.get(code or text, 0) + found
    return dict(sorted(counts.items(), key=lambda pair: -pair[1]))


def _why(connection: Connection, row: Any, seen: Sequence[WorkerSeen]) -> str | None:
    """Why nothing moves; None where nothing is in the way."""
    if row.reason == RECONCILE:
        return "the database forgot what it had confirmed: stop all workers, then run campaign reconcile"
    if row.state == "paused":
        return f"paused: {row.reason}" if row.reason else "paused"
    if row.state == "loading":
        return "it is being loaded, or its loading was broken off: run the same create again"
    if row.state == "cancelled":
        return "cancelled"
    alive = [worker for worker in seen if worker.is_alive]
    _, api_id, user = json.loads(row.account)
    if not alive:
        return f"no worker for account {user} (api_id {api_id}) is running"
    if row.opens_at is not None and row.now < row.opens_at:
        what = "it starts" if row.opens_at == row.starts_at else "its window opens"
        return f"{what} at {datetime.fromtimestamp(row.opens_at, UTC):%Y-%m-%d %H:%M} UTC"
    said = connection.scalars(select(meta.c.value).where(meta.c.key.in_([word_of(worker.id) for worker in alive])))
    words = said.all()
    return f"the gateway is not reached: {words[0]}" if len(words) == len(alive) else None
