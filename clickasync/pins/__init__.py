"""One-time codes by SMS: sent, limited, and verified once.

    from clickasync.pins import PinSender

    pins = PinSender(client, store="postgresql+psycopg://…", secret=SECRET)
    await pins.send("27821234567")                       # "Your code is 471102"
    if await pins.verify("27821234567", "471102"): ...

The code itself is kept nowhere: only an HMAC of it under your secret, bound to the number and to when it expires. One
code is alive for a number; so many tries, one success. The guide beside this file says what an attacker can do, and
which setting answers it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clickasync.pins.memory import MemoryStore
from clickasync.pins.sender import PinLimitError, PinSender, PinSent
from clickasync.pins.store import PinStore, Record, Taken

if TYPE_CHECKING:
    from clickasync.pins.sql import SqlStore

__all__ = ["MemoryStore", "PinLimitError", "PinSender", "PinSent", "PinStore", "Record", "SqlStore", "Taken"]


def __getattr__(name: str) -> object:
    if name == "SqlStore":
        try:
            from clickasync.pins.sql import SqlStore
        except ModuleNotFoundError as error:
            if error.name != "sqlalchemy":
                raise
            raise ModuleNotFoundError(
                "codes in a database need SQLAlchemy: pip install 'clickasync[pins]'", name=error.name
            ) from None
        return SqlStore
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
