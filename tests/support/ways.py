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

__all__ = ["Client", "both_ways", "only_ours", "way"]

both_ways = pytest.mark.usefixtures("way")
only_ours = pytest.mark.parametrize("way", ["ours"], indirect=True)
"""Of a connection of ours alone, in a module that is marked with `both_ways`."""

_way = "ours"


@pytest.fixture(params=["ours", "httpx"])
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
