"""The tables. Times are epoch seconds by the database's clock; what they mean stands in `states` and `blocks`.

The counts of a call stand before its blobs, so that SQLite reads them without the pages behind.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    event,
    literal_column,
)

from clickasync.campaigns.states import UNDER_WAY, State

__all__ = [
    "LEASE",
    "VERSION",
    "bad_rows",
    "calls",
    "campaigns",
    "is_ready",
    "is_under_way",
    "meta",
    "metadata",
    "optouts",
    "rates",
    "workers",
]

VERSION: Final = 1
"""Of the tables. `upgrade` takes older ones here, step by step; workers of another version stop claiming."""

LEASE: Final = 3.0
"""Seconds after its last beat for which a worker is taken for alive. A beat so far in the future is as good as none."""

metadata = MetaData()
_Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself only where the type says INTEGER


def _count(name: str) -> Column[Any]:
    return Column(name, Integer, nullable=False, server_default="0")


meta = Table("ca_meta", metadata, Column("key", Text, primary_key=True), Column("value", Text, nullable=False))

campaigns = Table(
    "ca_campaigns",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("fingerprint", Text),
    Column("account", Text, nullable=False),  # JSON: base_url, api_id, user
    Column("text", Text),
    Column("options", Text, nullable=False),  # JSON
    Column("state", Text, nullable=False),  # loading, running, paused, cancelled
    Column("reason", Text),
    Column("before", Text),  # the state to go back to after a reconcile
    Column("paused_at", Double),
    Column("created", Double, nullable=False),
    Column("starts_at", Double),
    Column("windows", Text, nullable=False),  # JSON
    Column("opens_at", Double),  # null: always open
    Column("closes_at", Double),
    Column("per_second", Double),
    Column("stop_at_rejected", Double),  # percent
    Column("hold_after", BigInteger),  # calls with a greater id wait for `resume`
    _count("recipients"),
    _count("bad_rows"),
    _count("duplicates"),
    Column("loader", Text),
    Column("loader_beat", Double),
    sqlite_autoincrement=True,
)

calls = Table(
    "ca_calls",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("campaign_id", BigInteger, nullable=False),
    Column("state", SmallInteger, nullable=False, server_default="0"),
    Column("n", SmallInteger, nullable=False),
    Column("kind", SmallInteger, nullable=False),  # 0: one text for all; 1: a block of personal ones
    Column("gen", SmallInteger, nullable=False, server_default="0"),
    Column("tries", SmallInteger, nullable=False, server_default="0"),
    _count("epoch"),
    Column("sent_epoch", Integer),  # who has begun it and has not spoken yet
    Column("said_epoch", Integer),  # who spoke last
    Column("worker", BigInteger),
    Column("out_at", Double),
    _count("accepted"),
    _count("rejected"),
    _count("uncertain"),
    _count("suppressed"),
    _count("delivered"),
    _count("failed"),
    Column("charge", BigInteger, nullable=False, server_default="0"),  # millionths of a credit, of all reports
    Column("key", LargeBinary, nullable=False),
    Column("options", Text),  # JSON, where they are not the campaign's
    Column("errors", Text),  # JSON: code and words of each different one
    Column("rows", LargeBinary, nullable=False),
    Column("numbers", LargeBinary, nullable=False),
    Column("outcome", LargeBinary, nullable=False),
    Column("codes", LargeBinary),
    Column("ids", LargeBinary),
    Column("delivery", LargeBinary),
    Column("texts", LargeBinary),  # where they are not the campaign's; one for all, or one each
    Column("tags", LargeBinary),
)
is_ready: Final = calls.c.state == literal_column(str(State.READY.value))
"""A condition, with the number itself: of a parameter no planner knows that it fits a partial index."""
is_under_way: Final = calls.c.state.in_([literal_column(str(state.value)) for state in UNDER_WAY])
"""A worker has it in hand: claimed, out or asking."""
Index("ca_calls_ready", calls.c.campaign_id, calls.c.id, postgresql_where=is_ready, sqlite_where=is_ready)
Index("ca_calls_under_way", calls.c.worker, postgresql_where=is_under_way, sqlite_where=is_under_way)
Index("ca_calls_key", calls.c.key, unique=True)
Index("ca_calls_campaign", calls.c.campaign_id, calls.c.id)

bad_rows = Table(
    "ca_bad_rows",
    metadata,
    Column("campaign_id", BigInteger, primary_key=True),
    Column("row", BigInteger, primary_key=True),
    Column("to", Text, nullable=False),
    Column("error", Text, nullable=False),
)

workers = Table(
    "ca_workers",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("beat", Double, nullable=False),
    Column("account", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("version", Text, nullable=False),
    sqlite_autoincrement=True,  # an ID is never used again
)

rates = Table(
    "ca_rates",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("per_second", Double, nullable=False),
    Column("free_at", Double, nullable=False),
)

optouts = Table(
    "ca_optouts",
    metadata,
    Column("number", Text, primary_key=True),
    Column("last_at", Double, nullable=False),
    Column("is_out", Boolean, nullable=False),
    Column("source", Text, nullable=False),  # stop, import, command
)

# Blobs that are read whole and hardly shrink are not worth compressing; dead rows are many, and soon.
for _statement in (
    *(f"ALTER TABLE ca_calls ALTER COLUMN {name} SET STORAGE EXTERNAL" for name in ("numbers", "outcome", "ids")),
    "ALTER TABLE ca_calls SET (autovacuum_vacuum_scale_factor = 0.02)",
    "ALTER TABLE ca_rates SET (fillfactor = 10)",
    "ALTER TABLE ca_workers SET (fillfactor = 10)",
):
    event.listen(metadata, "after_create", DDL(_statement).execute_if(dialect="postgresql"))  # type: ignore[no-untyped-call]
