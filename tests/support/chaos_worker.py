"""A worker for `tests.support.chaos`, in a process of its own, with a mutant if asked for."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from typing import Any

from sqlalchemy import null

from clickasync import Client
from clickasync.campaigns import Campaigns, DatabaseAwayError, statements
from clickasync.campaigns.lane import Lane
from clickasync.campaigns.moves import Moves
from clickasync.campaigns.states import State
from clickasync.errors import OutcomeUnknownError, TransportError


def mutate(name: str) -> None:
    """Leave a rule out."""
    if name == "takeover frees":
        statements.TAKE_OVER = statements.TAKE_OVER.values(  # type: ignore[misc]
            state=State.READY.value, worker=null(), sent_epoch=null()
        )
    elif name == "release after unknown":
        send = Lane._request

        async def request(self: Lane, call: Any, campaign: Any, begun: Any, sending: Any, *rest: Any) -> Any:
            execute = self.executor.send

            async def lie(*given: Any, **named: Any) -> Any:
                try:
                    return await execute(*given, **named)
                except OutcomeUnknownError as error:
                    sending.maybe_sent = False
                    raise TransportError(error.reason) from None

            lane = Lane(self.moves, self.heart, _Lying(lie), self.outages, self.texts, self.reserve)  # type: ignore[arg-type]
            return await send(lane, call, campaign, begun, sending, *rest)

        Lane._request = request  # type: ignore[assignment,method-assign]
    elif name == "retry forgets generation":
        finish = Moves.finish

        async def forget(self: Moves, *given: Any, again: bool) -> None:
            await finish(self, *given, again=False)

        Moves.finish = forget  # type: ignore[assignment,method-assign]
    elif name:
        raise ValueError(name)


class _Lying:
    def __init__(self, send: Any) -> None:
        self.send = send


async def main(database: str, url: str) -> None:
    """Work until there is nothing to do."""
    async with (
        Client(api_id=1, user="demo", password="demo", base_url=url, timeout=1.0, retries=1) as client,
        Campaigns(database, client=client) as campaigns,
    ):
        await campaigns.work(in_flight=4)


def work(database: str, url: str, mutant: str, log: str) -> None:
    """Run, in a process of its own."""
    for stream in (1, 2):
        os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), stream)
    logging.basicConfig(level=logging.WARNING)
    mutate(mutant)
    try:
        asyncio.run(main(database, url))
    except DatabaseAwayError as error:
        sys.exit(f"{error}")
