"""Posts through clients of httpx: what their exceptions and replies mean, and what is said of them."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, Final

import anyio
import anyio.lowlevel
import httpx
import pytest
import trustme

from clickasync import ConfigurationError
from clickasync.law import Believed, Failure, Lost, NotSent, Reply, Sending, Unreadable
from clickasync.redaction import Secret
from clickasync.transport import MAX_REPLY, Transport, parse_base_url
from tests.support.raw import http, listening, read_request
from tests.support.virtual import on_virtual_time
from tests.support.ways import names_of_elsewhere

pytestmark = pytest.mark.anyio

BASE: Final = parse_base_url("http://gateway.test", allow_insecure=True)
RESET: Final = ConnectionResetError(104, "Connection reset by peer")
REFUSED: Final = ConnectionRefusedError(111, "Connection refused")

Handler = Callable[[httpx.Request], Coroutine[Any, Any, httpx.Response]]


class Pieces(httpx.AsyncByteStream):
    """A body that comes in pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self.left = list(pieces)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self.left:
            await anyio.lowlevel.checkpoint()
            yield self.left.pop(0)


async def post(
    client: httpx.AsyncClient | None, sending: Sending | None = None, path: str = "/http/ping", **settings: Any
) -> Reply | Failure:
    """What a post through `client` gives."""
    transport = Transport(BASE, http_client=client, **settings)
    try:
        return await transport.post(path, b"a=b", Believed[Reply | Failure], sending or Sending())
    finally:
        await transport.aclose()


async def post_to(handler: Handler, hook: Any = None, **settings: Any) -> Reply | Failure:
    """What a post gives that `handler` answers, through a client with a hook for responses."""
    hooks = {} if hook is None else {"response": [hook]}
    async with httpx.AsyncClient(transport=httpx.MockTransport(handler), event_hooks=hooks) as own:
        return await post(own, **settings)


async def post_answered(
    *pieces: bytes, status: int = 200, headers: dict[str, str] | None = None, version: bytes = b"HTTP/1.1"
) -> Reply | Failure:
    """What a post gives that is answered so."""

    async def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers=headers, stream=Pieces(*pieces), extensions={"http_version": version})

    return await post_to(answer)


@pytest.mark.parametrize(
    ("error", "cause", "outcome"),
    [
        (httpx.ConnectError, REFUSED, NotSent("could not connect: [Errno 111] Connection refused")),
        (httpx.ConnectTimeout, None, NotSent("connecting timed out")),
        (httpx.PoolTimeout, None, NotSent("no connection came free in time")),
        (httpx.ProxyError, None, NotSent("the proxy refused to connect")),
        (
            httpx.UnsupportedProtocol,
            None,
            NotSent("the URL or its proxy has a scheme that httpx does not know"),
        ),
        (httpx.ReadTimeout, None, Lost("no reply in time")),
        (httpx.WriteTimeout, None, Lost("the request could not be written in time")),
        (httpx.RemoteProtocolError, None, Lost("the connection was closed, or the reply was not HTTP")),
        (httpx.InvalidURL, None, Lost("the reply leads to a URL that is none")),
        (httpx.TooManyRedirects, None, Lost("a redirect was followed")),
        (httpx.ReadError, RESET, Lost("the connection broke: [Errno 104] Connection reset by peer")),
        (httpx.CloseError, None, Lost("the connection broke")),
        (KeyError, None, Lost("KeyError")),
    ],
)
async def test_an_exception_is_told_in_our_words(
    error: type[Exception], cause: Exception | None, outcome: NotSent | Lost
) -> None:
    """And in the system's. Those of libraries may hold a URL."""

    async def fail(request: httpx.Request) -> httpx.Response:
        raise error("https://gateway.test/token") from cause

    assert await post_to(fail) == outcome


async def test_aiohttps_reason_is_believed_before_httpxs_name() -> None:
    """httpx-aiohttp says ConnectTimeout of what happened after sending, too."""
    import aiohttp  # which takes a quarter of a second to import
    from aiohttp.client_reqrep import ConnectionKey
    from yarl import URL

    key = ConnectionKey("gateway.test", 80, False, True, None, None, None)
    request = aiohttp.RequestInfo(URL(BASE.url), "POST", None)  # type: ignore[arg-type]
    causes: dict[aiohttp.ClientError, type[NotSent | Lost]] = {
        aiohttp.ClientConnectorError(key, REFUSED): NotSent,
        aiohttp.ClientHttpProxyError(request, ()): NotSent,
        aiohttp.ConnectionTimeoutError(): NotSent,
        aiohttp.InvalidURL(BASE.url): NotSent,
        aiohttp.ServerDisconnectedError(): Lost,
        aiohttp.ClientOSError(104, "Connection reset by peer"): Lost,
        aiohttp.SocketTimeoutError(): Lost,
    }
    for cause, kind in causes.items():

        async def fail(request: httpx.Request, cause: Exception = cause) -> httpx.Response:
            raise httpx.ConnectTimeout("") from cause

        assert isinstance(await post_to(fail), kind), cause


async def test_a_hooks_own_exception_is_no_reason_to_send_again() -> None:
    """It names no request, and the post's own one has gone out."""

    async def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, text="OK:")

    async def fail(response: httpx.Response) -> None:
        raise httpx.ConnectError("the hook's own server is down")

    assert await post_to(answer, fail) == Lost("the connection broke")


@pytest.mark.parametrize(
    ("status", "headers", "outcome"),
    [
        (429, {"Retry-After": " 17 "}, NotSent("HTTP 429", 17.0)),
        (503, {}, Lost("HTTP 503")),
        (404, {}, Lost("HTTP 404 (is base_url right?)")),
    ],
)
async def test_a_hook_that_raises_for_status_changes_nothing(
    status: int, headers: dict[str, str], outcome: NotSent | Lost
) -> None:
    """But for the words behind the status, which its exception does not give."""

    async def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers=headers)

    async def raise_for_status(response: httpx.Response) -> None:
        response.raise_for_status()

    assert await post_to(answer, raise_for_status) == outcome


@pytest.mark.parametrize(
    ("status", "headers", "outcome"),
    [
        (429, {"Retry-After": " 17 "}, NotSent("HTTP 429 Too Many Requests", 17.0)),
        (503, {}, Lost("HTTP 503 Service Unavailable")),
        (302, {"Location": "/elsewhere"}, Lost("HTTP 302 Found (is base_url right?)")),
    ],
)
async def test_another_status_is_the_infrastructures(
    status: int, headers: dict[str, str], outcome: NotSent | Lost
) -> None:
    """With the words behind it."""
    assert await post_answered(b"ID: a", status=status, headers=headers) == outcome


@pytest.mark.parametrize("headers", [{"Content-Encoding": "gzip"}, {"Transfer-Encoding": "gzip, chunked"}])
async def test_a_coding_that_was_not_asked_for_is_unreadable(headers: dict[str, str]) -> None:
    """Of the body, or of its way here."""
    found = await post_answered(b"ID: a", headers=headers)
    assert isinstance(found, Unreadable)
    assert str(found.error) == "the reply is compressed, and was asked not to be"


@pytest.mark.parametrize(
    ("headers", "version", "is_framed"),
    [
        ({"Content-Length": "5"}, b"HTTP/1.1", True),
        ({"Transfer-Encoding": "Chunked", "Content-Encoding": "Identity"}, b"HTTP/1.1", True),
        ({}, b"HTTP/2", True),
        ({}, b"HTTP/1.1", False),
    ],
)
async def test_a_reply_is_framed_where_its_end_is_marked(
    headers: dict[str, str], version: bytes, is_framed: bool
) -> None:
    """By a length, by chunks, or by HTTP/2."""
    assert await post_answered(b"ID:", b" a", version=version, headers=headers) == Reply(b"ID: a", is_framed)


async def test_a_mebibyte_is_read_and_one_byte_more_is_not() -> None:
    """Whether the byte comes with the others or after them. What shows is the beginning, and as text."""
    whole = b"\xff" + b"x" * (MAX_REPLY - 1)
    assert await post_answered(whole, headers={"Content-Length": str(MAX_REPLY)}) == Reply(whole)
    for pieces in ((whole + b"y",), (whole, b"y")):
        found = await post_answered(*pieces)
        assert isinstance(found, Unreadable)
        assert found.error.reason == f"the reply is longer than {MAX_REPLY} bytes"
        assert found.error.reply == "\ufffd" + "x" * 4095


async def test_a_reply_too_long_is_not_read_to_its_end() -> None:
    """It may have none."""
    body = Pieces(b"x" * MAX_REPLY, b"y", b"and", b"so", b"on")

    async def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=body)

    assert isinstance(await post_to(answer), Unreadable)
    assert body.left == [b"and", b"so", b"on"]


@pytest.mark.parametrize(
    ("timeout", "limits"),
    [
        (httpx.Timeout(connect=1, write=2, read=3, pool=4), {"connect": 1.0, "read": 3.0, "write": 2.0, "pool": None}),
        (httpx.Timeout(None), {"connect": None, "read": None, "write": None, "pool": None}),
    ],
)
async def test_a_clients_request_carries_the_limits(timeout: httpx.Timeout, limits: dict[str, float | None]) -> None:
    """All but that of waiting: whoever waits here has a connection to himself."""
    seen: list[Any] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        seen.append((request.method, str(request.url), await request.aread(), request.extensions["timeout"]))
        return httpx.Response(200, text="OK:")

    assert await post_to(answer, timeout=timeout) == Reply(b"OK:")
    assert seen == [("POST", "http://gateway.test/http/ping", b"a=b", limits)]


@on_virtual_time
async def test_all_phases_together_have_a_limit() -> None:
    """The sum of their limits. It is unknown what became of a request that took longer."""

    async def answer(request: httpx.Request) -> httpx.Response:
        await anyio.sleep(7)
        return httpx.Response(200, text="OK:")

    assert await post_to(answer, timeout=httpx.Timeout(2)) == Lost("no complete reply within 6 s")
    assert await post_to(answer, timeout=httpx.Timeout(3)) == Reply(b"OK:")


@on_virtual_time
async def test_a_cancelled_post_is_over_when_its_call_is() -> None:
    """What its client still has to do is done by then."""
    is_over = False
    has_begun = anyio.Event()

    async def answer(request: httpx.Request) -> httpx.Response:
        nonlocal is_over
        try:
            has_begun.set()
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(1)
            is_over = True
        raise AssertionError

    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(post_to, answer)
            await has_begun.wait()
            scope.cancel()
    assert is_over


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_task_of_a_post_has_a_name() -> None:
    """For whoever lists the tasks of a program."""
    names: list[str] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        task = asyncio.current_task()
        assert task is not None
        names.append(task.get_name())
        return httpx.Response(200, text="OK:")

    await post_to(answer)
    assert names == ["clickasync: post through httpx"]


async def test_a_client_that_builds_no_request_sends_nothing() -> None:
    """Whatever a class of the user's raises there."""

    class Failing(httpx.AsyncClient):
        def build_request(self, *args: Any, **settings: Any) -> httpx.Request:
            raise OSError(2, "No such file")

    sending = Sending()
    async with Failing() as own:
        assert await post(own, sending) == NotSent("the request could not be built: [Errno 2] No such file")
    assert not sending.maybe_sent


@names_of_elsewhere
async def test_a_proxy_without_certificates_is_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are read with the first post, and where they cannot be, the system's words say why."""
    missing = tmp_path / "missing.pem"
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("SSL_CERT_FILE", str(missing))
    assert await post(None) == NotSent("could not connect: [Errno 2] No such file or directory")


@names_of_elsewhere
async def test_no_frame_of_a_post_shows_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Connect API's path is a secret, and a crash report shows the variables of each frame."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    def look() -> None:
        raise RuntimeError("stopped right before it left")

    with pytest.raises(RuntimeError) as caught:
        await post(None, Sending(look), path=Secret("/" + "ca11ab1e" * 2))  # in two, because its line shows too
    report = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "url = http://gateway.test/***" in report
    assert "ca11ab1e" * 2 not in report


@names_of_elsewhere
async def test_certificates_are_not_read_for_each_post(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client behind a proxy serves one post after another: to make one takes longer than to post."""
    authority = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(authority)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))

    async def serve(stream: Any) -> None:
        await read_request(stream)
        await stream.send(http("OK:"))

    async with listening(serve) as url:
        monkeypatch.setenv("http_proxy", url)
        transport = Transport(BASE)
        for _ in range(2):
            assert await transport.post("/http/ping", b"", Believed[Reply | Failure], Sending()) == Reply(b"OK:")
            authority.unlink(missing_ok=True)
        await transport.aclose()


@names_of_elsewhere
async def test_a_redirect_through_a_proxy_is_told_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it leads to no URL, for which httpx would raise."""

    async def serve(stream: Any) -> None:
        await read_request(stream)
        await stream.send(b"HTTP/1.1 302 Found\r\nLocation: http://a:b:c/\r\nContent-Length: 0\r\n\r\n")

    async with listening(serve) as url:
        monkeypatch.setenv("http_proxy", url)
        assert await post(None) == Lost("HTTP 302 Found (is base_url right?)")


@pytest.mark.parametrize(
    ("proxy", "says"),
    [
        (
            "socks5://127.0.0.1:9",
            "the environment names a SOCKS proxy, which needs: pip install 'httpx[socks]'",
        ),
        (
            "gopher://user:pa55@127.0.0.1",
            "the environment names a proxy that is no URL like http://proxy:8080: see HTTPS_PROXY and ALL_PROXY",
        ),
    ],
)
def test_a_proxy_that_cannot_be_used_is_told(proxy: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What to do about it, and not the proxy, which may hold a password."""
    monkeypatch.setenv("all_proxy", proxy)
    with pytest.raises(ConfigurationError) as caught:
        Transport(BASE)
    assert str(caught.value) == says
