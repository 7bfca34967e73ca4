"""What ASGI asks of a server beside requests: the types, and the lifespan of an app."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

__all__ = ["App", "Lifespan", "Message"]

Message: TypeAlias = MutableMapping[str, Any]
App: TypeAlias = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]


class Lifespan:
    """The app's startup and shutdown, around a block."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._in: asyncio.Queue[Message] = asyncio.Queue()
        self._out: asyncio.Queue[Message] = asyncio.Queue()

    async def __aenter__(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
        self._task = asyncio.get_running_loop().create_task(self._run(scope))
        await self._say("lifespan.startup")

    async def __aexit__(self, *_: object) -> None:
        await self._say("lifespan.shutdown")
        await self._task

    async def _run(self, scope: Message) -> None:
        try:
            await self._app(scope, self._in.get, self._out.put)
        finally:
            await self._out.put({"type": "ended"})

    async def _say(self, message: str) -> None:
        await self._in.put({"type": message})
        answer = await self._out.get()
        if not answer["type"].endswith(".complete"):
            raise RuntimeError("the simulator's app did not start or stop; its log says why")
