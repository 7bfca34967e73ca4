"""The statements of a worker about itself and its campaigns, by name: beats, what may be sent, the rate, pauses."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Connection,
    Double,
    Integer,
    Text,
    bindparam,
    case,
    cast,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from clickasync.campaigns.functions import identity, now, position
from clickasync.campaigns.prepared import Prepared
from clickasync.campaigns.schema import calls, campaigns, is_ready, is_under_way, meta, optouts, rates, workers

__all__ = [
    "BEAT",
    "BURY",
    "COUNTS",
    "DEREGISTER",
    "HEALTH",
    "PAUSE",
    "REGISTER",
    "RESERVE",
    "ROOM",
    "SET_SPAN",
    "UNDONE",
    "VIEW",
    "tell",
    "word_of",
]

_MOST_AHEAD: Final = 600
"""A rate is taken for at most so many recipients in advance; what is further ahead is a clock that jumped."""
_PATIENCE: Final = 1.0
"""Seconds that a call may wait for the rate."""
_LATE: Final = 0.25
"""Seconds that may be made up for: whoever takes a little late must not lower the rate. No more is saved up."""
_BURIED: Final = 600.0

_k = campaigns.c
_WORKER = bindparam("b_worker", type_=BigInteger())
_ACCOUNT = bindparam("b_account", type_=Text())
_CAMPAIGN = bindparam("b_campaign", type_=BigInteger())
_N = bindparam("b_n", type_=Integer())

REGISTER: Final = Prepared(
    insert(workers)
    .values(
        beat=now(),
        account=_ACCOUNT,
        host=bindparam("b_host", type_=Text()),
        pid=bindparam("b_pid", type_=Integer()),
        version=bindparam("b_version", type_=Text()),
    )
    .returning(workers.c.id)
)
"""A worker begins, under an ID that was never used."""

BEAT: Final = Prepared(update(workers).where(workers.c.id == _WORKER).values(beat=now()).returning(workers.c.id))
"""A worker is alive."""

DEREGISTER: Final = delete(workers).where(workers.c.id == _WORKER)
"""A worker ends."""

_WAITS: Final = "waits for:"


def word_of(worker: int) -> str:
    """The key in `meta` under which a worker says why it does not reach the gateway."""
    return f"{_WAITS}{worker}"


def tell(connection: Connection, worker: int, why: str | None) -> None:
    """A worker says why it does not reach the gateway; None: it does. What the dead said goes, too."""
    alive = select(_WAITS + cast(workers.c.id, Text)).where(workers.c.id != worker)
    connection.execute(delete(meta).where(meta.c.key.startswith(_WAITS), meta.c.key.not_in(alive)))
    if why is not None:
        connection.execute(insert(meta).values(key=word_of(worker), value=why))


BURY: Final = delete(workers).where(
    or_(workers.c.beat < now() - _BURIED, workers.c.beat > now() + _BURIED),
    ~exists().where(calls.c.worker == workers.c.id, is_under_way),
)
"""Workers that are dead for long, and hold nothing."""

HEALTH: Final = Prepared(
    select(
        now().label("now"),
        position().label("position"),
        select(meta.c.value).where(meta.c.key == "version").scalar_subquery().label("version"),
        select(meta.c.value).where(meta.c.key == "dirty").scalar_subquery().label("dirty"),
        exists().where(meta.c.key == "identity", meta.c.value == identity()).label("is_same"),
        exists().where(optouts.c.is_out).label("has_optouts"),
    )
)
"""How the database is."""

_has_ready = exists().where(
    calls.c.campaign_id == _k.id,
    is_ready,
    or_(_k.hold_after.is_(None), calls.c.id <= _k.hold_after),
)

VIEW: Final = Prepared(
    select(
        _k.id,
        _k.name,
        _k.text,
        _k.options,
        _k.windows,
        _k.starts_at,
        _k.opens_at,
        _k.closes_at,
        _k.per_second,
        _k.hold_after,
        _k.stop_at_rejected,
        _has_ready.label("has_ready"),
    )
    .where(
        _k.account == _ACCOUNT,
        _k.state == "running",
        or_(
            exists().where(calls.c.campaign_id == _k.id, is_ready),
            exists().where(calls.c.campaign_id == _k.id, is_under_way),
        ),
    )
    .order_by(_k.id)
)
"""The campaigns of an account that are not finished, the oldest first."""

_is_running_with_ready = exists().where(_k.account == _ACCOUNT, _k.state == "running", _has_ready)
_is_under_way = exists().where(_k.account == _ACCOUNT, calls.c.campaign_id == _k.id, is_under_way)
_is_named = _k.name.in_(bindparam("b_names", expanding=True))

UNDONE: Final = select(_is_running_with_ready.label("ready"), _is_under_way.label("under_way"))
"""Whether anything is left to do for an account."""

UNDONE_OF: Final = select(
    _is_running_with_ready.where(_is_named).label("ready"), _is_under_way.where(_is_named).label("under_way")
)
"""Whether anything is left to do for some of its campaigns."""

COUNTS: Final = select(
    *(
        func.coalesce(func.sum(calls.c[name]), 0).label(name)
        for name in ("accepted", "rejected", "uncertain", "suppressed")
    ),
    func.coalesce(func.max(case((is_under_way, 1), else_=0)), 0).label("under_way"),
).where(calls.c.campaign_id == _CAMPAIGN)
"""The outcomes of a campaign so far."""

PAUSE: Final = Prepared(
    update(campaigns)
    .where(_k.id == _CAMPAIGN, _k.state == "running")
    .values(state="paused", reason=bindparam("b_reason", type_=Text()), paused_at=now())
)
"""running → paused, for everybody."""

SET_SPAN: Final = (
    update(campaigns)
    .where(_k.id == _CAMPAIGN, or_(_k.closes_at.is_(None), _k.closes_at <= now()))
    .values(opens_at=bindparam("b_opens", type_=Double()), closes_at=bindparam("b_closes", type_=Double()))
)
"""When the campaign may send next, once the last span is over."""

_start = case(
    (rates.c.free_at > now() + _MOST_AHEAD / rates.c.per_second, now()),
    (rates.c.free_at < now() - _LATE, now() - _LATE),
    else_=rates.c.free_at,
)
_SCOPE = bindparam("b_scope", type_=Text())

RESERVE: Final = Prepared(
    update(rates)
    .where(rates.c.scope == _SCOPE, _start <= now() + _PATIENCE)
    .values(free_at=_start + _N / rates.c.per_second)
    .returning((rates.c.free_at - _N / rates.c.per_second - now()).label("wait"))
)
"""Take the time of n recipients from one line of time (GCRA): the next ones start where these end. Gives the seconds to
wait; no row: there is no room within a second."""

ROOM: Final = Prepared(select((_start - now()).label("wait")).where(rates.c.scope == _SCOPE))
"""How far ahead the rate is taken."""
