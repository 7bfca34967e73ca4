"""Opt-outs: one list for all campaigns. Who stands in it is not sent to; `begin` looks.

A STOP puts a number in, and any later message from it takes it out again, as the gateway's guide has it; *later* by
the time that the gateway received it, so that a STOP which comes again is no news. What was imported, or entered by
command, is taken out by command only.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from attrs import frozen
from sqlalchemy import Connection, and_, case, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from clickasync.callbacks.models import InboundMessage
from clickasync.campaigns.functions import now
from clickasync.campaigns.schema import optouts
from clickasync.campaigns.store import Store
from clickasync.errors import InvalidNumberError
from clickasync.numbers import normalise

__all__ = ["OptOutEntry", "OptOuts"]

_CHUNK: Final = 1000
_PAGE: Final = 1000
_o = optouts.c


@frozen
class OptOutEntry:
    """A number that has opted out."""

    number: str
    since: datetime
    source: str
    """stop, import or command."""


class OptOuts:
    """The list."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(self, numbers: Iterable[str], *, source: str = "command") -> int:
        """Put numbers in; gives how many there were.

        Raises:
            InvalidNumberError: one is no number; none was put in.
        """
        each = list(dict.fromkeys(map(normalise, numbers)))
        for start in range(0, len(each), _CHUNK):
            chunk = each[start : start + _CHUNK]
            await self._store.change(partial(_put, numbers=chunk, source=source))
        return len(each)

    async def remove(self, number: str) -> bool:
        """Take a number out; gives whether it stood there."""
        lift = (
            optouts.update()
            .where(_o.number == normalise(number), _o.is_out)
            .values(is_out=False, last_at=now(), source="command")
            .returning(_o.number)
        )
        return bool(await self._store.step(lift))

    async def list(self) -> AsyncIterator[OptOutEntry]:
        """The numbers, in order."""
        after = ""
        while True:
            page = await self._store.step(
                select(_o.number, _o.last_at, _o.source)
                .where(_o.is_out, _o.number > after)
                .order_by(_o.number)
                .limit(_PAGE)
            )
            for row in page:
                yield OptOutEntry(row.number, datetime.fromtimestamp(row.last_at, UTC), row.source)
            if len(page) < _PAGE:
                return
            after = page[-1].number

    async def heard(self, message: InboundMessage) -> None:
        """A handset wrote: it opts out, or is back."""
        try:
            number = normalise(message.from_)
        except InvalidNumberError:
            return
        at, is_out = message.timestamp.timestamp(), message.opt_out is not None
        await self._store.change(lambda connection: _hear(connection, number, at, is_out=is_out))


def _hear(connection: Connection, number: str, at: float, *, is_out: bool) -> None:
    new = _insert_for(connection).values(number=number, last_at=at, is_out=is_out, source="stop")
    is_kept = and_(_o.is_out, _o.source != "stop")
    connection.execute(
        new.on_conflict_do_update(
            index_elements=["number"],
            set_={
                "last_at": new.excluded.last_at,
                "is_out": or_(new.excluded.is_out, is_kept),
                "source": case((is_kept, _o.source), else_=new.excluded.source),
            },
            where=new.excluded.last_at > _o.last_at,
        )
    )


def _put(connection: Connection, numbers: list[str], source: str) -> None:
    new = _insert_for(connection)
    rows = [{"number": number, "is_out": True, "source": source} for number in numbers]
    statement = new.values(last_at=now())
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["number"],
            set_={"last_at": statement.excluded.last_at, "is_out": True, "source": statement.excluded.source},
        ),
        rows,
    )


def _insert_for(connection: Connection) -> Any:
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(optouts)
