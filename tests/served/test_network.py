"""Connections: to which address, through TLS, and what becomes of a request that is read slowly."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import anyio.lowlevel
import anyio.to_thread
import httpx
import pytest
import trustme
from anyio.abc import ByteStream, SocketAttribute, TaskGroup
from anyio.streams.tls import TLSStream

from clickasync import (
    Accepted,
    ApiError,
    Client,
    ConnectClient,
    OutcomeUnknownError,
    ProtocolError,
    TransportError,
)
from clickasync.simulator import Gateway
from tests.support.faulty_gateway import Fault, FaultyGateway, always, once
from tests.support.raw import Held, http, listening, read_request, reset
from tests.support.ways import names_of_elsewhere

pytestmark = pytest.mark.anyio

LOGIN: dict[str, Any] = {"api_id": 1, "user": "demo", "password": "demo"}
TO = "27821234567"
TOKEN = "0123456789abcdef0123456789abcdef"
LONG_TEXT = "\u00e9" * 39_000  # each of them six bytes of a form


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's, with a certificate that clients of this test trust."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "gateway.test").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return context


async def test_a_send_goes_through_tls(tls: ssl.SSLContext) -> None:
    faulty = FaultyGateway(Gateway(credits=5000))
    async with faulty.serve(tls) as url, Client(**LOGIN, base_url=url) as client:
        assert isinstance(await client.send(TO, "Hi"), Accepted)
        results = await client.send_many([f"2782{number:07d}" for number in range(2000)], "Hi")
    assert all(result.ok for result in results)
    assert faulty.open_connections == 0


@pytest.mark.parametrize("fault", [Fault.RESET, Fault.CLOSED, Fault.CUT, Fault.SILENCE, Fault.DRIP, Fault.HUGE])
async def test_a_fault_behind_tls_is_as_unknown_as_one_in_the_open(tls: ssl.SSLContext, fault: Fault) -> None:
    faulty = FaultyGateway(Gateway(), always("token_pay", fault))
    async with faulty.serve(tls) as url, Client(**LOGIN, base_url=url, timeout=0.3) as client:
        await client.balance()
        with pytest.raises(OutcomeUnknownError):
            await client.redeem("1234567890123456")
        assert isinstance(await client.send(TO, "Hi"), Accepted)
    assert faulty.calls["token_pay"] == 1


async def test_what_is_no_tls_any_more_is_no_reply(tls: ssl.SSLContext) -> None:
    """A reply in the open, in the middle of a connection through TLS: the outcome is unknown."""

    async def serve(stream: ByteStream) -> None:
        wrapped = await TLSStream.wrap(stream, ssl_context=tls, standard_compatible=False)
        while True:
            exchange = await read_request(wrapped)
            is_send = exchange.command == "sendmsg"
            await (stream if is_send else wrapped).send(http("ID: " + "e" * 32 if is_send else "OK: 5e55"))

    async with listening(serve) as url:
        base = url.replace("http://127.0.0.1", "https://localhost")
        async with Client(**LOGIN, base_url=base, retries=0) as client:
            with pytest.raises(OutcomeUnknownError):
                await client.send(TO, "Hi")


async def test_a_gateway_that_does_not_speak_tls_was_not_sent_anything() -> None:
    faulty = FaultyGateway(Gateway())
    async with faulty.serve() as url:
        base = url.replace("http:", "https:")
        async with Client(**LOGIN, base_url=base, retries=0, timeout=0.5) as client:
            with pytest.raises(TransportError, match="connect"):
                await client.send(TO, "Hi")
    assert not faulty.calls


async def test_a_tls_handshake_that_never_ends_was_not_sent_anything() -> None:
    async with _listening(lambda stream: anyio.sleep_forever()) as port:
        async with Client(**LOGIN, base_url=f"https://localhost:{port}", retries=0, timeout=0.2) as client:
            with pytest.raises(TransportError, match="connecting timed out"):
                await client.send(TO, "Hi")


@pytest.mark.parametrize("way", ["closes", "resets", "speaks"])
async def test_a_connection_that_is_no_good_is_not_written_to(way: str) -> None:
    """It ends as soon as it is there, or brings a reply that nobody asked for: nothing was sent."""
    fresh = 0

    async def serve(stream: ByteStream) -> None:
        nonlocal fresh
        fresh += 1
        if fresh == 1:
            await read_request(stream)
            await stream.send(http("OK: 5e55", "Connection: close"))
        elif way == "speaks":
            await stream.send(http("ID: " + "e" * 32))
            await anyio.sleep_forever()
        elif way == "resets":
            reset(stream)

    async with listening(serve) as url, Client(**LOGIN, base_url=url, retries=0) as client:
        await client.authenticate()
        for _ in range(5):
            with pytest.raises(TransportError, match="nothing was sent") as caught:
                await client.send(TO, "Hi")
            if way != "resets":  # where it depends on who is first
                assert "could not connect: the gateway closed the connection, or spoke before it was asked" in str(
                    caught.value
                )


async def test_a_request_that_is_read_slowly_arrives_whole() -> None:
    bodies: list[bytes] = []

    async def read_slowly(stream: ByteStream) -> None:
        while True:
            data = await stream.receive()
            while b"\r\n\r\n" not in data or len(data.partition(b"\r\n\r\n")[2]) < _length(data):
                await anyio.lowlevel.checkpoint()
                data += await stream.receive(4096)
            bodies.append(data.partition(b"\r\n\r\n")[2])
            text = b"OK: 5e55" if b"/http/auth" in data else b"ID: 1"
            await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(text) + text)

    async with _listening(read_slowly, receive_buffer=4096) as port:
        async with Client(**LOGIN, base_url=f"http://127.0.0.1:{port}") as client:
            assert (await client.send(TO, LONG_TEXT, concat=255)).id == "1"
    assert len(bodies[-1]) > 200_000
    assert bodies[-1].endswith(f"&to={TO}".encode())


async def test_a_request_that_is_not_read_is_unknown() -> None:
    """A request that is not read to its end has an unknown outcome."""

    async def read_a_little(stream: ByteStream) -> None:
        data = await stream.receive()
        if b"/http/auth" in data:
            await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nOK: 5e55")
            await stream.receive(1000)
        await anyio.sleep_forever()

    async with _listening(read_a_little, receive_buffer=4096) as port:
        url = f"http://127.0.0.1:{port}"
        async with Client(**LOGIN, base_url=url, retries=0, timeout=0.3) as client:
            with pytest.raises(OutcomeUnknownError, match="in time"):
                await client.send(TO, LONG_TEXT, concat=255)


async def test_a_reply_that_floods_is_given_up() -> None:
    """It comes from a thread of its own, so that there is always more when the event loop looks."""
    sent = 0

    def flood(listener: socket.socket) -> None:
        nonlocal sent
        connection, _ = listener.accept()
        with connection, suppress(ConnectionError):
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while sent < 200 << 20:
                sent += connection.send(b"OK: \n" * 1000)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.to_thread.run_sync, flood, listener)
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            async with Client(**LOGIN, base_url=url, retries=0) as client:
                with pytest.raises(ProtocolError, match="longer than 1048576 bytes"):
                    await client.authenticate()
    assert sent < 50 << 20


@pytest.mark.parametrize("fault", [Fault.CLOSED, Fault.RESET])
async def test_a_connection_that_broke_is_not_used_again(fault: Fault) -> None:
    faulty = FaultyGateway(Gateway(), once("getbalance", fault))
    async with faulty.serve() as url, Client(**LOGIN, base_url=url, max_connections=1) as client:
        assert await client.balance() == 1000
        assert await client.balance() == 1000
    assert faulty.connections == 2


@pytest.mark.parametrize(
    "surplus", [b"\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nID: stale", b"HTTP/1.1 200 OK\r\n"]
)
async def test_what_follows_a_reply_is_not_taken_for_the_next(surplus: bytes) -> None:
    async with _listening(_answering(b"OK: 5e55", b"ID: 1", b"ERR: 105, Invalid", surplus=surplus)) as port:
        async with Client(**LOGIN, base_url=f"http://127.0.0.1:{port}", max_connections=1) as client:
            assert (await client.send(TO, "Hi")).id == "1"
            with pytest.raises(ApiError, match="105"):
                await client.send(TO, "Ho")


async def test_what_follows_in_another_record_of_tls_is_not_the_next(tls: ssl.SSLContext) -> None:
    """Both came in one piece, so that the socket is silent; the record waits, encrypted, where TLS is undone."""

    async def serve(stream: ByteStream) -> None:
        held = Held(stream)
        await answering(await TLSStream.wrap(held, server_side=True, ssl_context=tls, standard_compatible=False), held)

    async def answering(stream: ByteStream, held: Held) -> None:
        while True:
            exchange = await read_request(stream)
            held.holds = True
            await stream.send(http("OK: 5e55" if exchange.command == "auth" else f"ID: {exchange.fields['to']}"))
            await stream.send(http("ID: stale"))
            await held.release()

    async with _listening(serve) as port:
        async with Client(**LOGIN, base_url=f"https://localhost:{port}", max_connections=1) as client:
            for number in range(3):
                assert (await client.send(f"2782123456{number}", "Hi")).id == f"2782123456{number}"


@names_of_elsewhere
async def test_behind_a_proxy_what_follows_a_reply_is_not_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """What follows a reply behind a proxy is not taken for the next reply."""
    stale = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nID: stale"
    async with _listening(_answering(b"OK: 5e55", b"ID: 1", b"ERR: 105, Invalid", surplus=stale)) as port:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        async with Client(**LOGIN, base_url="http://gateway.test", allow_insecure=True, max_connections=1) as client:
            assert (await client.send(TO, "Hi")).id == "1"
            with pytest.raises(ApiError, match="105"):
                await client.send(TO, "Ho")


@names_of_elsewhere
async def test_a_tunnel_through_a_proxy_is_used_once(tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []

    async def forward(source: ByteStream, target: ByteStream, tasks: TaskGroup) -> None:
        with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
            while True:
                await target.send(await source.receive())
        tasks.cancel_scope.cancel()

    async def proxy(stream: ByteStream) -> None:
        asked.append((await stream.receive()).splitlines()[0])
        await stream.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        async with await anyio.connect_tcp("127.0.0.1", gateway_port) as gateway, anyio.create_task_group() as tasks:
            tasks.start_soon(forward, stream, gateway, tasks)
            tasks.start_soon(forward, gateway, stream, tasks)

    faulty = FaultyGateway(Gateway())
    async with faulty.serve(tls) as url, _listening(proxy) as port:
        gateway_port = httpx.URL(url).port or 443
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
        base = f"https://gateway.test:{gateway_port}"
        async with Client(**LOGIN, base_url=base, max_connections=1) as client:
            for _ in range(3):
                assert isinstance(await client.send(TO, "Hi"), Accepted)
    assert asked == [f"CONNECT gateway.test:{gateway_port} HTTP/1.1".encode()] * 4


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("is_read", [True, False])
async def test_what_comes_to_an_idle_connection_is_no_reply(is_read: bool) -> None:
    """What comes while a connection is idle is not taken for the next reply."""
    sockets: list[socket.socket] = []
    answering = _answering(b"OK: 5e55", b"ID: 1", b"ERR: 105, Invalid")

    async def serve(stream: ByteStream) -> None:
        sockets.append(stream.extra(SocketAttribute.raw_socket))
        await answering(stream)

    async with _listening(serve) as port:
        url = f"http://127.0.0.1:{port}"
        async with Client(**LOGIN, base_url=url, max_connections=1, retries=0) as client:
            assert (await client.send(TO, "Hi")).id == "1"
            os.write(sockets[0].fileno(), b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nID: stale")
            for _ in range(10 * is_read):
                await anyio.lowlevel.checkpoint()
            with pytest.raises(ApiError, match="105"):
                await client.send(TO, "Ho")
    assert len(sockets) == 2


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 5\r\n\r\nID: 1", b"Transfer-Encoding: chunked\r\n\r\n5\r\nID: 1\r\n0\r\n\r\n"]
)
async def test_a_connection_is_used_again_after_a_whole_reply(framing: bytes) -> None:
    """A connection whose reply was read to its end is used again."""
    connections = 0

    async def serve(stream: ByteStream) -> None:
        nonlocal connections
        connections += 1
        while True:
            data = await stream.receive()
            auth = b"Content-Length: 8\r\n\r\nOK: 5e55"
            await stream.send(b"HTTP/1.1 200 OK\r\n" + (auth if b"/http/auth" in data else framing))

    async with _listening(serve) as port:
        async with Client(**LOGIN, base_url=f"http://127.0.0.1:{port}", max_connections=1) as client:
            assert {(await client.send(TO, "Hi")).id for _ in range(5)} == {"1"}
    assert connections == 1


@pytest.mark.parametrize("host", ["a" * 64 + ".localhost", "a..localhost"])
async def test_nothing_was_sent_to_a_name_that_cannot_be_one(host: str) -> None:
    async with ConnectClient(TOKEN, base_url=f"http://{host}", retries=0) as client:
        with pytest.raises(TransportError, match="nothing was sent"):
            await client.forgot_password("ann", "ann@example.org", captcha=("1" * 32, "ab12"))


async def test_nothing_was_sent_when_the_certificates_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    junk = tmp_path / "ca.pem"
    junk.write_text("none")
    monkeypatch.setenv("SSL_CERT_FILE", str(junk))
    async with ConnectClient(TOKEN, base_url="https://localhost", retries=0) as client:
        with pytest.raises(TransportError, match="could not connect.*nothing was sent"):
            await client.forgot_password("ann", "ann@example.org", captcha=("1" * 32, "ab12"))


@asynccontextmanager
async def _listening(
    handle: Callable[[ByteStream], Awaitable[None]], receive_buffer: int | None = None
) -> AsyncIterator[int]:
    async def serve(stream: ByteStream) -> None:
        async with stream:
            with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
                await handle(stream)

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    if receive_buffer is not None:
        listener.extra(SocketAttribute.raw_socket).setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, serve)
        yield listener.extra(SocketAttribute.local_port)
        tasks.cancel_scope.cancel()


def _answering(auth: bytes, *texts: bytes, surplus: bytes = b"") -> Callable[[ByteStream], Awaitable[None]]:
    """A gateway that gives these replies to what is not auth, one after another on all connections, and `surplus`."""
    rest = iter(texts)

    async def serve(stream: ByteStream) -> None:
        while True:
            data = await stream.receive()
            while len(data.partition(b"\r\n\r\n")[2]) < _length(data):
                data += await stream.receive()
            text = auth if b"/http/auth" in data else next(rest)
            await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(text) + text + surplus)

    return serve


def _length(data: bytes) -> int:
    head = data.partition(b"\r\n\r\n")[0].decode("ascii")
    return next(int(line[15:]) for line in head.split("\r\n") if line.lower().startswith("content-length:"))
