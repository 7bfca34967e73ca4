"""An ASGI app of our own on a port, in this event loop, as long as a block lasts."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import anyio

from clickasync.simulator.server import bind, url_of

__all__ = ["serving"]


@asynccontextmanager
async def serving(app: Any, *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve `app`, and give the URL that it listens on. Port 0 takes a free one.

    Raises:
        OSError: the port is taken, or the host is none of this machine's.
        ModuleNotFoundError: uvicorn is not installed; the message says how.
    """
    server, started = _server(app)
    with bind(host, port) as listener:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.serve, [listener])
            try:
                await started.wait()
                yield url_of(listener)
            finally:
                server.should_exit = True


def _server(app: Any) -> tuple[Any, anyio.Event]:
    try:
        import uvicorn
    except ModuleNotFoundError:
        raise ModuleNotFoundError("this needs uvicorn: pip install 'clickasync[simulator]'", name="uvicorn") from None
    started = anyio.Event()

    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            """Leave Ctrl-C to the caller."""
            yield

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            started.set()

    options: dict[str, Any] = {"interface": "asgi3", "ws": "none", "lifespan": "off"}
    config = uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1, **options)
    # Not through the constructor, which would silence the access log of every uvicorn in the process. Here it must be
    # silent: callbacks by GET have everything in their URL.
    config.access_log = False
    return Server(config), started
