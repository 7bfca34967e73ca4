"""A connection that ends at each byte of an exchange: what is said of the message is true at every one of them."""

from __future__ import annotations

from typing import Any

import pytest
from anyio.abc import ByteStream
from attrs import define

from clickasync import Accepted, OutcomeUnknownError
from clickasync.simulator import Gateway
from tests.support.raw import http, listening, read_request, reset
from tests.support.ways import Client, both_ways, way

__all__ = ["way"]

pytestmark = [pytest.mark.anyio, both_ways]

LOGIN: dict[str, Any] = {"api_id": 1, "user": "demo", "password": "demo"}
TO = "27821234567"
STEP = 3
"""Bytes between two ends; each test begins at another of the first ones, so that all of them see every byte."""


@define
class Fragile:
    """A gateway whose connections end after so many bytes of a request, or of the reply to a ``sendmsg``."""

    gateway: Gateway
    by_reset: bool
    request_bytes: int | None = None
    reply_bytes: int | None = None

    async def serve(self, stream: ByteStream) -> None:
        """Answer one request."""
        if self.request_bytes is not None:
            await self._cut_request(stream, self.request_bytes)
            return
        exchange = await read_request(stream)
        reply = http(self.gateway.handle(exchange.path, exchange.fields) or "", "Connection: close")
        if exchange.command != "sendmsg" or self.reply_bytes is None:
            await stream.send(reply)
            return
        if self.reply_bytes:
            await stream.send(reply[: self.reply_bytes])
        if self.by_reset:
            reset(stream)

    async def _cut_request(self, stream: ByteStream, size: int) -> None:
        read = 0
        while read < size:
            read += len(await stream.receive(size - read))
        if self.by_reset:
            reset(stream)
        self.request_bytes = None


@pytest.mark.parametrize("by_reset", [False, True])
@pytest.mark.parametrize("first", range(STEP))
async def test_an_end_at_any_byte_of_the_reply(first: int, by_reset: bool) -> None:
    """The gateway has taken the message, and asking it finds that out."""
    fragile = Fragile(Gateway(credits=10_000), by_reset)
    whole = len(http(f"ID: {'0' * 32}", "Connection: close"))
    async with listening(fragile.serve) as url, Client(**LOGIN, base_url=url, retries=0) as client:
        await client.authenticate()
        for size in range(first, whole + 1, STEP):
            fragile.reply_bytes = size
            sent = await client.send(TO, "Hi")
            assert isinstance(sent, Accepted)
            assert sent.id == fragile.gateway.messages[-1].id, size
            assert sent.climsgid == fragile.gateway.messages[-1].climsgid
    assert len(fragile.gateway.messages) == len(range(first, whole + 1, STEP)), "none was sent twice"


@pytest.mark.parametrize("by_reset", [False, True])
@pytest.mark.parametrize("first", range(STEP))
async def test_an_end_at_any_byte_of_the_request(first: int, by_reset: bool) -> None:
    """The gateway has taken nothing, which nobody can know: 104 is strong evidence, and not proof."""
    fragile = Fragile(Gateway(), by_reset)
    whole = 300
    async with listening(fragile.serve) as url, Client(**LOGIN, base_url=url, retries=0) as client:
        await client.authenticate()
        for size in range(first + 1, whole, STEP):
            fragile.request_bytes = size
            with pytest.raises(OutcomeUnknownError) as caught:
                await client.send(TO, "Hi")
            assert caught.value.known_to_gateway is False, size
            assert fragile.request_bytes is None
    assert not fragile.gateway.messages
