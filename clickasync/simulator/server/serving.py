"""The gateway on a port: uvicorn on a thread of its own (`serve`) or in the foreground (`run`).

`serve` gives the server a thread and an event loop of its own, so that it works in the same way whether the caller is
on asyncio or on trio, and goes on answering while a test's loop is busy. starlette and uvicorn are imported when the
first server starts.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import anyio

from clickasync.simulator.gateway import Gateway

if TYPE_CHECKING:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.routing import BaseRoute

__all__ = ["bind", "create_app", "run", "serve", "url_of"]


@contextmanager
def _extra() -> Iterator[None]:
    """Say what to install where an import fails for want of the extra."""
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in ("starlette", "uvicorn"):
            raise
        raise ModuleNotFoundError(
            f"the simulator's server needs {package}: pip install 'clickasync[simulator]'", name=package
        ) from None


def create_app(gateway: Gateway, *, routes: Sequence[BaseRoute] = ()) -> Starlette:
    """The gateway as an ASGI app, for a server of your own.

    Its callbacks are made while the app's lifespan lasts. `routes` are served beside the HTTP API.

    Raises:
        ModuleNotFoundError: the extra is not installed; the message says how.
    """
    with _extra():
        from clickasync.simulator.app import build_app
    return build_app(gateway, routes)


@asynccontextmanager
async def serve(
    gateway: Gateway, *, host: str = "127.0.0.1", port: int = 0, routes: Sequence[BaseRoute] = ()
) -> AsyncIterator[str]:
    """Serve a gateway over HTTP, and give the URL that it listens on. Port 0 takes a free one.

    Works on asyncio and on trio.

        async with serve(Gateway(credits=10)) as url:
            async with Client(api_id="1", user="demo", password="demo", base_url=url) as client:
                ...

    Raises:
        OSError: the port is taken.
        ModuleNotFoundError: the extra is not installed; the message says how.
    """
    thread = _ServerThread(create_app(gateway, routes=routes), host, port)
    try:
        await anyio.to_thread.run_sync(thread.start)
        yield thread.url
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(thread.stop)


def run(
    gateway: Gateway,
    *,
    host: str = "127.0.0.1",
    port: int = 8095,
    on_listening: Callable[[str], object] = lambda url: None,
    routes: Sequence[BaseRoute] = (),
) -> None:
    """Serve a gateway in the foreground until Ctrl-C, then return. `on_listening` gets the URL once calls are answered.

    Raises:
        OSError: the port is taken.
        ModuleNotFoundError: the extra is not installed; the message says how.
    """
    app = create_app(gateway, routes=routes)
    with bind(host, port) as bound:
        server = _server(app, lambda: on_listening(url_of(bound)))
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[bound])


class _ServerThread:
    """uvicorn on a thread with its own loop."""

    def __init__(self, app: Starlette, host: str, port: int) -> None:
        self._up = threading.Event()
        self._server = _server(app, self._up.set)
        self._socket = bind(host, port)
        self.url = url_of(self._socket)
        self._thread = threading.Thread(target=self._work, name="clickasync-simulator", daemon=True)

    def start(self) -> None:
        """Start, and return once calls are answered."""
        self._thread.start()
        self._up.wait()
        if not self._server.started:
            raise RuntimeError("the simulator's server did not start; its log says why")

    def stop(self) -> None:
        """Stop, and return once the thread has ended."""
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join()
        self._socket.close()

    def _work(self) -> None:
        try:
            asyncio.run(self._server.serve(sockets=[self._socket]))
        finally:
            self._up.set()


def _server(app: Starlette, on_started: Callable[[], object]) -> uvicorn.Server:
    with _extra():
        import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                on_started()

    options: dict[str, Any] = {"interface": "asgi3", "ws": "none", "lifespan": "on"}
    config = uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1, **options)
    # Not through the constructor, which would silence the access log of every uvicorn in the process.
    # It must be silent here: calls by GET have the password in their URL.
    config.access_log = False
    return Server(config)


def bind(host: str, port: int) -> socket.socket:
    """A socket to listen with.

    Raises:
        OSError: the port is taken, or the host is none of this machine's; it names both.
    """
    # Not `socket.create_server`: its sockets do not name their protocol, and asyncio then leaves Nagle's algorithm on,
    # which holds back the second half of each reply for 40 ms.
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
    )[0]
    bound = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        bound.close()
        raise OSError(error.errno, error.strerror, f"{host}:{port}") from None
    return bound


def url_of(bound: socket.socket) -> str:
    """The URL of a bound socket."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
