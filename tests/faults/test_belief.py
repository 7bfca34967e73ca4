"""A gateway that says too much, too little, and things nobody asked for, with its ledger as the judge."""

from __future__ import annotations

import os
import random
from collections import Counter
from typing import Any

import anyio
import pytest
from anyio.abc import ByteStream, SocketAttribute
from attrs import define, field

from clickasync import Accepted, ClickatellError, OutcomeUnknownError, Rejected, SendResult, Skipped, Uncertain
from clickasync.simulator import Gateway
from tests.support.raw import Exchange, http, listening, read_request
from tests.support.ways import Client, both_ways, only_ours, way

__all__ = ["way"]

pytestmark = [pytest.mark.anyio, both_ways]

LOGIN: dict[str, Any] = {"api_id": 1, "user": "demo", "password": "demo"}
STRANGERS = [f"4477009{number:05d}" for number in range(100)]


@define
class Mischief:
    """Takes messages as the simulator does, and says of them what it likes.

    What it does not do is to lie in a line that it writes whole, or in all of a reply: nobody could find that out.
    """

    gateway: Gateway
    dice: random.Random
    rate: float
    """Of the replies to ``sendmsg``, how many are tampered with."""
    late: bool = False
    """Whether it also says things that nobody asked for, on connections that are idle."""
    stale: list[str] = field(factory=list)
    """Lines that it has said before."""

    async def serve(self, stream: ByteStream) -> None:
        """Answer the requests of a connection."""
        raw = stream.extra(SocketAttribute.raw_socket)
        while True:
            exchange = await read_request(stream)
            text = self.gateway.handle(exchange.path, exchange.fields) or ""
            reply = http(text)
            if exchange.command == "sendmsg":
                reply = self.tampered(exchange, text) if self.dice.random() < self.rate else self.well(exchange, text)
            is_framed = b"\r\nContent-Length" in reply or b"chunked" in reply
            if self.late and is_framed and exchange.command == "sendmsg" and self.dice.random() < 0.3:
                # Both are in the client's buffer before it can write again: it runs on this very loop.
                os.write(raw.fileno(), reply)
                os.write(raw.fileno(), http(self.dice.choice([*self.stale, "ID: " + "f" * 32])))
            else:
                await stream.send(reply)
            if not is_framed:
                return

    def well(self, exchange: Exchange, text: str) -> bytes:
        """The reply in one of its documented forms."""
        lines = self.remembered(text)
        numbers = exchange.fields["to"].split(",")
        if len(lines) == 1 and "To:" not in lines[0] and self.dice.random() < 0.3:
            lines = [f"{lines[0]} To: {numbers[0]}"]
        if self.dice.random() < 0.3:
            self.dice.shuffle(lines)
        if self.dice.random() < 0.2:
            lines = [line.replace("To: ", self.dice.choice(["To:", "To:  ", "To: +"])) for line in lines]
        if self.dice.random() < 0.2:
            lines = [line.replace(": ", ":", 1) for line in lines]
        end = self.dice.choice(["\n", "\r\n", " \n", "<br>\n"])
        body = end.join(lines) + self.dice.choice(["", end])
        match self.dice.randrange(5):
            case 0:
                half = len(body) // 2
                pieces = [body[:half].encode(), body[half:].encode()]
                chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece)
                return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
            case 1:
                return b"HTTP/1.1 200 OK\r\n\r\n" + end.join([*lines, ""]).encode()
            case _:
                return http(body)

    def remembered(self, text: str) -> list[str]:
        lines = text.strip().splitlines()
        self.stale += [line for line in lines if "To:" in line][:3]
        del self.stale[:-50]
        return lines

    def tampered(self, exchange: Exchange, text: str) -> bytes:
        """The reply as no gateway should give it."""
        numbers = exchange.fields["to"].split(",")
        lines = self.remembered(text)
        if len(lines) == 1 and "To:" not in lines[0]:
            lines = [f"{lines[0]} To: {numbers[0]}"]
        for _ in range(self.dice.randint(1, 3)):
            place = self.dice.randrange(len(lines)) if lines else 0
            match self.dice.randrange(9):
                case 0 if lines:  # doubled
                    lines.insert(self.dice.randrange(len(lines) + 1), lines[place])
                case 1:  # in another order
                    self.dice.shuffle(lines)
                case 2:  # foreign
                    kind = self.dice.choice(
                        ["ID: " + "e" * 32, "ERR: 105, Invalid destination address", "ERR: 901, No"]
                    )
                    lines.insert(place, f"{kind} To: {self.dice.choice(STRANGERS)}")
                case 3 if self.stale:  # said before, of another
                    lines.insert(place, self.dice.choice(self.stale))
                case 4 if len(lines) > 1:  # joined
                    other = lines.pop((place + 1) % len(lines))
                    place %= len(lines)
                    lines[place] += self.dice.choice([" ", "\t", "  "]) + other
                case 5 if lines and "To:" in lines[(place + 1) % len(lines)]:  # cut, and joined with what follows
                    cut = lines[place][: self.dice.randint(1, len(lines[place]) - 1)]
                    lines[place] = cut + lines[(place + 1) % len(lines)]
                case 6 if lines:  # dropped
                    lines.pop(place)
                case 7 if lines:  # renormalised
                    lines[place] = lines[place].replace("To: 0", "To: 27").replace("To: 27", "To: +27")
                case _:
                    lines.insert(place, self.dice.choice(["<p>", "OK", "Charge: 1"]))
        if any("To:" in line for line in lines) and self.dice.random() < 0.2:
            lines.append(self.dice.choice(["ERR: 301, No credit left", "ERR: 901, No", "ID: " + "d" * 32]))
        body = "\n".join(lines)
        if self.dice.random() < 0.2:
            cut = body[: self.dice.randrange(len(body) + 1)]
            last = cut.rpartition("\n")[2].strip()
            # Of a foreign line that was cut right behind its ID, nobody could say whose it is.
            if len(last) != len("ID: ") + 32 or last in text:
                return b"HTTP/1.1 200 OK\r\n\r\n" + cut.encode()
        return http(body)


def judge(items: list[str], results: dict[int, SendResult], gateway: Gateway) -> Counter[type]:
    """Compare each result with the ledger."""
    ledger = Counter(message.to for message in gateway.messages)
    of = {message.id: message.to for message in gateway.messages}
    assert set(results) == set(range(len(items))), "one result for each item"
    assert max(ledger.values(), default=0) <= 1, "nobody is sent to twice"
    for result in results.values():
        normalised = "27" + result.to[1:] if result.to.startswith("0") else result.to
        match result:
            case Accepted(id=id):
                assert of.get(id) == normalised, f"{result} is not in the ledger under its ID"
            case Rejected() | Skipped():
                assert ledger[normalised] == 0, f"{result} was taken"
    return Counter(map(type, results.values()))


def recipients(dice: random.Random, count: int) -> list[str]:
    """Different numbers, some with a leading zero and some that the gateway refuses."""
    prefixes = ["2782", "2782", "2782", "082", "99910582", "99911482"]
    return [f"{dice.choice(prefixes)}{number:07d}" for number in range(count)]


async def run(mischief: Mischief, items: list[str], batch_size: int, **settings: Any) -> dict[int, SendResult]:
    results: dict[int, SendResult] = {}
    async with listening(mischief.serve) as url:
        async with Client(**LOGIN, base_url=url, batch_size=batch_size, retries=1, **settings) as client:
            async with client.bulk(items, "Hello", patience=100) as bulk:
                async for result in bulk:
                    results[bulk.position] = result
    return results


@pytest.mark.parametrize("seed", range(3))
async def test_nobody_is_misreported_by_calls_of_many(seed: int) -> None:
    """4,000 recipients a seed; half of the replies are tampered with."""
    dice = random.Random(seed)
    mischief = Mischief(Gateway(credits=10**9), dice, rate=0.5)
    items = recipients(dice, 4000)
    # A run that is told "no credit" ends; what was not tried is skipped, and the next run goes on.
    results: dict[int, SendResult] = {}
    left = list(range(len(items)))
    while left:
        found = await run(mischief, [items[index] for index in left], dice.choice([2, 9, 40]))
        results |= {left[position]: result for position, result in found.items()}
        left = [index for index in left if isinstance(results[index], Skipped)]
    counts = judge(items, results, mischief.gateway)
    assert counts[Accepted] > 1000
    assert counts[Rejected] > 200


@pytest.mark.parametrize("seed", range(2))
async def test_nobody_is_misreported_by_calls_of_one(seed: int) -> None:
    """400 single sends a seed; half of the replies are tampered with."""
    dice = random.Random(seed)
    mischief = Mischief(Gateway(credits=10**9), dice, rate=0.5)
    items = recipients(dice, 400)
    results: dict[int, SendResult] = {}
    async with listening(mischief.serve) as url, Client(**LOGIN, base_url=url, retries=1) as client:

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
    assert judge(items, results, mischief.gateway)[Accepted] > 100


@only_ours
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("batch_size", [1, 20])
async def test_a_late_reply_is_taken_for_nobodys(seed: int, batch_size: int) -> None:
    """What came on an idle connection is not the reply to the next request. (httpx cannot be asked about it.)"""
    dice = random.Random(seed)
    mischief = Mischief(Gateway(credits=10**9), dice, rate=0.1 if batch_size > 1 else 0.0, late=True)
    items = recipients(dice, 40 * batch_size + 600)
    results = await run(mischief, items, batch_size)
    counts = judge(items, results, mischief.gateway)
    assert counts[Accepted] > 50
    assert batch_size > 1 or not counts[Uncertain], "of a call of one, all is clear"


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("batch_size", [1, 30])
async def test_an_ordinary_reply_is_never_uncertain(seed: int, batch_size: int) -> None:
    """In every documented form: any order, any line end, normalised numbers, a length, chunks, or none of them."""
    dice = random.Random(seed)
    mischief = Mischief(Gateway(credits=10**9), dice, rate=0.0)
    items = recipients(dice, 300 if batch_size == 1 else 1500)
    counts = judge(items, await run(mischief, items, batch_size), mischief.gateway)
    assert counts.keys() == {Accepted, Rejected}
