"""`Asker`: calls whose sender is gone. The gateway is asked what it knows of them; nothing of them is ever sent.

What the gateway knows was taken. A 104 ("unknown") counts only once nothing of the request can be under way any more.
What nobody can say stays uncertain: a person may look for it in the reports, and reports settle it by themselves.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from clickasync.campaigns.moves import Asking, Moves
from clickasync.campaigns.sheet import Said, Words
from clickasync.campaigns.states import Outcome
from clickasync.core.executor import Executor
from clickasync.results import MessageState

__all__ = ["Asker"]

ASK_SECONDS: Final = 300.0
"""How long a gateway that gives no clear answer is asked again and again."""
_PAUSE: Final = 1.0
_GONE: Final = "the worker that sent it is gone"
_log = logging.getLogger("clickasync.campaigns")


class Asker:
    """Asks about the calls that a worker has taken over.

    Args:
        moves: the worker's.
        executor: asks the gateway.
        quiet: seconds after which nothing of a request can be under way any more.
    """

    def __init__(self, moves: Moves, executor: Executor, quiet: float) -> None:
        self._moves = moves
        self._executor = executor
        self._quiet = quiet
        self.in_hand: set[int] = set()
        """The calls that are asked about."""

    async def settle(self, id: int) -> None:
        """Ask about a call until it is settled, or somebody else has it."""
        self.in_hand.add(id)
        try:
            while (call := await self._moves.asking(id)) is not None:
                said = await self._ask(call)
                if said is not None:
                    _log.info("call %d: settled as the gateway knows it", id)
                    await self._moves.settle(call, said)
                    return
                await asyncio.sleep(_PAUSE)
        finally:
            self.in_hand.discard(id)

    async def _ask(self, call: Asking) -> dict[int, Said] | None:
        """What the gateway knows; None: it is to be asked again."""
        said: dict[int, Said] = {}
        for question in call.questions():
            answer = await self._executor.ask_outcome(question.climsgid, chosen=False)
            if isinstance(answer, MessageState) and question.is_alone:
                said[question.positions[0]] = Said(Outcome.ACCEPTED, answer.id)
                continue
            known = True if isinstance(answer, MessageState) else answer
            if (known is False and call.age <= self._quiet) or (known is None and call.age <= ASK_SECONDS):
                return None
            said |= dict.fromkeys(question.positions, Said(Outcome.uncertain(known), words=Words(None, _GONE)))
        return said
