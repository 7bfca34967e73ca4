"""One-time codes: what `send` and `verify` promise, in memory and without sockets."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import anyio
import httpx
import pytest

from clickasync import (
    ApiError,
    Client,
    ConfigurationError,
    InvalidNumberError,
    InvalidOptionError,
    OutcomeUnknownError,
    TransportError,
)
from clickasync.pins import MemoryStore, PinLimitError, PinSender
from clickasync.simulator import Gateway
from tests.support.virtual import answer, client_of, on_virtual_time

pytestmark = pytest.mark.anyio

TO = "27821234567"
OTHER = "27827654321"
BEGIN = 1_800_000_000.0


class Clock:
    """Time stands still until it is moved."""

    def __init__(self) -> None:
        self.now = BEGIN

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gateway() -> Gateway:
    return Gateway(clock=lambda: 0.0)


def code_in(gateway: Gateway) -> str:
    """The code of the newest message."""
    return re.sub("[^0-9]", "", gateway.messages[-1].text)


def another(code: str) -> str:
    """A code that it is not."""
    return f"{(int(code) + 1) % 10 ** len(code):0{len(code)}}"


async def test_a_code_is_sent_and_verified_once(gateway: Gateway, clock: Clock) -> None:
    async with client_of(gateway) as client:
        pins = PinSender(client, clock=clock)
        sent = await pins.send(TO)
        assert sent.expires_at == datetime.fromtimestamp(BEGIN + 300, UTC)
        assert re.fullmatch("Your code is [0-9]{6}", gateway.messages[0].text)
        assert await pins.verify(TO, code_in(gateway))
        assert not await pins.verify(TO, code_in(gateway))


async def test_the_text_and_the_code_are_as_asked(gateway: Gateway, clock: Clock) -> None:
    async with client_of(gateway) as client:
        pins = PinSender(client, clock=clock, template="{pin} ist der Code für {Acme}", digits=4, from_="Acme")
        await pins.send("+27 82 123 4567")
        [message] = gateway.messages
        assert re.fullmatch(r"[0-9]{4} ist der Code für \{Acme\}", message.text)
        assert (message.to, message.sender) == (TO, "Acme")
        assert await pins.verify("0027821234567", f" {code_in(gateway)[:2]} {code_in(gateway)[2:]}\n")


async def test_codes_have_all_their_digits_and_differ(gateway: Gateway, clock: Clock) -> None:
    async with client_of(gateway) as client:
        pins = PinSender(client, clock=clock, digits=4)
        for number in range(40):
            await pins.send(f"2782{number:07d}")
    codes = [re.sub("[^0-9]", "", message.text) for message in gateway.messages]
    assert {len(code) for code in codes} == {4}
    assert len(set(codes)) > 30


async def test_a_code_is_tried_only_so_often(gateway: Gateway, clock: Clock) -> None:
    async with client_of(gateway) as client:
        pins = PinSender(client, clock=clock, tries=2)
        await pins.send(TO)
        code = code_in(gateway)
        assert not await pins.verify(TO, another(code))
        assert not await pins.verify(TO, another(code))
        assert not await pins.verify(TO, code), "no try is left"


async def test_the_last_try_counts(gateway: Gateway, clock: Clock) -> None:
    async with client_of(gateway) as client:
        pins = PinSender(client, clock=clock, tries=2)
        await pins.send(TO)
        assert not await pins.verify(TO, another(code_in(gateway)))
        assert await pins.verify(TO, code_in(gateway))


async def test_what_cannot_be_a_code_costs_no_try(gateway: Gateway, clock: Clock) -> None:
    async with client_of(gateway) as client:
        pins = PinSender(client, clock=clock, tries=1)
        await pins.send(TO)
        for wrong in ("", "12345", "1234567", "12345a", "１２３４５６", "-12345", "12345\x00"):
            assert not await pins.verify(TO, wrong)
        with pytest.raises(InvalidOptionError, match="zeros"):
            await pins.verify(TO, int(code_in(gateway)))  # type: ignore[arg-type]
        assert await pins.verify(TO, code_in(gateway))


async def test_a_code_expires(gateway: Gateway, clock: Clock) -> None:
    async with client_of(gateway) as client:
        pins = PinSender(client, clock=clock, lifetime=60)
        await pins.send(TO)
        clock.now += 60
        assert not await pins.verify(TO, code_in(gateway))
        clock.now -= 0.001
        assert await pins.verify(TO, code_in(gateway))


async def test_a_code_is_good_for_its_number_alone(gateway: Gateway, clock: Clock) -> None:
    async with client_of(gateway) as client:
        pins = PinSender(client, clock=clock, tries=1)
        await pins.send(TO)
        code = code_in(gateway)
        assert not await pins.verify(OTHER, code), "to which none was sent"
        await pins.send(OTHER)
        assert code == code_in(gateway) or not await pins.verify(OTHER, code)
        assert await pins.verify(TO, code)


async def test_a_code_is_good_for_its_purpose_alone(gateway: Gateway, clock: Clock) -> None:
    store = MemoryStore(clock=clock)
    async with client_of(gateway) as client:
        login = PinSender(client, store=store, secret="s", clock=clock, purpose="login")
        pay = PinSender(client, store=store, secret="s", clock=clock, purpose="pay")
        await login.send(TO)
        assert not await pay.verify(TO, code_in(gateway))
        assert await login.verify(TO, code_in(gateway))


async def test_only_the_newest_code_is_alive(gateway: Gateway, clock: Clock) -> None:
    async with client_of(gateway) as client:
        pins = PinSender(client, clock=clock, pause=0)
        await pins.send(TO)
        first = code_in(gateway)
        await pins.send(TO)
        second = code_in(gateway)
        assert first == second or not await pins.verify(TO, first)
        assert await pins.verify(TO, second)


async def test_another_code_must_wait_for_the_pause(gateway: Gateway, clock: Clock) -> None:
    async with client_of(gateway) as client:
        pins = PinSender(client, clock=clock, pause=30)
        await pins.send(TO)
        clock.now += 29
        with pytest.raises(PinLimitError) as caught:
            await pins.send(TO)
        assert caught.value.retry_after == pytest.approx(1)
        assert "in 1 s" in str(caught.value)
        await pins.send(OTHER)
        clock.now += 1
        await pins.send(TO)
    assert [message.to for message in gateway.messages] == [TO, OTHER, TO]


async def test_so_many_codes_an_hour_and_no_more(gateway: Gateway, clock: Clock) -> None:
    """Within any hour, and not within one of the clock's."""
    async with client_of(gateway) as client:
        pins = PinSender(client, clock=clock, pause=0, per_hour=3)
        for _ in range(3):
            await pins.send(TO)
            clock.now += 600
        with pytest.raises(PinLimitError, match="3 codes") as caught:
            await pins.send(TO)
        assert caught.value.retry_after == pytest.approx(1800)
        clock.now += 1800
        await pins.send(TO)
        with pytest.raises(PinLimitError):
            await pins.send(TO)
        clock.now += 600
        await pins.send(TO)
    assert len(gateway.messages) == 5


FAILURES: dict[str, tuple[type[Exception], Callable[[httpx.Request], httpx.Response]]] = {
    "refused": (ApiError, lambda _: httpx.Response(200, text="ERR: 301, No credit left")),
    "not reached": (TransportError, lambda _: httpx.Response(429)),
}


@pytest.mark.parametrize("failure", FAILURES)
@on_virtual_time
async def test_what_was_not_sent_leaves_all_as_it_was(failure: str) -> None:
    """The code that was alive is alive again, with its tries, and no pause is owed."""
    clock = Clock()
    gateway = Gateway(clock=lambda: 0.0)
    error, fails = FAILURES[failure]
    is_well = True

    def handle(request: httpx.Request) -> httpx.Response:
        return answer(gateway, request) if is_well or "sendmsg" not in request.url.path else fails(request)

    async with client_of(gateway, handle, retries=0) as client:
        pins = PinSender(client, clock=clock, pause=30, per_hour=2, tries=2)
        await pins.send(TO)
        code = code_in(gateway)
        assert not await pins.verify(TO, another(code))
        clock.now += 30
        is_well = False
        for _ in range(3):
            with pytest.raises(error):
                await pins.send(TO)
        for _ in range(3):
            with pytest.raises(error):
                await pins.send(OTHER)
        assert not await pins.verify(OTHER, "123456")
        is_well = True
        await pins.send(OTHER)
        assert await pins.verify(OTHER, code_in(gateway))
        assert await pins.verify(TO, code)


@on_virtual_time
async def test_an_unknown_outcome_keeps_the_code_valid() -> None:
    clock = Clock()
    gateway = Gateway(clock=lambda: 0.0)

    def reset_after(request: httpx.Request) -> httpx.Response:
        reply = answer(gateway, request)
        if "sendmsg" in request.url.path or "querymsg" in request.url.path:
            raise httpx.ReadError("reset")
        return reply

    async with client_of(gateway, reset_after) as client:
        pins = PinSender(client, clock=clock)
        with pytest.raises(OutcomeUnknownError):
            await pins.send(TO)
        with pytest.raises(PinLimitError):
            await pins.send(TO)
        assert await pins.verify(TO, code_in(gateway))


@on_virtual_time
async def test_a_cancelled_send_keeps_the_code_valid() -> None:
    clock = Clock()
    gateway = Gateway(clock=lambda: 0.0)

    async def slow(request: httpx.Request) -> httpx.Response:
        reply = answer(gateway, request)
        if "sendmsg" in request.url.path:
            await anyio.sleep_forever()
        return reply

    async with client_of(gateway, slow) as client:
        pins = PinSender(client, clock=clock)
        with anyio.move_on_after(1):
            await pins.send(TO)
        assert await pins.verify(TO, code_in(gateway))


async def test_of_two_who_send_at_once_one_sends(gateway: Gateway, clock: Clock) -> None:
    refused: list[PinLimitError] = []
    async with client_of(gateway) as client:
        pins = PinSender(client, clock=clock)

        async def send() -> None:
            try:
                await pins.send(TO)
            except PinLimitError as error:
                refused.append(error)

        async with anyio.create_task_group() as tasks:
            for _ in range(10):
                tasks.start_soon(send)
        assert len(gateway.messages) == 1
        assert len(refused) == 9
        assert await pins.verify(TO, code_in(gateway))


async def test_a_wrong_number_is_refused_before_anything_is_kept(gateway: Gateway, clock: Clock) -> None:
    store = MemoryStore(clock=clock)
    async with client_of(gateway) as client:
        pins = PinSender(client, store=store, clock=clock)
        for call in (pins.send("nobody"), pins.verify("nobody", "123456")):
            with pytest.raises(InvalidNumberError, match="nobody"):
                await call
    assert len(store) == 0


async def test_neither_number_nor_code_stands_in_the_store(gateway: Gateway, clock: Clock) -> None:
    store = MemoryStore(clock=clock)
    async with client_of(gateway) as client:
        pins = PinSender(client, store=store, secret="a secret", clock=clock)
        await pins.send(TO)
        kept = repr(vars(store))
        assert TO not in kept
        assert code_in(gateway) not in re.sub("1800000[0-9]+", "", kept)
        assert "a secret" not in repr(vars(pins))


async def test_memory_forgets_what_nothing_follows_from(gateway: Gateway, clock: Clock) -> None:
    store = MemoryStore(clock=clock)
    gateway.account.credits *= 10
    async with client_of(gateway) as client:
        pins = PinSender(client, store=store, clock=clock)
        for number in range(255):
            await pins.send(f"2782{number:07d}")
        clock.now += 3601
        await pins.send(TO)
    assert len(store) == 1


WRONG: dict[str, dict[str, Any]] = {
    "template": {"template": "Your code is 4711"},
    "digits": {"digits": 3},
    "lifetime": {"lifetime": 86_401},
    "tries": {"tries": 0},
    "pause": {"pause": -1},
    "per_hour": {"per_hour": 0},
    "secret": {"secret": ""},
    "pip install|store": {"store": 7},
    "no code could be sent": {"template": "{pin} Ж", "unicode": False},
    "secret is missing": {"store": "sqlite:///pins.db"},
    "in memory": {"store": "sqlite://", "secret": "s"},
}


@pytest.mark.parametrize("words", WRONG)
async def test_a_wrong_setting_is_refused_by_the_constructor(words: str, gateway: Gateway) -> None:
    async with client_of(gateway) as client:
        with pytest.raises(ConfigurationError, match=words):
            PinSender(client, **WRONG[words])


def test_the_secret_is_shown_nowhere() -> None:
    client = Client(api_id=1, user="demo", password="demo")
    with pytest.raises(ConfigurationError) as caught:
        PinSender(client, secret="s3cr3t", digits=1)
    assert "s3cr3t" not in repr(caught.value)
