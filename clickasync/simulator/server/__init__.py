"""The gateway over HTTP: a server, the API, the control interface, the inbox."""

from __future__ import annotations

from clickasync.simulator.server.serving import ServerThread, create_app, run, serve, serving
from clickasync.simulator.server.sockets import bind, url_of

__all__ = ["ServerThread", "bind", "create_app", "run", "serve", "serving", "url_of"]
