"""One client over several event loops and processes: nothing of another is used, written to or closed."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
import trio
from anyio.abc import ByteStream

from clickasync import Client
from clickasync.simulator import Gateway
from tests.support.faulty_gateway import FaultyGateway
from tests.support.raw import http, listening, read_request

LOGIN: dict[str, Any] = {"api_id": 1, "user": "demo", "password": "demo"}
TO = "27821234567"
ROOT = Path(__file__).parents[2]


def test_one_client_serves_five_runs_of_asyncio(simulated: tuple[Gateway, str]) -> None:
    """As in Celery, where each task may have a run of its own. The session goes on, and no warning is left."""
    gateway, url = simulated
    client = Client(**LOGIN, base_url=url, keep_session_alive=False)

    async def work(number: int) -> None:
        await client.send(TO, f"Task {number}")
        results = await client.send_many([f"2782{index:07d}" for index in range(20)], f"Task {number}")
        assert all(result.ok for result in results)

    for number in range(5):
        asyncio.run(work(number))
    asyncio.run(client.aclose())
    assert gateway.authentications == 1
    assert len(gateway.messages) == 5 * 21


def test_one_client_serves_asyncio_and_then_trio(simulated: tuple[Gateway, str]) -> None:
    """Their clocks are different; the session's is the gateway's."""
    gateway, url = simulated
    client = Client(**LOGIN, base_url=url, rate_limit=10_000)

    async def work() -> None:
        for number in range(3):
            await client.send(TO, f"Number {number}")

    asyncio.run(work())
    trio.run(work)
    asyncio.run(work())
    trio.run(client.aclose)
    assert gateway.authentications == 1
    assert len(gateway.messages) == 9


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_parent_and_child_of_a_fork_send_side_by_side() -> None:
    """In the middle of a call: each has connections of its own, and every message is sent once."""
    faulty = FaultyGateway(Gateway())
    async with faulty.serve() as url:
        command = [sys.executable, "-W", "error", "-m", "tests.support.forking", url]
        done = await anyio.run_process(command, check=False, cwd=ROOT)
    assert (done.returncode, done.stderr.decode()) == (0, "")
    texts = [f"{who} {number}" for who in ("before", "child", "parent", "after") for number in range(3)]
    assert sorted(message.text for message in faulty.gateway.messages) == sorted([*texts, "under way"])
    assert faulty.calls["auth"] == 1, "the session ID is the gateway's, and both may use it"
    assert faulty.connections <= 4


@pytest.mark.skipif(sys.platform == "win32", reason="Windows suspends no process")
@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("loop", ["asyncio", "trio"])
async def test_a_reply_that_came_during_a_suspension_counts(loop: str) -> None:
    """As by Ctrl-Z, or where a container is paused: the time limit passed too, but the reply is there."""
    gateway = Gateway()
    program: anyio.abc.Process

    async def serve(stream: ByteStream) -> None:
        while True:
            exchange = await read_request(stream)
            if exchange.command == "sendmsg":
                os.kill(program.pid, signal.SIGSTOP)
                await anyio.to_thread.run_sync(os.waitpid, program.pid, os.WUNTRACED)
            await stream.send(http(gateway.handle(exchange.path, exchange.fields) or ""))
            if exchange.command == "sendmsg":
                await anyio.sleep(0.4)  # longer than the limit of the program
                os.kill(program.pid, signal.SIGCONT)

    async with listening(serve) as url:
        program = await anyio.open_process([sys.executable, "-m", "tests.support.suspended", url, loop], cwd=ROOT)
        async with program:
            assert program.stdout is not None
            assert (await program.stdout.receive()).decode().strip() == "Accepted"
    assert gateway.requests["querymsg"] == 0, "nobody had to be asked"
