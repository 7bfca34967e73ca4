"""The guard of tests: as long as CLICKASYNC_ONLY_LOOPBACK is set, nothing is posted but to this machine.

The pytest plugin sets the variable, and the programs that a test starts inherit it; `clickasync.confinement` remembers
it for tests that clear the environment. It is read when a client makes its first post. Where it is not set then,
nothing of this is looked at again: a post costs as much as ever. Where it is set, it is read before each post, because
a test may be allowed what the one before it was not.

=======================  ==========================================================================
the variable             a client whose base URL is not of this machine
=======================  ==========================================================================
is not set               posts
is empty, or ``0``       posts, until the variable says otherwise
says anything else       fails before anything leaves
=======================  ==========================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from clickasync.confinement import VARIABLE, confinement
from clickasync.errors import ConfigurationError
from clickasync.law import Believed, Failure, Reply, Sending

if TYPE_CHECKING:
    from clickasync.transport.transport import Carrier
    from clickasync.transport.urls import BaseUrl

__all__ = ["guarded"]

T = TypeVar("T")


def guarded(carrier: Carrier, base: BaseUrl) -> Carrier:
    """`carrier`, or where the variable is set, one that asks it before each post."""
    return carrier if confinement() is None or base.is_loopback else _Guarded(carrier, base)


class _Guarded:
    """A carrier to another machine, in a process that may be confined to this one."""

    def __init__(self, carrier: Carrier, base: BaseUrl) -> None:
        self._carrier = carrier
        self._base = base

    async def post(
        self, path: str, form: bytes, believe: Callable[[Reply], Believed[T | Failure]], sending: Sending
    ) -> T | Failure:
        """POST a form, if that is allowed.

        Raises:
            ConfigurationError: it is not; nothing was sent.
        """
        if confinement() not in (None, "", "0"):
            raise ConfigurationError(
                f"nothing was sent: {VARIABLE} is set, and {self._base.url} is not this machine. In a test, use the "
                "fixture `clickatell` before the client is made, or mark a test that is meant to reach the real "
                "gateway with @pytest.mark.clickatell_live"
            )
        return await self._carrier.post(path, form, believe, sending)

    async def aclose(self) -> None:
        """Close what is idle now, and the rest when it is done."""
        await self._carrier.aclose()
