"""`Worker`: lanes that send, a heart that beats, and a reaper that looks after the calls of the dead.

===========  ========================================================================================
state        what it does
===========  ========================================================================================
working      lanes claim and send; the reaper takes over what no live worker holds
draining     (asked to stop) nothing is claimed any more; what is out is finished
ended        deregistered; what it still held is given back or, if it was out, asked about by others
===========  ========================================================================================

Any number of workers may work on one database, in any number of processes. They share nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Coroutine
from typing import Any, Final

from clickasync.campaigns import upkeep
from clickasync.campaigns.asking import Asker
from clickasync.campaigns.core import Executor
from clickasync.campaigns.errors import DatabaseAwayError
from clickasync.campaigns.heart import Heart, Sendable
from clickasync.campaigns.lane import Lane
from clickasync.campaigns.moves import Claimed, Moves
from clickasync.campaigns.outages import Outages
from clickasync.campaigns.store import Store
from clickasync.campaigns.texts import Texts

__all__ = ["Until", "Worker"]

REAP_SECONDS: Final = 1.0
_MOST_ASKED: Final = 8
_log = logging.getLogger("clickasync.campaigns")


class Until:
    """When a worker ends by itself."""

    STOPPED = "stopped"
    DONE = "done"
    IDLE = "idle"


class Worker:
    """A worker of one account.

    Args:
        store: the database.
        account: whose campaigns.
        executor: sends, and asks.
        quiet: seconds after which nothing of a request can be under way any more.
        in_flight: calls at once.
        until: when to end.
        names: only these campaigns; None: all.
        patience: seconds without an answer of the gateway after which it ends; None: never.
    """

    def __init__(
        self,
        store: Store,
        account: str,
        executor: Executor,
        *,
        quiet: float,
        in_flight: int,
        until: str = Until.STOPPED,
        names: Collection[str] | None = None,
        patience: float | None = None,
    ) -> None:
        self._store = store
        self._in_flight = in_flight
        self._until = until
        self._moves = Moves(store, account)
        self._heart = Heart(store, self._moves, account, names)
        self._outages = Outages(patience)
        self._lane = Lane(self._moves, self._heart, executor, self._outages, Texts(), self._reserve)
        self._asker = Asker(self._moves, executor, quiet)
        self._stopping = asyncio.Event()
        self._held: dict[int, Claimed] = {}
        self._lost: set[tuple[int, int]] = set()
        self._after: dict[int, int] = {}
        self._room_at: dict[int, float] = {}
        self._reaped = False
        self._worked = False
        self._asked = asyncio.Semaphore(_MOST_ASKED)

    def stop(self) -> None:
        """Claim nothing more; `run` returns once what is out is finished."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until there is nothing to do, as `until` says, or until stopped.

        Raises:
            DatabaseAwayError: the database was away for too long.
            DatabaseForgotError: the database forgot what was begun.
            TransportError: patience with the gateway is lost.
        """
        await self._store.mark_dirty()
        await self._heart.start()
        helpers = [asyncio.create_task(self._heart.run()), asyncio.create_task(self._reap())]
        lanes = [asyncio.create_task(self._work()) for _ in range(self._in_flight)]
        ender = asyncio.create_task(self._end_when_done())
        try:
            await _first_failure([*helpers, *lanes, ender], lanes)
        finally:
            self.stop()
            await _end([ender, *lanes])
            await _end(helpers)
            await self._leave()
        if self._outages.gave_up is not None:
            raise self._outages.gave_up.fresh()

    async def _leave(self) -> None:
        try:
            await self._heart.stop()
        except DatabaseAwayError as error:
            _log.warning("could not deregister: %s", error)

    # -- lanes

    async def _work(self) -> None:
        while not self._stopping.is_set():
            await self._outages.wait()
            if self._outages.gave_up is not None:
                self.stop()
                return
            claimed = await self._claim()
            if claimed is None:
                await self._rest()
                continue
            call, campaign = claimed
            self._held[call.id] = call
            try:
                await self._lane.carry(call, campaign)
            finally:
                del self._held[call.id]
                self._worked = True

    async def _claim(self) -> tuple[Claimed, Sendable] | None:
        """The next call of the oldest campaign that has one, and room in its rate."""
        for campaign in list(self._heart.sendable.values()):
            if self._room_at.get(campaign.id, 0.0) > time.monotonic() or self._stopping.is_set():
                continue
            after = self._after.get(campaign.id, 0)
            call = await self._moves.claim(campaign.id, after)
            if call is None and after:
                call = await self._moves.claim(campaign.id, 0)
            self._after[campaign.id] = 0 if call is None else call.id
            if call is not None:
                return call, campaign
        return None

    async def _rest(self) -> None:
        """Until there may be something to do."""
        if self._worked and not self._held:
            self._worked = False
            self._heart.hurry()
        now = time.monotonic()
        room = min((at - now for at in self._room_at.values() if at > now), default=10.0)
        waiting = {asyncio.create_task(self._stopping.wait()), asyncio.create_task(self._heart.next_look())}
        try:
            await asyncio.wait(waiting, timeout=room, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()

    async def _reserve(self, campaign: int, n: int) -> float | None:
        """Room in the rate of a campaign: the seconds to wait for it, or None."""
        scope = f"campaign:{campaign}"
        rows = await self._store.step(upkeep.RESERVE, b_scope=scope, b_n=n, may_be_lost=True)
        if rows:
            return float(rows[0].wait)
        room = await self._store.step(upkeep.ROOM, b_scope=scope)
        wait = float(room[0].wait) - 0.9 if room else 0.0
        self._room_at[campaign] = time.monotonic() + max(wait, 0.02)
        return None

    # -- the calls of the dead

    async def _reap(self) -> None:
        async with asyncio.TaskGroup() as asking:
            while True:
                await asyncio.sleep(REAP_SECONDS)
                if not self._heart.is_steady:
                    continue
                try:
                    for id in await self._moves.take_over(await self._find_lost()):
                        if id not in self._asker.in_hand:
                            _log.info("call %d: its worker is gone; the gateway is asked", id)
                            self._asker.in_hand.add(id)
                            asking.create_task(self._settle(id))
                    await self._store.step(upkeep.BURY, may_be_lost=True)
                except DatabaseAwayError as error:
                    _log.warning("could not look after the calls of others: %s", error)
                self._reaped = True

    async def _settle(self, id: int) -> None:
        async with self._asked:
            try:
                await self._asker.settle(id)
            except DatabaseAwayError as error:  # it is found again, as one that no lane has in hand
                _log.warning("call %d could not be settled: %s", id, error)

    async def _find_lost(self) -> list[int]:
        """What the database believes that I have in hand, twice in a row, and no lane has: an answer that was lost."""
        mine = {(id, epoch) for id, epoch in await self._moves.mine() if id not in self._asker.in_hand}
        mine = {(id, epoch) for id, epoch in mine if id not in self._held or self._held[id].epoch != epoch}
        lost, self._lost = mine & self._lost, mine
        return [id for id, _ in lost]

    # -- the end

    async def _end_when_done(self) -> None:
        while not self._stopping.is_set() and self._until != Until.STOPPED:
            await self._heart.next_look()
            if self._held or self._heart.sendable or self._asker.in_hand:
                continue
            if self._until == Until.IDLE and self._reaped:
                break
            if self._until == Until.DONE and await self._heart.is_done():
                break
        if self._until != Until.STOPPED:
            self.stop()
        await self._stopping.wait()


async def _first_failure(tasks: list[asyncio.Task[None]], until: list[asyncio.Task[None]]) -> None:
    """Wait until the tasks in `until` have ended, or one of `tasks` has failed, which is raised."""
    left = set(tasks)
    while not all(task.done() for task in until):
        done, left = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()


async def _end(tasks: list[asyncio.Task[Any]] | list[Coroutine[Any, Any, Any]]) -> None:
    """Cancel tasks, and wait for each: what a lane has in hand is accounted for while it is cancelled."""
    for task in tasks:
        if isinstance(task, asyncio.Task):
            task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            _log.error("a part of the worker failed: %s", result, exc_info=result)
