"""Tables of an older version, brought to the one of this package step by step.

A step is a function that changes the tables of one version into those of the next. It runs in one transaction with the
new version, so that a step that fails, or a process that is killed, leaves the old version. Workers look at the version
with each claim and each beat: those of another one claim nothing more, finish what is out, and end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, TypeAlias

from sqlalchemy import Connection, update

from clickasync.campaigns.schema import VERSION, meta
from clickasync.campaigns.store import Store
from clickasync.errors import ConfigurationError

__all__ = ["STEPS", "Step", "upgrade"]

Step: TypeAlias = Callable[[Connection], None]

STEPS: Final[Mapping[int, Step]] = {}
"""By the version that each starts from. There is none yet: version 1 is the first."""


async def upgrade(store: Store, *, steps: Mapping[int, Step] = STEPS, to: int = VERSION) -> int:
    """Upgrade a database; gives the version that it had.

    Raises:
        ConfigurationError: it is of a version from which no step leads here.
    """
    before = version = await store.version()
    while version < to:
        if version not in steps:
            raise ConfigurationError(f"no step leads from version {version} of the tables to version {to}")
        await store.change(partial(_take, steps[version], version))
        version += 1
    if version > to:
        raise ConfigurationError(f"the tables are of version {version}, and not {to}: use a newer clickasync")
    return before


def _take(step: Step, version: int, connection: Connection) -> None:
    mine = update(meta).where(meta.c.key == "version", meta.c.value == str(version))
    if connection.execute(mine.values(value=str(version + 1))).rowcount == 1:  # else somebody else has taken it
        step(connection)
