"""The gateway over real HTTP on loopback, on asyncio and on trio."""

from __future__ import annotations

import base64
import json
import logging
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import anyio
import anyio.to_thread
import httpx
import pytest

from clickasync import simulator
from clickasync.simulator import CallbackType, Gateway, create_app, serve
from clickasync.simulator.connect import TOKEN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.anyio

LOGIN = {"api_id": "1", "user": "demo", "password": "demo"}
ANN = "27821234567"
MESSAGE = {**LOGIN, "to": ANN, "text": "Grüße & 100%"}


@pytest.fixture
async def http(gateway: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    async with serve(gateway) as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
        yield client


async def test_every_reply_is_a_200_of_plain_text(http: httpx.AsyncClient, gateway: Gateway) -> None:
    sent = await http.post("/http/sendmsg", data=MESSAGE)
    assert (sent.status_code, sent.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert sent.text == f"ID: {gateway.messages[0].id}"
    assert gateway.messages[0].text == "Grüße & 100%"
    refused = await http.post("/http/auth", data={**LOGIN, "password": "x"})
    assert (refused.status_code, refused.text) == (200, "ERR: 001, Authentication failed")


async def test_an_existing_client_that_calls_by_get_just_works(http: httpx.AsyncClient, gateway: Gateway) -> None:
    for body, kind in ((b"", ""), (b'{"to": "1"}', "application/json"), (b"\xff{\x00", "text/plain"), (b"[]", "")):
        headers = {"Content-Type": kind} if kind else {}
        sent = await http.request("GET", "/http/sendmsg", params={**MESSAGE, "mo": "1"}, content=body, headers=headers)
        assert sent.text == f"ID: {gateway.messages[-1].id}"
    assert [message.to for message in gateway.messages] == [ANN] * 4


async def test_query_and_form_are_read_together(http: httpx.AsyncClient, gateway: Gateway) -> None:
    sent = await http.post("/http/sendmsg", params=LOGIN, data={"to": ANN, "text": "Hi"})
    assert sent.text.startswith("ID: ")
    stray = await http.post("/http/sendmsg", params=MESSAGE, json={"text": "no"})
    assert stray.text.startswith("ID: ")
    assert [message.text for message in gateway.messages] == ["Hi", "Grüße & 100%"]


async def test_text_in_iso_8859_1_is_understood(http: httpx.AsyncClient, gateway: Gateway) -> None:
    await http.get("/http/sendmsg?api_id=1&user=demo&password=demo&to=27821234567&text=caf%E9")
    assert gateway.messages[0].text == "café"


async def test_a_get_takes_300_recipients_and_a_post_600(http: httpx.AsyncClient, gateway: Gateway) -> None:
    gateway.account.credits *= 100
    numbers = [f"2782{n:07}" for n in range(600)]
    for count, method, accepted in ((300, "GET", True), (301, "GET", False), (600, "POST", True)):
        fields = {**MESSAGE, "to": ",".join(numbers[:count])}
        given: dict[str, Any] = {"params": fields} if method == "GET" else {"data": fields}
        reply = await http.request(method, "/http/sendmsg", **given)
        assert reply.text.count("ID: ") == (count if accepted else 0)
        assert reply.text.startswith("ID: " if accepted else "ERR: 101, ")


async def test_what_is_no_call_gets_an_http_error(http: httpx.AsyncClient, gateway: Gateway) -> None:
    assert (await http.get("/http/nothing")).status_code == 404
    assert (await http.head("/http/sendmsg", params=MESSAGE)).status_code == 405
    assert (await http.put("/http/sendmsg", params=MESSAGE)).status_code == 405
    assert (await http.post("/http/sendmsg", params=MESSAGE, content=b"x" * 2_000_000)).status_code == 413
    assert gateway.messages == []
    assert (await http.post("/http/sendmsg", data=MESSAGE)).status_code == 200


async def test_many_calls_at_once_are_all_answered(http: httpx.AsyncClient, gateway: Gateway) -> None:
    async def send() -> None:
        assert (await http.post("/http/sendmsg", data=MESSAGE)).text.startswith("ID: ")

    async with anyio.create_task_group() as tasks:
        for _ in range(100):
            tasks.start_soon(send)
    assert len({message.id for message in gateway.messages}) == 100
    assert gateway.credits == 0


async def test_latency_holds_back_the_reply_and_not_the_message(gateway: Gateway) -> None:
    gateway.latency = 60.0
    started = time.monotonic()
    async with serve(gateway) as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/http/sendmsg", data=MESSAGE, timeout=0.3)
        assert len(gateway.messages) == 1
        gateway.latency = 0.0
        assert (await client.post("/http/sendmsg", data=MESSAGE)).text.startswith("ID: ")
    assert time.monotonic() - started < 30


async def test_a_port_that_is_taken_is_an_error_at_once(http: httpx.AsyncClient) -> None:
    with pytest.raises(OSError, match="ddress"):
        async with serve(Gateway(), port=http.base_url.port or 0):
            pytest.fail("it cannot be served")


async def test_the_app_works_under_a_server_of_ones_own(gateway: Gateway) -> None:
    transport = httpx.ASGITransport(create_app(gateway))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        assert (await client.post("/http/getbalance", data=LOGIN)).text == "Credit: 100.0"


async def test_the_control_interface_shows_the_ledger(http: httpx.AsyncClient, gateway: Gateway) -> None:
    await http.post("/http/sendmsg", data={**MESSAGE, "climsgid": "one", "mo": "1"})
    await http.post("/http/sendmsg", data=MESSAGE)
    ledger = (await http.get("/simulator/messages")).json()
    assert [entry["id"] for entry in ledger] == [message.id for message in gateway.messages]
    assert ledger[0]["text"] == "Grüße & 100%"
    assert ledger[0]["status"] == "008"
    assert ledger[0]["options"] == {"climsgid": "one", "mo": "1"}
    assert "demo" not in json.dumps(ledger)
    assert (await http.get("/simulator/messages", params={"since": 1})).json() == ledger[1:]
    status = (await http.get("/simulator/status")).json()
    assert (status["credits"], status["messages"], status["requests"]) == ("98", 2, {"sendmsg": 2})


async def test_the_control_interface_moves_time_and_ends_sessions(http: httpx.AsyncClient, gateway: Gateway) -> None:
    session = (await http.post("/http/auth", data=LOGIN)).text.removeprefix("OK: ")
    await http.post("/http/sendmsg", data=MESSAGE)
    assert (await http.post("/simulator/advance", json={"seconds": 3})).status_code == 200
    assert gateway.messages[0].status == "004"
    assert (await http.post("/simulator/forget")).status_code == 200
    assert (await http.post("/http/ping", data={"session_id": session})).text == "ERR: 003, Session ID expired"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/simulator/advance", {}),
        ("/simulator/advance", {"seconds": "-1"}),
        ("/simulator/advance", {"seconds": "nan"}),
        ("/simulator/mo", {"from": ANN, "to": "1"}),
        ("/simulator/mo", {"from": ANN, "to": "1", "text": "é", "charset": "ascii"}),
        ("/simulator/mo", ["not", "an", "object"]),
    ],
)
async def test_the_control_interface_says_what_it_cannot_read(
    http: httpx.AsyncClient, path: str, body: dict[str, str] | list[str]
) -> None:
    answer = await http.post(path, json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]


class Hook:
    """A callback receiver on loopback that can be down: then it answers 503."""

    def __init__(self) -> None:
        self.up = True
        self.tries = 0
        self.received: list[dict[str, str]] = []
        self.authorizations: set[str] = set()
        self.url = ""

    def take(self, authorization: str, fields: dict[str, str]) -> int:
        self.tries += 1
        self.authorizations.add(authorization)
        if not self.up:
            return 503
        self.received.append(fields)
        return 200


@contextmanager
def listening() -> Iterator[Hook]:
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            encoded = self.rfile.read(size).decode() if self.command == "POST" else urlsplit(self.path).query
            is_json = self.headers.get("Content-Type") == "application/json"
            fields = dict(json.loads(encoded) if is_json else parse_qsl(encoded, keep_blank_values=True))
            self.send_response(hook.take(self.headers.get("Authorization", ""), fields))
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hook.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield hook
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def until(condition: object, seconds: float = 20.0) -> None:
    assert callable(condition)
    with anyio.fail_after(seconds):
        while not condition():
            await anyio.sleep(0.01)


@pytest.mark.parametrize("type", CallbackType)
async def test_reports_and_replies_arrive_in_every_transport(type: CallbackType) -> None:
    with listening() as hook:
        gateway = Gateway(callback_url=hook.url, callback_type=type, callback_auth=("hook", "secret"))
        async with serve(gateway) as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
            await client.post("/http/sendmsg", data={**MESSAGE, "callback": "3"})
            await client.post("/simulator/advance", data={"seconds": "3"})
            await until(lambda: len(hook.received) == 2)
            answer = await client.post("/simulator/mo", json={"from": ANN, "to": "27833001171", "text": "é" * 200})
            await until(lambda: len(hook.received) == 4)
    assert len(answer.json()["ids"]) == 2
    assert all(("data" in fields) == (type.form in ("XML", "SOAP")) for fields in hook.received)
    assert gateway.messages[0].id in str(hook.received[0])
    assert hook.authorizations == {"Basic " + base64.b64encode(b"hook:secret").decode()}


async def test_a_receiver_that_was_down_gets_each_report_once() -> None:
    """A receiver that was down gets each report once when it is up."""
    with listening() as hook:
        hook.up = False
        gateway = Gateway(callback_url=hook.url, clock=lambda: 0.0)
        async with serve(gateway) as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
            for _ in range(5):
                await client.post("/http/sendmsg", data={**MESSAGE, "callback": "2"})
            gateway.advance(3)
            await until(lambda: hook.tries == gateway.pending_callbacks == 5)
            gateway.advance(120)
            await until(lambda: hook.tries == 10 and gateway.pending_callbacks == 5)
            hook.up = True
            gateway.advance(240)
            await until(lambda: len(hook.received) == 5)
    assert {fields["apiMsgId"] for fields in hook.received} == {message.id for message in gateway.messages}
    assert gateway.pending_callbacks == 0


async def test_retries_come_sooner_on_a_faster_clock() -> None:
    with listening() as hook:
        hook.up = False
        gateway = Gateway(callback_url=hook.url, speed=1200)
        async with serve(gateway):
            gateway.inject(ANN, "27833001171", "Hi")
            await until(lambda: hook.tries == 2)
            hook.up = True
            await until(lambda: len(hook.received) == 1)


async def test_a_callback_url_that_leads_nowhere_harms_nobody() -> None:
    gateway = Gateway(callback_url="http://[broken", clock=lambda: 0.0)
    async with serve(gateway) as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
        gateway.inject(ANN, "1", "Hi")
        await until(lambda: gateway.pending_callbacks == 1)
        assert (await client.post("/http/getbalance", data=LOGIN)).status_code == 200


def python(code: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_in_the_foreground_it_runs_until_interrupted() -> None:
    """In the foreground, it runs until interrupted, and then just returns."""
    process = python("""
        from clickasync.simulator import Gateway, run
        run(Gateway(), port=0, on_listening=lambda url: print(f"Listening on {url}", flush=True))
        print("Done")
    """)
    with process:
        assert process.stdout is not None
        first = process.stdout.readline()
        url = first.removeprefix("Listening on ").strip()
        assert httpx.post(f"{url}/http/getbalance", data=LOGIN, trust_env=False).text == "Credit: 1000.0"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "Done\n", "")


def test_importing_the_simulator_imports_no_server() -> None:
    process = python("""
        import sys
        import clickasync.simulator
        print(sorted({"starlette", "uvicorn", "h11"} & set(sys.modules)))
    """)
    out, err = process.communicate(timeout=60)
    assert (out, err) == ("[]\n", "")


def test_it_shares_no_protocol_code_with_the_client() -> None:
    """It shares no reading or writing of the protocol with the client."""
    ours = re.compile(r"^\s*(?:from|import) clickasync\.(\w+)", re.MULTILINE)
    folder = Path(simulator.__file__).parent
    used = {module for path in folder.rglob("*.py") for module in ours.findall(path.read_text("utf-8"))}
    assert used <= {"simulator", "_version", "codes", "encoding", "errors", "results"}


@pytest.mark.parametrize("missing", ["starlette", "h11"])
def test_without_the_extra_the_error_says_what_to_install(missing: str) -> None:
    process = python(f"""
        import sys
        sys.modules["{missing}"] = None
        from clickasync.simulator import Gateway, run
        try:
            run(Gateway(), port=0)
        except ModuleNotFoundError as error:
            print(error)
    """)
    out, err = process.communicate(timeout=60)
    assert (out, err) == (f"the simulator's server needs {missing}: pip install 'clickasync[simulator]'\n", "")


async def test_a_client_that_goes_away_leaves_no_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A client that goes away in the middle of its request leaves no traceback."""
    gateway = Gateway()
    async with serve(gateway) as url:
        port = int(url.rpartition(":")[2])
        for path in ("/http/sendmsg", "/simulator/mo", f"/{TOKEN}"):
            stream = await anyio.connect_tcp("127.0.0.1", port)
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
            await stream.send(f"{head}Content-Type: application/x-www-form-urlencoded\r\n\r\nabc".encode())
            await stream.aclose()
        async with httpx.AsyncClient(base_url=url) as client:
            assert (await client.get("/simulator/status")).status_code == 200
    assert [record.levelname for record in caplog.records if record.levelno >= logging.ERROR] == []
