"""One-time codes: what `send` and `verify` promise, in memory and without sockets."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

import clickasync
from clickasync import (
    ApiError,
    ClickatellError,
    Client,
    ConfigurationError,
    InvalidNumberError,
    InvalidOptionError,
    OutcomeUnknownError,
    TransportError,
)
from clickasync.pins import MemoryStore, PinLimitError, PinSender
from clickasync.simulator import Gateway
from tests.support.frames import shown
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
        for wrong in ("", "12345", "1234567", "12345a", "12345²", "1234½6", "-12345", "12345\x00"):
            assert not await pins.verify(TO, wrong)
        with pytest.raises(InvalidOptionError, match="zeros"):
            await pins.verify(TO, int(code_in(gateway)))  # type: ignore[arg-type]
        assert await pins.verify(TO, code_in(gateway))


@pytest.mark.parametrize("digits", ["٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹", "०१२३४५६७८९", "０１２３４５６７８９"])
async def test_a_code_may_be_typed_in_any_script(digits: str, gateway: Gateway, clock: Clock) -> None:
    """As an Arabic, Persian, Hindi or Japanese keyboard has them."""
    async with client_of(gateway) as client:
        pins = PinSender(client, clock=clock)
        await pins.send(TO)
        typed = code_in(gateway).translate({ord("0") + value: digit for value, digit in enumerate(digits)})
        assert not await pins.verify(TO, typed[1:] + digits[0]) or typed[1:] + digits[0] == typed
        assert await pins.verify(TO, typed)


async def test_a_code_may_stand_in_the_text_twice(gateway: Gateway, clock: Clock) -> None:
    """As browsers want it that fill codes in."""
    async with client_of(gateway) as client:
        pins = PinSender(client, clock=clock, template="{pin} is your code.\n\n@acme.example #{pin}")
        await pins.send(TO)
        found = re.fullmatch("([0-9]{6}) is your code.\n\n@acme.example #([0-9]{6})", gateway.messages[0].text)
        assert found is not None
        assert found[1] == found[2]
        assert await pins.verify(TO, found[1])


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


async def test_a_clock_that_is_set_back_grants_no_more_codes(gateway: Gateway, clock: Clock) -> None:
    """And says how long it really takes until another one may be sent."""
    async with client_of(gateway) as client:
        pins = PinSender(client, clock=clock, pause=30, per_hour=2)
        await pins.send(TO)
        clock.now -= 600
        with pytest.raises(PinLimitError) as caught:
            await pins.send(TO)
        assert caught.value.retry_after == pytest.approx(630)
        clock.now += 630
        await pins.send(TO)
        with pytest.raises(PinLimitError):
            await pins.send(TO)
    assert len(gateway.messages) == 2


async def test_the_store_has_the_clock_of_the_sender(gateway: Gateway, clock: Clock, tmp_path: Path) -> None:
    """Or it would forget, by another clock, what still counts."""
    gateway.account.credits *= 10
    clock.now = 0.0
    async with client_of(gateway) as client:
        for store, secret in ((None, None), (f"sqlite:///{tmp_path / 'pins.db'}", "s")):
            async with PinSender(client, store=store, secret=secret, clock=clock, per_hour=1, pause=0) as pins:
                await pins.send(TO)
                for number in range(256):
                    await pins.send(f"2782{number:07d}")
                with pytest.raises(PinLimitError):
                    await pins.send(TO)


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


@pytest.mark.parametrize("failure", ["refused", "not reached", "unknown", "cancelled"])
@on_virtual_time
async def test_no_failure_shows_the_code(failure: str) -> None:
    """Neither its words nor, in a crash report, the variables of its frames: after an unknown outcome it is alive."""
    gateway = Gateway(clock=lambda: 0.0)

    async def handle(request: httpx.Request) -> httpx.Response:
        reply = answer(gateway, request)
        if failure == "unknown" and "auth" not in request.url.path:
            raise httpx.ReadError("reset")
        if failure == "cancelled" and "sendmsg" in request.url.path:
            await anyio.sleep_forever()
        return FAILURES[failure][1](request) if failure in FAILURES and "sendmsg" in request.url.path else reply

    async with client_of(gateway, handle, retries=0) as client:
        pins = PinSender(client, clock=Clock())
        with pytest.raises((ClickatellError, TimeoutError)) as caught:
            with anyio.fail_after(60):
                await pins.send(TO)
    seen = shown(caught.value, within=Path(clickasync.__file__).parent)
    assert failure == "cancelled" or type(caught.value).__name__ in seen
    assert code_in(gateway) not in seen


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
    "pause must be an hour at most": {"pause": 3600.5},
    "pause must be a positive number": {"pause": None},
    "purpose": {"purpose": None},
    "per_hour": {"per_hour": 0},
    "secret": {"secret": ""},
    "pip install|store": {"store": 7},
    "no code could be sent": {"template": "{pin} Ж", "unicode": False},
    "secret is missing": {"store": "sqlite:///pins.db"},
    "in memory": {"store": "sqlite://", "secret": "s"},
    "a URL like": {"store": "pins.db", "secret": "s"},
    "a URL like .*": {"store": "nosuch://host/pins", "secret": "s"},
    "a URL like sqlite": {"store": "postgresql+psycopg://u:s3cr3t@host:port/pins", "secret": "s"},
    "driver .* not installed": {"store": "mysql+pymysql://u:s3cr3t@host/pins", "secret": "s"},
}


@pytest.mark.parametrize("words", WRONG)
async def test_a_wrong_setting_is_refused_by_the_constructor(words: str, gateway: Gateway) -> None:
    async with client_of(gateway) as client:
        with pytest.raises(ConfigurationError, match=words) as caught:
            PinSender(client, **WRONG[words])
    assert "s3cr3t" not in shown(caught.value, within=Path(clickasync.__file__).parent)


def test_the_secret_is_shown_nowhere() -> None:
    client = Client(api_id=1, user="demo", password="demo")
    with pytest.raises(ConfigurationError) as caught:
        PinSender(client, secret="s3cr3t", digits=1)
    assert "s3cr3t" not in repr(caught.value)
