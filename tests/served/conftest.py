from __future__ import annotations

from collections.abc import Iterator

import pytest
from anyio.from_thread import start_blocking_portal

from clickasync.simulator import Gateway, serve


@pytest.fixture
def simulated() -> Iterator[tuple[Gateway, str]]:
    """A simulator on a thread, and where it is served."""
    gateway = Gateway(credits=10_000)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(serve(gateway)) as url:
        yield gateway, url
