"""Remembering what was handled, so that a callback that comes twice is handled once."""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal, Protocol

__all__ = ["HandledStore", "MemoryStore"]


class HandledStore(Protocol):
    """What `receiver` asks of a memory of handled events; write your own to share it among processes.

    In Redis, ``claim`` is ``SET key busy NX EX 600`` (and ``GET`` where that was refused), ``done`` is
    ``SET key done EX 604800``, ``release`` is ``DEL key``. Let a claim expire, for a process may die with it.
    """

    async def claim(self, key: str) -> Literal["new", "busy", "done"]:
        """Take `key` for handling, at once for all who ask.

        ``"new"``: it is yours, and ``done`` or ``release`` follows. ``"busy"``: another has it in hand (the gateway
        is asked to come again). ``"done"``: it was handled.
        """
        ...

    async def done(self, key: str) -> None:
        """`key` was handled: remember it. The gateway repeats a report for up to three days and four hours."""
        ...

    async def release(self, key: str) -> None:
        """Handling `key` failed: the next claim is ``"new"`` again."""
        ...


class MemoryStore:
    """A `HandledStore` in this process's memory: forgotten when it ends.

    Args:
        max_keys: how many handled events are remembered; beyond, the oldest are forgotten. One takes some 150 bytes.
    """

    def __init__(self, max_keys: int = 100_000) -> None:
        if max_keys < 1:
            raise ValueError("max_keys must be at least 1")
        self._max_keys = max_keys
        self._busy: set[str] = set()
        self._done: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        """How many handled events are remembered."""
        return len(self._done)

    async def claim(self, key: str) -> Literal["new", "busy", "done"]:
        """See `HandledStore.claim`."""
        if key in self._done:
            return "done"
        if key in self._busy:
            return "busy"
        self._busy.add(key)
        return "new"

    async def done(self, key: str) -> None:
        """See `HandledStore.done`."""
        self._busy.discard(key)
        self._done[key] = None
        if len(self._done) > self._max_keys:
            self._done.popitem(last=False)

    async def release(self, key: str) -> None:
        """See `HandledStore.release`."""
        self._busy.discard(key)
