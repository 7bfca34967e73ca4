"""The statements that move a call, by name: one for each row of the table in `states`, and no other way.

Each is built once, for building one costs more than running it; each is safe to run again, for whoever gets no
answer does not know whether it was carried out: its condition says what it expects to find. Each is one statement, so
that a worker that is stopped in the middle holds no lock.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Text, and_, bindparam, case, exists, literal_column, null, or_, select, update

from clickasync.campaigns.functions import identity, now, opted_out, position, position_at_least
from clickasync.campaigns.prepared import Prepared
from clickasync.campaigns.schema import LEASE, VERSION, calls, campaigns, is_ready, is_under_way, meta, workers
from clickasync.campaigns.states import State

__all__ = [
    "ASKED",
    "BEGIN",
    "CLAIM",
    "FINISH",
    "GIVE_BACK",
    "LOCK",
    "MINE",
    "RELEASE",
    "SUPPRESS",
    "TAKE_OVER",
    "WRITE",
]

_ID = bindparam("b_id", type_=BigInteger())
_EPOCH = bindparam("b_epoch", type_=BigInteger())
_WORKER = bindparam("b_worker", type_=BigInteger())
_ACCOUNT = bindparam("b_account", type_=Text())
_CAMPAIGN = bindparam("b_campaign", type_=BigInteger())

_c = calls.c
_k = campaigns.c
_campaign_of_call = _k.id == _c.campaign_id
_is_open_now = or_(_k.opens_at.is_(None), and_(now() >= _k.opens_at, now() < _k.closes_at))
_is_begun = _c.state.in_([literal_column(str(state.value)) for state in (State.OUT, State.ASKING)])
_is_mine_claimed = and_(_c.state == State.CLAIMED.value, _c.epoch == _EPOCH)
_is_mine_out = and_(_c.state == State.OUT.value, _c.sent_epoch == _EPOCH)
_has_not_forgotten = and_(
    exists().where(meta.c.key == "identity", meta.c.value == identity()),
    exists().where(meta.c.key == "dirty", meta.c.value == "1"),
)

CLAIM: Final = Prepared(
    update(calls)
    .where(
        _c.id
        == select(_c.id)
        .where(
            is_ready,
            _c.campaign_id == _CAMPAIGN,
            _c.id > bindparam("b_after"),
            exists().where(
                _k.id == _CAMPAIGN,
                _k.state == "running",
                _k.account == _ACCOUNT,
                or_(_k.hold_after.is_(None), _c.id <= _k.hold_after),
            ),
            exists().where(workers.c.id == _WORKER),
            exists().where(meta.c.key == "version", meta.c.value == str(VERSION)),
        )
        .order_by(_c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    .values(state=State.CLAIMED.value, epoch=_c.epoch + 1, worker=_WORKER)
    .returning(_c.id, _c.campaign_id, _c.epoch, _c.key, _c.kind, _c.n, _c.numbers, _c.texts, _c.options)
)
"""ready → claimed: the next one of a campaign after an ID."""

BEGIN: Final = Prepared(
    update(calls)
    .where(
        _c.id == _ID,
        or_(_is_mine_claimed, _is_mine_out),
        exists().where(_campaign_of_call, _k.state == "running", _is_open_now),
        _has_not_forgotten,
        position_at_least(bindparam("b_position")),
    )
    .values(state=State.OUT.value, sent_epoch=_EPOCH, out_at=now())
    .returning(_c.outcome, _c.gen, _c.tries, opted_out(bindparam("b_numbers")).label("opted_out"), position())
)
"""claimed → out: the intent, committed before the request leaves. Gives what is open, and who has opted out."""

SUPPRESS: Final = Prepared(
    update(calls)
    .where(_c.id == _ID, _is_mine_out)
    .values(outcome=bindparam("v_outcome"), suppressed=bindparam("v_suppressed"))
)
"""Those who opted out between load and `begin`."""

GIVE_BACK: Final = Prepared(
    update(calls)
    .where(_c.id == _ID, or_(_is_mine_claimed, _is_mine_out))
    .values(state=State.READY.value, worker=null(), sent_epoch=null())
)
"""claimed, out → ready: nothing has left."""

RELEASE: Final = Prepared(
    update(calls)
    .where(_c.id == _ID, _is_begun, _c.sent_epoch == _EPOCH)
    .values(state=State.READY.value, worker=null(), sent_epoch=null(), said_epoch=_EPOCH)
    .returning(_c.id)
)
"""out, asking → ready: the sender says that certainly nothing of it left."""

FINISH: Final = Prepared(
    update(calls)
    .where(
        _c.id == _ID,
        _c.sent_epoch == _EPOCH,
        _is_begun,
        _c.delivery.is_(None),
    )
    .values(worker=null(), sent_epoch=null(), said_epoch=_EPOCH)
    .returning(_c.id)
)
"""out, asking → settled (or ready, with positions reopened): what the reply said, where no report came before it.
The outcomes are given as parameters, by the names of their columns."""

_is_alive = exists().where(workers.c.id == _c.worker, workers.c.beat > now() - LEASE, workers.c.beat < now() + LEASE)
_is_of_my_account = exists().where(_campaign_of_call, _k.account == _ACCOUNT)

TAKE_OVER: Final = (
    update(calls)
    .where(
        _c.id.in_(
            select(_c.id)
            .where(
                is_under_way,
                or_(~_is_alive, and_(_c.worker == _WORKER, _c.id.in_(bindparam("b_lost", expanding=True)))),
                or_(_c.state == State.CLAIMED.value, _is_of_my_account),
            )
            .order_by(_c.id)
            .limit(bindparam("b_limit"))
            .with_for_update(skip_locked=True)
        )
    )
    .values(
        state=case((_c.state == State.CLAIMED.value, State.READY.value), else_=State.ASKING.value),
        worker=case((_c.state == State.CLAIMED.value, null()), else_=_WORKER),
        epoch=_c.epoch + 1,
    )
    .returning(_c.id, _c.state, _c.epoch)
)
"""claimed → ready; out, asking → asking: no live worker holds it, or I do and none of my lanes has it in hand."""

MINE: Final = select(_c.id, _c.epoch).where(_c.worker == _WORKER, is_under_way)
"""What the database believes that I have in hand."""

ASKED: Final = select(_c.id, _c.epoch, _c.key, _c.kind, _c.gen, _c.outcome, (now() - _c.out_at).label("age")).where(
    _c.id == _ID, _c.state == State.ASKING.value, _c.worker == _WORKER
)
"""A call that I ask about."""

LOCK: Final = select(calls).where(_c.id == _ID).with_for_update()
"""A call, for whoever merges what is said of it from several sides."""

WRITE: Final = update(calls).where(_c.id == _ID)
"""A call that is locked. What to write is given as parameters, by the names of the columns."""
