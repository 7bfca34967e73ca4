"""`Moves`: what one worker does to calls, each move by its statement; what several say of one call is merged here.

Where one statement is enough it is one, outside of any transaction. The rest, which is rare, locks the call, reads what
stands there and writes it back: a report that came before the reply, a call that was reopened before, a sender that
speaks after its call was settled.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from attrs import frozen
from sqlalchemy import Connection, Row

from clickasync.campaigns import statements as do
from clickasync.campaigns.blocks import unpack_json, unpack_numbers
from clickasync.campaigns.errors import DatabaseForgotError
from clickasync.campaigns.sheet import Said, Sheet, Words
from clickasync.campaigns.states import LAST_GENERATION, Outcome, State, climsgid_of
from clickasync.campaigns.store import Store

__all__ = ["FINISH_SECONDS", "NOT_SENT", "Asking", "Begun", "Claimed", "Moves", "Question"]

FINISH_SECONDS: Final = 300.0
"""How long the outcome of a call is tried to be written. There is nothing more precious."""
NOT_SENT: Final = Words(None, "certainly not sent, said after it was told as uncertain; retry sends it")
_TOO_OFTEN: Final = Words(None, "reopened too often")
_AT_MOST: Final = 100
_IN_DOUBT: Final = (Outcome.UNCERTAIN, Outcome.UNCERTAIN_UNKNOWN)
"""What a late "certainly not sent" settles. Where the gateway knows the call, it contradicts, and nobody can know."""


@frozen
class Claimed:
    """A call that a lane has in hand."""

    id: int
    campaign_id: int
    epoch: int
    key: bytes
    is_block: bool
    """Whether each recipient has a text of its own, in a request of its own."""
    numbers: Sequence[str]
    texts: Sequence[str] | None
    """None: the campaign's text; else one for all, or one each."""
    options: Mapping[str, Any] | None
    """Its own, besides the campaign's."""


@frozen
class Begun:
    """What `begin` gave."""

    outcome: bytes
    """What stood there; 0: to be sent."""
    generation: int
    tries: int
    """How often its recipients were answered 901."""
    is_first: bool
    """Whether nothing stood there before, but who has opted out."""

    @property
    def open(self) -> list[int]:
        """The positions to be sent to."""
        if not any(self.outcome):
            return list(range(len(self.outcome)))
        return [position for position, byte in enumerate(self.outcome) if byte == 0]


@frozen
class Question:
    """A request that may have been made, to ask about."""

    climsgid: str
    positions: Sequence[int]
    """Of whom it is not known what became, of those that it carried."""
    is_alone: bool
    """Whether it can have carried one recipient only. Of many the gateway gives one ID, and nobody knows whose."""


@frozen
class Asking:
    """A call whose sender is gone."""

    id: int
    epoch: int
    key: bytes
    is_block: bool
    generation: int
    outcome: bytes
    age: float
    """Seconds since it was begun."""

    def questions(self) -> list[Question]:
        """What to ask about."""
        open = [position for position, byte in enumerate(self.outcome) if byte == 0]
        if self.is_block:
            return [Question(climsgid_of(self.key, position, self.generation), [position], True) for position in open]
        others = sum(byte >> 3 == self.generation and byte & 7 != Outcome.SUPPRESSED for byte in self.outcome if byte)
        return [Question(climsgid_of(self.key, 0, self.generation), open, len(open) + others == 1)] if open else []


class Moves:
    """The moves of one worker of one account.

    Args:
        store: the database.
        account: whose campaigns.
        finish_within: seconds for which the outcome of a call is tried to be written.
        on_call: hears of each call of which something became, once that is committed.
    """

    def __init__(
        self,
        store: Store,
        account: str,
        *,
        finish_within: float = FINISH_SECONDS,
        on_call: Callable[[int], object] = bool,
    ) -> None:
        self._store = store
        self._account = account
        self._precious: dict[str, Any] = {"patience": finish_within, "is_precious": True}
        self._on_call = on_call
        self.worker = 0
        """Its ID; of what it claimed under an earlier one it hears no more."""
        self._position = "0/0"

    async def claim(self, campaign: int, after: int) -> Claimed | None:
        """ready → claimed: the next call of a campaign with an ID greater than `after`."""
        rows = await self._store.step(
            do.CLAIM,
            b_campaign=campaign,
            b_after=after,
            b_account=self._account,
            b_worker=self.worker,
            may_be_lost=True,
        )
        if not rows:
            return None
        row = rows[0]
        return Claimed(
            row.id,
            row.campaign_id,
            row.epoch,
            row.key,
            bool(row.kind),
            unpack_numbers(row.numbers),
            None if row.texts is None else unpack_json(row.texts),
            None if row.options is None else json.loads(row.options),
        )

    async def begin(self, call: Claimed) -> Begun | None:
        """claimed → out, before anything leaves. None: it must not leave now, or is not mine any more."""
        numbers = json.dumps(call.numbers)
        rows = await self._store.step(
            do.BEGIN, b_id=call.id, b_epoch=call.epoch, b_numbers=numbers, b_position=self._position
        )
        if not rows:
            return None
        outcome, generation, tries, opted_out, position = tuple(rows[0])
        self.seen(position)
        is_first = not any(outcome)
        if opted_out:
            outcome = await self._suppress(call, bytes(outcome), set(opted_out.split(",")), generation)
        return Begun(bytes(outcome), generation, tries, is_first)

    async def _suppress(self, call: Claimed, outcome: bytes, opted_out: Collection[str], generation: int) -> bytes:
        mark = Outcome.SUPPRESSED | generation << 3
        marked = bytes(
            mark if byte == 0 and number in opted_out else byte
            for byte, number in zip(outcome, call.numbers, strict=True)
        )
        count = sum(byte & 7 == Outcome.SUPPRESSED for byte in marked)
        await self._store.step(do.SUPPRESS, b_id=call.id, b_epoch=call.epoch, v_outcome=marked, v_suppressed=count)
        return marked

    def seen(self, position: str) -> None:
        """How far the database has come: it must never be found behind that."""
        if position and _as_number(position) > _as_number(self._position):
            self._position = position

    def is_behind(self, position: str) -> bool:
        """Whether the database is behind what it was seen at."""
        return bool(position) and _as_number(position) < _as_number(self._position)

    async def give_back(self, call: Claimed) -> None:
        """claimed, out → ready: nothing has left."""
        await self._store.step(do.GIVE_BACK, b_id=call.id, b_epoch=call.epoch, may_be_lost=True)

    async def release(self, call: Claimed, begun: Begun) -> None:
        """out, asking → ready: certainly nothing of it left. If it was told as uncertain by then, it is rejected.

        Raises:
            DatabaseForgotError: the database does not know that this worker has begun it.
        """
        released = await self._store.step(do.RELEASE, b_id=call.id, b_epoch=call.epoch, **self._precious)
        if not released:
            await self._merge(call, {}, begun.generation, begun.open, again=False)

    async def finish(
        self, call: Claimed, begun: Begun, said: Mapping[int, Said], reopened: Collection[int], *, again: bool
    ) -> None:
        """What the reply said.

        Args:
            call: which one.
            begun: what `begin` gave.
            said: what became of positions.
            reopened: positions to be sent to by the next `begin`.
            again: the gateway knows their request by its climsgid, so the next one must have another.

        Raises:
            DatabaseForgotError: the database does not know that this worker has begun it.
        """
        if again and begun.generation >= LAST_GENERATION:
            said = {**said, **dict.fromkeys(reopened, Said(Outcome.REJECTED, words=_TOO_OFTEN))}
            reopened, again = (), False
        if begun.is_first:
            sheet = Sheet.blank(begun.outcome)
            sheet.say(said, begun.generation)
            if await self._finish_at_once(call, begun, sheet, reopens=bool(reopened), again=again):
                return
        await self._merge(call, said, begun.generation, reopened, again=again)

    async def finish_accepted(self, call: Claimed, begun: Begun, ids: Sequence[str]) -> None:
        """What the reply said, where all were accepted.

        Raises:
            DatabaseForgotError: the database does not know that this worker has begun it.
        """
        sheet = Sheet.blank(begun.outcome)
        sheet.say_accepted(ids, begun.generation)
        if not await self._finish_at_once(call, begun, sheet, reopens=False, again=False):
            said = {position: Said(Outcome.ACCEPTED, id) for position, id in enumerate(ids)}
            await self._merge(call, said, begun.generation, (), again=False)

    async def _finish_at_once(self, call: Claimed, begun: Begun, sheet: Sheet, *, reopens: bool, again: bool) -> bool:
        """`finish` in one statement, where nothing stood in the call before."""
        finished = await self._store.step(
            do.FINISH,
            b_id=call.id,
            b_epoch=call.epoch,
            **self._precious,
            state=State.READY.value if reopens else State.SETTLED.value,
            gen=begun.generation + again,
            tries=begun.tries + again,
            **sheet.columns(),
        )
        if finished:
            self._on_call(call.id)
        return bool(finished)

    async def _merge(
        self, call: Claimed, said: Mapping[int, Said], generation: int, reopened: Collection[int], *, again: bool
    ) -> None:
        def work(connection: Connection) -> bool:
            row = connection.execute(do.LOCK, {"b_id": call.id}).one_or_none()
            if row is None or row.sent_epoch != call.epoch:
                # Done before, and no answer came; by now somebody else may have begun what it reopened, and spoken.
                return row is not None and (row.said_epoch or 0) >= call.epoch
            sheet = Sheet.read(row)
            if row.state == State.SETTLED:  # told as uncertain: what was not sent waits for a person
                late = [position for position in reopened if sheet.kind(position) in _IN_DOUBT]
                sheet.say(dict.fromkeys(late, Said(Outcome.REJECTED, words=NOT_SENT)), generation)
            sheet.say(said, generation)
            is_open = bool(sheet.open())
            columns = {
                **sheet.columns(),
                "state": State.READY.value if is_open else State.SETTLED.value,
                "gen": row.gen + (again and is_open),
                "tries": row.tries + (again and is_open),
                "worker": None,
                "sent_epoch": None,
                "said_epoch": call.epoch,
            }
            connection.execute(do.WRITE, {"b_id": call.id, **columns})
            return True

        if not await self._store.change(work, **self._precious):
            raise DatabaseForgotError(
                "the database does not know of a call that it confirmed as begun: it was restored, or failed over to "
                "a server that lags. Stop all workers and run: clickasync campaign reconcile"
            )
        self._on_call(call.id)

    # -- the calls of others

    async def take_over(self, lost: Collection[int]) -> list[int]:
        """Calls that no live worker holds, or that I hold and no lane has in hand; gives those to be asked about."""
        rows = await self._store.step(
            do.TAKE_OVER, b_worker=self.worker, b_account=self._account, b_lost=list(lost), b_limit=_AT_MOST
        )
        return [row.id for row in rows if row.state == State.ASKING]

    async def mine(self) -> set[tuple[int, int]]:
        """What the database believes that I have in hand: IDs with epochs."""
        return {(row.id, row.epoch) for row in await self._store.step(do.MINE, b_worker=self.worker)}

    async def asking(self, id: int) -> Asking | None:
        """A call that is to be asked about, if it still is, and by me."""
        rows = await self._store.step(do.ASKED, b_id=id, b_worker=self.worker)
        return _asking(rows[0]) if rows else None

    async def settle(self, call: Asking, said: Mapping[int, Said]) -> None:
        """asking → settled: what the gateway knows. The sender's own word still counts if it comes."""

        def work(connection: Connection) -> None:
            row = connection.execute(do.LOCK, {"b_id": call.id}).one_or_none()
            if row is None or row.state != State.ASKING or row.epoch != call.epoch:
                return
            sheet = Sheet.read(row)
            sheet.settle(said, call.generation)
            columns = {**sheet.columns(), "state": State.SETTLED.value, "worker": None}
            connection.execute(do.WRITE, {"b_id": call.id, **columns})

        await self._store.change(work)
        self._on_call(call.id)


def _asking(row: Row[Any]) -> Asking:
    return Asking(row.id, row.epoch, row.key, bool(row.kind), row.gen, row.outcome, row.age)


def _as_number(position: str) -> int:
    high, _, low = position.partition("/")
    return (int(high, 16) << 32) + int(low, 16)
