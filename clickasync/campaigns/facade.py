"""`Campaigns`: what users hold."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, Self, Unpack

import anyio
from sqlalchemy import select

from clickasync.campaigns import changing
from clickasync.campaigns.campaign import Campaign
from clickasync.campaigns.creating import Plan, create
from clickasync.campaigns.functions import now
from clickasync.campaigns.moves import FINISH_SECONDS
from clickasync.campaigns.optouts import OptOuts
from clickasync.campaigns.packing import Witness
from clickasync.campaigns.reconcile import SETTLE_SECONDS, Reconciled, reconcile
from clickasync.campaigns.reports import Hooks, OnMessage, OnReport, hooks
from clickasync.campaigns.schema import campaigns
from clickasync.campaigns.sources import CampaignSource, Tagging
from clickasync.campaigns.store import Store
from clickasync.campaigns.upgrade import upgrade
from clickasync.campaigns.worker import Until, Watch, Worker
from clickasync.errors import ConfigurationError, InvalidOptionError
from clickasync.numbers import normalise

if TYPE_CHECKING:
    from clickasync.client import Client
    from clickasync.options import MessageOptions

__all__ = ["Campaign", "Campaigns"]

DATABASE: Final = "campaigns.db"
_DAY: Final = 86400.0


class Campaigns:
    """Durable bulk sending: campaigns in a database, sent by any number of workers, exact through any crash.

    >>> async with Campaigns("campaigns.db", client=client) as campaigns:
    ...     campaign = await campaigns.create("spring", ["27821234567", "27827654321"], "Doors open at 8")
    ...     await campaigns.work(until_done=True)
    ...     (await campaign.status()).accepted
    2

    It belongs to one event loop of asyncio.

    Args:
        database: the path of a file, or ``postgresql://user@host/name``; by default CLICKASYNC_DATABASE, else
            ``campaigns.db``.
        client: sends, and says of which account; needed to create and to work, not to look.
        allow_insecure: permit a server elsewhere without TLS.
        allow_unsafe: permit a server that is set to forget what it confirmed (``fsync = off``). For tests.
        alone: have a file to itself, or be refused: for a program that runs one campaign, and opens the file once.
        clock: the time in Unix seconds, for a file; a server has its own.

    Raises (on entering):
        ConfigurationError: the database cannot be used; the message says why.
        ModuleNotFoundError: PostgreSQL needs ``pip install 'clickasync[fleet]'``.
    """

    def __init__(
        self,
        database: str | Path | None = None,
        *,
        client: Client | None = None,
        allow_insecure: bool = False,
        allow_unsafe: bool = False,
        alone: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._where = database or os.environ.get("CLICKASYNC_DATABASE") or DATABASE
        self._client = client
        self._options: dict[str, Any] = {
            "allow_insecure": allow_insecure,
            "allow_unsafe": allow_unsafe,
            "alone": alone,
            "clock": clock,
        }
        self._open: Store | None = None

    def __repr__(self) -> str:
        return f"Campaigns({self._open!r})"

    async def __aenter__(self) -> Self:
        self._open = await Store.open(self._where, **self._options)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the database."""
        store, self._open = self._open, None
        if store is not None:
            with anyio.CancelScope(shield=True):
                await store.aclose()

    @property
    def _store(self) -> Store:
        if self._open is None:
            raise RuntimeError("the database is not open; use: async with Campaigns(...) as campaigns")
        return self._open

    @property
    def _sender(self) -> Client:
        if self._client is None:
            raise ConfigurationError("this needs a client: Campaigns(..., client=client)")
        return self._client

    @property
    def others(self) -> str | None:
        """Of a file that is had `alone`: where somebody else may still be sending from it; None: nobody can be.

        Nobody can, unless the file is a copy, and nobody knows what became of its original.
        """
        return self._store.others

    async def create(
        self,
        name: str,
        source: CampaignSource,
        text: str | None = None,
        *,
        rate_limit: float | None = None,
        windows: Sequence[str] = (),
        starts_at: datetime | float | None = None,
        duplicates: Literal["once", "each"] = "once",
        tag_column: str | None = None,
        fingerprint: str | None = None,
        exclude: Collection[str] = (),
        first: int | None = None,
        stop_at_rejected: float | None = None,
        tagging: Tagging | None = None,
        witness: Witness | None = None,
        **options: Unpack[MessageOptions],
    ) -> Campaign:
        """Make a campaign. The same again gives the one that is there: a program may simply create after a restart.

        Args:
            name: its name, and there is one of it.
            source: the path of a file of recipients, or an iterable or async iterable of numbers or `Message`s.
            text: the text; of a file, a template with ``{column}`` holes.
            rate_limit: recipients a second, of all workers together.
            windows: when to send, such as ``"mon-fri 09:00-17:30 Europe/Berlin"``; by default always.
            starts_at: not before: an aware datetime or Unix seconds.
            duplicates: ``"once"``: a number that stands there twice is sent to once; ``"each"``: as often as it does.
            tag_column: a column of the file that results give back as `Result.tag`.
            fingerprint: what stands for the recipients, in place of a digest of them: then a source need not be read
                again to see that it is the same.
            exclude: numbers to leave out.
            first: send to so many, then pause, to look before the rest.
            stop_at_rejected: pause when so many percent were rejected, of 50 or more.
            tagging: makes the tag of a row of a file, in place of `tag_column`.
            witness: hears of the rows that are left out.
            options: as of `Client.bulk`.

        Raises:
            InvalidOptionError: something of it is wrong; the message names it.
            OtherCampaignError: another campaign has that name; the message says what differs.
            ConfigurationError: it is being loaded by somebody else at this moment.
            OSError: the file cannot be read.
        """
        if duplicates not in ("once", "each"):
            raise InvalidOptionError(f"duplicates must be 'once' or 'each', not {duplicates!r}")
        plan = Plan(
            name=name,
            account=json.dumps(self._sender.account),
            batch_size=self._sender.batch_size,
            text=text,
            options=dict(options),
            rate_limit=rate_limit,
            windows=tuple(windows) if not isinstance(windows, str) else windows,
            starts_at=starts_at,
            is_each=duplicates == "each",
            tag_column=tag_column,
            tagging=tagging,
            witness=witness,
            fingerprint=fingerprint,
            exclude=frozenset(map(normalise, exclude)),
            first=first,
            stop_at_rejected=stop_at_rejected,
        )
        return Campaign(self._store, await create(self._store, plan, source), name)

    async def get(self, name: str) -> Campaign:
        """The campaign of a name.

        Raises:
            ConfigurationError: there is none.
        """
        rows = await self._store.step(select(campaigns.c.id).where(campaigns.c.name == name))
        if not rows:
            raise ConfigurationError(f"there is no campaign {name!r}")
        return Campaign(self._store, rows[0].id, name)

    async def list(self) -> list[Campaign]:
        """All campaigns, the oldest first."""
        rows = await self._store.step(select(campaigns.c.id, campaigns.c.name).order_by(campaigns.c.id))
        return [Campaign(self._store, row.id, row.name) for row in rows]

    async def made_before(self, days: int) -> Sequence[Campaign]:
        """The campaigns that were made so many days ago, or earlier."""
        made = select(campaigns.c.id, campaigns.c.name).where(campaigns.c.created <= now() - days * _DAY)
        return [
            Campaign(self._store, row.id, row.name) for row in await self._store.step(made.order_by(campaigns.c.id))
        ]

    async def upgrade(self) -> int:
        """Bring tables of an older version up to date; gives the version that they had. It need not be entered.

        Raises:
            ConfigurationError: they are of a newer version, or of one that is not known any more.
        """
        store = await Store.open(self._where, **self._options, any_version=True)
        try:
            return await upgrade(store)
        finally:
            await store.aclose()

    async def work(
        self,
        *,
        until_done: bool = False,
        until_idle: bool = False,
        in_flight: int = 8,
        names: Collection[str] | None = None,
        patience: float | None = None,
        stop: asyncio.Event | None = None,
        settle_after: float | None = None,
        finish_within: float = FINISH_SECONDS,
        watch: Watch | None = None,
    ) -> None:
        """Send what there is to send for the client's account; any number may work on one database.

        Cancelling it claims no more, finishes what is under way and gives the rest back; cancelled once more, it ends
        at once. Whatever ends it, nothing is sent twice.

        Args:
            until_done: return once all running campaigns have an outcome for each recipient.
            until_idle: return as soon as there is nothing to do at this moment.
            in_flight: calls at once.
            names: only campaigns of these names.
            patience: seconds without an answer of the gateway after which it gives up; by default never.
            stop: set it to end as by cancelling once.
            settle_after: seconds after `begin` from which a gateway that does not know a call is believed; by default
                the client's whole timeout.
            finish_within: seconds for which the outcome of a call is tried to be written, before it is only logged.
            watch: sees what happens.

        Raises:
            DatabaseAwayError: the database was away for a minute; `DatabaseFullError`: no space is left for it.
            DatabaseForgotError: the database forgot what it had confirmed.
            TransportError: patience is lost.
        """
        if isinstance(in_flight, bool) or not isinstance(in_flight, int) or in_flight < 1:
            raise InvalidOptionError(f"in_flight must be a whole number of 1 or more, not {in_flight!r}")
        client = self._sender
        worker = Worker(
            self._store,
            json.dumps(client.account),
            client.executor,
            quiet=client.longest_request if settle_after is None else settle_after,
            in_flight=in_flight,
            until=Until.DONE if until_done else Until.IDLE if until_idle else Until.STOPPED,
            names=names,
            patience=patience,
            finish_within=finish_within,
            watch=watch,
        )
        await _run(worker, stop)

    def receiver_hooks(self, *, on_report: OnReport | None = None, on_message: OnMessage | None = None) -> Hooks:
        """Handlers for a receiver of callbacks: reports go into the campaigns, STOPs into the opt-outs.

        >>> async with Campaigns("campaigns.db") as campaigns:
        ...     app = receiver(**campaigns.receiver_hooks(), auth=("hook", "secret"))

        Args:
            on_report: gets the reports that are about no campaign.
            on_message: gets every message, once opt-outs are noted.
        """
        return hooks(self._store, on_report, on_message)

    @property
    def optouts(self) -> OptOuts:
        """Who is not sent to."""
        return OptOuts(self._store)

    async def reconcile(self, *, settle: float = SETTLE_SECONDS, lapse: float = 0.0) -> Reconciled:
        """Ask the gateway about all that a database which forgot believes unsent, and let its campaigns go on.

        All workers must have ended. Do it after each restore of a backup, too, which no program can notice.

        Args:
            settle: seconds for which a campaign must have been paused.
            lapse: seconds for which workers that seem to be alive are waited for.

        Raises:
            ConfigurationError: a worker is still alive.
            ClickatellError: the gateway gave no clear answer; nothing goes on.
        """
        client = self._sender
        return await reconcile(self._store, json.dumps(client.account), client.executor, settle=settle, lapse=lapse)

    async def erase(self, number: str) -> int:
        """Forget a person in all campaigns (number, text, tag); gives in how many calls it stood.

        Raises:
            ConfigurationError: a call to the number is under way at this moment.
        """
        return await changing.erase(self._store, normalise(number))


async def _run(worker: Worker, stop: asyncio.Event | None) -> None:
    """Run a worker in a task of its own, so that whoever is cancelled while waiting for it can let it end well."""
    task = asyncio.create_task(worker.run(), name="clickasync: worker")
    watcher = None if stop is None else asyncio.create_task(_stop_when(stop, worker))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        worker.stop()
        with anyio.CancelScope(shield=True):
            try:
                await asyncio.shield(task)
            except asyncio.CancelledError:
                task.cancel()
                await asyncio.wait([task])
        raise
    finally:
        if watcher is not None:
            watcher.cancel()


async def _stop_when(stop: asyncio.Event, worker: Worker) -> None:
    await stop.wait()
    worker.stop()
