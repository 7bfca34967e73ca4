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
from collections.abc import Callable, Collection, Coroutine
from functools import partial
from typing import Any

from attrs import define

from clickasync.campaigns.asking import Asker
from clickasync.campaigns.errors import DatabaseAwayError, DatabaseFullError
from clickasync.campaigns.heart import Heart, Sendable
from clickasync.campaigns.lane import Lane
from clickasync.campaigns.moves import FINISH_SECONDS, Claimed, Moves
from clickasync.campaigns.outages import Outages
from clickasync.campaigns.reaper import Reaper
from clickasync.campaigns.store import Store
from clickasync.campaigns.supply import Supply
from clickasync.campaigns.texts import Texts
from clickasync.core.executor import Executor
from clickasync.errors import ClickatellError

__all__ = ["Until", "Watch", "Worker"]

_log = logging.getLogger("clickasync.campaigns")


class Until:
    """When a worker ends by itself."""

    STOPPED = "stopped"
    DONE = "done"
    IDLE = "idle"


@define
class Watch:
    """What somebody sees who watches a worker."""

    on_call: Callable[[int], object] = bool
    """Hears of each call of which something became, once that is committed, by its ID."""
    outages: Outages | None = None
    """The worker's, once there is one."""

    @property
    def is_away(self) -> bool:
        """Whether the gateway cannot be reached just now, and the worker waits for it."""
        return self.outages is not None and self.outages.is_on

    @property
    def gave_up(self) -> bool:
        """Whether the worker ended because the gateway could not be reached for too long."""
        return self.outages is not None and self.outages.gave_up is not None


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
        finish_within: seconds for which the outcome of a call is tried to be written.
        watch: sees what happens.
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
        finish_within: float = FINISH_SECONDS,
        watch: Watch | None = None,
    ) -> None:
        watch = Watch() if watch is None else watch
        moves = Moves(store, account, finish_within=finish_within, on_call=watch.on_call)
        self._in_flight = in_flight
        self._until = until
        outages = watch.outages = Outages(patience)
        self._heart = Heart(store, moves, account, names, lambda: outages.reason)
        self._supply = Supply(store, moves, self._heart)
        self._lane = Lane(
            moves,
            self._heart,
            executor.unlimited(),
            watch.outages,
            Texts(),
            self._supply.reserve,
            take_turn=partial(self._take_turn, executor),
        )
        self._reaper = Reaper(store, moves, self._heart, Asker(moves, executor, quiet))
        self._stopping = asyncio.Event()
        self._ended_by: ClickatellError | None = None
        self._worked = False

    def stop(self) -> None:
        """Claim nothing more; `run` returns once what is out is finished."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until there is nothing to do, as `until` says, or until stopped.

        Raises:
            DatabaseAwayError: the database was away for too long; `DatabaseFullError`: no space is left for it.
            DatabaseForgotError: the database forgot what was begun.
            ConfigurationError: its tables were upgraded meanwhile: this worker is too old.
            TransportError: patience with the gateway is lost.
        """
        await self._heart.start()
        helpers = [asyncio.create_task(self._heart.run()), asyncio.create_task(self._reaper.run())]
        lanes = [asyncio.create_task(self._work()) for _ in range(self._in_flight)]
        ender = asyncio.create_task(self._end_when_done())
        try:
            await _first_failure([*helpers, *lanes, ender], lanes)
        finally:
            self.stop()
            await _end([ender, *lanes])
            await _end(helpers)
            await self._leave()
        if self._ended_by is not None:
            raise self._ended_by.fresh()

    async def _leave(self) -> None:
        try:
            await self._heart.stop()
        except DatabaseAwayError as error:
            _log.warning("could not deregister: %s", error)

    # -- lanes

    async def _work(self) -> None:
        while not self._stopping.is_set():
            await self._lane.outages.wait()
            if self._lane.outages.gave_up is not None:
                self._end_by(self._lane.outages.gave_up)
                return
            try:
                claimed = None if self._stopping.is_set() else await self._supply.claim()
                if claimed is None:
                    await self._rest()
                else:
                    await self._carry(*claimed)
            except DatabaseFullError as error:  # nothing more is claimed, and what is out is finished
                self._end_by(error)

    async def _take_turn(self, executor: Executor, recipients: int) -> bool:
        """Wait until the client's own limits let so many pass; whether they did before this worker was stopped."""
        if not executor.is_limited:
            return True
        turn = asyncio.create_task(executor.take_turn(recipients))
        stopped = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait([turn, stopped], return_when=asyncio.FIRST_COMPLETED)
            return turn.done() and not self._stopping.is_set()
        finally:
            turn.cancel()
            stopped.cancel()

    async def _carry(self, call: Claimed, campaign: Sendable) -> None:
        held = (call.id, call.epoch)
        self._reaper.held.add(held)
        try:
            await self._lane.carry(call, campaign)
        finally:
            self._reaper.held.remove(held)
            self._worked = True

    def _end_by(self, error: ClickatellError) -> None:
        """Stop, and raise this at the end."""
        self._ended_by = self._ended_by or error
        self.stop()

    async def _rest(self) -> None:
        """Until there may be something to do."""
        if self._worked and not self._reaper.held:
            self._worked = False
            self._heart.hurry()
        waiting = {asyncio.create_task(self._stopping.wait()), asyncio.create_task(self._heart.next_look())}
        try:
            await asyncio.wait(waiting, timeout=self._supply.room_in(), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()

    # -- the end

    async def _end_when_done(self) -> None:
        while not self._stopping.is_set():
            await self._heart.next_look()
            if self._heart.outdated is not None:
                self._end_by(self._heart.outdated)
            if self._until == Until.STOPPED or self._reaper.is_busy or self._heart.sendable:
                continue
            if self._until == Until.IDLE and self._reaper.has_looked:
                break
            if self._until == Until.DONE and await self._heart.is_done():
                break
        self.stop()


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
            is_bug = not isinstance(result, ClickatellError)
            _log.error("a part of the worker failed: %s", result, exc_info=result if is_bug else None)
