"""CLICKASYNC_ONLY_LOOPBACK: no client posts to another machine, and nothing connects to one.

The other machine is this one, under the address 0.0.0.0, which is not a loopback address.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import pytest

from clickasync import Client, ConfigurationError, ConnectClient
from clickasync.confinement import VARIABLE
from clickasync.results import SendResult
from clickasync.simulator import Gateway
from tests.support.faulty_gateway import FaultyGateway
from tests.support.virtual import answer

pytestmark = pytest.mark.anyio

SETTINGS: dict[str, Any] = {"api_id": 1, "user": "demo", "password": "demo", "allow_insecure": True}
TO = "27821234567"
TOKEN = "0123456789abcdef0123456789abcdef"


@asynccontextmanager
async def elsewhere() -> AsyncIterator[tuple[FaultyGateway, str]]:
    """A gateway and its URL on what passes for another machine."""
    faulty = FaultyGateway(Gateway())
    async with faulty.serve() as url:
        yield faulty, url.replace("127.0.0.1", "0.0.0.0")  # to connect to, not to listen on


CALLS: dict[str, Callable[[Client], Any]] = {
    "send": lambda client: client.send(TO, "Hi"),
    "send_many": lambda client: client.send_many([TO], "Hi"),
    "balance": lambda client: client.balance(),
    "authenticate": lambda client: client.authenticate(),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_nothing_leaves_for_another_machine(
    call: Callable[[Client], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "1")
    async with elsewhere() as (faulty, url), Client(**SETTINGS, base_url=url) as client:
        with pytest.raises(ConfigurationError) as caught:
            await call(client)
    assert str(caught.value) == (
        f"nothing was sent: CLICKASYNC_ONLY_LOOPBACK is set, and {url} is not this machine. In a test, use the fixture "
        "`clickatell` before the client is made, or mark a test that is meant to reach the real gateway with "
        "@pytest.mark.clickatell_live"
    )
    assert faulty.connections == 0


async def test_without_the_variable_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a program of its own: in this one, pytest's plugin has said otherwise."""
    monkeypatch.delenv(VARIABLE)
    probe = f"""
import asyncio, sys
from clickasync import Client
async def main():
    async with Client(**{SETTINGS!r}, base_url=sys.argv[1]) as client:
        print((await client.send("{TO}", "Hi")).ok)
asyncio.run(main())
"""
    async with elsewhere() as (faulty, url):
        done = await anyio.run_process([sys.executable, "-c", probe, url])
    assert done.stdout == b"True\n"
    assert faulty.connections == 1


async def test_a_run_fails_before_anything_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it was to send is skipped, and then it says why."""
    monkeypatch.setenv(VARIABLE, "1")
    results: list[SendResult] = []
    async with elsewhere() as (faulty, url), Client(**SETTINGS, base_url=url) as client:
        with pytest.raises(ConfigurationError, match=VARIABLE):
            async with client.bulk([TO], "Hi") as run:
                async for result in run:
                    results.append(result)
    assert [result.ok for result in results] == [False]
    assert faulty.connections == 0


async def test_nothing_leaves_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "1")
    faulty = FaultyGateway(Gateway())
    async with faulty.serve() as proxy:
        monkeypatch.setenv("http_proxy", proxy)
        async with Client(**SETTINGS, base_url="http://gateway.invalid") as client:
            with pytest.raises(ConfigurationError, match=VARIABLE):
                await client.send(TO, "Hi")
            assert faulty.connections == 0
            monkeypatch.setenv(VARIABLE, "0")
            await client.send(TO, "Hi")
    assert faulty.connections > 0


async def test_the_connect_api_is_guarded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "1")
    async with elsewhere() as (faulty, url), ConnectClient(TOKEN, base_url=url, allow_insecure=True) as connect:
        with pytest.raises(ConfigurationError, match=VARIABLE) as caught:
            await connect.get_list_country()
    assert TOKEN not in str(caught.value)
    assert faulty.connections == 0


async def test_this_machine_may_be_posted_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "1")
    faulty = FaultyGateway(Gateway())
    async with faulty.serve() as url, Client(**SETTINGS, base_url=url) as client:
        assert (await client.send(TO, "Hi")).ok


async def test_an_http_client_of_the_users_is_let_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test transport needs no network."""
    monkeypatch.setenv(VARIABLE, "1")
    gateway = Gateway()
    own = httpx.AsyncClient(transport=httpx.MockTransport(lambda request: answer(gateway, request)))
    async with Client(**SETTINGS, http_client=own) as client:
        assert (await client.send(TO, "Hi")).ok


@pytest.mark.parametrize("off", ["", "0"])
async def test_what_one_test_may_the_next_one_may_not(off: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that several tests share asks again before each post."""
    async with elsewhere() as (faulty, url), Client(**SETTINGS, base_url=url) as client:
        monkeypatch.setenv(VARIABLE, off)
        await client.balance()
        monkeypatch.setenv(VARIABLE, "1")
        with pytest.raises(ConfigurationError):
            await client.balance()
        monkeypatch.setenv(VARIABLE, off)
        await client.balance()
    assert faulty.calls["getbalance"] == 2


def test_a_program_that_a_test_starts_is_guarded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"API_ID": "1", "USER": "demo", "PASSWORD": "demo"}.items():
        monkeypatch.setenv(f"CLICKATELL_{name}", value)
    monkeypatch.setenv(VARIABLE, "1")
    command = [sys.executable, "-m", "clickasync", "balance", "--base-url", "https://gateway.invalid"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert VARIABLE in done.stderr
