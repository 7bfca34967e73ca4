"""`Watch`: who sees the attempts of one client: its observer, and the log where it listens to DEBUG.

Where there is neither, `over` and `settling` give back what they are given: one look is all that it costs, and
`clickasync.observe` is not even imported.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from clickasync.errors import ClickatellError
from clickasync.law import Effect, Failure, Sending
from clickasync.protocol import Lines
from clickasync.results import Accepted, Rejected, SendResult, Uncertain

if TYPE_CHECKING:
    from clickasync.observe import Observer

__all__ = ["Watch"]

T = TypeVar("T")

_log = logging.getLogger("clickasync")


class Watch:
    """Who sees the attempts of one client.

    Args:
        observer: the user's, if there is one.
        server: the gateway's host and port, as an observer is given it.

    Raises:
        ConfigurationError: `observer` is none.
    """

    def __init__(self, observer: Observer | None = None, server: str = "") -> None:
        if observer is not None:
            from clickasync.observe import check

            check(observer)
        self._observer = observer
        self._server = server

    def over(
        self,
        attempt: Callable[..., Awaitable[T | Failure]],
        name: str,
        effect: Effect = Effect.NONE,
        *,
        recipients: int = 0,
        parts: int = 0,
        sending: Sending | None = None,
    ) -> Callable[[], Awaitable[T | Failure]]:
        """`attempt`, seen each time that it is made, or as it is where nobody watches.

        Args:
            attempt: of a command, or of an action of the Connect API. Where it is seen, it is given a `Note`.
            name, effect, recipients, parts: the command's.
            sending: whether it may have gone out.
        """
        if self._observer is None and not _log.isEnabledFor(logging.DEBUG):
            return attempt
        from clickasync.core.attempts import Subject, watch  # who is not watched does not wait for it

        subject = Subject(name, self._server, effect, recipients, parts, sending)
        numbers = itertools.count(1)
        return lambda: watch(self._observer, subject, next(numbers), attempt)

    # -- what became of recipients, once a send

    def settling(self, send: Coroutine[Any, Any, T], recipients: int, sending: Sending) -> Coroutine[Any, Any, T]:
        """`send`, of which the observer hears in the end what became of its recipients."""
        return send if self._observer is None else self._settled(send, recipients, sending)

    async def _settled(self, send: Coroutine[Any, Any, T], recipients: int, sending: Sending) -> T:
        from clickasync.core.attempts import count

        counts = 0, 0, 0
        try:
            result = await send
            counts = count(result.each) if isinstance(result, Lines) else (recipients, 0, 0)
        except BaseException as error:
            if sending.maybe_sent:  # an unknown outcome, or a cancellation
                counts = 0, 0, recipients
            elif isinstance(error, ClickatellError):
                counts = 0, recipients, 0
            raise
        finally:
            self.settle_counts(*counts)
        return result

    def settle(self, results: Iterable[SendResult]) -> None:
        """Recipients have their results. Those that were never tried do not count."""
        if self._observer is not None:
            kinds = [type(result) for result in results]
            self.settle_counts(kinds.count(Accepted), kinds.count(Rejected), kinds.count(Uncertain))

    def settle_counts(self, accepted: int, rejected: int, uncertain: int) -> None:
        """The same, of recipients that are counted already."""
        if self._observer is not None and (accepted or rejected or uncertain):
            from clickasync.observe import settle

            settle(self._observer, accepted, rejected, uncertain)
