"""Opening a connection: how long it may take, whom it is to, and what becomes of what comes too late."""

from __future__ import annotations

import asyncio
import math
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import pytest
import trustme
from anyio.abc import ByteStream
from anyio.streams.tls import TLSStream

from clickasync.background import arrive
from clickasync.law import Reply
from clickasync.transport.connection import Connection, Limits
from clickasync.transport.on_asyncio import ProtocolConnection, wait_at_most
from clickasync.transport.on_trio import StreamConnection
from clickasync.transport.urls import parse_base_url
from tests.support.raw import listening
from tests.support.virtual import VirtualLoop, on_virtual_time

pytestmark = pytest.mark.anyio

on_asyncio = pytest.mark.parametrize(
    "anyio_backend", [pytest.param(("asyncio", {"loop_factory": VirtualLoop}), id="asyncio")]
)
LIMITS = Limits(connect=100.0, write=1.0, read=1.0)


async def opened(
    url: str, *, tls: ssl.SSLContext | None = None, limits: Limits = LIMITS, seconds: float = math.inf
) -> Connection:
    """A connection of the event loop that this is; the whole call may take so many seconds."""
    place = arrive(None)
    base = parse_base_url(url, allow_insecure=False)
    driver: type[ProtocolConnection | StreamConnection] = StreamConnection if place.is_trio else ProtocolConnection
    return await driver.open(base, tls, limits, place, place.now() + seconds)


@contextmanager
def deaf() -> Iterator[int]:
    """A port that answers nobody."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.socket() as first, socket.socket() as second:
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        yield full.getsockname()[1]


@pytest.fixture(scope="module")
def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A client's and a server's."""
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return client, server


@on_virtual_time
@pytest.mark.parametrize(("seconds", "takes"), [(math.inf, 100.0), (3.0, 3.0)])
async def test_an_address_that_is_silent_is_given_up(seconds: float, takes: float) -> None:
    """After the limit of connecting, or when the time of the whole call is up."""
    await anyio.sleep(50)  # the clock is not at its beginning
    with deaf() as port:
        begun = anyio.current_time()
        with pytest.raises(TimeoutError):
            await opened(f"http://127.0.0.1:{port}", seconds=seconds)
        assert anyio.current_time() - begun == pytest.approx(takes)


@on_virtual_time
@pytest.mark.parametrize(("seconds", "takes"), [(math.inf, 100.0), (3.0, 3.0)])
async def test_a_handshake_that_is_silent_is_given_up(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext], seconds: float, takes: float
) -> None:
    """After the limit of connecting, or when the time of the whole call is up."""
    await anyio.sleep(50)  # the clock is not at its beginning
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begun = anyio.current_time()
        with pytest.raises(TimeoutError):
            await opened(f"https://127.0.0.1:{silent.getsockname()[1]}", tls=contexts[0], seconds=seconds)
        assert anyio.current_time() - begun == pytest.approx(takes)


async def test_it_is_to_the_host_that_was_named() -> None:
    """And to none of the others that listen on that port."""
    with socket.create_server(("127.0.0.2", 0)) as named:
        named.settimeout(5)
        connection = await opened(f"http://127.0.0.2:{named.getsockname()[1]}")
        with named.accept()[0] as far:
            assert far.getsockname()[0] == "127.0.0.2"
        await connection.aclose()


async def test_the_certificates_that_were_given_are_trusted(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    """And not those of the machine."""
    client, server = contexts

    async def serve(stream: ByteStream) -> None:
        await TLSStream.wrap(stream, server_side=True, ssl_context=server, standard_compatible=False)
        await anyio.sleep_forever()

    async with listening(serve) as url:
        connection = await opened(url.replace("http://127.0.0.1", "https://localhost"), tls=client)
        assert connection.is_clean is True
        await connection.aclose()


async def test_an_end_without_a_goodbye_is_an_end(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    """Of a reply without length: many servers say no goodbye, and whether it was cut is for others to ask."""
    client, server = contexts

    async def serve(stream: ByteStream) -> None:
        wrapped = await TLSStream.wrap(stream, server_side=True, ssl_context=server, standard_compatible=False)
        await wrapped.receive()
        await wrapped.send(b"HTTP/1.1 200 OK\r\n\r\nID: 1")

    async with listening(serve) as url:
        connection = await opened(url.replace("http://127.0.0.1", "https://localhost"), tls=client)
        outcome = await connection.post(b"POST / HTTP/1.1\r\n\r\n", b"to=1", Limits(30, 30, 30), math.inf)
        assert outcome == Reply(b"ID: 1", is_framed=False)
        await connection.aclose()


# -- what waits for a step of it, on asyncio


async def late(value: Any, *, stubborn: bool = True) -> Any:
    """Gives a value, or raises it, after 5 s, and is not ended by a cancellation."""
    try:
        await asyncio.sleep(5)
    except asyncio.CancelledError:
        if not stubborn:
            raise
    if isinstance(value, Exception):
        raise value
    return value


@pytest.fixture
def complaints(anyio_backend: Any) -> list[str]:
    """What the event loop was told of that nobody caught."""
    return []


async def settled(complaints: list[str]) -> None:
    """Let all tasks end, and note what goes wrong in their callbacks."""
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(str(context)))
    for _ in range(5):
        await asyncio.sleep(0)


@on_asyncio
@pytest.mark.parametrize("seconds", [5.5, math.inf])
async def test_what_comes_in_time_is_given(seconds: float) -> None:
    """And is nobody else's."""
    abandoned: list[Any] = []
    assert await wait_at_most(seconds, late("it"), abandon=abandoned.append) == "it"
    with pytest.raises(OSError, match="^no way$"):
        await wait_at_most(seconds, late(OSError("no way")), abandon=abandoned.append)
    await asyncio.sleep(0)
    assert abandoned == []


@on_asyncio
async def test_what_comes_too_late_is_abandoned(complaints: list[str]) -> None:
    """At the second that the limit says. What was made all the same is cleared away."""
    loop = asyncio.get_running_loop()
    abandoned: list[Any] = []
    begun = loop.time()
    for value in ("it", OSError("no way")):
        with pytest.raises(TimeoutError):
            await wait_at_most(2, late(value), abandon=abandoned.append)
    with pytest.raises(TimeoutError):
        await wait_at_most(2, late("it", stubborn=False), abandon=abandoned.append)
    assert loop.time() - begun == pytest.approx(6)
    await settled(complaints)
    assert (abandoned, complaints) == (["it"], [])


@on_asyncio
async def test_what_nobody_waits_for_any_more_is_abandoned(complaints: list[str]) -> None:
    """Who waited was cancelled, and the step made something all the same."""
    abandoned: list[Any] = []
    for value in ("it", OSError("no way")):
        with anyio.move_on_after(2) as scope:
            await wait_at_most(100, late(value), abandon=abandoned.append)
        assert scope.cancelled_caught
    await settled(complaints)
    assert (abandoned, complaints) == (["it"], [])


@on_asyncio
async def test_a_step_that_others_cancel_was_not_cancelled_here() -> None:
    """As the end of an event loop does. It has a name by which others see what it was."""

    async def step() -> None:
        task = asyncio.current_task()
        assert task is not None
        assert task.get_name() == "clickasync: connect"
        task.cancel()
        await asyncio.sleep(0)

    with pytest.raises(ConnectionAbortedError, match="^the event loop is ending$"):
        await wait_at_most(5, step(), abandon=print)
