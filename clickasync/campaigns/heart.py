"""`Heart`: what a worker knows of the world, renewed every 0.7 s: that it is alive, and what may be sent.

A worker that cannot reach the database beats no more; after a lease the others take it for dead. That decides only
when somebody looks after its calls, never whether they may be sent: the fence of each call does that.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import time
from collections.abc import Callable, Collection
from functools import partial
from typing import Any, Final

from attrs import define, field, frozen

from clickasync._version import __version__
from clickasync.campaigns import upkeep
from clickasync.campaigns.errors import DatabaseAwayError, DatabaseFullError
from clickasync.campaigns.moves import Moves
from clickasync.campaigns.schema import LEASE, VERSION
from clickasync.campaigns.store import Store, forget
from clickasync.campaigns.windows import next_span, parse_window
from clickasync.errors import ConfigurationError

__all__ = ["Heart", "Sendable", "clocks"]

BEAT_SECONDS: Final = 0.7
_SOON: Final = 0.05
_STALE: Final = 2.0
_log = logging.getLogger("clickasync.campaigns")


@frozen
class Sendable:
    """A campaign that may send now."""

    id: int
    name: str
    text: str | None
    options: str
    has_rate: bool
    until: float
    """When its window closes, by the monotonic clock."""


@define
class _Beats:
    """Since when it beats without a gap, by both clocks."""

    since: tuple[float, float] | None = None
    last: tuple[float, float] = (0.0, 0.0)

    def another(self) -> None:
        """It has beaten now."""
        now = clocks()
        if self.since is None or any(at - before > LEASE for at, before in zip(now, self.last, strict=True)):
            self.since = now
        self.last = now

    @property
    def have_lasted(self) -> bool:
        """For a lease."""
        return self.since is not None and all(
            at - since >= LEASE for since, at in zip(self.since, self.last, strict=True)
        )


@define
class _Calls:
    """Who waits: lanes for the next look, the heart for somebody who wants it soon."""

    looked: asyncio.Event = field(factory=asyncio.Event)
    hurry: asyncio.Event = field(factory=asyncio.Event)


@frozen
class _Whose:
    """Which campaigns."""

    account: str
    names: Collection[str] | None


@define
class _Word:
    """Why the gateway is not reached."""

    is_now: Callable[[], str | None]
    told: str | None = None


class Heart:
    """Beats, and looks.

    Args:
        store: the database.
        moves: the worker's, which gets its ID from here.
        account: whose campaigns.
        names: only campaigns of these names; None: all.
        waits_for: says why the gateway is not reached, which is told to whoever looks at the status; None: it is.
    """

    def __init__(
        self,
        store: Store,
        moves: Moves,
        account: str,
        names: Collection[str] | None,
        waits_for: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._store = store
        self._moves = moves
        self._whose = _Whose(account, names)
        self._word = _Word(waits_for)
        self._beats = _Beats()
        self._seen_at = float("-inf")
        self._calls = _Calls()
        self._running: dict[int, Sendable] = {}
        self.sendable: dict[int, Sendable] = {}
        """What may be sent now, and has calls that wait; the oldest campaign first."""
        self.outdated: ConfigurationError | None = None
        """Why nothing more may be claimed: the tables were upgraded, and this worker does not know them."""

    @property
    def is_steady(self) -> bool:
        """Whether it has beaten without a gap for one lease, or is alone: only then may it take others for dead."""
        return self._store.is_alone or self._beats.have_lasted

    def may_send(self, campaign: int, begun: float) -> bool:
        """Whether a request of a campaign may leave, that was begun at `begun` of the monotonic clock.

        `begin` has asked the database. What leaves much later (a repeat after a pause) needs a view as new.
        """
        now = time.monotonic()
        known = self._running.get(campaign)
        is_fresh = now - begun < 1.0 or now - self._seen_at < _STALE
        return known is not None and now < known.until and is_fresh

    async def next_look(self) -> None:
        """Wait until it has looked once more."""
        await self._calls.looked.wait()

    def hurry(self) -> None:
        """Look soon: what there was to do is done."""
        self._calls.hurry.set()

    async def start(self) -> None:
        """Register, and look for the first time; the database is marked before.

        Raises:
            DatabaseAwayError: the database is away.
        """
        await self._store.mark_dirty()
        await self._register()
        await self._look()

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            await asyncio.sleep(_SOON)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._calls.hurry.wait(), BEAT_SECONDS - _SOON)
            self._calls.hurry.clear()
            try:
                await self._beat()
                await self._look()
                await self._tell(self._word.is_now())
            except DatabaseAwayError as error:
                _log.warning("no beat: %s", error)

    async def stop(self) -> None:
        """Deregister."""
        await self._tell(None)
        await self._store.step(upkeep.DEREGISTER, b_worker=self._moves.worker, patience=2.0)

    async def _register(self) -> None:
        rows = await self._store.step(
            upkeep.REGISTER,
            b_account=self._whose.account,
            b_host=socket.gethostname(),
            b_pid=os.getpid(),
            b_version=__version__,
        )
        self._moves.worker = rows[0].id
        self._word.told = None
        self._beats = _Beats()
        self._beats.another()

    async def _tell(self, why: str | None) -> None:
        """Say why the gateway is not reached, if that has changed."""
        if why == self._word.told:
            return
        try:
            await self._store.change(partial(upkeep.tell, worker=self._moves.worker, why=why), patience=BEAT_SECONDS)
        except (DatabaseAwayError, DatabaseFullError) as error:
            _log.warning("could not say why the gateway is not reached: %s", error)
        else:
            self._word.told = why

    async def _beat(self) -> None:
        if not await self._store.step(
            upkeep.BEAT, b_worker=self._moves.worker, patience=BEAT_SECONDS, may_be_lost=True
        ):
            _log.warning("this worker was taken for dead and buried; it goes on as another one")
            await self._register()
        self._beats.another()

    async def _look(self) -> None:
        started = time.monotonic()
        [health] = await self._store.step(upkeep.HEALTH, patience=BEAT_SECONDS)
        if int(health.version) != VERSION:
            self._running, self.sendable = {}, {}
            self.outdated = ConfigurationError(
                f"the tables were upgraded to version {health.version}; this worker knows {VERSION} and ends"
            )
            self._have_looked()
            return
        if not health.is_same or self._moves.is_behind(health.position):
            _log.error("the database has forgotten what it confirmed; its campaigns are paused until: reconcile")
            await self._store.change(forget)
        self._moves.seen(health.position)
        if health.dirty != "1":
            await self._store.mark_dirty()
        running: dict[int, Sendable] = {}
        sendable: dict[int, Sendable] = {}
        for row in await self._store.step(upkeep.VIEW, b_account=self._whose.account, patience=BEAT_SECONDS):
            if self._whose.names is not None and row.name not in self._whose.names:
                continue
            opens, closes = await self._span(row, health.now)
            if not opens <= health.now < closes:
                continue
            until = started + closes - health.now
            running[row.id] = Sendable(row.id, row.name, row.text, row.options, row.per_second is not None, until)
            if row.has_ready:
                sendable[row.id] = running[row.id]
            elif row.hold_after is not None:
                await self._hold(row)
            if row.stop_at_rejected is not None:
                await self._look_at_rejected(row)
        self._running, self.sendable = running, sendable
        self._seen_at = started
        self._have_looked()

    def _have_looked(self) -> None:
        looked, self._calls.looked = self._calls.looked, asyncio.Event()
        looked.set()

    async def _span(self, row: Any, now: float) -> tuple[float, float]:
        """When a campaign may send, from the tables; the next span once the last one is over."""
        windows = json.loads(row.windows)
        if not windows and row.starts_at is None:
            return float("-inf"), float("inf")
        if row.closes_at is not None and now < row.closes_at:
            return row.opens_at, row.closes_at
        from_then = max(now, row.starts_at or now)
        opens, closes = next_span(map(parse_window, windows), from_then) if windows else (from_then, float("inf"))
        opens = max(opens, row.starts_at or opens)
        await self._store.step(upkeep.SET_SPAN, b_campaign=row.id, b_opens=opens, b_closes=closes)
        return opens, closes

    async def _hold(self, row: Any) -> None:
        """All that was to go out first has gone."""
        [state] = await self._store.step(upkeep.COUNTS, b_campaign=row.id)
        if not state.under_way:
            done = state.accepted + state.rejected + state.uncertain + state.suppressed
            await self.pause(row.id, f"the first {done} are sent: look at them, then resume")

    async def _look_at_rejected(self, row: Any) -> None:
        [state] = await self._store.step(upkeep.COUNTS, b_campaign=row.id)
        known = state.accepted + state.rejected
        if known >= _ENOUGH and 100.0 * state.rejected / known >= row.stop_at_rejected:
            percent = 100.0 * state.rejected / known
            await self.pause(row.id, f"{percent:.0f} percent of {known} were rejected")

    async def pause(self, campaign: int, reason: str) -> None:
        """Pause a campaign, for everybody."""
        self.sendable.pop(campaign, None)
        self._running.pop(campaign, None)
        _log.warning("campaign %d is paused: %s", campaign, reason)
        await self._store.step(upkeep.PAUSE, b_campaign=campaign, b_reason=reason)

    async def is_done(self) -> bool:
        """Whether nothing is left to send, or under way, of the account's campaigns."""
        if self._whose.names is None:
            [undone] = await self._store.step(upkeep.UNDONE, b_account=self._whose.account)
        else:
            [undone] = await self._store.step(
                upkeep.UNDONE_OF, b_account=self._whose.account, b_names=list(self._whose.names)
            )
        return not undone.ready and not undone.under_way


_ENOUGH: Final = 50
"""So many outcomes say something about the rest."""


def clocks() -> tuple[float, float]:
    """Both, for a machine that was suspended stops the one and a clock that is set jumps with the other."""
    return time.monotonic(), time.time()
