"""Both ways to the gateway: a connection of ours, and an `httpx.AsyncClient` that the user gave.

A module whose tests must hold on both imports `Client` and `way` from here, and marks them with `both_ways`. Each of
them then runs twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

import clickasync

__all__ = ["Client", "both_ways", "names_of_elsewhere", "only_ours", "way"]

both_ways = pytest.mark.usefixtures("way")
only_ours = pytest.mark.parametrize("way", ["ours"], indirect=True)
"""Of a connection of ours alone, in a module that is marked with `both_ways`."""
names_of_elsewhere = pytest.mark.clickatell_live
"""The clients of the test go to machines that exist for a proxy of this machine only, or for nobody."""

_way = "ours"

# anyio, under httpx, loses a socket that is cancelled in the instant after connecting, until it is collected.
_LOST = ("<socket.socket fd", "<function _SelectorTransport.__del__", "<function BaseEventLoop.__del__")
_httpx = pytest.param(
    "httpx",
    marks=[
        pytest.mark.filterwarnings(f"ignore:Exception ignored in. {what}:pytest.PytestUnraisableExceptionWarning")
        for what in _LOST
    ],
)


@pytest.fixture(params=["ours", _httpx])
def way(request: pytest.FixtureRequest) -> Iterator[str]:
    """How the clients of a test reach the gateway."""
    global _way
    _way = str(request.param)
    yield _way
    _way = "ours"


class Client(clickasync.Client):
    """A client that goes the way of its test, unless the test gives it an `http_client`."""

    def __init__(self, **settings: Any) -> None:
        self._own: httpx.AsyncClient | None = None
        if _way == "httpx" and "http_client" not in settings:
            self._own = settings["http_client"] = httpx.AsyncClient()
        super().__init__(**settings)

    async def aclose(self) -> None:
        await super().aclose()
        if self._own is not None:
            await self._own.aclose()
