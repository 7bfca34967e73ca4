"""One HTTP/1.1 connection to one origin: a request out, its reply back, and an answer to "was a byte of it sent?".

Theory of operation. A connection has two phases, and no call crosses from one to the other by accident:

- Until connecting has given a connection, nothing of any request has left. Whatever fails there was not sent.
- From `post` on, nobody can know. It gives the reply or a failure as a value, and raises nothing but a cancellation.

What the bytes mean is decided in `exchange`. It has two thin drivers: an `asyncio.Protocol` (`on_asyncio`, also for
uvloop), and a stream of anyio's (`on_trio`). Both write head and body at once, and both have one owner of all
deadlines: on asyncio a timer that is set again only when it goes off (a cancel scope of anyio's costs 4 µs a call), on
trio a cancel scope. No task is cancelled to end a call on asyncio, so no `CancelledError` can come out of one that
nobody cancelled.
"""

from __future__ import annotations

import select
from typing import TYPE_CHECKING, Any, Final, Protocol

from attrs import frozen

from clickasync.law import Lost

if TYPE_CHECKING:
    import socket

    from clickasync.transport.exchange import Outcome

__all__ = [
    "EYEBALLS",
    "MOMENT",
    "NOT_WRITTEN",
    "TOO_LATE",
    "Connection",
    "Limits",
    "Poll",
    "describe",
]

EYEBALLS: Final = 0.25
"""Seconds after which the next address of a host is tried too (RFC 8305)."""
MOMENT: Final = 0.001
"""Seconds: time enough to read what is there. A process that was suspended hears of its deadline before that."""
TOO_LATE: Final = Lost("no reply in time")
NOT_WRITTEN: Final = Lost("the request could not be written in time")


@frozen
class Limits:
    """Seconds that each phase may take, and that all of them may take together; `math.inf` for no limit."""

    connect: float
    write: float
    read: float
    """Between two pieces of the reply."""

    @property
    def total(self) -> float:
        """A gateway that drips a byte now and then is bounded by the sum of the phases."""
        return self.connect + self.write + self.read


def describe(what: str, error: BaseException) -> str:
    """`what`, and the system's words for why. Those of other libraries may hold a URL, and a URL may hold a token."""
    words = ""
    cause: BaseException | None = error
    for _ in range(8):  # an exception can be its own cause
        if isinstance(cause, OSError):
            words = str(cause) or words
        if cause is not None:
            cause = cause.exceptions[0] if isinstance(cause, BaseExceptionGroup) else cause.__cause__
    return f"{what}: {words}" if words else what


class Connection(Protocol):
    """An open connection, which one call at a time has."""

    @property
    def is_clean(self) -> bool:
        """Whether the last reply was well framed, and nothing came that was not part of one."""

    def is_quiet(self) -> bool:
        """Whether the socket has nothing to read, not even its end. The event loop may not have looked for a while."""

    async def post(self, head: bytes, form: bytes, limits: Limits, until: float) -> Outcome:
        """Send a request, by `until` at the latest; gives the reply, or why there is none."""

    async def aclose(self) -> None:
        """Close it at once."""


class Poll:
    """Whether something waits to be read from a socket. Of an idle connection, that is its end, or nobody's reply."""

    __slots__ = ("_poll", "_socket")

    def __init__(self, raw: socket.socket) -> None:
        self._socket = raw
        self._poll: Any = None
        if hasattr(select, "poll"):  # not on Windows
            self._poll = select.poll()
            self._poll.register(raw.fileno(), select.POLLIN)

    def __call__(self) -> bool:
        if self._poll is not None:
            return bool(self._poll.poll(0))
        return bool(select.select([self._socket], [], [], 0)[0])
