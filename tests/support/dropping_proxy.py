"""A TCP proxy before a database that drops answers: what was asked was carried out, and nobody hears of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from attrs import define, field


@define(eq=False)
class DroppingProxy:
    """Forwards to a port of loopback."""

    port: int
    """Where it listens."""
    drop: int = 0
    """So many of the next answers are dropped, and their connections with them."""
    skip: int = 0
    """After so many that pass."""
    dropped: int = 0
    every: int = 0
    """Every so many answers, one is dropped."""
    answers: int = 0
    writers: list[asyncio.StreamWriter] = field(factory=list)

    def is_to_drop(self) -> bool:
        """Whether this answer is dropped."""
        self.answers += 1
        if self.drop and self.skip:
            self.skip -= 1
            return False
        if self.drop or (self.every and self.answers % self.every == 0):
            self.drop = max(0, self.drop - 1)
            self.dropped += 1
            return True
        return False


@asynccontextmanager
async def dropping_proxy(to: int) -> AsyncIterator[DroppingProxy]:
    """Listen before a port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", to)
        proxy.writers += [writer, back]

        async def ask() -> None:
            while data := await reader.read(65536):
                back.write(data)
                await back.drain()

        async def answer() -> None:
            while data := await there.read(65536):
                if proxy.is_to_drop():
                    break
                writer.write(data)
                await writer.drain()

        tasks = [asyncio.ensure_future(ask()), asyncio.ensure_future(answer())]
        with contextlib.suppress(ConnectionError):
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        writer.transport.abort()
        back.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy = DroppingProxy(server.sockets[0].getsockname()[1])
    try:
        yield proxy
    finally:
        server.close()
        for writer in proxy.writers:
            writer.transport.abort()
