"""Behind a proxy of the environment: httpx finds it, and nothing that it says is believed more than it should be."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
import trustme
from anyio.abc import ByteStream
from anyio.streams.tls import TLSStream

from clickasync import Accepted, ApiError, ClickatellError, Client, OutcomeUnknownError, TransportError
from clickasync.simulator import Gateway
from tests.support.raw import http, listening, read_request
from tests.support.ways import names_of_elsewhere

pytestmark = pytest.mark.anyio

LOGIN: dict[str, Any] = {"api_id": 1, "user": "demo", "password": "demo"}
TO = "27821234567"
BASE = "http://gateway.test"


def replying(gateway: Gateway, *odd: bytes) -> Any:
    """A proxy that is the gateway itself, but for its first replies to ``sendmsg``."""
    rest = list(odd)

    async def serve(stream: ByteStream) -> None:
        while True:
            exchange = await read_request(stream)
            path = exchange.path.removeprefix(BASE)
            reply = http(gateway.handle(path, exchange.fields) or "")
            await stream.send(rest.pop(0) if exchange.command == "sendmsg" and rest else reply)

    return serve


@names_of_elsewhere
@pytest.mark.parametrize(
    "location", ["foo:bar", "//", "http://[", "x" * (65 << 10), "https://\u00e9\x00", "http://a:b:c/"]
)
async def test_a_redirect_to_nowhere_is_unknown_and_found_accepted(
    location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """httpx looks at ``Location`` after the request has gone out, and raises for an odd one."""
    gateway = Gateway()
    redirect = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode("latin-1")
    async with listening(replying(gateway, redirect)) as url:
        monkeypatch.setenv("http_proxy", url)
        async with Client(**LOGIN, base_url=BASE, allow_insecure=True, retries=0) as client:
            assert isinstance(await client.send(TO, "Hi"), Accepted)
    assert len(gateway.messages) == 1


@pytest.mark.parametrize("location", ["foo:bar", "//", "x" * (65 << 10)])
async def test_an_odd_redirect_through_a_users_client_is_unknown(location: str) -> None:
    """Whatever its exception is, the request has gone out."""
    gateway = Gateway()

    def answer(request: httpx.Request) -> httpx.Response:
        text = gateway.handle(request.url.path, dict(httpx.QueryParams(request.content.decode()).items()))
        if request.url.path == "/http/sendmsg":
            return httpx.Response(302, headers={"Location": location})
        return httpx.Response(200, text=text or "")

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as own:
        async with Client(**LOGIN, http_client=own, retries=1) as client:
            assert isinstance(await client.send(TO, "Hi"), Accepted)
            with pytest.raises(OutcomeUnknownError):
                await client.send(TO, "Hi", climsgid="mine")
    assert len(gateway.messages) == 2


@names_of_elsewhere
async def test_a_failed_handshake_costs_one_call_not_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tunnel stood, TLS in it failed: nothing was sent, and nothing of it is used again."""
    authority, other = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    gateway = Gateway()
    handshakes = 0

    async def proxy(stream: ByteStream) -> None:
        nonlocal handshakes
        await stream.receive()
        await stream.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        handshakes += 1
        (other if handshakes == 3 else authority).issue_cert("gateway.test").configure_cert(context)
        try:
            secured = await TLSStream.wrap(stream, server_side=True, ssl_context=context, standard_compatible=False)
        except ssl.SSLError:
            return
        exchange = await read_request(secured)
        await secured.send(http(gateway.handle(exchange.path, exchange.fields) or ""))

    async with listening(proxy) as url:
        monkeypatch.setenv("https_proxy", url)
        async with Client(**LOGIN, base_url="https://gateway.test", retries=0, max_connections=1) as client:
            assert isinstance(await client.send(TO, "Hi"), Accepted)
            with pytest.raises(TransportError, match="could not connect"):
                await client.send(TO, "Ho")
            assert isinstance(await client.send(TO, "Hey"), Accepted)
    assert [message.text for message in gateway.messages] == ["Hi", "Hey"]


@names_of_elsewhere
async def test_a_cancelled_call_leaves_nothing_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reply to a cancelled request is not taken for the reply to another."""
    gateway = Gateway()
    arrived = anyio.Event()

    async def serve(stream: ByteStream) -> None:
        while True:
            exchange = await read_request(stream)
            reply = http(gateway.handle(exchange.path.removeprefix(BASE), exchange.fields) or "")
            if exchange.fields.get("text") == "First":
                arrived.set()
                await anyio.wait_all_tasks_blocked()
            await stream.send(reply)

    async with listening(serve) as url:
        monkeypatch.setenv("http_proxy", url)
        async with Client(**LOGIN, base_url=BASE, allow_insecure=True, max_connections=1) as client:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.send, TO, "First")
                await arrived.wait()
                tasks.cancel_scope.cancel()
            sent = await client.send(TO, "Second")
    [first, second] = gateway.messages
    assert (first.text, second.text, sent.id) == ("First", "Second", second.id)


async def test_a_loopback_base_never_goes_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A simulator on this machine is reached whatever the machine's environment says."""
    gateway = Gateway()

    async def serve(stream: ByteStream) -> None:
        while True:
            exchange = await read_request(stream)
            await stream.send(http(gateway.handle(exchange.path, exchange.fields) or ""))

    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with listening(serve) as url, Client(**LOGIN, base_url=url, retries=0) as client:
        assert isinstance(await client.send(TO, "Hi"), Accepted)


async def test_no_reply_of_a_proxy_is_a_verdict_of_the_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of the proxy's own says nothing about the message."""
    page = "<html><h1>ERR: 301</h1>\nERR: 301, No credit left\n</html>"
    async with listening(replying(Gateway(), http(page), http(page))) as url:
        monkeypatch.setenv("http_proxy", url)
        async with Client(**LOGIN, base_url=BASE, allow_insecure=True, retries=0) as client:
            with pytest.raises(ClickatellError) as caught:
                await client.send(TO, "Hi", climsgid="mine")
    assert not isinstance(caught.value, ApiError | TransportError)
