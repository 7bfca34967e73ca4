"""Chapter two: a reply that is lost. What was sent is not sent again; the gateway is asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import anyio

from clickasync.cli.demo.stage import Stage, expect, until
from clickasync.client import Client
from clickasync.results import Uncertain
from clickasync.simulator import Gateway

__all__ = ["play"]

_ANN: Final = "27821234567"
_BOTH: Final = ["27827654321", "27825550101"]
_TOO_LATE: Final = 30.0
"""Seconds until the gateway replies; the client has given up by then."""


async def play(stage: Stage, client: Client, gateway: Gateway) -> None:
    """Play it, with a `client` that does not wait long for a reply.

    Raises:
        Surprise: something was not as it should be.
    """
    stage.chapter("A lost reply")
    await client.authenticate()
    before = len(gateway.messages)
    async with _reply_is_lost(gateway):
        sent = await client.send(_ANN, "Did you get this?")
    expect(sent.id == gateway.messages[-1].id, "the message to be found by asking")
    stage.say(
        "The reply to one message is lost",
        f"the gateway is asked, and knows it: accepted as {sent.id}",
        call='await client.send("27821234567", "Did you get this?")',
    )
    async with _reply_is_lost(gateway):
        results = await client.send_many(_BOTH, "And you?")
    expect(all(isinstance(result, Uncertain) and result.known_to_gateway for result in results), "two uncertain ones")
    uncertain = [result for result in results if isinstance(result, Uncertain)]
    stage.say(
        "The reply about two is lost",
        "the gateway knows the call, but not which of the two it took: uncertain",
        call='await client.send_many(["27827654321", "27825550101"], "And you?")',
    )
    shown = [(result.to, "uncertain", f"known to the gateway as climsgid {result.climsgid}") for result in uncertain]
    stage.show(("to", "result", "what is known"), shown)
    state = await client.status(climsgid=uncertain[0].climsgid)
    stage.say(
        "Settled by asking",
        f"{state.status.value} {state.status.description}; it was taken, and nothing is sent again",
        call="await client.status(climsgid=result.climsgid)",
    )
    arrived = [message.to for message in gateway.messages[before:]]
    expect(sorted(arrived) == sorted([_ANN, *_BOTH]), "every message to be sent once")
    stage.say("What the gateway sent", f"{len(arrived)} messages, none of them twice")


@asynccontextmanager
async def _reply_is_lost(gateway: Gateway) -> AsyncIterator[None]:
    """The reply to what is sent next comes too late; what is asked then is answered at once."""
    before = len(gateway.messages)

    async def answer_again() -> None:
        await until(lambda: len(gateway.messages) > before, "a message")
        gateway.latency = 0.0

    gateway.latency = _TOO_LATE
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(answer_again)
        yield
