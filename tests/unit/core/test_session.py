"""One session, kept alive and renewed by itself, however many calls wait for it."""

from __future__ import annotations

import asyncio
import gc
import itertools
import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import anyio
import httpx
import pytest
from anyio.abc import ByteStream

from clickasync import Accepted, AuthenticationError, ClickatellError, SessionExpiredError, TransportError
from clickasync.simulator import Gateway
from tests.support.faulty_gateway import Fault, FaultyGateway, always
from tests.support.raw import http, listening, read_request
from tests.support.virtual import answer, client_of, on_virtual_time, tasks_alive, virtual_gateway
from tests.support.ways import Client, both_ways, only_ours, way

__all__ = ["way"]


pytestmark = [pytest.mark.anyio, both_ways]

LOGIN: dict[str, Any] = {"api_id": 1, "user": "demo", "password": "demo"}


async def test_the_first_call_authenticates() -> None:
    """Opening a client does nothing; the first call authenticates."""
    faulty = FaultyGateway(Gateway())
    async with faulty.serve() as url, Client(**LOGIN, base_url=url) as client:
        assert faulty.connections == 0
        await client.balance()
        await client.balance()
        assert faulty.calls == {"auth": 1, "getbalance": 2}


async def test_a_thousand_sends_renew_a_dead_session_once() -> None:
    """A thousand concurrent sends that find the session dead authenticate once."""
    faulty = FaultyGateway(Gateway(credits=2000))
    results: list[Accepted] = []
    async with faulty.serve() as url, Client(**LOGIN, base_url=url) as client:
        await client.balance()
        faulty.gateway.forget_sessions()

        async def send(number: int) -> None:
            results.append(await client.send(f"2782{number:07d}", "Hi"))

        async with anyio.create_task_group() as tasks:
            for number in range(1000):
                tasks.start_soon(send, number)
    assert faulty.gateway.authentications == 2  # the first session, and the one that replaced it
    assert {result.to for result in results} == {message.to for message in faulty.gateway.messages}
    assert len(results) == len(faulty.gateway.messages) == 1000


async def test_a_cancelled_wait_does_not_stop_a_renewal() -> None:
    """When one of those who wait for a renewal is cancelled, the others get it."""
    gateway = Gateway()
    may_answer = anyio.Event()

    async def slow_auth(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/http/auth":
            await may_answer.wait()
        return answer(gateway, request)

    balances: list[object] = []
    own = httpx.AsyncClient(transport=httpx.MockTransport(slow_auth))
    async with Client(**LOGIN, http_client=own) as client, anyio.create_task_group() as others:

        async def ask() -> None:
            balances.append(await client.balance())

        async with anyio.create_task_group() as first:
            first.start_soon(ask)
            await anyio.wait_all_tasks_blocked()
            for _ in range(5):
                others.start_soon(ask)
            await anyio.wait_all_tasks_blocked()
            first.cancel_scope.cancel()
        may_answer.set()
    assert balances == [1000] * 5
    assert gateway.authentications == 1


@only_ours
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("waits", [True, False])
async def test_a_renewal_that_is_cancelled_from_outside_is_begun_anew(waits: bool) -> None:
    """By a program that cancels every task it finds, say. Nobody closed the client, so nobody is told so."""
    gateway = Gateway()
    under_way = anyio.Event()

    async def hang_once(request: httpx.Request) -> httpx.Response:
        if not under_way.is_set():
            under_way.set()
            await anyio.sleep_forever()
        return answer(gateway, request)

    async with client_of(gateway, hang_once) as client:
        first = asyncio.create_task(client.balance())
        await under_way.wait()
        second = asyncio.create_task(client.balance()) if waits else None
        await anyio.wait_all_tasks_blocked()
        for task in asyncio.all_tasks():
            if task is first or "authenticate" in task.get_name():
                task.cancel()
        await asyncio.wait([first])
        assert await (second or client.balance()) == 1000


async def test_refused_credentials_fail_all_who_wait() -> None:
    """Refused credentials fail all who wait at once and are not hammered."""
    faulty = FaultyGateway(Gateway())
    errors: list[ClickatellError] = []
    async with faulty.serve() as url, Client(api_id=1, user="demo", password="wrong", base_url=url) as client:

        async def ask() -> None:
            try:
                await client.balance()
            except ClickatellError as error:
                errors.append(error)

        async with anyio.create_task_group() as tasks:
            for _ in range(50):
                tasks.start_soon(ask)
        await ask()
    assert [type(error) for error in errors] == [AuthenticationError] * 51
    assert len({id(error) for error in errors}) == 51, "each of those who wait has an exception of its own"
    assert faulty.calls == {"auth": 1}


@on_virtual_time
async def test_refused_credentials_are_tried_again_after_a_minute() -> None:
    gateway = virtual_gateway(password="later")
    async with client_of(gateway) as client:
        for _ in range(3):
            with pytest.raises(AuthenticationError):
                await client.balance()
            await anyio.sleep(15)
        assert gateway.requests["auth"] == 1
        gateway.add_account("1", "demo", "demo", credits=5)
        await anyio.sleep(16)
        assert await client.balance() == 5


@on_virtual_time
async def test_a_gateway_that_forgets_every_session_is_an_error() -> None:
    """A gateway that forgets every session gives an error and not a loop."""
    gateway = virtual_gateway()

    def forgetful(request: httpx.Request) -> httpx.Response:
        gateway.forget_sessions()
        return answer(gateway, request)

    async with client_of(gateway, forgetful, retries=2) as client:
        with pytest.raises(SessionExpiredError, match="keeps forgetting"):
            await client.send("27821234567", "Hi")
    assert gateway.requests == {"auth": 3, "sendmsg": 3}
    assert gateway.messages == []


@on_virtual_time
async def test_the_session_is_pinged_only_after_silence() -> None:
    gateway = virtual_gateway()
    async with client_of(gateway) as client:
        for _ in range(4):
            await client.balance()
            await anyio.sleep(599)
        assert gateway.requests["ping"] == 0
        await anyio.sleep(3600)
        assert 5 <= gateway.requests["ping"] <= 6
        await client.balance()
    assert gateway.authentications == 1


@on_virtual_time
async def test_without_the_ping_a_silent_session_is_renewed_first() -> None:
    """Without the ping, a session that was silent too long is renewed before it is used."""
    gateway = virtual_gateway()
    async with client_of(gateway, keep_session_alive=False) as client:
        await client.balance()
        await anyio.sleep(901)
        await client.balance()
    assert gateway.requests == {"auth": 2, "getbalance": 2}


@on_virtual_time
async def test_a_failed_ping_is_logged_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    """A failed ping is logged and tried again within the interval."""
    gateway = virtual_gateway()
    times: list[float] = []

    def broken_ping(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/http/ping":
            times.append(anyio.current_time())
            if len(times) == 1:
                raise httpx.ReadError("broken")
        return answer(gateway, request)

    with caplog.at_level(logging.WARNING, "clickasync"):
        async with client_of(gateway, broken_ping) as client:
            await client.balance()
            await anyio.sleep(899)
            await client.balance()
    assert len(times) == 2
    assert times[1] - times[0] < 600
    assert gateway.authentications == 1
    assert "ping" in caplog.text


@on_virtual_time
async def test_a_ping_that_finds_the_session_dead_renews_it() -> None:
    gateway = virtual_gateway()
    async with client_of(gateway) as client:
        await client.balance()
        gateway.forget_sessions()
        await anyio.sleep(700)
        await client.balance()
    assert gateway.requests == {"auth": 2, "ping": 1, "getbalance": 2}


async def test_a_client_may_be_closed_in_another_task() -> None:
    """A client may be opened in one task and closed in another."""
    faulty = FaultyGateway(Gateway())
    before = tasks_alive()
    async with faulty.serve() as url:
        client = Client(**LOGIN, base_url=url, ping_interval=0.05)

        async def use() -> None:
            await client.__aenter__()
            await client.balance()

        async def close() -> None:
            await client.__aexit__(None, None, None)

        for step in (use, close):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(step)
    assert tasks_alive() == before


async def test_after_aclose_nothing_runs_and_no_call_can_follow() -> None:
    faulty = FaultyGateway(Gateway())
    async with faulty.serve() as url:
        await anyio.wait_all_tasks_blocked()
        before = tasks_alive()
        client = Client(**LOGIN, base_url=url, ping_interval=0.02)
        await client.balance()
        await client.aclose()
        await client.aclose()
        with anyio.fail_after(5):
            while faulty.open_connections:
                await anyio.sleep(0.01)
        await anyio.wait_all_tasks_blocked()
        assert tasks_alive() == before
        with pytest.raises(RuntimeError, match="closed"):
            await client.balance()


@only_ours
async def test_a_client_that_is_dropped_stops_pinging() -> None:
    """A client that is dropped stops pinging and leaves no warning."""
    faulty = FaultyGateway(Gateway())
    async with faulty.serve() as url:
        client: Client | None = Client(**LOGIN, base_url=url, ping_interval=0.02)
        assert client is not None
        await client.balance()
        with anyio.fail_after(5):
            while faulty.calls["ping"] < 2:
                await anyio.sleep(0.01)
        client = None
        gc.collect()
        await anyio.sleep(0.05)
        pings = faulty.calls["ping"]
        await anyio.sleep(0.1)
        assert faulty.calls["ping"] == pings


async def test_an_auth_that_does_not_get_through_fails_all_who_wait() -> None:
    """An authentication that does not get through fails those who wait with a transport error."""
    faulty = FaultyGateway(Gateway(), always("auth", Fault.ERROR_PAGE))
    async with faulty.serve() as url, Client(**LOGIN, base_url=url, retries=1) as client:
        with pytest.raises(TransportError):
            await client.send("27821234567", "Hi")
    assert faulty.calls == {"auth": 2}


@only_ours
@on_virtual_time
async def test_idle_connections_are_closed_after_four_seconds() -> None:
    """Before the gateway closes them. The next call opens another."""
    gateway = Gateway()
    came = open_connections = 0

    async def serve(stream: ByteStream) -> None:
        nonlocal came, open_connections
        came += 1
        open_connections += 1
        try:
            while True:
                exchange = await read_request(stream)
                await stream.send(http(gateway.handle(exchange.path, exchange.fields) or ""))
        finally:
            open_connections -= 1

    settings: dict[str, Any] = {**LOGIN, "timeout": httpx.Timeout(None), "keep_session_alive": False}
    async with listening(serve) as url, Client(**settings, base_url=url) as client:
        await client.balance()
        await anyio.sleep(3.9)
        assert (came, open_connections) == (1, 1)
        await anyio.sleep(0.2)
        await anyio.wait_all_tasks_blocked()
        assert (came, open_connections) == (1, 0)
        await client.balance()
        assert (came, open_connections) == (2, 1)


async def test_a_connection_closed_while_idle_fails_no_send() -> None:
    """A connection that the gateway closed while it was idle is not a failed send."""
    faulty = FaultyGateway(Gateway(), idle_seconds=0.05)
    async with faulty.serve() as url, Client(**LOGIN, base_url=url, retries=0) as client:
        for number in range(3):
            assert isinstance(await client.send(f"2782123456{number}", "Hi"), Accepted)
            with anyio.fail_after(5):
                while faulty.open_connections:
                    await anyio.sleep(0.01)
    assert faulty.calls["sendmsg"] == 3


def few_sessions(gateway: Gateway, most: int) -> Callable[[httpx.Request], httpx.Response]:
    """A gateway whose account has few sessions: a new one pushes the oldest out."""
    open_sessions: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        fields = dict(parse_qsl(request.content.decode()))
        if request.url.path != "/http/auth" and fields.get("session_id") not in open_sessions:
            return httpx.Response(200, text="ERR: 003, Session ID expired")
        response = answer(gateway, request)
        if request.url.path == "/http/auth":
            open_sessions.append(response.text.removeprefix("OK: "))
            del open_sessions[:-most]
        return response

    return handle


@on_virtual_time
async def test_clients_that_push_each_other_out_do_not_hammer() -> None:
    """Four clients and an account with two sessions: before a renewal, each waits a little longer."""
    gateway = virtual_gateway(credits=10_000)
    handle = few_sessions(gateway, 2)
    sent = refused = 0

    async def work(number: int) -> None:
        nonlocal sent, refused
        async with client_of(gateway, handle, retries=5, keep_session_alive=False) as client:
            for index in range(50):
                try:
                    await client.send(f"2782{number}{index:06d}", "Hi")
                    sent += 1
                except SessionExpiredError:
                    refused += 1
                await anyio.sleep(0.05)

    async with anyio.create_task_group() as tasks:
        for number in range(4):
            tasks.start_soon(work, number)
    assert sent + refused == 200
    assert len(gateway.messages) == sent > 150
    assert gateway.requests["auth"] < 60


@on_virtual_time
async def test_a_ping_of_an_old_session_renews_nothing() -> None:
    """Its refusal arrives when a call has renewed the session: another would push somebody out of the account."""
    gateway = virtual_gateway()

    async def slow_ping(request: httpx.Request) -> httpx.Response:
        response = answer(gateway, request)
        if request.url.path == "/http/ping" and response.text.startswith("ERR: 003"):
            await client.balance()
            await anyio.sleep(5)
        return response

    async with client_of(gateway, slow_ping, ping_interval=60) as client:
        await client.authenticate()
        gateway.forget_sessions()
        await anyio.sleep(100)
        await client.balance()
    assert gateway.requests["ping"] == 1
    assert gateway.requests["auth"] == 2


@on_virtual_time
async def test_news_of_an_old_session_cost_no_pause() -> None:
    """Who was refused in a session that another has renewed by now goes on at once with the newest."""
    gateway = virtual_gateway()
    is_out = anyio.Event()

    async def slow_for_some(request: httpx.Request) -> httpx.Response:
        response = answer(gateway, request)
        if "text=slow" in request.content.decode() and response.text.startswith("ERR: 003"):
            is_out.set()
            await anyio.sleep(5)  # its refusal arrives long after the session was renewed
        return response

    async with client_of(gateway, slow_for_some, keep_session_alive=False) as client:
        await client.authenticate()
        times: dict[str, float] = {}

        async def send(text: str) -> None:
            await client.send("27821234567", text)
            times[text] = anyio.current_time()

        gateway.forget_sessions()
        start = anyio.current_time()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(send, "slow")
            await is_out.wait()
            tasks.start_soon(send, "quick")
    assert 0.1 < times["quick"] - start < 0.3, "the newest session was refused: a pause before the next"
    assert times["slow"] - start == pytest.approx(5.0)
    assert gateway.requests["auth"] == 2


@on_virtual_time
async def test_the_pause_grows_while_new_sessions_are_refused() -> None:
    """And begins anew with a session that has lived for a minute."""
    gateway = virtual_gateway()
    auths: list[float] = []
    refuse = True

    def forgetful(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/http/auth":
            auths.append(anyio.current_time())
        elif refuse:
            gateway.forget_sessions()
        return answer(gateway, request)

    async with client_of(gateway, forgetful, retries=6, keep_session_alive=False) as client:
        with pytest.raises(SessionExpiredError):
            await client.balance()
        pauses = [later - earlier for earlier, later in itertools.pairwise(auths)]
        for number, pause in enumerate(pauses):
            assert 0.125 * 2**number <= pause <= 0.25 * 2**number
        refuse = False
        await client.balance()
        await anyio.sleep(61)
        gateway.forget_sessions()
        before = anyio.current_time()
        await client.balance()
        assert 0.125 <= anyio.current_time() - before <= 0.25
