"""Loading: rows become calls, 1,000 in a transaction, under the state ``loading``; then the campaign runs.

Only one loader loads a campaign. Each of its transactions begins with ``UPDATE ca_campaigns … WHERE loader = :me``: a
loader that was stopped in the middle, and whose campaign another one has taken, writes nothing more. A loader that
died left calls behind; whoever takes its campaign deletes them and starts again.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from attrs import frozen
from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from clickasync.campaigns.functions import now
from clickasync.campaigns.packing import BadItem, Packer
from clickasync.campaigns.schema import LEASE, bad_rows, calls, campaigns
from clickasync.campaigns.store import Store
from clickasync.errors import ConfigurationError

__all__ = ["Existing", "Loader", "find"]

CHUNK: Final = 1000
_DELETED: Final = 500

_k = campaigns.c


@frozen
class Existing:
    """A campaign that is there already."""

    id: int
    state: str
    fingerprint: str | None
    account: str
    text: str | None
    options: str
    is_being_loaded: bool


async def find(store: Store, name: str) -> Existing | None:
    """The campaign of a name."""
    alive = (_k.loader_beat > now() - LEASE) & (_k.loader_beat < now() + LEASE) & _k.loader.is_not(None)
    rows = await store.step(
        select(_k.id, _k.state, _k.fingerprint, _k.account, _k.text, _k.options, func.coalesce(alive, False)).where(
            _k.name == name
        )
    )
    return Existing(*tuple(rows[0])) if rows else None


class Loader:
    """Loads one campaign, as long as nobody else has taken it."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._name = name
        self._me = secrets.token_hex(8)
        self._id = 0
        self._waiting: list[dict[str, Any]] = []

    async def start(self, columns: dict[str, Any], died: Existing | None) -> int:
        """Take the name; what a loader that died has left is deleted.

        Raises:
            ConfigurationError: somebody else has it.
        """
        if died is None:
            self._id = await self._insert(columns)
        else:
            self._id = died.id
            alive = (_k.loader_beat > now() - LEASE) & (_k.loader_beat < now() + LEASE) & _k.loader.is_not(None)
            take = (
                update(campaigns)
                .where(_k.id == died.id, _k.state == "loading", ~func.coalesce(alive, False))
                .values(loader=self._me, loader_beat=now(), **columns)
            )
            await self._store.change(lambda connection: connection.execute(take))
            while await self._guarded(self._delete_some):
                pass
        return self._id

    async def _insert(self, columns: dict[str, Any]) -> int:
        values = {
            **columns,
            "name": self._name,
            "state": "loading",
            "loader": self._me,
            "loader_beat": now(),
            "created": now(),
        }

        def work(connection: Connection) -> int | None:
            connection.execute(_insert_for(connection, campaigns).values(values).on_conflict_do_nothing())
            mine = select(_k.id).where(_k.name == self._name, _k.loader == self._me)
            return connection.execute(mine).scalar_one_or_none()

        id = await self._store.change(work)
        if id is None:
            raise ConfigurationError(f"campaign {self._name!r} is being made by somebody else at this moment")
        return id

    async def beat(self) -> None:
        """Say that this loader is alive."""
        await self._store.step(
            update(campaigns).where(_k.id == self._id, _k.loader == self._me).values(loader_beat=now())
        )

    async def put(self, made: list[dict[str, Any]], packer: Packer, *, last: bool = False) -> None:
        """Store calls, as soon as there are enough of them.

        Raises:
            ConfigurationError: somebody else has taken the campaign.
        """
        self._waiting += made
        while self._waiting and (last or len(self._waiting) >= CHUNK):
            chunk, self._waiting = self._waiting[:CHUNK], self._waiting[CHUNK:]
            await self._guarded(partial(self._insert_calls, chunk))
        if packer.bad and (last or len(packer.bad) >= CHUNK):
            bad, packer.bad = packer.bad, []
            await self._guarded(partial(self._insert_bad, bad))

    async def finish(self, packer: Packer, fingerprint: str, state: str, hold_after: int | None) -> None:
        """All is there: the campaign may run.

        Raises:
            ConfigurationError: somebody else has taken the campaign.
        """
        bad = select(func.count()).select_from(bad_rows).where(bad_rows.c.campaign_id == self._id).scalar_subquery()
        flip = (
            update(campaigns)
            .where(_k.id == self._id, _k.loader == self._me)
            .values(
                state=state,
                fingerprint=fingerprint,
                recipients=packer.recipients,
                duplicates=packer.duplicates,
                bad_rows=bad,
                hold_after=hold_after,
            )
        )
        # The name of the loader stays: so a flip that is run again, for want of an answer, finds its own.
        await self._guarded(lambda connection: connection.execute(flip).rowcount, states=("loading", state))
        await self._store.analyze()

    async def abandon(self) -> None:
        """Loading failed: take back what was stored.

        Raises:
            ConfigurationError: somebody else has taken the campaign.
        """
        while await self._guarded(self._delete_some):
            pass
        await self._guarded(lambda connection: connection.execute(delete(campaigns).where(_k.id == self._id)))

    async def last_call(self) -> int:
        """The ID of the call that was stored last."""
        rows = await self._store.step(select(func.max(calls.c.id)).where(calls.c.campaign_id == self._id))
        return int(rows[0][0] or 0)

    async def _guarded(self, work: Callable[[Connection], Any], states: tuple[str, ...] = ("loading",)) -> Any:
        def guarded(connection: Connection) -> Any:
            mine = update(campaigns).where(_k.id == self._id, _k.loader == self._me, _k.state.in_(states))
            if connection.execute(mine.values(loader_beat=now())).rowcount != 1:
                raise ConfigurationError(f"campaign {self._name!r} was taken over by another loader, or is gone")
            return work(connection)

        return await self._store.change(guarded)

    def _delete_some(self, connection: Connection) -> bool:
        some = select(calls.c.id).where(calls.c.campaign_id == self._id).limit(_DELETED)
        connection.execute(delete(bad_rows).where(bad_rows.c.campaign_id == self._id))
        return connection.execute(delete(calls).where(calls.c.id.in_(some))).rowcount > 0

    def _insert_calls(self, chunk: list[dict[str, Any]], connection: Connection) -> None:
        statement = _insert_for(connection, calls).values(campaign_id=self._id)
        connection.execute(statement.on_conflict_do_nothing(index_elements=["key"]), chunk)

    def _insert_bad(self, bad: list[BadItem], connection: Connection) -> None:
        rows = [{"campaign_id": self._id, "row": each.row, "to": each.to[:200], "error": each.error} for each in bad]
        connection.execute(_insert_for(connection, bad_rows).on_conflict_do_nothing(), rows)


def _insert_for(connection: Connection, table: Any) -> Any:
    """INSERT in the words of the dialect, which has ON CONFLICT."""
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)
