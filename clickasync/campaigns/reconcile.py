"""Reconcile: the database forgot, or may have. The gateway is asked about everything that it believes unsent.

What the gateway knows was sent, under a try that the database does not remember: it becomes uncertain, and is not sent
again. So does who was rejected, if the gateway knows a later try that was forgotten: a person may have retried it.
What it does not know, asked twice with a pause, will be sent. The gateway remembers for 15 days; what is older cannot
be asked about and becomes uncertain.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeAlias

from attrs import define, frozen
from sqlalchemy import Connection, and_, null, or_, select, update

from clickasync.campaigns.functions import now
from clickasync.campaigns.schema import LEASE, calls, campaigns, workers
from clickasync.campaigns.sheet import Said, Sheet, Words
from clickasync.campaigns.statements import LOCK, WRITE
from clickasync.campaigns.states import LAST_GENERATION, Outcome, State, climsgid_of
from clickasync.campaigns.store import RECONCILE, Store
from clickasync.core.executor import Executor
from clickasync.errors import ClickatellError, ConfigurationError
from clickasync.results import MessageState

__all__ = ["Reconciled", "reconcile"]

SETTLE_SECONDS: Final = 120.0
"""How long a campaign must have been paused: until then, what was sent may still be under way."""
_BETWEEN: Final = 3.0
_REMEMBERED: Final = 14 * 24 * 3600.0
_PAGE: Final = 100
_LOOK_SECONDS: Final = 0.2
_AT_ONCE: Final = 8
_FORGOTTEN: Final = Words(None, "the database forgot it, and the gateway knows it")
_TOO_OLD: Final = Words(None, "the database forgot, and the gateway is asked about the last two weeks only")
_ByGeneration: TypeAlias = dict[int, Mapping[int, Said]]
_c = calls.c
_k = campaigns.c
_UNSENT: Final = (State.READY.value, State.CLAIMED.value)


@define
class Reconciled:
    """What came of it; recipients."""

    uncertain: int = 0
    """Were sent, or may have been."""
    to_send: int = 0
    """The gateway does not know them: they will be sent."""


@frozen
class _Question:
    climsgid: str
    call: Any
    positions: Sequence[int]
    generation: int

    @property
    def is_alone(self) -> bool:
        """Whether its request can have carried one recipient only."""
        return bool(self.call.kind) or self.call.n == 1


async def reconcile(
    store: Store, account: str, executor: Executor, *, settle: float = SETTLE_SECONDS, lapse: float = 0.0
) -> Reconciled:
    """Reconcile the campaigns of an account that are paused for it, and let them go on.

    Args:
        store: the database.
        account: whose campaigns.
        executor: asks the gateway.
        settle: seconds for which a campaign must have been paused.
        lapse: seconds for which workers that seem to be alive are waited for.

    Raises:
        ConfigurationError: a worker of the account is alive: it must be stopped first.
        ClickatellError: the gateway gave no clear answer; nothing goes on, and it can be tried again.
    """
    deadline = time.monotonic() + lapse
    find_alive = select(workers.c.host, workers.c.pid).where(
        workers.c.account == account, workers.c.beat > now() - LEASE, workers.c.beat < now() + LEASE
    )
    while alive := await store.step(find_alive):
        if time.monotonic() < deadline:
            await asyncio.sleep(_LOOK_SECONDS)
            continue
        raise ConfigurationError(
            f"a worker is still running (host {alive[0].host}, process {alive[0].pid}): stop all workers first"
        )
    done = Reconciled()
    paused = select(_k.id, (now() - _k.paused_at).label("age"), (now() - _k.created).label("loaded")).where(
        _k.account == account, _k.reason == RECONCILE
    )
    for campaign in await store.step(paused):
        await asyncio.sleep(max(0.0, settle - campaign.age))
        await _reconcile_one(store, executor, campaign.id, done, is_too_old=campaign.loaded > _REMEMBERED)
        resume = update(campaigns).where(_k.id == campaign.id, _k.reason == RECONCILE)
        await store.step(resume.values(state=_k.before, before=null(), reason=null()))
    return done


async def _reconcile_one(
    store: Store, executor: Executor, campaign: int, done: Reconciled, *, is_too_old: bool
) -> None:
    after = 0
    wanted: Any = _c.state.in_(_UNSENT)
    if not is_too_old:
        wanted = or_(wanted, and_(_c.state == State.SETTLED.value, _c.rejected > 0))
    while True:
        page = await store.step(
            select(calls).where(_c.campaign_id == campaign, _c.id > after, wanted).order_by(_c.id).limit(_PAGE)
        )
        if not page:
            return
        after = page[-1].id
        if is_too_old:
            too_old = Said(Outcome.UNCERTAIN, words=_TOO_OLD)
            said: dict[int, _ByGeneration] = {row.id: {row.gen: dict.fromkeys(_open(row), too_old)} for row in page}
        else:
            said = await _ask(executor, page)
        for row in page:
            mine: _ByGeneration = said.get(row.id, {})
            await store.change(partial(_write, id=row.id, said=mine))
            known = {position for each in mine.values() for position in each}
            done.uncertain += len(known)
            done.to_send += len(set(_open(row)) - known)


def _open(row: Any) -> list[int]:
    return [position for position, byte in enumerate(row.outcome) if byte == 0]


def _questions(row: Any) -> list[_Question]:
    """Everything that may have been made of a call, besides what the database knows of.

    That is a try of its generation, if it believes that there was none; and one of the next, of those, too, who were
    rejected before (a `retry` was forgotten).
    """
    open = _open(row)
    rejected = [position for position, byte in enumerate(row.outcome) if byte & 7 == Outcome.REJECTED]
    tries = {row.gen: open if row.state in _UNSENT else []}
    if row.gen < LAST_GENERATION:
        tries[row.gen + 1] = sorted(open + rejected)
    return [
        _Question(climsgid_of(row.key, positions[0] if row.kind else 0, generation), row, positions, generation)
        for generation, all in tries.items()
        for positions in ([[position] for position in all] if row.kind else [all])
        if positions
    ]


async def _ask(executor: Executor, page: Sequence[Any]) -> dict[int, _ByGeneration]:
    """Ask about calls, and again what was not known, after a pause."""
    questions = [question for row in page for question in _questions(row)]
    answers = await _answers(executor, questions)
    if any(answer is False for answer in answers):
        await asyncio.sleep(_BETWEEN)
        again = [index for index, answer in enumerate(answers) if answer is False]
        for index, answer in zip(again, await _answers(executor, [questions[index] for index in again]), strict=True):
            answers[index] = answer
    said: dict[int, _ByGeneration] = {}
    for question, answer in zip(questions, answers, strict=True):
        if answer is None:
            raise ClickatellError(
                "the gateway gave no clear answer, so nothing goes on: nothing was sent; try reconcile again later"
            )
        if isinstance(answer, MessageState):
            known = Said(Outcome.UNCERTAIN_KNOWN, words=_FORGOTTEN)
            if question.is_alone:
                known = Said(Outcome.ACCEPTED, answer.id)
            generations = said.setdefault(question.call.id, {})
            earlier = generations.get(question.generation, {})
            generations[question.generation] = {**earlier, **dict.fromkeys(question.positions, known)}
    return said


async def _answers(executor: Executor, questions: Sequence[_Question]) -> list[MessageState | bool | None]:
    limit = asyncio.Semaphore(_AT_ONCE)

    async def ask(question: _Question) -> MessageState | bool | None:
        async with limit:
            return await executor.ask_outcome(question.climsgid, chosen=False)

    return list(await asyncio.gather(*map(ask, questions)))


def _write(connection: Connection, id: int, said: _ByGeneration) -> None:
    row = connection.execute(LOCK, {"b_id": id}).one_or_none()
    if row is None or row.state not in (*_UNSENT, State.SETTLED):
        return
    sheet = Sheet.read(row)
    for generation, each in said.items():
        sheet.settle(each, generation)
        if generation > row.gen:
            sheet.doubt(each, generation)
    if row.state == State.SETTLED:  # whose sender may not have spoken yet
        connection.execute(WRITE, {"b_id": id, **sheet.columns()})
        return
    columns = {
        **sheet.columns(),
        "state": State.READY.value if sheet.open() else State.SETTLED.value,
        "epoch": row.epoch + 1,
        "worker": None,
    }
    connection.execute(WRITE, {"b_id": id, **columns})
