"""A receiver of delivery reports under uvicorn, or a bare ASGI app as the limit: ``python -m benchmarks.reports who``.

It prints its port, and ends when its standard input does. ``/account`` tells its CPU time, how many reports were
handled since it was last asked, and how many different ones.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import time
from importlib import import_module

from clickasync.callbacks import DeliveryReport, receiver
from clickasync.callbacks.asgi import ASGIApp, Receive, Scope, Send

_handled: list[str] = []


async def _note(report: DeliveryReport) -> None:
    _handled.append(report.id)


async def _bare(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads the body, and answers."""
    more = True
    while more:
        more = (await receive()).get("more_body", False)
    _handled.append(str(len(_handled)))
    await _say(send, b"OK")


async def _say(send: Send, body: bytes) -> None:
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _measured(inner: ASGIApp) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/account":
            account = [time.process_time(), len(_handled), len(set(_handled))]
            _handled.clear()
            await _say(send, json.dumps(account).encode())
        else:
            await inner(scope, receive, send)

    return app


async def serve(app: ASGIApp) -> None:
    """Serve until standard input ends."""
    uvicorn = import_module("uvicorn")
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="warning", access_log=False))
    # With its protocol named, or asyncio does not turn off Nagle's algorithm, which costs 40 ms a reply here.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(256)
        print(listening.getsockname()[1], flush=True)
        loop = asyncio.get_running_loop()
        loop.add_reader(sys.stdin.fileno(), lambda: setattr(server, "should_exit", True))
        await server.serve(sockets=[listening])


if __name__ == "__main__":
    asyncio.run(serve(_measured(_bare if sys.argv[1] == "bare" else receiver(on_report=_note))))
