"""The examples of the callbacks' guide, run as they stand there."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import httpx
import pytest

from clickasync.callbacks import HandledStore
from tests.support.callback_samples import message, report
from tests.support.examples import GUIDES, examples_in, run_example

GUIDE = GUIDES / "callbacks" / "README.md"

PRINTED = {
    "supersedes": "Received by recipient\n",
    "optout": (
        "'STOP': OptOut(word='STOP', everywhere=False, keyword=None)\n"
        "'stop all': OptOut(word='STOP', everywhere=True, keyword=None)\n"
        "'STOP fun': OptOut(word='STOP', everywhere=False, keyword='fun')\n"
        "'Please stop by at 8': None\n"
    ),
    "parse": "café\nReceived by recipient\nneither apiMsgId nor moMsgId: not a callback\n",
}
SERVED = {"receive", "assemble", "store"}


def post(app: Any, *bodies: bytes, auth: tuple[str, str] | None = None) -> list[int]:
    """The statuses with which an app answers callbacks."""

    async def run() -> list[int]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://hook.example", auth=auth) as client:
            return [(await client.post("/", content=body)).status_code for body in bodies]

    return asyncio.run(run())


@pytest.mark.parametrize("name", PRINTED)
def test_an_example_prints_what_it_should(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    run_example(GUIDE, name)
    assert capsys.readouterr().out == PRINTED[name]


def test_every_example_is_run() -> None:
    assert examples_in(GUIDE).keys() == PRINTED.keys() | SERVED


def test_the_receiver_of_the_guide_receives(capsys: pytest.CaptureFixture[str]) -> None:
    app = run_example(GUIDE, "receive")["app"]
    assert post(app, report()) == [401]
    assert post(app, report(), message(text="Yes"), auth=("hook", "secret")) == [200, 200]
    assert re.search("Delivered to gateway .*\n279991235642 wrote Yes\n", capsys.readouterr().out)


def test_the_parts_of_a_long_message_are_joined(capsys: pytest.CaptureFixture[str]) -> None:
    app = run_example(GUIDE, "assemble")["app"]
    halves = [message(moMsgId=str(n), text=text, udh=f"0500030102{n:02}") for n, text in ((2, "world"), (1, "Hello "))]
    assert post(app, *halves) == [200, 200]
    assert capsys.readouterr().out == "279991235642 wrote Hello world\n"


class Redis:
    """As much of it as the store asks."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}

    async def set(self, key: str, value: str, *, nx: bool = False, ex: int) -> bool:
        if nx and key in self.values:
            return False
        self.values[key] = value.encode()
        return True

    async def get(self, key: str) -> bytes | None:
        return self.values.get(key)

    async def delete(self, key: str) -> None:
        self.values.pop(key, None)


def test_a_store_that_is_shared_handles_each_event_once(capsys: pytest.CaptureFixture[str]) -> None:
    redis = Redis()
    names = run_example(GUIDE, "store")
    _: HandledStore = names["RedisStore"](redis)
    assert [post(names["make_app"](redis), report()) for _ in range(2)] == [[200], [200]]
    assert capsys.readouterr().out.count("996f") == 1
    redis.values = dict.fromkeys(redis.values, b"busy")
    assert post(names["make_app"](redis), report()) == [503]
