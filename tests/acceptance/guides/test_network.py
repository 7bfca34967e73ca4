"""The guide to the network: its examples run, and what it says of a client of one's own and of mocks is so."""

from __future__ import annotations

import logging
from typing import Final

import httpx
import pytest
import respx

from clickasync import Client
from clickasync.simulator import Gateway
from clickasync.transport import MAX_REPLY
from clickasync.transport.pool import IDLE_SECONDS
from tests.support.examples import GUIDES, examples_in, run_example

GUIDE: Final = GUIDES / "transport" / "README.md"
PRINTED: Final = {"timeouts": "5000.0\n", "own": "7.5\n", "loops": "5000.0\n5000.0\n"}


def test_every_example_is_run() -> None:
    assert examples_in(GUIDE).keys() == PRINTED.keys()


@pytest.mark.parametrize("name", PRINTED)
def test_an_example_prints_what_it_should(name: str, gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    run_example(GUIDE, name)
    assert capsys.readouterr().out == PRINTED[name]


def test_its_figures_are_the_packages() -> None:
    text = GUIDE.read_text("utf-8")
    assert f"closed after {IDLE_SECONDS:g} s" in text
    assert (MAX_REPLY, "more than 1 MiB" in text) == (1024 * 1024, True)


@pytest.mark.anyio
async def test_who_sees_what(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    """respx and the logger of httpx see a client with an `http_client`, and not one without."""
    caplog.set_level(logging.INFO, "httpx")
    with respx.mock(assert_all_called=False, assert_all_mocked=False) as mock:
        route = mock.post(path="/http/getbalance").respond(text="Credit: 7.5")
        mock.post(path="/http/auth").respond(text="OK: 1")
        async with Client() as client:
            assert await client.balance() == 5000
        assert (route.call_count, caplog.messages) == (0, [])
        async with httpx.AsyncClient() as own, Client(http_client=own) as client:
            assert str(await client.balance()) == "7.5"
    assert route.call_count == 1
    assert len(caplog.messages) == 2
