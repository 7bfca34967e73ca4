"""Whatever goes wrong: one result for each item, nobody is sent to twice, and nothing is told that is not so."""

from __future__ import annotations

import random
from collections import Counter
from urllib.parse import parse_qsl

import anyio
import httpx
import pytest
from attrs import define

from clickasync import (
    Accepted,
    ClickatellError,
    Message,
    OutcomeUnknownError,
    Rejected,
    SendResult,
    Skipped,
    Uncertain,
)
from clickasync.simulator import Gateway
from tests.support.faulty_gateway import Fault, FaultyGateway
from tests.support.virtual import client_of, on_virtual_time, virtual_gateway
from tests.support.ways import Client, both_ways, way

__all__ = ["way"]


pytestmark = pytest.mark.anyio


@define
class Chaos:
    """A gateway of which every other call goes wrong, in every way there is."""

    gateway: Gateway
    dice: random.Random

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer, or fail."""
        fields = dict(parse_qsl(request.content.decode()))
        path = request.url.path
        fate = self.dice.choice(FATES) if self.dice.random() < 0.5 else "well"
        if path == "/http/auth" and fate != "well":
            fate = "never connected" if self.dice.random() < 0.3 else "well"
        match fate:
            case "never connected":
                raise httpx.ConnectError("refused")
            case "reset, unseen":
                raise httpx.ReadError("reset")
            case "429":
                return httpx.Response(429, headers={"Retry-After": "2"})
            case "500, unseen":
                return httpx.Response(500, text="<html>")
            case "901":
                return httpx.Response(200, text="ERR: 901, Internal error")
            case "expired":
                self.gateway.forget_sessions()
        if fate in ("901 for some", "partly taken, reset") and path == "/http/sendmsg":
            return self._partly(path, fields, told=fate == "901 for some")
        text = self.gateway.handle(path, fields) or ""
        match fate:
            case "reset after":
                raise httpx.ReadError("reset")
            case "cut":
                raise httpx.RemoteProtocolError("cut")
            case "500 after":
                return httpx.Response(500, text="<html>")
            case "junk after":
                return httpx.Response(200, text="<html>\nID\n")
            case "fewer lines" if "\n" in text.strip():
                lines = text.splitlines()
                text = "\n".join(self.dice.sample(lines, len(lines) - 1))
            case "shuffled" if "\n" in text.strip():
                text = "\r\n".join(self.dice.sample(text.splitlines(), len(text.splitlines())))
        return httpx.Response(200, text=text)

    def _partly(self, path: str, fields: dict[str, str], *, told: bool) -> httpx.Response:
        numbers = fields["to"].split(",")
        taken = [number for number in numbers if self.dice.random() < 0.5]
        text = ""
        if taken:
            # Asked with one number more than it shall take, so that it names them even if it takes only one.
            text = self.gateway.handle(path, {**fields, "to": ",".join([*taken, "999105"])}) or ""
        if not told:
            raise httpx.ReadError("reset")
        lines = [line for line in text.splitlines() if "999105" not in line]
        lines += [f"ERR: 901, Internal error To: {number}" for number in numbers if number not in taken]
        return httpx.Response(200, text="\n".join(lines))


FATES = [
    "never connected",
    "reset, unseen",
    "429",
    "500, unseen",
    "901",
    "901 for some",
    "expired",
    "partly taken, reset",
    "reset after",
    "cut",
    "500 after",
    "junk after",
    "fewer lines",
    "shuffled",
]


def judge(items: list[str], results: dict[int, SendResult], gateway: Gateway) -> Counter[type]:
    """Compare what was told with the ledger."""
    ledger = Counter(message.to for message in gateway.messages)
    ids = {message.id: message.to for message in gateway.messages}
    assert set(results) == set(range(len(items))), "one result for each item"
    assert [results[index].to for index in range(len(items))] == items
    assert max(ledger.values(), default=0) <= 1, "nobody is sent to twice"
    for result in results.values():
        match result:
            case Accepted(to=to, id=id):
                assert ids[id] == to, "what is told as accepted is in the ledger under its ID"
            case Rejected(to=to) | Skipped(to=to):
                assert ledger[to] == 0, "nobody who was accepted is told as rejected or skipped"
    return Counter(map(type, results.values()))


@on_virtual_time
@pytest.mark.parametrize("resend_unknown", [False, True])
@pytest.mark.parametrize("seed", range(3))
async def test_every_result_of_a_bulk_run_is_true(seed: int, resend_unknown: bool) -> None:
    dice = random.Random(seed)
    gateway = virtual_gateway(credits=10_000_000)
    items = [f"2782{number:07d}" for number in range(2000)]
    source: list[str | Message] = [
        Message(number, f"Hi {index % 3}") if dice.random() < 0.3 else number for index, number in enumerate(items)
    ]
    results: dict[int, SendResult] = {}
    async with client_of(
        gateway, Chaos(gateway, dice), resend_unknown=resend_unknown, batch_size=dice.choice([1, 7, 50]), retries=2
    ) as client:
        async with client.bulk(source, "Hello", patience=100_000) as run:
            async for result in run:
                assert run.position not in results
                results[run.position] = result
        assert not run.unfinished
        assert run.progress.done == run.progress.submitted == len(items)
    told = judge(items, results, gateway)
    assert told[Accepted] > 500, "the gateway is not that bad"


@on_virtual_time
@pytest.mark.parametrize("seed", range(4))
async def test_a_run_that_is_left_early_accounts_for_all_that_it_read(seed: int) -> None:
    dice = random.Random(seed)
    gateway = virtual_gateway(credits=10_000_000)
    items = [f"2782{number:07d}" for number in range(2000)]
    results: dict[int, SendResult] = {}
    async with client_of(gateway, Chaos(gateway, dice), batch_size=20) as client:
        async with client.bulk(iter(items), "Hello", patience=100_000) as run:
            async for result in run:
                results[run.position] = result
                if len(results) > dice.randrange(2000):
                    break
        async for result in run:
            results[run.position] = result
    ledger = Counter(message.to for message in gateway.messages)
    told = [result.to for result in results.values()] + [result.to for result in run.unfinished]
    assert sorted(told) == items[: run.progress.submitted]
    assert run.progress.done == run.progress.submitted
    assert max(ledger.values(), default=0) <= 1
    for result in results.values():
        if isinstance(result, Rejected | Skipped):
            assert ledger[result.to] == 0


@on_virtual_time
@pytest.mark.parametrize("seed", range(4))
async def test_every_result_of_single_sends_is_true(seed: int) -> None:
    dice = random.Random(seed)
    gateway = virtual_gateway(credits=10_000_000)
    items = [f"2782{number:07d}" for number in range(200)]
    results: dict[int, SendResult] = {}
    async with client_of(gateway, Chaos(gateway, dice), resend_unknown=bool(seed % 2)) as client:

        async def send(index: int, to: str) -> None:
            try:
                results[index] = await client.send(to, "Hi")
            except OutcomeUnknownError as error:
                assert error.climsgid is not None
                results[index] = Uncertain(to, error.climsgid, error, error.known_to_gateway)
            except ClickatellError as error:
                results[index] = Rejected(to, error)

        async with anyio.create_task_group() as tasks:
            for index, to in enumerate(items):
                tasks.start_soon(send, index, to)
    told = judge(items, results, gateway)
    assert told[Accepted] > 5, "the gateway is not that bad"


@both_ways
async def test_a_bulk_run_over_real_sockets_is_true() -> None:
    faults = [Fault.RESET, Fault.CUT, Fault.TOO_MANY, Fault.JUNK, Fault.RETRY_SOME, Fault.EXPIRED, Fault.SHUFFLED]
    faults += [Fault.FEWER_LINES, Fault.RESET_UNSEEN, Fault.RETRY]
    dice = random.Random(7)
    faulty = FaultyGateway(
        Gateway(credits=10_000_000),
        lambda name, _: dice.choice(faults) if name == "sendmsg" and dice.random() < 0.4 else None,
    )
    items = [f"2782{number:07d}" for number in range(3000)]
    results: dict[int, SendResult] = {}
    async with faulty.serve() as url:
        async with Client(api_id=1, user="demo", password="demo", base_url=url, batch_size=30) as client:
            async with client.bulk(items, "Hello") as run:
                async for result in run:
                    results[run.position] = result
    assert judge(items, results, faulty.gateway)[Accepted] > 1000
