"""All of the simulator as one ASGI app: the control interface, the inbox, the Connect API, the HTTP API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager, suppress

import anyio
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from clickasync.simulator.callbacks import courier
from clickasync.simulator.connect.web import connect_routes
from clickasync.simulator.gateway import Gateway
from clickasync.simulator.server.api import HttpApi
from clickasync.simulator.server.control import control_routes
from clickasync.simulator.server.files import inbox_routes
from clickasync.simulator.server.guard import Guard

__all__ = ["build_app"]


def build_app(gateway: Gateway, routes: Sequence[BaseRoute], allow_hosts: Collection[str]) -> Starlette:
    """The app, with whatever `routes` are put beside the simulator's own."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(courier.run, gateway)
            yield
            tasks.cancel_scope.cancel()

    api = Route("/{path:path}", HttpApi(gateway))
    return Starlette(
        routes=[*control_routes(gateway), *inbox_routes(), *routes, *connect_routes(gateway.connect), api],
        middleware=[Middleware(PartWithoutWords), Middleware(Guard, hosts=allow_hosts)],
        lifespan=lifespan,
    )


class PartWithoutWords:
    """A client that goes away in the middle of its request is nobody's error."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        with suppress(ClientDisconnect):
            await self._app(scope, receive, send)
