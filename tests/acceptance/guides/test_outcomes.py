"""The guide to outcomes, errors and sessions: its examples do what it says, its table of errors is the package's."""

from __future__ import annotations

import inspect
import re
from typing import Final

import httpx
import pytest

import clickasync
from clickasync import ApiError, Client, ErrorCode
from clickasync.errors import api_error
from clickasync.simulator import Gateway
from tests.support.examples import GUIDES, examples_in, run_example
from tests.support.faulty_gateway import Fault, FaultyGateway, Script, once
from tests.support.virtual import answer, client_of, on_virtual_time, virtual_gateway

GUIDE: Final = GUIDES / "core" / "README.md"
TEXT: Final = GUIDE.read_text(encoding="utf-8")


def test_every_example_is_run() -> None:
    assert examples_in(GUIDE).keys() == {"safe", "unknown", "results"}


@pytest.mark.anyio
@on_virtual_time
async def test_what_was_not_sent_is_sent_in_the_end() -> None:
    """The loop of the guide, while the gateway cannot be reached for more tries than one `send` makes."""
    send_by_all_means = run_example(GUIDE, "safe")["send_by_all_means"]
    gateway = virtual_gateway()
    tries = 0

    def handle(request: httpx.Request) -> httpx.Response:
        nonlocal tries
        tries += 1
        if tries <= 4:
            raise httpx.ConnectError("nobody listens", request=request)
        return answer(gateway, request)

    async with client_of(gateway, handle) as client:
        id = await send_by_all_means(client, "27821234567", "Hi")
    assert [message.id for message in gateway.messages] == [id]


def unanswered(command: str, before: int) -> Fault | None:
    """The message arrives, its reply does not, and the first questions about it are not answered either."""
    if command == "sendmsg":
        return Fault.RESET
    return Fault.UNAVAILABLE if command == "querymsg" and before < 2 else None


@pytest.mark.anyio
@pytest.mark.parametrize("script", [once("sendmsg", Fault.RESET_UNSEEN), unanswered])
async def test_an_unknown_outcome_is_settled_later(script: Script) -> None:
    """By the example of the guide: sent once, whether the gateway had it or not."""
    send_once = run_example(GUIDE, "unknown")["send_once"]
    faulty = FaultyGateway(Gateway(), script)
    async with faulty.serve() as url, Client(api_id=1, user="demo", password="demo", base_url=url, retries=0) as client:
        id = await send_once(client, "27821234567", "Hi")
    assert [message.id for message in faulty.gateway.messages] == [id]


def test_results_hold_errors(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    run_example(GUIDE, "results")
    assert re.fullmatch("[0-9a-f]{32}\nno credit for 999301000001\n", capsys.readouterr().out)


def codes_in(cell: str) -> set[str]:
    """The codes of a cell, such as ``100 to 102, 116``."""
    found = set(re.findall(r"\b\d{3}\b", cell))
    for low, high in re.findall(r"(\d{3}) to (\d{3})", cell):
        found |= {f"{code:03}" for code in range(int(low), int(high) + 1)}
    return found


def test_the_table_of_errors_is_the_packages() -> None:
    rows = re.findall(r"^\| (?:· )?`(\w+Error)` \| (.*?) \|", TEXT, re.MULTILINE)
    public = {
        name
        for name in clickasync.__all__
        if inspect.isclass(value := getattr(clickasync, name)) and issubclass(value, Exception)
    }
    assert {name for name, _ in rows} == public - {"ClickatellError"}
    for code in ErrorCode:
        kind = type(api_error(code.value, ""))
        named = {name for name, cell in rows if code.value in codes_in(cell)}
        assert named == ({kind.__name__} if kind is not ApiError else set()), code
