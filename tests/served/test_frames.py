"""What debuggers, crash reports and ``pytest -l`` print: the variables of each frame of a traceback show no secret."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from anyio.abc import ByteStream, SocketAttribute

import clickasync
from clickasync import Client, ConnectClient
from clickasync.simulator import Gateway
from tests.support.faulty_gateway import Fault, FaultyGateway, always
from tests.support.frames import shown
from tests.support.raw import http, listening, read_request

pytestmark = pytest.mark.anyio

PACKAGE = Path(clickasync.__file__).parent
PASSWORD = "corr3ct+h0rse&battery"
VOUCHER = "9876543210987654"
TOKEN = "0123456789abcdef0123456789abcdef"
USERS_PASSWORD = "S3cretOfAUser"
CAPTCHA = "c4ptch"
TO = "27821234567"


CALLS: dict[str, Callable[[Client], Awaitable[object]]] = {
    "auth": lambda client: client.authenticate(),
    "sendmsg": lambda client: client.send(TO, "Hi", climsgid="mine"),
    "token_pay": lambda client: client.redeem(VOUCHER),
    "getbalance": lambda client: client.balance(),
}
CONNECT: dict[str, Callable[[ConnectClient], Awaitable[object]]] = {
    "get_list_country": lambda connect: connect.get_list_country(),
    "authenticate_user": lambda connect: connect.authenticate_user("ann", USERS_PASSWORD, captcha=("id", CAPTCHA)),
    "create_connection": lambda connect: connect.create_connection(
        "ann", USERS_PASSWORD, 2, ftp_password=CAPTCHA, callback_password=USERS_PASSWORD
    ),
}


async def by_fail_after(call: Callable[[], Awaitable[object]]) -> None:
    with anyio.fail_after(0.05):
        await call()


async def by_cancel(call: Callable[[], Awaitable[object]]) -> None:
    async with anyio.create_task_group() as tasks:

        async def run() -> None:
            try:
                await call()
            except BaseException as error:
                raise RuntimeError("the user handles it badly") from error

        tasks.start_soon(run)
        await anyio.sleep(0.05)
        tasks.cancel_scope.cancel()


async def by_asyncio_timeout(call: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(0.05):
        await call()


async def by_wait_for(call: Callable[[], Awaitable[object]]) -> None:
    await asyncio.wait_for(call(), 0.05)


async def by_the_sdk(call: Callable[[], Awaitable[object]]) -> None:
    await call()


ENDS = [by_fail_after, by_cancel, by_asyncio_timeout, by_wait_for, by_the_sdk]


async def ended(
    end: Callable[[Callable[[], Awaitable[object]]], Awaitable[None]], call: Any, within: Path = Path("/")
) -> str:
    """What the exception shows by which a call ends."""
    try:
        await end(call)
    except BaseException as error:  # whatever it is
        return shown(error, within=within)
    raise AssertionError("the call did not end by an exception")


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("command", CALLS)
async def test_no_frame_shows_a_secret_of_the_client(command: str, end: Any, anyio_backend: str) -> None:
    """However a call ends: password, session ID and voucher are hidden in every variable."""
    if anyio_backend == "trio" and end in (by_asyncio_timeout, by_wait_for):
        end = by_fail_after
    faulty = FaultyGateway(Gateway(password=PASSWORD), always(command, Fault.SILENCE))
    async with faulty.serve() as url:
        timeout = 0.1 if end is by_the_sdk else 30.0
        async with Client(api_id=1, user="demo", password=PASSWORD, base_url=url, timeout=timeout, retries=0) as client:
            if command != "auth":
                await client.authenticate()
            text = await ended(end, lambda: CALLS[command](client))
        sessions = {body["session_id"] for body in faulty.bodies if "session_id" in body}
    assert [secret for secret in {PASSWORD, "corr3ct", VOUCHER, *sessions} if secret in text] == []
    assert "clickasync" in text or end is by_cancel


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("action", CONNECT)
async def test_no_frame_shows_a_secret_of_connect(action: str, end: Any, anyio_backend: str) -> None:
    """The token is in the path of the request, and passwords of users in its form."""
    if anyio_backend == "trio" and end in (by_asyncio_timeout, by_wait_for):
        end = by_fail_after

    async def silent(stream: ByteStream) -> None:
        await read_request(stream)
        await anyio.sleep_forever()

    async with listening(silent) as url:
        timeout = 0.1 if end is by_the_sdk else 30.0
        async with ConnectClient(TOKEN, base_url=url, timeout=timeout, retries=0) as connect:
            text = await ended(end, lambda: CONNECT[action](connect))
    assert [secret for secret in (TOKEN, USERS_PASSWORD, CAPTCHA) if secret in text] == []


@pytest.mark.parametrize("end", [by_fail_after, by_cancel])
async def test_no_frame_shows_a_request_that_is_not_read(end: Any) -> None:
    """It waits to be written, in the variables of whatever library writes it."""
    session = "a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6"
    mms: Any = {"mms_class": 80, "mms_expire": 60, "mms_from": "Ann", "mms_url": "https://example.org/1"}

    async def read_a_little(stream: ByteStream) -> None:
        async with stream:
            await read_request(stream)
            await stream.send(http(f"OK: {session}"))
            await stream.receive(1000)
            await anyio.sleep_forever()

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    listener.extra(SocketAttribute.raw_socket).setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, read_a_little)
        base = f"http://127.0.0.1:{listener.extra(SocketAttribute.local_port)}"
        async with Client(api_id=1, user="demo", password=PASSWORD, base_url=base) as client:
            await client.authenticate()
            text = await ended(end, lambda: client.push_mms(TO, mms_subject="." * 5_000_000, **mms))
        tasks.cancel_scope.cancel()
    assert "Connection object" in text
    assert session not in text


@pytest.mark.parametrize("through", ["a client of the user", "a proxy"])
@pytest.mark.parametrize("end", ENDS)
async def test_no_frame_of_ours_shows_a_secret_through_httpx(
    through: str, end: Any, anyio_backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The frames of httpx itself cannot be helped; those of this package can."""
    if anyio_backend == "trio" and end in (by_asyncio_timeout, by_wait_for):
        end = by_fail_after

    async def silent(stream: ByteStream) -> None:
        await read_request(stream)
        await anyio.sleep_forever()

    async with listening(silent) as url, httpx.AsyncClient() as own:
        settings: dict[str, Any] = {"base_url": url, "http_client": own}
        if through == "a proxy":
            monkeypatch.setenv("http_proxy", url.replace("://", "://ann:pr0xy-secret@"))
            settings = {"base_url": "http://gateway.test", "allow_insecure": True}
        timeout = 0.1 if end is by_the_sdk else 30.0
        async with ConnectClient(TOKEN, timeout=timeout, retries=0, **settings) as connect:
            text = await ended(end, lambda: CONNECT["authenticate_user"](connect), within=PACKAGE)
    assert [secret for secret in (TOKEN, USERS_PASSWORD, CAPTCHA, "pr0xy-secret") if secret in text] == []
    assert "ConnectExecutor" in text


@pytest.mark.parametrize("reply", ["OK: {session} {session}", "<html>{session}</html>", "ERR: 001, {session}"])
async def test_no_frame_shows_what_a_reply_repeats(reply: str) -> None:
    """A reply that cannot be read may hold the session ID that it should have given."""
    session = "a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6"

    async def serve(stream: ByteStream) -> None:
        while True:
            exchange = await read_request(stream)
            text = reply.format(session=session) if exchange.command == "auth" else "OK:"
            await stream.send(http(text))

    async with listening(serve) as url:
        async with Client(api_id=1, user="demo", password=PASSWORD, base_url=url, retries=0) as client:
            text = await ended(by_the_sdk, client.authenticate)
    assert PASSWORD not in text
    assert session not in text or reply.startswith("ERR")


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Client(api_id=1, user="demo", password=PASSWORD, retries=-1),
        lambda: Client(api_id=1, user="", password=PASSWORD),
        lambda: Client(api_id=1, user="demo", password=PASSWORD, base_url="ftp://x"),
        lambda: ConnectClient(TOKEN + "\n"),
        lambda: ConnectClient(TOKEN, retries=-1),
        lambda: ConnectClient(TOKEN, base_url="nowhere"),
    ],
)
async def test_no_frame_of_a_constructor_shows_a_secret(wrong: Callable[[], object]) -> None:
    """A setting is wrong beside it."""
    with pytest.raises(Exception) as caught:
        wrong()
    assert PASSWORD not in shown(caught.value)
    assert TOKEN not in shown(caught.value)


async def test_no_frame_shows_a_value_that_breaks_its_rule() -> None:
    """A wrong password of a user, a wrong voucher."""
    async with ConnectClient(TOKEN) as connect, Client(api_id=1, user="demo", password=PASSWORD) as client:
        for call in (
            lambda: connect.authenticate_user("ann", "has blanks in it"),
            lambda: connect.authenticate_user("ann", USERS_PASSWORD, captcha=("id", "too long a c0de")),
            lambda: client.redeem("98765432109876"),
        ):
            text = await ended(by_the_sdk, call)
            assert not [part for part in ("has blanks", "too long a", "98765432109876", PASSWORD) if part in text]
