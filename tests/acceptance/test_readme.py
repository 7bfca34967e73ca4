"""The README's examples, run as they stand there, against the simulator."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
import uvicorn
from anyio.from_thread import start_blocking_portal

import clickasync
from clickasync.simulator import CallbackType, Gateway, serve
from clickasync.simulator.callbacks import Target

README = Path(__file__).parents[2] / "README.md"
CONNECT_TOKEN = "00112233445566778899aabbccddeeff"


def example(name: str) -> str:
    """The code of the block that the comment ``<!-- example: name -->`` stands before."""
    found = re.search(rf"<!-- example: {name} -->\n```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


def run(name: str) -> dict[str, Any]:
    """Run an example as if it were pasted into a file; gives its names."""
    module = ModuleType(f"readme_{name}".replace("-", "_"))
    exec(compile(example(name), f"README.md: {name}", "exec", dont_inherit=True), vars(module))  # noqa: S102
    return vars(module)


@contextmanager
def simulated(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve the simulator, and let the environment point to it."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(serve(gateway)) as url:
        settings = {"API_ID": "1", "USER": "demo", "PASSWORD": "demo", "BASE_URL": url, "CONNECT_TOKEN": CONNECT_TOKEN}
        for name, value in settings.items():
            monkeypatch.setenv(f"CLICKATELL_{name}", value)
        yield url


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    """A served simulator that the environment points to."""
    gateway = Gateway(credits=5000, gateway_delay=0.01, handset_delay=0.01)
    with simulated(gateway, monkeypatch):
        yield gateway


def wait_until(condition: Callable[[], bool]) -> None:
    """Look again and again, for ten seconds at most."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextmanager
def served(app: Any) -> Iterator[httpx.Client]:
    """An ASGI app under a real server; gives a client of it."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    listener = uvicorn.Config(app, port=0).bind_socket()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        wait_until(lambda: server.started)
        with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}") as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


def test_every_python_block_has_a_name_and_is_run_here() -> None:
    text = README.read_text(encoding="utf-8")
    assert text.count("```python") == len(re.findall(r"<!-- example: (\S+) -->\n```python", text))
    tests = Path(__file__).read_text(encoding="utf-8")
    assert all(f'run("{name}")' in tests for name in re.findall(r"<!-- example: (\S+) -->", text))


def test_one_message(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    run("send")
    assert [message.to for message in gateway.messages] == ["27821234567"]
    assert "4999" in capsys.readouterr().out


def test_many_messages(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    run("many")
    printed = capsys.readouterr().out
    assert printed.count("accepted as") == len(gateway.messages) == 2
    assert "not a number certainly not sent" in printed


def test_the_worker(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    run("worker")
    assert len({message.to for message in gateway.messages}) == len(gateway.messages) == 500
    assert "accepted=500" in capsys.readouterr().out


def test_the_web_service(gateway: Gateway) -> None:
    with served(run("service")["app"]) as service:
        assert service.post("/codes", params={"to": "27821234567"}).json()["sent"] == "yes"
        assert service.post("/codes", params={"to": "nobody"}).status_code == 422
        assert service.post("/codes", params={"to": "999122"}).status_code == 502
    assert [message.text for message in gateway.messages] == ["Your code is 4711"]


def test_reports_and_replies(gateway: Gateway) -> None:
    with served(run("two-way")["app"]) as service:
        id = service.post("/send", params={"to": "27821234567", "text": "Hi"}).json()["id"]
        report = {"apiMsgId": id, "cliMsgId": "", "to": "27821234567", "from": "", "timestamp": "1218007814"}
        hook = "/clickatell/"
        assert service.get(hook, params={**report, "status": "004", "charge": "1"}).status_code == 401
        login = ("hook", "secret")
        for status in ("004", "003"):
            answer = service.get(hook, params={**report, "status": status, "charge": "1"}, auth=login)
            assert answer.status_code == 200
        assert service.get(f"/status/{id}").json() == {"status": "Received by recipient"}
        inbound = {"moMsgId": "1", "from": "27821234567", "to": "27820000000", "text": "Yes", "charset": ""}
        service.post(hook, data={**inbound, "timestamp": "2026-01-01 10:00:00", "api_id": "1"}, auth=login)
    assert [message.text for message in gateway.messages] == ["Hi", "You said: Yes"]


def test_accounts(gateway: Gateway, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    base = os.environ["CLICKATELL_BASE_URL"]
    original = clickasync.ConnectClient
    monkeypatch.setattr(clickasync, "ConnectClient", lambda: original(base_url=base))
    run("connect")
    assert "bytes of PNG" in capsys.readouterr().out


def test_the_simulator(capsys: pytest.CaptureFixture[str]) -> None:
    run("simulator")
    assert "9 credits left" in capsys.readouterr().out


@pytest.mark.parametrize("kind", CallbackType)
def test_the_simulator_calls_the_two_way_example_which_answers(
    kind: CallbackType, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = Gateway(gateway_delay=0.01, handset_delay=0.01)
    with simulated(gateway, monkeypatch):
        names = run("two-way")
        with served(names["app"]) as service:
            target = Target(f"{service.base_url}/clickatell/", kind, ("hook", "secret"))
            gateway.account.target = target
            id = service.post("/send", params={"to": "27821234567", "text": "Hi"}).json()["id"]
            gateway.inject("27821234567", "27820000000", "Yes é")
            wait_until(lambda: len(gateway.messages) == 2)
            wait_until(lambda: service.get(f"/status/{id}").json()["status"] == "Received by recipient")
    assert [message.text for message in gateway.messages] == ["Hi", "You said: Yes é"]
