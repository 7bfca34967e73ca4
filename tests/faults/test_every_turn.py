"""A call that is cancelled in each turn of the event loop: whatever it was about to do, the next call works."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import anyio
import pytest
import trustme
from anyio.abc import ByteStream
from anyio.streams.tls import TLSStream
from attrs import define

from clickasync import Accepted, Client, ClosedError, Skipped, Uncertain
from clickasync.simulator import Gateway
from tests.support.raw import http, listening, read_request

pytestmark = pytest.mark.anyio

LOGIN: dict[str, Any] = {"api_id": 1, "user": "demo", "password": "demo"}
TURNS = 60
"""More than a first send takes, with its connection and its session."""


@pytest.fixture(params=["plain", "tls"])
def tls(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext | None:
    """A server's context, with a certificate that clients of this test trust; None for a server in the open."""
    if request.param == "plain":
        return None
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return context


async def cancelled_after(turns: int, client: Client, to: list[str]) -> list[Any]:
    """The results of a call that is cancelled after so many turns of the loop."""
    into: list[Any] = []
    async with anyio.create_task_group() as tasks:

        async def send() -> None:
            await client.send_many(to, "Hi", into=into)
            tasks.cancel_scope.cancel()

        tasks.start_soon(send)
        for _ in range(turns):
            await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()
    return into


@define
class Served:
    """A gateway on the event loop of its clients, so that each turn is the same turn every time."""

    gateway: Gateway
    tls: ssl.SSLContext | None
    open: int = 0

    async def serve(self, stream: ByteStream) -> None:
        """Answer the requests of a connection."""
        self.open += 1
        try:
            if self.tls is not None:
                stream = await TLSStream.wrap(stream, ssl_context=self.tls, standard_compatible=False)
            while True:
                exchange = await read_request(stream)
                await stream.send(http(self.gateway.handle(exchange.path, exchange.fields) or ""))
        finally:
            self.open -= 1


@pytest.mark.parametrize("warm", [False, True])
async def test_a_call_may_be_cancelled_in_any_turn(tls: ssl.SSLContext | None, warm: bool) -> None:
    """Nobody who was sent to is said to be unsent, nothing stays open, and no later connection is deaf."""
    served = Served(Gateway(), tls)
    async with listening(served.serve) as url:
        base = url if tls is None else url.replace("http://127.0.0.1", "https://localhost")
        for turns in range(TURNS):
            async with Client(**LOGIN, base_url=base, max_connections=2, batch_size=1, retries=0, timeout=2) as client:
                if warm:
                    await client.authenticate()
                served.gateway.messages.clear()
                results = await cancelled_after(turns, client, ["27821230001", "27821230002"])
                taken = {message.to for message in served.gateway.messages}
                assert taken <= {result.to for result in results if isinstance(result, Accepted | Uncertain)}
                assert {result.to for result in results if isinstance(result, Accepted)} <= taken
                later = await client.send_many(["27821230003", "27821230004", "27821230005"], "Hi")
                assert all(result.ok for result in later), f"after {turns} turns: {later}"
            with anyio.fail_after(5):
                while served.open:
                    await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_second_cancellation_does_not_make_it_skipped() -> None:
    """On asyncio a task can be cancelled again while it cleans up. Its calls were out all the same."""
    gateway = Gateway()

    async def serve(stream: ByteStream) -> None:
        while True:
            exchange = await read_request(stream)
            text = gateway.handle(exchange.path, exchange.fields) or ""
            if exchange.command == "sendmsg":
                await anyio.sleep_forever()
            await stream.send(http(text))

    to = [f"2782123000{number}" for number in range(4)]
    async with listening(serve) as url, Client(**LOGIN, base_url=url, batch_size=1, max_connections=2) as client:
        for turns in range(8):
            gateway.messages.clear()
            into: list[Any] = []
            call = asyncio.create_task(client.send_many(to, "Hi", into=into))
            while len(gateway.messages) < 2:
                await anyio.lowlevel.checkpoint()
            call.cancel()
            for _ in range(turns):
                await anyio.lowlevel.checkpoint()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert [type(result) for result in into] == [Uncertain, Uncertain, Skipped, Skipped], f"after {turns} turns"


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_close_that_is_cancelled_closes_all_the_same() -> None:
    """In whichever turn: no connection stays open until it is too old."""
    served = Served(Gateway(), None)
    async with listening(served.serve) as url:
        for turns in range(1, 8):
            client = Client(**LOGIN, base_url=url)
            await client.authenticate()
            closing = asyncio.create_task(client.aclose())
            for _ in range(turns):
                await anyio.lowlevel.checkpoint()
            closing.cancel()
            await asyncio.wait([closing])
            with anyio.fail_after(2):
                while served.open:
                    await anyio.lowlevel.checkpoint()
            with pytest.raises(ClosedError):
                await client.balance()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_batch_that_is_cancelled_asks_nothing_more() -> None:
    """A gateway that did not answer in time would not answer to endbatch either, and who cancels would wait for it."""
    gateway = Gateway()
    is_out = anyio.Event()

    async def serve(stream: ByteStream) -> None:
        while True:
            exchange = await read_request(stream)
            text = gateway.handle(exchange.path, exchange.fields) or ""
            if exchange.command in {"senditem", "endbatch"}:
                is_out.set()
                await anyio.sleep_forever()
            await stream.send(http(text))

    async def send_batch(client: Client) -> None:
        async with client.batch("Dear #field1#") as batch:
            await batch.send("27821230001", "Ann")

    async with listening(serve) as url, Client(**LOGIN, base_url=url) as client:
        sending = asyncio.create_task(send_batch(client))
        await is_out.wait()
        sending.cancel()
        with anyio.fail_after(5), pytest.raises(asyncio.CancelledError):
            await sending
        assert gateway.requests["endbatch"] == 0
