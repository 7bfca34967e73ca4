"""`Reaper`: looks after the calls of workers that are gone, and after answers of the database that were lost.

Only a worker whose heart has beaten without a gap for a lease looks: after an outage of the database all beats are
old, and whoever is back first must not take all others for dead.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from clickasync.campaigns import upkeep
from clickasync.campaigns.asking import Asker
from clickasync.campaigns.errors import DatabaseAwayError
from clickasync.campaigns.heart import Heart
from clickasync.campaigns.moves import Moves
from clickasync.campaigns.store import Store

__all__ = ["Reaper"]

REAP_SECONDS: Final = 1.0
_MOST_ASKED: Final = 8
_log = logging.getLogger("clickasync.campaigns")


class Reaper:
    """The reaper of one worker."""

    def __init__(self, store: Store, moves: Moves, heart: Heart, asker: Asker) -> None:
        self._store = store
        self._moves = moves
        self._heart = heart
        self._asker = asker
        self._asked = asyncio.Semaphore(_MOST_ASKED)
        self._lost: set[tuple[int, int]] = set()
        self.held: set[tuple[int, int]] = set()
        """What the worker's lanes have in hand: IDs with epochs. What was taken from one lane may be another's now."""
        self.has_looked = False
        """At least once."""

    @property
    def is_busy(self) -> bool:
        """Whether a lane has something in hand, or something is asked about."""
        return bool(self.held or self._asker.in_hand)

    async def run(self) -> None:
        """Look until cancelled."""
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
                self.has_looked = True

    async def _settle(self, id: int) -> None:
        async with self._asked:
            try:
                await self._asker.settle(id)
            except DatabaseAwayError as error:  # it is found again, as one that no lane has in hand
                _log.warning("call %d could not be settled: %s", id, error)

    async def _find_lost(self) -> list[int]:
        """What the database believes that I have in hand, twice in a row, and no lane has: an answer that was lost."""
        mine = {(id, epoch) for id, epoch in await self._moves.mine() if id not in self._asker.in_hand}
        mine -= self.held
        lost, self._lost = mine & self._lost, mine
        return [id for id, _ in lost]
