"""`Campaign`: what users hold of one campaign."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from functools import partial
from typing import Final

from attrs import frozen
from sqlalchemy import select

from clickasync.campaigns import changing
from clickasync.campaigns.creating import set_rate
from clickasync.campaigns.packing import BadItem
from clickasync.campaigns.results import (
    CallResults,
    Preview,
    Result,
    find_results,
    read_calls,
    read_preview,
    read_results,
    read_some,
)
from clickasync.campaigns.schema import bad_rows, campaigns
from clickasync.campaigns.status import Status, read_status
from clickasync.campaigns.store import Store
from clickasync.errors import ConfigurationError
from clickasync.numbers import normalise

__all__ = ["Campaign"]

_LOOK_SECONDS: Final = 0.5


@frozen
class Campaign:
    """A campaign, made by `Campaigns.create` and `Campaigns.get`."""

    _store: Store
    id: int
    name: str

    async def status(self) -> Status:
        """How it is.

        Raises:
            ConfigurationError: it was deleted.
        """
        status = await self._store.read(partial(read_status, name=self.name))
        if status is None:
            raise ConfigurationError(f"there is no campaign {self.name!r} any more")
        return status

    async def fingerprint(self) -> Mapping[str, str]:
        """What its name stands for: digests of its parts, and how duplicates are treated. Empty while it is loaded."""
        rows = await self._store.step(select(campaigns.c.fingerprint).where(campaigns.c.id == self.id))
        parts: dict[str, str] = json.loads(rows[0].fingerprint or "{}") if rows else {}
        return parts

    def results(self, only: str | None = None) -> AsyncIterator[Result]:
        """What became of its recipients, call by call; `only` those with one result."""
        return read_results(self._store, self.id, only)

    def calls(self) -> AsyncIterator[CallResults]:
        """The same, a call at a time and column by column, which takes a third of the time."""
        return read_calls(self._store, self.id)

    async def some_calls(self, ids: Collection[int]) -> Sequence[CallResults]:
        """The same, of these calls only (see `Watch`)."""
        return await read_some(self._store, ids)

    async def preview(self) -> Preview:
        """The message of its first row, to look at it, or to send it to your own phone."""
        return await read_preview(self._store, self.id)

    async def find(self, number: str) -> list[Result]:
        """What became of one number."""
        return await find_results(self._store, self.id, normalise(number))

    async def bad_rows(self) -> AsyncIterator[BadItem]:
        """The rows of its source that could not be sent to."""
        after = 0
        while True:
            page = await self._store.step(
                select(bad_rows.c.row, bad_rows.c.to, bad_rows.c.error)
                .where(bad_rows.c.campaign_id == self.id, bad_rows.c.row > after)
                .order_by(bad_rows.c.row)
                .limit(1000)
            )
            for row in page:
                yield BadItem(row.row, row.to, row.error)
            if len(page) < 1000:
                return
            after = page[-1].row

    async def set_rate(self, per_second: float | None) -> None:
        """Another `rate_limit`, from now on.

        Raises:
            InvalidOptionError: it is no positive number.
        """
        await set_rate(self._store, self.id, per_second)

    async def pause(self) -> None:
        """Nothing more leaves, within two seconds everywhere."""
        await changing.pause(self._store, self.id)

    async def resume(self) -> None:
        """Go on.

        Raises:
            ConfigurationError: it cannot go on: the database forgot (reconcile comes first), or it was cancelled.
        """
        await changing.resume(self._store, self.id)

    async def cancel(self) -> None:
        """What was not sent is skipped, for good."""
        await changing.cancel(self._store, self.id)

    async def retry(self, errors: Collection[str] | None = None) -> int:
        """Send again to those who were rejected (for one of these errors, by code); gives how many.

        Never to those whose outcome nobody can know: they may have got it.

        Raises:
            ConfigurationError: it was cancelled.
        """
        return await changing.retry(self._store, self.id, errors)

    async def wait(self) -> Status:
        """Wait until nothing of it is left to send or under way (somebody must `work`)."""
        while True:
            status = await self.status()
            if status.state in ("done", "cancelled") and not status.ready and not status.out:
                return status
            await asyncio.sleep(_LOOK_SECONDS)

    async def delete(self) -> None:
        """Delete it, and everything about its recipients.

        Raises:
            ConfigurationError: something of it is under way, or was less than an hour ago.
        """
        await changing.delete_campaign(self._store, self.id)
