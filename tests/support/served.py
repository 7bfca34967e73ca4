"""Gateways for tests without an event loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from anyio.from_thread import start_blocking_portal

from clickasync.simulator import Gateway, serving
from tests.support.faulty_gateway import FaultyGateway


@contextmanager
def served(gateway: Gateway | FaultyGateway) -> Iterator[str]:
    """Serve a gateway; gives its URL."""
    if isinstance(gateway, Gateway):
        with serving(gateway) as url:
            yield url
    else:
        with start_blocking_portal() as portal, portal.wrap_async_context_manager(gateway.serve()) as url:
            yield url


def wait_until(condition: Callable[[], bool]) -> None:
    """Look again and again, for ten seconds at most."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within ten seconds"
        time.sleep(0.01)
