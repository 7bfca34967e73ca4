"""A gateway without sockets, and calls to it."""

from __future__ import annotations

from typing import Protocol

import pytest

from clickasync.simulator import Gateway

LOGIN = {"api_id": "1", "user": "demo", "password": "demo"}


class Api(Protocol):
    """A call to the gateway: ``api("/http/sendmsg", to="27821234567", text="Hi")``."""

    def __call__(self, path: str, /, *, method: str = "POST", **fields: str) -> str: ...


@pytest.fixture
def gateway() -> Gateway:
    """A gateway whose clock stands still until a test advances it."""
    return Gateway(credits=100, clock=lambda: 0.0)


@pytest.fixture
def api(gateway: Gateway) -> Api:
    """Calls `gateway` with its user's name and password; ``from_`` is written for ``from``."""

    def call(path: str, /, *, method: str = "POST", **fields: str) -> str:
        named = {name.rstrip("_"): value for name, value in fields.items()}
        reply = gateway.handle(path, {**LOGIN, **named}, method=method)
        assert reply is not None
        return reply

    return call
