"""`send`: sends what is left of a run while its results are written, then says how that ended.

Two tasks. The *work* is the worker of the campaign; what becomes of a call is committed before anybody hears of it. The
*writer* brings that to the results file. When one of them ends, the other does, too: the worker finishes what is under
way, and the writer writes it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from attrs import define, frozen

from clickasync.cli.bulk.display import progress_bar
from clickasync.cli.bulk.places import NAME
from clickasync.cli.bulk.projection import Projection
from clickasync.cli.campaign.database import Ending, ending
from clickasync.cli.command import Status, status_of
from clickasync.cli.screen import complain
from clickasync.cli.typed import words
from clickasync.errors import AuthenticationError, ClickatellError, TransportError

if TYPE_CHECKING:
    from clickasync.campaigns import Campaign, Campaigns, Watch

__all__ = ["End", "Orders", "send"]

SETTLE_AFTER: Final = 10.0
"""Seconds after which a gateway is believed that does not know a call of a run that was killed: nobody else has the
store, so its sender is dead."""
FINISH_WITHIN: Final = 20.0
"""Seconds for which the outcome of a call is tried to be written to a disk that is full."""


@frozen
class Orders:
    """How it is sent, and shown."""

    rate_limit: float | None = None
    max_in_flight: int = 8
    patience: float = 60.0
    quiet: bool = False
    has_bar: bool = True


@define
class End:
    """How the sending ended."""

    stopped_by: str | None = None
    """Why it ended before the recipients did."""
    status: Status | None = None
    """The exit status that this means, if another one than the results mean."""
    failure: Exception | None = None
    """What is to be raised."""


async def send(campaigns: Campaigns, campaign: Campaign, projection: Projection, orders: Orders) -> End:
    """Send what is left, and write what becomes of it."""
    from clickasync.campaigns import Watch

    watch = Watch(on_call=projection.note)
    with (
        ending(lambda: complain("interrupted: what is under way is finished; once more ends at once")) as asked,
        progress_bar(projection.tally, visible=orders.has_bar, is_away=lambda: watch.is_away),
    ):
        work = asked.task = asyncio.create_task(
            campaigns.work(
                until_done=True,
                in_flight=orders.max_in_flight,
                names=[NAME],
                patience=orders.patience,
                stop=asked.stop,
                settle_after=SETTLE_AFTER,
                finish_within=FINISH_WITHIN,
                watch=watch,
            )
        )
        writer = asyncio.create_task(projection.follow(campaign))
        try:
            await asyncio.wait([work, writer], return_when=asyncio.FIRST_COMPLETED)
            asked.stop.set()  # if it is the writer that ended, for want of space
            await asyncio.wait([work])
        finally:
            for task in (work, writer):
                task.cancel()
            worked, written = await asyncio.gather(work, writer, return_exceptions=True)
        end = _end_of(worked, watch, asked)
        await _note_state(campaign, projection, end)
        try:
            await projection.end(campaign, stopped_by=end.stopped_by, is_torn=isinstance(written, Exception))
        except OSError as error:
            written = error
        if isinstance(written, Exception):
            end.failure = end.failure or written
        return end


def _end_of(outcome: BaseException | None, watch: Watch, asked: Ending) -> End:
    """How the work ended, as far as it knows itself."""
    end = End(status=Status.INTERRUPTED if asked.interrupted else None)
    if isinstance(outcome, ClickatellError) and watch.gave_up:
        end.stopped_by = words(outcome)
        if isinstance(outcome, AuthenticationError | TransportError):
            end.status = end.status or status_of(outcome)
    elif isinstance(outcome, Exception):
        end.failure = outcome
    return end


async def _note_state(campaign: Campaign, projection: Projection, end: End) -> None:
    """What the campaign itself says of the end."""
    from clickasync.campaigns.states import REFUSED

    status = await campaign.status()
    projection.tally.under_way = status.out
    if status.state == "paused" and status.reason is not None:
        end.stopped_by = end.stopped_by or status.reason
        if status.reason.startswith(REFUSED):
            end.status = end.status or Status.USAGE
