"""Gateways on a thread with an event loop, for tests that have none."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager

from anyio.from_thread import start_blocking_portal

from clickasync.simulator import Gateway, serve
from tests.support.faulty_gateway import FaultyGateway


@contextmanager
def served(gateway: Gateway | FaultyGateway) -> Iterator[str]:
    """Serve a gateway; gives its URL."""
    with start_blocking_portal() as portal:
        server: AbstractAsyncContextManager[str] = (
            gateway.serve() if isinstance(gateway, FaultyGateway) else serve(gateway)
        )
        with portal.wrap_async_context_manager(server) as url:
            yield url


def wait_until(condition: Callable[[], bool]) -> None:
    """Look again and again, for ten seconds at most."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within ten seconds"
        time.sleep(0.01)
