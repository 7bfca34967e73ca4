"""`Supply`: which call a lane takes next, and whether there is room for it in the campaign's rate."""

from __future__ import annotations

import time
from typing import Final

from clickasync.campaigns import upkeep
from clickasync.campaigns.heart import Heart, Sendable
from clickasync.campaigns.moves import Claimed, Moves
from clickasync.campaigns.store import Store

__all__ = ["Supply"]

_LONGEST: Final = 10.0
_SHORTEST: Final = 0.02


class Supply:
    """The next call of the oldest campaign that has one, and room in its rate.

    Claims go on from the last ID seen, and wrap: what was given back comes again after all others.
    """

    def __init__(self, store: Store, moves: Moves, heart: Heart) -> None:
        self._store = store
        self._moves = moves
        self._heart = heart
        self._after: dict[int, int] = {}
        self._room_at: dict[int, float] = {}

    async def claim(self) -> tuple[Claimed, Sendable] | None:
        """Claim a call; None where there is none at this moment."""
        for campaign in list(self._heart.sendable.values()):
            if self._room_at.get(campaign.id, 0.0) > time.monotonic():
                continue
            after = self._after.get(campaign.id, 0)
            call = await self._moves.claim(campaign.id, after)
            if call is None and after:
                call = await self._moves.claim(campaign.id, 0)
            self._after[campaign.id] = 0 if call is None else call.id
            if call is not None:
                return call, campaign
        return None

    def room_in(self) -> float:
        """Seconds until a rate has room again."""
        now = time.monotonic()
        return min((at - now for at in self._room_at.values() if at > now), default=_LONGEST)

    async def reserve(self, campaign: int, n: int) -> float | None:
        """Room in the rate of a campaign for `n` recipients: the seconds to wait for it, or None."""
        scope = f"campaign:{campaign}"
        rows = await self._store.step(upkeep.RESERVE, b_scope=scope, b_n=n, may_be_lost=True)
        if rows:
            return float(rows[0].wait)
        room = await self._store.step(upkeep.ROOM, b_scope=scope)
        wait = float(room[0].wait) - 0.9 if room else 0.0
        self._room_at[campaign] = time.monotonic() + max(wait, _SHORTEST)
        return None
