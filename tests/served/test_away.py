"""A gateway that cannot be reached: a bulk run waits for it, and says so while it waits."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from clickasync.client import Client
from clickasync.simulator import Gateway
from tests.support.faulty_gateway import Fault, FaultyGateway, closed_port

LOGIN: dict[str, Any] = {"api_id": "1", "user": "demo", "password": "demo"}
NUMBERS = ["27821234567", "27827654321"]


@pytest.mark.anyio
async def test_a_run_says_that_the_gateway_is_away() -> None:
    base_url = f"http://127.0.0.1:{closed_port()}"
    async with Client(base_url=base_url, retries=0, **LOGIN) as client:
        async with client.bulk(NUMBERS, "Hi") as run:
            assert not run.is_away
            with anyio.fail_after(10):
                while not run.is_away:
                    await anyio.sleep(0.01)
        assert run.is_away


@pytest.mark.anyio
async def test_a_gateway_that_answers_is_not_away() -> None:
    seen = []

    def script(command: str, before: int) -> Fault | None:
        if command != "sendmsg":
            return None
        seen.append(run.is_away)
        return Fault.TOO_MANY if before == 0 else None

    gateway = FaultyGateway(Gateway(), script)
    async with gateway.serve() as url, Client(base_url=url, retries=0, **LOGIN) as client:
        async with client.bulk(NUMBERS, "Hi", max_in_flight=1) as run:
            results = [result async for result in run]
    assert all(result.ok for result in results)
    assert seen == [False, True]
    assert not run.is_away
