"""`Job`: one run of ``clickasync bulk``, from its recipients to its summary.

A new run makes the store and loads it. One that goes on opens it and reads the same recipients again, which shows that
they are the same; where the store may have forgotten something, the gateway is asked first. From there on both do the
same: the results are written from the store, then the rest is sent (`sending.py`).
"""

from __future__ import annotations

import asyncio
import errno
import gc
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field, frozen

from clickasync.cli.bulk.display import BadRows, Summary
from clickasync.cli.bulk.places import NAME, Places
from clickasync.cli.bulk.projection import LeftOut, Projection
from clickasync.cli.bulk.results import ResultsFile, format_of
from clickasync.cli.bulk.rows import compare_rows
from clickasync.cli.bulk.sending import End, Orders, send
from clickasync.cli.command import Status
from clickasync.cli.screen import notice, show_json
from clickasync.cli.typed import CURRENT
from clickasync.client import Client
from clickasync.errors import ConfigurationError
from clickasync.recipients import Recipients, Row

if TYPE_CHECKING:
    from clickasync.campaigns import Campaign, Campaigns, OtherCampaignError

__all__ = ["Job", "Sent"]

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


@define
class Job:
    """A run."""

    sent: Sent
    places: Places
    orders: Orders
    dedupe: bool
    as_json: bool
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
        async with self._opened(client) as campaigns:
            if await campaigns.list():  # another run was begun at the same moment
                self.places.refuse_if_taken()
            try:
                campaign = await self._load(campaigns, "once" if self.dedupe else "each")
                projection = await self._project(campaign, is_new=True)
            except BaseException:
                self.places.clear()
                raise
            return await self._finish(campaigns, campaign, projection)

    async def go_on(self, client: Client, *, retry_rejected: bool) -> Status:
        """Go on with the run that is in the store.

        Raises:
            ClickatellError, OSError: it cannot go on. Nothing was sent.
        """
        async with self._opened(client) as campaigns:
            known = await campaigns.get(NAME)
            begun_with = (await known.fingerprint()).get("duplicates")
            if self.dedupe and begun_with == "each":
                raise ConfigurationError(f"{self.places.shown}: the run was begun without --dedupe")
            campaign = await self._load(campaigns, begun_with or ("once" if self.dedupe else "each"))
            await campaign.set_rate(self.orders.rate_limit)
            await self._remember(campaigns, campaign)
            if retry_rejected:
                await campaign.retry()
            projection = await self._project(campaign, is_new=False)
            return await self._finish(campaigns, campaign, projection)

    @asynccontextmanager
    async def _opened(self, client: Client) -> AsyncIterator[Campaigns]:
        """The store, for this run alone."""
        try:
            from clickasync.campaigns import Campaigns, DatabaseFullError
        except ModuleNotFoundError as error:
            what = f"bulk needs {error.name}: pip install 'clickasync[cli]'"
            raise ModuleNotFoundError(what, name=error.name) from None
        # What is imported stays. Not to look through it again and again saves 0.4 of 2.3 ms that a call of 300 takes.
        gc.freeze()
        try:
            async with Campaigns(self.places.store, client=client, alone=True) as campaigns:
                yield campaigns
        except DatabaseFullError as error:  # a store that cannot be written is a file that cannot be written
            raise OSError(errno.ENOSPC, str(error), str(self.places.store)) from None
        finally:
            gc.unfreeze()

    def _read_through(self) -> None:
        """A slip must not cost the results of an earlier run."""
        for _ in self.sent.recipients:
            pass

    def _clear(self) -> None:
        from clickasync.campaigns.alone import Hold

        hold = Hold(self.places.store) if self.places.store.exists() else None
        try:
            self.places.has_run()
            self.places.clear()
        finally:
            if hold is not None:
                hold.release()

    async def _load(self, campaigns: Campaigns, duplicates: Any) -> Campaign:
        from clickasync.campaigns import OtherCampaignError, Tagging

        try:
            return await campaigns.create(
                NAME,
                self.sent.recipients,
                self.sent.text,
                rate_limit=self.orders.rate_limit,
                duplicates=duplicates,
                tagging=Tagging(self.sent.tag_of, tags_plain_rows=bool(self.sent.kept)),
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

    async def _project(self, campaign: Campaign, *, is_new: bool) -> Projection:
        """The results as the store has them, on disk."""
        from clickasync.campaigns.files import sync_folder

        file = ResultsFile(self.places.results, format_of(self.places.results, self.sent.kept), sync_folder)
        projection = Projection(file, self.sent.recipients, self._left_out, kept=len(self.sent.kept))
        status = await campaign.status()
        tally = projection.tally
        tally.rows = status.recipients + status.bad_rows + len(self._left_out.duplicates)
        tally.duplicates = status.duplicates
        if is_new:
            await projection.write_all(None, self._bad_rows)
        else:
            await projection.write_all(campaign)
        self._bad_rows.end()
        return projection

    async def _finish(self, campaigns: Campaigns, campaign: Campaign, projection: Projection) -> Status:
        """Send what is to be sent, then say what became of it."""
        started = time.monotonic()
        end = End()
        try:
            status = await campaign.status()
            if status.ready or status.out:
                end = await send(campaigns, campaign, projection, self.orders)
            if end.failure is not None:
                raise end.failure
        finally:
            projection.close()
            self._summarise(projection, time.monotonic() - started, end)
        counts = projection.tally.counts
        is_all = counts["accepted"] + counts["duplicate"] == projection.tally.rows
        return end.status or (Status.OK if is_all else Status.NOT_ALL)

    def _summarise(self, projection: Projection, seconds: float, end: End) -> None:
        again = CURRENT.get().again("output", "force", resume=self.places.shown, retry_rejected=False)
        summary = Summary(projection.tally, str(self.places.shown), seconds, end.stopped_by, again)
        if self.as_json:
            show_json(summary.as_fields())
        elif not self.orders.quiet:
            summary.show()
