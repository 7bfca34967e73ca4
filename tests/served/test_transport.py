"""The door to the network: was anything sent?"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import anyio.lowlevel
import httpx
import pytest
import respx

from clickasync import (
    Accepted,
    Client,
    ConfigurationError,
    ConnectClient,
    OutcomeUnknownError,
    ProtocolError,
    TransportError,
)
from clickasync.simulator import Gateway
from tests.support.faulty_gateway import Fault, FaultyGateway, always
from tests.support.virtual import answer, client_of, on_virtual_time, virtual_gateway
from tests.support.ways import names_of_elsewhere

pytestmark = pytest.mark.anyio

LOGIN: dict[str, Any] = {"api_id": 1, "user": "demo", "password": "demo"}
TO = "27821234567"


@pytest.mark.parametrize(
    "url",
    [
        "http://api.clickatell.com",
        "http://10.0.0.1",
        "ftp://api.clickatell.com",
        "api.clickatell.com",
        "https://user:password@api.clickatell.com",
        "https://api.clickatell.com/?key=1",
        "http://localhost.example.org",
        "https://",
    ],
)
async def test_a_base_url_that_would_not_be_safe_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="base_url"):
        Client(**LOGIN, base_url=url)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8095", "http://127.1.2.3", "http://localhost", "http://[::1]:80", "http://gw.localhost"]
)
async def test_plain_http_is_for_loopback(url: str) -> None:
    await Client(**LOGIN, base_url=url).aclose()


async def test_plain_http_to_elsewhere_must_be_asked_for() -> None:
    await Client(**LOGIN, base_url="http://gateway.example.org", allow_insecure=True).aclose()


async def test_missing_credentials_are_named_with_their_variables() -> None:
    with pytest.raises(ConfigurationError, match="user, password.*CLICKATELL_USER, CLICKATELL_PASSWORD"):
        Client(api_id=1)


@pytest.mark.parametrize("name", ["api_id", "user", "password"])
async def test_credentials_that_no_form_can_hold_are_refused(name: str) -> None:
    """A variable of the environment that is not UTF-8 comes so. The value is not repeated."""
    with pytest.raises(ConfigurationError, match=f"{name} is not valid Unicode") as caught:
        Client(**{**LOGIN, name: "caf\udce9"})
    assert "caf" not in str(caught.value)


async def test_credentials_and_base_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    faulty = FaultyGateway(Gateway(api_id="77", user="ann", password="s3cret"))
    async with faulty.serve() as url:
        settings = {"API_ID": "77", "USER": "ann", "PASSWORD": "s3cret", "BASE_URL": url}
        for name, value in settings.items():
            monkeypatch.setenv(f"CLICKATELL_{name}", value)
        async with Client() as client:
            assert await client.balance() == 1000


async def test_calls_are_posts_whose_urls_hold_no_secret() -> None:
    with respx.mock(base_url="https://api.clickatell.com") as router:
        login = router.post("/http/auth").respond(text="OK: 0123456789abcdef0123456789abcdef")
        send = router.post("/http/sendmsg").respond(text="ID: 1")
        async with httpx.AsyncClient() as own, Client(**LOGIN, http_client=own) as client:
            assert (await client.send(TO, "Hi")).id == "1"
    assert [str(route.calls.last.request.url) for route in (login, send)] == [
        "https://api.clickatell.com/http/auth",
        "https://api.clickatell.com/http/sendmsg",
    ]
    assert b"session_id=0123456789abcdef0123456789abcdef" in send.calls.last.request.content


async def test_a_wrong_certificate_is_a_transport_error(tmp_path: Path) -> None:
    """A TLS server with a certificate that nobody signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    port = listener.extra(anyio.abc.SocketAttribute.local_port)

    async def handle(stream: anyio.abc.SocketStream) -> None:
        from anyio.streams.tls import TLSStream

        async with stream:
            try:
                await TLSStream.wrap(stream, server_side=True, ssl_context=context)
            except (ssl.SSLError, anyio.BrokenResourceError, anyio.EndOfStream):
                return

    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, handle)
        async with Client(**LOGIN, base_url=f"https://127.0.0.1:{port}", retries=0) as client:
            with pytest.raises(TransportError, match="could not connect"):
                await client.send(TO, "Hi")
        tasks.cancel_scope.cancel()


async def test_what_the_caller_is_handling_is_not_told_as_the_reason() -> None:
    faulty = FaultyGateway(Gateway())
    async with faulty.serve() as url:
        client = Client(**LOGIN, base_url=url, retries=0)
        await client.authenticate()
    async with client:
        try:
            raise OSError("of the caller's own")
        except OSError:
            with pytest.raises(TransportError, match="could not connect") as caught:
                await client.balance()
    assert "of the caller" not in str(caught.value)


@pytest.mark.skipif(not hasattr(asyncio, "eager_task_factory"), reason="Python 3.12 and later")
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_idle_connections_close_where_tasks_are_eager(anyio_backend: str) -> None:
    """Where tasks start at once, idle connections are closed all the same."""
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined]
    faulty = FaultyGateway(Gateway())
    async with faulty.serve() as url:
        async with Client(**LOGIN, base_url=url, keep_session_alive=False) as client:
            await client.authenticate()
        while faulty.open_connections:
            await anyio.lowlevel.checkpoint()


async def test_a_gateway_that_is_elsewhere_leads_to_the_base_url() -> None:
    async with FaultyGateway(Gateway(), always("auth", Fault.REDIRECT)).serve() as url:
        async with Client(**LOGIN, base_url=url, retries=0) as client:
            with pytest.raises(TransportError, match=r"HTTP 302 Whatever \(is base_url right\?\)"):
                await client.balance()


@names_of_elsewhere
async def test_a_name_that_does_not_resolve_is_a_transport_error() -> None:
    async with Client(**LOGIN, base_url="https://gateway.invalid", retries=0) as client:
        with pytest.raises(TransportError, match="could not connect"):
            await client.send(TO, "Hi")


@names_of_elsewhere
async def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain HTTP proxy is asked for the whole URL; ours answers it by itself."""
    faulty = FaultyGateway(Gateway())
    async with faulty.serve() as url:
        monkeypatch.setenv("http_proxy", url)
        async with Client(**LOGIN, base_url="http://gateway.example.org", allow_insecure=True) as client:
            await client.balance()
    assert faulty.targets == ["http://gateway.example.org/http/auth", "http://gateway.example.org/http/getbalance"]


async def test_no_proxy_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    faulty = FaultyGateway(Gateway())
    async with faulty.serve() as url:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        async with Client(**LOGIN, base_url=url) as client:
            assert await client.balance() == 1000


@pytest.mark.parametrize(
    ("proxy", "says"), [("socks5://127.0.0.1:9", r"httpx\[socks\]"), ("gopher://user:pa55@127.0.0.1", "HTTPS_PROXY")]
)
async def test_a_proxy_that_cannot_be_used_is_told_by_the_constructor(
    monkeypatch: pytest.MonkeyPatch, proxy: str, says: str
) -> None:
    monkeypatch.setenv("all_proxy", proxy)
    with pytest.raises(ConfigurationError, match=says) as caught:
        Client(**LOGIN)
    assert "pa55" not in str(caught.value)


async def test_a_client_that_is_not_async_is_refused() -> None:
    """A client that is not async is refused by the constructor."""
    with httpx.Client() as own, pytest.raises(ConfigurationError, match=r"httpx\.AsyncClient, not Client"):
        Client(**LOGIN, http_client=own)  # type: ignore[arg-type]


async def test_the_users_own_client_is_used_as_it_is_and_not_closed() -> None:
    faulty = FaultyGateway(Gateway())
    seen: list[str] = []

    async def note(request: httpx.Request) -> None:
        seen.append(request.url.path)

    async with faulty.serve() as url, httpx.AsyncClient(event_hooks={"request": [note]}) as own:
        async with Client(**LOGIN, base_url=url, http_client=own) as client:
            await client.balance()
        assert not own.is_closed
    assert seen == ["/http/auth", "/http/getbalance"]


async def test_a_client_of_the_users_own_class_is_used_as_well() -> None:
    """Whatever its name, and also one that only hands on to a client of httpx."""

    class AsyncClient(httpx.AsyncClient):
        pass

    class Handing:
        is_closed = False

        def __init__(self, client: httpx.AsyncClient) -> None:
            self.build_request = client.build_request
            self._client = client

        async def send(self, request: httpx.Request, **settings: Any) -> httpx.Response:
            return await self._client.send(request, **settings)

    gateway = Gateway()
    transport = httpx.MockTransport(lambda request: answer(gateway, request))
    async with AsyncClient(transport=transport) as own:
        for given in (own, Handing(own)):
            async with Client(**LOGIN, http_client=given) as client:  # type: ignore[arg-type]
                assert isinstance(await client.send(TO, "Hi"), Accepted)


async def test_a_client_that_raises_for_status_keeps_the_law() -> None:
    """A client of the user that raises for status changes nothing of the law."""

    async def raise_for_status(response: httpx.Response) -> None:
        response.raise_for_status()

    for fault, error in {Fault.TOO_MANY: TransportError, Fault.UNAVAILABLE: OutcomeUnknownError}.items():
        faulty = FaultyGateway(Gateway(), always("token_pay", fault))
        async with faulty.serve() as url, httpx.AsyncClient(event_hooks={"response": [raise_for_status]}) as own:
            async with Client(**LOGIN, base_url=url, http_client=own, retries=0) as client:
                with pytest.raises(error):
                    await client.redeem("1234567890123456")


async def test_there_are_never_more_connections_than_allowed() -> None:
    faulty = FaultyGateway(Gateway())
    async with faulty.serve() as url, Client(**LOGIN, base_url=url, max_connections=3) as client:
        async with anyio.create_task_group() as tasks:
            for _ in range(50):
                tasks.start_soon(client.balance)
    assert faulty.connections == 3


@on_virtual_time
async def test_a_429_is_repeated_when_its_retry_after_is_over() -> None:
    gateway = virtual_gateway()
    times: list[float] = []

    def busy(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/http/sendmsg":
            times.append(anyio.current_time())
            if len(times) == 1:
                return httpx.Response(429, headers={"Retry-After": "17"})
            if len(times) == 2:
                return httpx.Response(429, headers={"Retry-After": formatdate(time.time() + 30, usegmt=True)})
        return answer(gateway, request)

    async with client_of(gateway, busy) as client:
        assert isinstance(await client.send(TO, "Hi"), Accepted)
    assert times[1] - times[0] == pytest.approx(17, abs=0.1)
    assert times[2] - times[1] == pytest.approx(30, abs=3)


@on_virtual_time
async def test_a_retry_after_that_is_too_long_is_told_at_once() -> None:
    gateway = virtual_gateway()

    def busy(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/http/sendmsg":
            return httpx.Response(429, headers={"Retry-After": "3600"})
        return answer(gateway, request)

    async with client_of(gateway, busy) as client:
        before = anyio.current_time()
        with pytest.raises(TransportError) as caught:
            await client.send(TO, "Hi")
    assert caught.value.retry_after == 3600
    assert anyio.current_time() - before < 1


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_reset_is_unknown_through_httpx_aiohttp_too() -> None:
    """httpx-aiohttp says ConnectTimeout of a reset after sending, which would be safe to repeat."""
    from httpx_aiohttp import HttpxAiohttpClient

    faulty = FaultyGateway(Gateway(), always("token_pay", Fault.RESET))
    async with faulty.serve() as url, HttpxAiohttpClient() as own:
        async with Client(**LOGIN, base_url=url, http_client=own) as client:
            with pytest.raises(OutcomeUnknownError):
                await client.redeem("1234567890123456")
    assert faulty.calls["token_pay"] == 1


async def test_nothing_of_a_call_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG - 9)
    faulty = FaultyGateway(Gateway(password="pa55-w0rd"))
    async with faulty.serve() as url, Client(api_id=1, user="demo", password="pa55-w0rd", base_url=url) as client:
        await client.balance()
        session_id = faulty.bodies[-1]["session_id"]
    assert "pa55" not in caplog.text
    assert session_id not in caplog.text


@names_of_elsewhere
async def test_the_connect_token_is_not_logged_behind_a_proxy(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The token in the URL of the Connect API is not logged behind a proxy either."""
    caplog.set_level(1)
    token = "0123456789abcdef0123456789abcdef"
    faulty = FaultyGateway(Gateway())
    async with faulty.serve() as url:
        monkeypatch.setenv("http_proxy", url)
        base = "http://connect.example.org"
        async with ConnectClient(token, base_url=base, allow_insecure=True, retries=0) as client:
            with pytest.raises(ProtocolError):
                await client.get_list_callback()
    assert faulty.targets == [f"{base}/{token}"]
    assert "HTTP Request" in caplog.text
    assert token not in caplog.text
