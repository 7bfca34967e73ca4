"""Creating a campaign: what is asked for is checked, its rows are read, and the name stands for exactly that.

The fingerprint has digests of all that was loaded (numbers with their texts and options, and tags), and of the
campaign's own text and options, each by itself. Who asks for the same again gets the campaign that is there; who asks
for something else under its name is refused, and told what differs. So a program that was restarted can simply create
again.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import secrets
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from attrs import frozen
from sqlalchemy import Connection, update
from sqlalchemy.dialects import postgresql, sqlite

from clickasync.campaigns.errors import OtherCampaignError
from clickasync.campaigns.loading import Existing, Loader, find
from clickasync.campaigns.packing import Items, Packer, Plain, Rules, Witness
from clickasync.campaigns.schema import campaigns, rates
from clickasync.campaigns.sources import CampaignSource, Rows, Tagging, rows_of
from clickasync.campaigns.states import KEY_BYTES
from clickasync.campaigns.store import Store
from clickasync.campaigns.texts import plain_options
from clickasync.campaigns.windows import next_span, parse_window
from clickasync.errors import ConfigurationError, InvalidOptionError
from clickasync.options import compile_message

__all__ = ["OTHER_RECIPIENTS", "OTHER_TAGS", "Plan", "create", "set_rate"]

_BEAT_SECONDS: Final = 1.0


@frozen
class Plan:
    """What is asked for."""

    name: str
    account: str
    batch_size: int
    text: str | None
    options: Mapping[str, Any]
    rate_limit: float | None = None
    windows: Sequence[str] = ()
    starts_at: datetime | float | None = None
    is_each: bool = False
    """Whether a number that stands there twice is sent to twice."""
    tag_column: str | None = None
    tagging: Tagging | None = None
    witness: Witness | None = None
    fingerprint: str | None = None
    """The user's own, in place of a digest of the rows."""
    exclude: Collection[str] = ()
    first: int | None = None
    """So many recipients are sent to, then the campaign pauses."""
    stop_at_rejected: float | None = None
    """Percent."""

    @property
    def size(self) -> int:
        """Recipients in a call, at most: no more than the rate takes in a second."""
        return self.batch_size if self.rate_limit is None else max(1, min(self.batch_size, int(self.rate_limit)))

    def check(self) -> None:
        """Raise what is wrong.

        Raises:
            InvalidOptionError: something is; the message names it.
        """
        if not isinstance(self.name, str) or not self.name.strip() or len(self.name) > 200:
            raise InvalidOptionError(f"a campaign's name must be a text of 1 to 200 characters, not {self.name!r}")
        for name, number in {
            "rate_limit": self.rate_limit,
            "first": self.first,
            "stop_at_rejected": self.stop_at_rejected,
        }.items():
            _check_positive(name, number)
        if self.first is not None and not isinstance(self.first, int):
            raise InvalidOptionError(f"first must be a whole number, not {self.first!r}")
        if self.stop_at_rejected is not None and self.stop_at_rejected > 100:
            raise InvalidOptionError(
                f"stop_at_rejected must be a percentage of at most 100, not {self.stop_at_rejected!r}"
            )
        if isinstance(self.windows, str):
            raise InvalidOptionError("windows must be several, such as a list of one")
        for window in self.windows:
            parse_window(window)
        if self.options.get("climsgid") is not None:
            raise InvalidOptionError("campaigns give climsgids of their own, by which calls are asked about")
        self.check_row(None if self._has_content else "-", None)

    @property
    def _has_content(self) -> bool:
        return self.text is not None or self.options.get("data") is not None

    def check_row(self, text: str | None, own: Mapping[str, Any] | None) -> None:
        """Raise what is wrong with a text and options.

        Raises:
            InvalidOptionError: something is.
        """
        options = {**self.options, **own} if own else self.options
        compile_message(self.text if text is None else text, options, time.time())

    @property
    def plain(self) -> str:
        """The options, as the tables have them."""
        return json.dumps(plain_options(self.options), sort_keys=True)

    @property
    def _starts_at(self) -> float | None:
        starts = self.starts_at
        if isinstance(starts, datetime):
            if starts.utcoffset() is None:
                raise InvalidOptionError(f"starts_at must be an aware datetime (with tzinfo), not {starts!r}")
            return starts.timestamp()
        if starts is not None and (isinstance(starts, bool) or not isinstance(starts, int | float)):
            raise InvalidOptionError(f"starts_at must be an aware datetime or Unix seconds, not {starts!r}")
        return starts

    def columns(self, shared_text: str | None) -> dict[str, Any]:
        """The columns of the campaign."""
        starts = self._starts_at
        opens = closes = None
        if self.windows or starts is not None:
            from_then = max(time.time(), starts or 0.0)
            opens, closes = from_then, float("inf")
            if self.windows:
                opens, closes = next_span(map(parse_window, self.windows), from_then)
            opens = max(opens, starts or opens)
        return {
            "account": self.account,
            "text": shared_text,
            "options": self.plain,
            "windows": json.dumps(list(self.windows)),
            "starts_at": starts,
            "opens_at": opens,
            "closes_at": closes,
            "per_second": self.rate_limit,
            "stop_at_rejected": self.stop_at_rejected,
        }

    def fingerprint_of(self, packer: Packer) -> dict[str, str]:
        """What the name stands for, part by part."""
        own = self.fingerprint
        return {
            "text": _digest(self.text),
            "options": _digest(self.plain),
            "duplicates": "each" if self.is_each else "once",
            "recipients": packer.digest if own is None else _digest(own),
            "tags": packer.digest_of_tags if own is None else "",
        }

    def packer(self, rows: Rows) -> Packer:
        """For its rows."""
        return Packer(
            Rules(
                self.size,
                partial(secrets.token_bytes, KEY_BYTES),
                self.check_row,
                has_text=rows.text is not None or self.options.get("data") is not None,
                once=not self.is_each,
                excluded=self.exclude,
                witness=self.witness,
            )
        )


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode(errors="surrogatepass")).hexdigest()


async def create(store: Store, plan: Plan, source: CampaignSource) -> int:
    """Create a campaign; gives its ID, also where the same one is there already.

    Raises:
        OtherCampaignError: there is another one of that name.
        ConfigurationError: it is being loaded by somebody else.
        InvalidOptionError: something of it is wrong.
        OSError: the file cannot be read.
    """
    plan.check()
    # Opening a file reads a little of it: in a thread, and before anything is written.
    rows = await asyncio.to_thread(
        partial(
            rows_of,
            source,
            plan.text,
            tag_column=plan.tag_column,
            tagging=plan.tagging,
            needs_text=plan.options.get("data") is None,
        )
    )
    packer = plan.packer(rows)
    existing = await find(store, plan.name)
    if existing is not None and existing.account != plan.account:
        base_url, api_id, user = json.loads(existing.account)
        raise OtherCampaignError(plan.name, [f"another account: {user} (api_id {api_id}) at {base_url}"])
    if existing is None or existing.state == "loading":
        if existing is not None and existing.is_being_loaded:
            raise ConfigurationError(f"campaign {plan.name!r} is being loaded by somebody else at this moment")
        return await _load(store, plan, rows, packer, existing)
    if plan.fingerprint is None:
        async for chunk in rows.chunks:
            for _ in packer.add(chunk):
                pass
    if differences := _differences(plan.fingerprint_of(packer), json.loads(existing.fingerprint or "{}")):
        raise OtherCampaignError(plan.name, differences)
    return existing.id


OTHER_RECIPIENTS: Final = "other recipients, or other texts of theirs"
OTHER_TAGS: Final = "other tags"
_DIFFERENCES: Final = {
    "text": "another text",
    "options": "other options",
    "duplicates": "another way to treat duplicates",
    "recipients": OTHER_RECIPIENTS,
    "tags": OTHER_TAGS,
}


def _differences(wanted: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    differ = [part for part in _DIFFERENCES if wanted[part] != found.get(part)]
    if "text" in differ or "duplicates" in differ:  # of which other recipients, or texts of theirs, are a consequence
        differ = [part for part in differ if part not in ("recipients", "tags")]
    return [_DIFFERENCES[part] for part in differ]


async def _load(store: Store, plan: Plan, rows: Rows, packer: Packer, died: Existing | None) -> int:
    loader = Loader(store, plan.name)
    id = await loader.start(plan.columns(rows.text), died)
    try:
        async with _beating(loader):
            hold_after = await _put_all(store, loader, plan, rows, packer)
            if plan.rate_limit is not None:
                await set_rate(store, id, plan.rate_limit)
        await loader.finish(packer, json.dumps(plan.fingerprint_of(packer)), "running", hold_after)
    except (Exception, asyncio.CancelledError):
        with contextlib.suppress(ConfigurationError):
            await loader.abandon()
        raise
    return id


async def _put_all(store: Store, loader: Loader, plan: Plan, rows: Rows, packer: Packer) -> int | None:
    """Store the calls; gives the ID of the last one that may go before somebody has looked."""
    hold_after: int | None = None
    async for chunk in rows.chunks:
        rest: Items = chunk
        if plan.first is not None and hold_after is None:
            rest = chunk if not isinstance(chunk, Plain) else list(chunk.items())
            while hold_after is None and packer.recipients + len(rest) >= plan.first:
                some = plan.first - packer.recipients
                await loader.put([*packer.add(rest[:some])], packer)
                rest = rest[some:]
                if packer.recipients >= plan.first:
                    await loader.put([*packer.flush()], packer, last=True)
                    hold_after = await loader.last_call()
        await loader.put(await asyncio.to_thread(lambda rest=rest: [*packer.add(rest)]), packer)  # type: ignore[misc]
    await loader.put([*packer.flush()], packer, last=True)
    return hold_after


@contextlib.asynccontextmanager
async def _beating(loader: Loader) -> AsyncIterator[None]:
    """Say all the time that the loader is alive, however slow its source is."""

    async def beat() -> None:
        while True:
            await asyncio.sleep(_BEAT_SECONDS)
            await loader.beat()

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def set_rate(store: Store, campaign: int, per_second: float | None) -> None:
    """Set the rate of a campaign; None: it has none.

    Raises:
        InvalidOptionError: it is no positive number.
    """
    _check_positive("rate_limit", per_second)

    def work(connection: Connection) -> None:
        connection.execute(update(campaigns).where(campaigns.c.id == campaign).values(per_second=per_second))
        if per_second is not None:
            insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(rates)
            values = {"scope": f"campaign:{campaign}", "per_second": per_second, "free_at": 0.0}
            connection.execute(
                insert.values(values).on_conflict_do_update(index_elements=["scope"], set_={"per_second": per_second})
            )

    await store.change(work)


def _check_positive(name: str, number: Any) -> None:
    if number is not None and (isinstance(number, bool) or not isinstance(number, int | float) or not number > 0):
        raise InvalidOptionError(f"{name} must be a positive number, not {number!r}")
