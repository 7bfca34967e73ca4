"""The guide to the Connect API: its examples open an account that sends, and it names every call."""

from __future__ import annotations

import re
import urllib.request
from typing import Final

import anyio.to_thread
import pytest

from clickasync import ConnectClient, ConnectError
from clickasync.simulator import Gateway
from clickasync.simulator.connect import Email, Sms
from tests.support.examples import GUIDES, examples_in, run_example

GUIDE: Final = GUIDES / "connect" / "README.md"


def test_every_example_is_run() -> None:
    assert examples_in(GUIDE).keys() == {"lists", "account", "captcha"}


def test_it_names_the_sixteen_calls() -> None:
    named = set(re.findall(r"`([a-z_]+)\(", GUIDE.read_text("utf-8")))
    public = {name for name, value in vars(ConnectClient).items() if callable(value) and not name.startswith("_")}
    assert public - {"aclose"} <= named


def test_the_lists(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    run_example(GUIDE, "lists")
    assert re.fullmatch(r"2 \d+\n", capsys.readouterr().out)


def solution(gateway: Gateway) -> str:
    """What the newest captcha shows."""
    return next(reversed(gateway.connect.captchas.values())).code


def follow(link: str) -> None:
    """Open the link of an e-mail, as its reader would."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(link, timeout=5):
        pass


@pytest.mark.anyio
async def test_a_stranger_becomes_a_sender(gateway: Gateway) -> None:
    names = run_example(GUIDE, "account")

    async def ask(question: str, picture: bytes) -> str:
        if picture:
            return solution(gateway)
        letter = gateway.connect.outbox[-1]
        assert isinstance(letter, Sms)
        return letter.code

    async with ConnectClient() as connect:
        await names["register"](connect, "anna", "secret123", ask)
        letter = gateway.connect.outbox[-1]
        assert isinstance(letter, Email)
        await anyio.to_thread.run_sync(follow, letter.link)
        await names["activate"](connect, "anna", "secret123", ask)
        id = await names["first_message"](connect, "anna", "secret123")
    assert [message.id for message in gateway.messages] == [id]


@pytest.mark.anyio
async def test_a_captcha_is_solved_where_it_is_asked_for(gateway: Gateway) -> None:
    login = run_example(GUIDE, "captcha")["login"]
    seen: list[bytes] = []

    async def solve(picture: bytes) -> str:
        seen.append(picture)
        return solution(gateway)

    async with ConnectClient() as connect:
        for _ in range(3):
            with pytest.raises(ConnectError, match="404"):
                await connect.authenticate_user("anna", "wrong123")
        with pytest.raises(ConnectError, match="404"):
            await login(connect, "anna", "wrong123", solve)
    assert [picture[:4] for picture in seen] == [b"\x89PNG"]
