"""`Job`: one run of ``clickasync bulk``, from its recipients to its summary.

A new run makes the store and loads it. One that goes on opens it and reads the same recipients again, which shows that
they are the same; where the store may have forgotten something, the gateway is asked first. From there on both do the
same: the results are written from the store, what is to be sent is sent, and what becomes known is written.
"""

from __future__ import annotations

import asyncio
import errno
import os
import time
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field, frozen

from clickasync.cli.bulk.display import BadRows, Summary, progress_bar
from clickasync.cli.bulk.places import Places
from clickasync.cli.bulk.projection import LeftOut, OnBadRow, Projection
from clickasync.cli.bulk.results import ResultsFile, format_of
from clickasync.cli.bulk.rows import compare_rows
from clickasync.cli.campaign.database import Ending, ending
from clickasync.cli.command import Status, status_of
from clickasync.cli.screen import complain, notice, show_json
from clickasync.cli.typed import CURRENT, words
from clickasync.client import Client
from clickasync.errors import AuthenticationError, ClickatellError, ConfigurationError, TransportError
from clickasync.recipients import Recipients, Row

if TYPE_CHECKING:
    from clickasync.campaigns import Campaign, Campaigns, OtherCampaignError, Watch

__all__ = ["NAME", "Job", "Orders", "Sent"]

NAME: Final = "bulk"
"""The only campaign in the store of a run."""
SETTLE_AFTER: Final = 10.0
"""Seconds after which a gateway is believed that does not know a call of a run that was killed: nobody else has the
store, so its sender is dead."""
FINISH_WITHIN: Final = 20.0
"""Seconds for which the outcome of a call is tried to be written to a disk that is full."""
_LEASE: Final = 4.0
"""Seconds for which a worker that was killed elsewhere may seem to be alive."""


@frozen
class Sent:
    """What is sent, and to whom."""

    recipients: Recipients
    text: str | None
    """The template, or None where the file has the texts."""
    options: dict[str, Any]
    kept: list[str]
    """The columns that are kept beside the results."""

    def tag_of(self, row: Row) -> list[str | None] | None:
        """What the results cannot have from elsewhere: see `lines_of`."""
        written = None if row.to == row.number else row.to
        if self.kept:
            return [written, *row.cells]
        return None if written is None else [written]


@frozen
class Orders:
    """How it is sent, and shown."""

    dedupe: bool = False
    retry_rejected: bool = False
    rate_limit: float | None = None
    max_in_flight: int = 8
    patience: float = 60.0
    quiet: bool = False
    as_json: bool = False


@define
class _End:
    """How the sending ended."""

    stopped_by: str | None = None
    """Why it ended before the recipients did."""
    status: Status | None = None
    """The exit status that this means, if another one than the results mean."""
    failure: Exception | None = None
    """What is to be raised."""


@define
class Job:
    """A run."""

    sent: Sent
    places: Places
    orders: Orders
    _bad_rows: BadRows = field(factory=BadRows)
    _left_out: LeftOut = field(factory=LeftOut)

    # -- two ways to begin

    async def start(self, client: Client, *, force: bool) -> Status:
        """Begin a new run.

        Raises:
            ClickatellError, OSError: it cannot be begun. Nothing was sent, and nothing is left of it.
        """
        if not force:
            self.places.refuse_if_taken()
        elif self.places.is_taken():
            await asyncio.to_thread(self._read_through)
            await asyncio.to_thread(self._clear)
        async with self._open(client) as campaigns:
            if await campaigns.list():  # another run was begun at the same moment
                self.places.refuse_if_taken()
            try:
                campaign = await self._load(campaigns, "once" if self.orders.dedupe else "each")
                projection = await self._project(campaign, self._bad_rows)
            except BaseException:
                self.places.clear()
                raise
            return await self._send(campaigns, campaign, projection)

    async def go_on(self, client: Client) -> Status:
        """Go on with the run that is in the store.

        Raises:
            ClickatellError, OSError: it cannot go on. Nothing was sent.
        """
        async with self._open(client) as campaigns:
            known = await campaigns.get(NAME)
            begun_with = (await known.fingerprint()).get("duplicates")
            if self.orders.dedupe and begun_with == "each":
                raise ConfigurationError(f"{self.places.shown}: the run was begun without --dedupe")
            campaign = await self._load(campaigns, begun_with or ("once" if self.orders.dedupe else "each"))
            await campaign.set_rate(self.orders.rate_limit)
            await self._remember(campaigns, campaign)
            if self.orders.retry_rejected:
                await campaign.retry()
            projection = await self._project(campaign, None)
            return await self._send(campaigns, campaign, projection)

    def _open(self, client: Client) -> Campaigns:
        try:
            from clickasync.campaigns import Campaigns
        except ModuleNotFoundError as error:
            what = f"bulk needs {error.name}: pip install 'clickasync[cli]'"
            raise ModuleNotFoundError(what, name=error.name) from None
        return Campaigns(self.places.store, client=client, alone=True)

    def _read_through(self) -> None:
        """A slip must not cost the results of an earlier run."""
        for _ in self.sent.recipients:
            pass

    def _clear(self) -> None:
        from clickasync.campaigns.alone import Hold

        hold = Hold(self.places.store) if self.places.store.exists() else None
        self.places.clear()
        if hold is not None:
            hold.release()

    async def _load(self, campaigns: Campaigns, duplicates: Any) -> Campaign:
        from clickasync.campaigns import OtherCampaignError

        try:
            return await campaigns.create(
                NAME,
                self.sent.recipients,
                self.sent.text,
                rate_limit=self.orders.rate_limit,
                duplicates=duplicates,
                tag_of=self.sent.tag_of,
                witness=self._left_out,
                **self.sent.options,
            )
        except OtherCampaignError as error:
            raise await self._explained(error, campaigns) from None

    async def _explained(self, error: OtherCampaignError, campaigns: Campaigns) -> ConfigurationError:
        from clickasync.campaigns.creating import OTHER_RECIPIENTS, OTHER_TAGS

        differs = [each for each in error.differences if each != OTHER_TAGS]
        if OTHER_RECIPIENTS in differs:
            differs.remove(OTHER_RECIPIENTS)
            differs.append(
                await compare_rows(await campaigns.get(NAME), self.sent.recipients) or "another text of a row"
            )
        if not differs:
            differs = ["other kept columns: give --keep-columns as before"]
        return ConfigurationError(
            f"{self.places.shown} is of another run, with {' and '.join(differs)}. Resume with the account, the "
            "recipients as they were, their text and its options; or start afresh with another --output"
        )

    async def _remember(self, campaigns: Campaigns, campaign: Campaign) -> None:
        """Let a campaign that was paused go on; where the store may have forgotten, once the gateway was asked."""
        from clickasync.campaigns.reconcile import SETTLE_SECONDS
        from clickasync.campaigns.store import RECONCILE

        status = await campaign.status()
        if status.state == "paused" and status.reason == RECONCILE:
            settle, why = 0.0, "nobody else can be sending from it"
            if campaigns.others is not None:
                settle, why = SETTLE_SECONDS, f"{campaigns.others}, so this waits for {SETTLE_SECONDS:.0f} s first"
            notice(
                f"{self.places.store.name} was copied or has lost its log: it may have forgotten what was sent; {why}"
            )
            done = await campaigns.reconcile(settle=settle, lapse=_LEASE)
            notice(
                f"the gateway was asked about everything that seemed unsent: {done.uncertain:,} were sent or may have "
                f"been, and are not sent again; {done.to_send:,} are to be sent"
            )
        if status.state != "running":
            await campaign.resume()

    # -- then

    async def _project(self, campaign: Campaign, on_bad_row: OnBadRow | None) -> Projection:
        """The results as the store has them, on disk."""
        from clickasync.campaigns.files import sync_folder

        format = format_of(self.places.results, self.sent.kept)
        projection = Projection(ResultsFile(self.places.results, format, sync_folder), format, len(self.sent.kept))
        status = await campaign.status()
        tally = projection.tally
        tally.rows = status.recipients + status.bad_rows + len(self._left_out.duplicates)
        tally.duplicates = status.duplicates
        await projection.write_all(campaign, self.sent.recipients, self._left_out, on_bad_row)
        self._bad_rows.end()
        return projection

    async def _send(self, campaigns: Campaigns, campaign: Campaign, projection: Projection) -> Status:
        """Send what is to be sent, then say what became of it."""
        started = time.monotonic()
        end = _End()
        try:
            status = await campaign.status()
            if status.ready or status.out:
                end = await self._work(campaigns, campaign, projection)
            if end.failure is not None:
                raise end.failure
        finally:
            projection.close()
            self._summarise(projection, time.monotonic() - started, end)
        counts = projection.tally.counts
        is_all = counts["accepted"] + counts["duplicate"] == projection.tally.rows
        return end.status or (Status.OK if is_all else Status.NOT_ALL)

    async def _work(self, campaigns: Campaigns, campaign: Campaign, projection: Projection) -> _End:
        from clickasync.campaigns import Watch

        watch = Watch(on_call=projection.note)
        is_visible = not (self.orders.quiet or self.orders.as_json)
        with (
            ending(lambda: complain("interrupted: what is under way is finished; once more ends at once")) as asked,
            progress_bar(projection.tally, visible=is_visible, is_away=lambda: watch.is_away),
        ):
            work = asked.task = asyncio.create_task(
                campaigns.work(
                    until_done=True,
                    in_flight=self.orders.max_in_flight,
                    names=[NAME],
                    patience=self.orders.patience,
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
                outcomes = await asyncio.gather(work, writer, return_exceptions=True)
            end = self._end_of(outcomes[0], watch, asked)
            await self._write_the_rest(campaign, projection, end, outcomes[1])
            return end

    def _end_of(self, outcome: BaseException | None, watch: Watch, asked: Ending) -> _End:
        """How the work ended, as far as it knows itself."""
        from clickasync.campaigns import DatabaseFullError

        end = _End(status=Status.INTERRUPTED if asked.interrupted else None)
        if isinstance(outcome, DatabaseFullError):
            end.failure = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.places.store))
        elif isinstance(outcome, ClickatellError) and watch.gave_up:
            end.stopped_by = words(outcome)
            if isinstance(outcome, AuthenticationError | TransportError):
                end.status = end.status or status_of(outcome)
        elif isinstance(outcome, Exception):
            end.failure = outcome
        return end

    async def _write_the_rest(
        self, campaign: Campaign, projection: Projection, end: _End, written: BaseException | None
    ) -> None:
        """Write what is known by now, and what is skipped."""
        from clickasync.campaigns.states import REFUSED

        status = await campaign.status()
        if status.state == "paused" and status.reason is not None:
            end.stopped_by = end.stopped_by or status.reason
            if status.reason.startswith(REFUSED):
                end.status = end.status or Status.USAGE
        try:
            if isinstance(written, OSError):
                raise written
            await projection.catch_up(campaign)
            if projection.is_repeated:
                await projection.write_all(campaign, self.sent.recipients, self._left_out)
            if end.stopped_by is not None:
                await projection.skip_the_rest(campaign, end.stopped_by)
            projection.sync()
        except OSError as error:
            end.failure = end.failure or error

    def _summarise(self, projection: Projection, seconds: float, end: _End) -> None:
        again = CURRENT.get().again("output", "force", resume=self.places.shown, retry_rejected=False)
        summary = Summary(projection.tally, str(self.places.shown), seconds, end.stopped_by, again)
        if self.orders.as_json:
            show_json(summary.as_fields())
        elif not self.orders.quiet:
            summary.show()
