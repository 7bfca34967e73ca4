"""The gateway on a port: on its own thread (`serve`, `serving`) or in the foreground (`run`).

The thread has its own event loop, so that the server works in the same way whether the caller is on asyncio, on
trio or on none of them, and goes on answering while a test's loop is busy. starlette and h11 are imported when the
first server starts.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import anyio

from clickasync.simulator.gateway import Gateway
from clickasync.simulator.server.sockets import bind, url_of

if TYPE_CHECKING:
    import ssl

    from starlette.applications import Starlette
    from starlette.routing import BaseRoute

    from clickasync.simulator.server.asgi import App
    from clickasync.simulator.server.http import Server

__all__ = ["ServerThread", "create_app", "run", "serve", "serving"]

_LIBRARIES = ("starlette", "h11")


@contextmanager
def _extra() -> Iterator[None]:
    """Say what to install where an import fails for want of the extra."""
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _LIBRARIES:
            raise
        raise ModuleNotFoundError(
            f"the simulator's server needs {package}: pip install 'clickasync[simulator]'", name=package
        ) from None


def create_app(gateway: Gateway, *, routes: Sequence[BaseRoute] = (), allow_hosts: Collection[str] = ()) -> Starlette:
    """The gateway as an ASGI app, for a server of your own.

    Its callbacks are made while the app's lifespan lasts. `routes` are served beside the HTTP API. `allow_hosts` are
    names, beside this machine's own, under which the inbox and the control interface may be called.

    Faults of the connection need the simulator's own server: under another one they are a 501 that says so.

    Raises:
        ModuleNotFoundError: the extra is not installed; the message says how.
    """
    with _extra():
        from clickasync.simulator.server.app import build_app
    return build_app(gateway, routes, allow_hosts)


@asynccontextmanager
async def serve(
    gateway: Gateway,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    routes: Sequence[BaseRoute] = (),
    allow_hosts: Collection[str] = (),
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[str]:
    """Serve a gateway over HTTP, and give the URL that it listens on. Port 0 takes a free one.

    Works on asyncio and on trio. With `tls`, over HTTPS.

        async with serve(Gateway(credits=10)) as url:
            async with Client(api_id="1", user="demo", password="demo", base_url=url) as client:
                ...

    Raises:
        OSError: the port is taken.
        ModuleNotFoundError: the extra is not installed; the message says how.
    """
    app = create_app(gateway, routes=routes, allow_hosts=[host, *allow_hosts])
    thread = ServerThread(app, host, port, tls=tls)
    try:
        await anyio.to_thread.run_sync(thread.start)
        yield thread.url
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(thread.stop)


@contextmanager
def serving(
    gateway: Gateway,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    routes: Sequence[BaseRoute] = (),
    allow_hosts: Collection[str] = (),
    tls: ssl.SSLContext | None = None,
) -> Iterator[str]:
    """`serve` for code without an event loop.

        with serving(Gateway(credits=10)) as url:
            ...

    Raises:
        OSError: the port is taken.
        ModuleNotFoundError: the extra is not installed; the message says how.
    """
    app = create_app(gateway, routes=routes, allow_hosts=[host, *allow_hosts])
    thread = ServerThread(app, host, port, tls=tls)
    try:
        thread.start()
        yield thread.url
    finally:
        thread.stop()


def run(
    gateway: Gateway,
    *,
    host: str = "127.0.0.1",
    port: int = 8095,
    on_listening: Callable[[str], object] = lambda url: None,
    routes: Sequence[BaseRoute] = (),
    allow_hosts: Collection[str] = (),
) -> None:
    """Serve a gateway in the foreground until Ctrl-C or SIGTERM, then return.

    `on_listening` gets the URL once calls are answered.

    Raises:
        OSError: the port is taken.
        ModuleNotFoundError: the extra is not installed; the message says how.
    """
    app = create_app(gateway, routes=routes, allow_hosts=[host, *allow_hosts])
    with bind(host, port) as bound:
        from clickasync.simulator.server.http import Server

        server = Server(app, bound, on_listening=lambda: on_listening(url_of(bound)))
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_until_signal(server))


async def _until_signal(server: Server) -> None:
    with contextlib.suppress(NotImplementedError, RuntimeError):  # Windows, and threads: Ctrl-C interrupts there
        for kind in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(kind, server.stop)
    await server.run()


class ServerThread:
    """A server on a thread with its own event loop.

    Args:
        app: what is served.
        host: the address to listen on.
        port: 0 takes a free one.
        tls: for HTTPS.
        idle: seconds that a connection may take to send a whole request; None: as the server has it.
    """

    def __init__(
        self, app: App, host: str, port: int, *, tls: ssl.SSLContext | None = None, idle: float | None = None
    ) -> None:
        with _extra():
            from clickasync.simulator.server.http import IDLE, Server
        self._up = threading.Event()
        self._is_listening = False
        self._socket = bind(host, port)
        self.server = Server(app, self._socket, tls=tls, idle=IDLE if idle is None else idle, on_listening=self._note)
        self.url = url_of(self._socket, self.server.scheme)
        self._thread = threading.Thread(target=self._work, name="clickasync-simulator", daemon=True)

    def start(self) -> None:
        """Start, and return once calls are answered."""
        self._thread.start()
        self._up.wait()
        if not self._is_listening:
            raise RuntimeError("the simulator's server did not start; its log says why")

    def stop(self) -> None:
        """Stop, and return once the thread has ended."""
        if self._thread.ident is not None:
            if self._is_listening:
                self.server.stop()
            self._thread.join()
        self._socket.close()

    def _note(self) -> None:
        self._is_listening = True
        self._up.set()

    def _work(self) -> None:
        try:
            asyncio.run(self.server.run())
        finally:
            self._up.set()
