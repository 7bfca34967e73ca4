"""The receiver behind a real server: alone under uvicorn, mounted in FastAPI, and under load."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import fastapi
import httpx
import pytest
import uvicorn

from clickasync.callbacks import Assembler, DeliveryReport, InboundMessage, receiver
from tests.support import callback_samples as samples
from tests.support.callback_samples import FORMS, MESSAGE, REPORT, Form, as_params, urlencoded

# uvicorn is asyncio's own.
pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", ["asyncio"])]


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    """Serve an app on a free port; its queue of connections is open before the server is."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.serve, [listener])
            try:
                yield f"http://127.0.0.1:{listener.getsockname()[1]}"
            finally:
                server.should_exit = True


@pytest.mark.parametrize("form", FORMS)
async def test_mounted_in_fastapi_it_takes_both_kinds(form: Form) -> None:
    """Mounted in FastAPI, it takes both kinds beside other routes."""
    events: list[DeliveryReport | InboundMessage] = []

    async def note(event: DeliveryReport | InboundMessage) -> None:
        events.append(event)

    app = fastapi.FastAPI()
    app.mount("/hooks", receiver(on_report=note, on_message=note, auth=("hook", "secret")))

    @app.get("/health")
    async def health() -> str:
        return "well"

    async with served(app) as url, httpx.AsyncClient(base_url=url, auth=("hook", "secret"), trust_env=False) as client:
        for fields in (REPORT, MESSAGE):
            params = urlencoded(as_params(form, fields))
            assert (await client.get("/hooks/?" + params.decode())).status_code == 200
            assert (await client.post("/hooks/clickatell", content=params)).status_code == 200
        assert (await client.get("/hooks/", auth=("hook", "wrong"))).status_code == 401
        assert (await client.get("/health")).json() == "well"
    assert events == [samples.EXPECTED_REPORT, samples.EXPECTED_MESSAGE]


async def test_served_alone_it_refuses_what_it_must_and_lives_on() -> None:
    handled: list[str] = []

    async def save(report: DeliveryReport) -> None:
        handled.append(report.id)

    bomb = '<!DOCTYPE a [<!ENTITY b "b"><!ENTITY c "&b;&b;">]><callback>&c;</callback>'
    async with served(receiver(on_report=save)) as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:

        async def status(method: str, **options: Any) -> int:
            return (await client.request(method, "/", **options)).status_code

        async def streamed() -> AsyncIterator[bytes]:
            for _ in range(5_000):
                yield b"a" * 1000

        assert await status("POST", content=b"a" * 5_000_000) == 413
        assert await status("POST", content=streamed()) == 413
        assert await status("POST", content=bomb.encode()) == 400
        assert await status("POST", content=("<a>" * 20_000).encode()) == 400
        assert await status("GET", params={"data": bomb}) == 400
        assert await status("GET") == 400
        assert await status("PUT") == 405
        assert await status("POST", content=samples.report()) == 200
    assert handled == [REPORT["apiMsgId"]]


async def test_a_long_message_is_joined_by_an_assembler_behind_it() -> None:
    texts: list[str] = []
    assembler = Assembler()

    async def join(message: InboundMessage) -> None:
        whole = assembler.add(message)
        if whole is not None:
            texts.append(whole.text)

    parts = [
        samples.message(moMsgId=str(number), text=f"part {number} ", udh=f"060804ABCD03{number:02}")
        for number in (3, 1, 2)
    ]
    async with served(receiver(on_message=join)) as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
        for part in (*parts, *parts):
            assert (await client.post("/", content=part)).status_code == 200
    assert texts == ["part 1 part 2 part 3 "]


async def test_ten_thousand_reports_are_each_handled_once() -> None:
    """Ten thousand reports posted at once are each handled exactly once."""
    handled: Counter[tuple[str, str]] = Counter()
    answers: Counter[bytes] = Counter()

    async def save(report: DeliveryReport) -> None:
        await asyncio.sleep(0)
        handled[report.id, report.status.value] += 1

    bodies = [samples.report(apiMsgId=f"{number:032x}", status="004") for number in range(10_000)]
    # Every tenth comes twice, as retries do.
    queue = iter([body for number, body in enumerate(bodies) for body in [body] * (1 + (number % 10 == 0))])

    async with served(receiver(on_report=save)) as url:
        port = int(url.rpartition(":")[2])

        async def post_some() -> None:
            # A client of its own kind: 11,000 requests through a full one would test the client.
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for body in queue:
                writer.write(b"POST / HTTP/1.1\r\nHost: hook\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(len(b"OK\n"))
                answers[head.partition(b"\r\n")[0]] += 1
            writer.close()
            await writer.wait_closed()

        with anyio.fail_after(100):
            async with anyio.create_task_group() as tasks:
                for _ in range(200):
                    tasks.start_soon(post_some)
    assert answers == {b"HTTP/1.1 200 OK": 11_000}
    assert len(handled) == 10_000
    assert set(handled.values()) == {1}


def test_the_callbacks_need_no_extra(anyio_backend: str) -> None:
    """The callbacks need no extra and load no XML before there is some."""
    program = (
        "import sys, clickasync.callbacks as callbacks\n"
        "heavy = {'starlette', 'fastapi', 'uvicorn', 'xmltodict'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "callbacks.parse({'data': '<callback><apiMsgId>1</apiMsgId><to>1</to><status>3</status>'\n"
        "    '<timestamp>1</timestamp></callback>'})\n"
        "assert 'xmltodict' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
