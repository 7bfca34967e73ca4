"""What an observer of a receiver sees: each callback, and how it was answered."""

from __future__ import annotations

import anyio
import httpx
import pytest

from clickasync import CallbackError, CallStarted
from clickasync.callbacks import DeliveryReport, InboundMessage, receiver
from tests.support import callback_samples as samples
from tests.support.watcher import Watcher

pytestmark = pytest.mark.anyio

FORM_TYPE = {"content-type": "application/x-www-form-urlencoded"}


def web(app: object) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
    return httpx.AsyncClient(transport=transport, base_url="http://hook.example.com", headers=FORM_TYPE)


async def save(event: DeliveryReport | InboundMessage) -> None:
    """A handler that is content."""


async def fail(event: DeliveryReport | InboundMessage) -> None:
    raise ZeroDivisionError


async def test_reports_and_messages_are_seen_by_their_names() -> None:
    watcher = Watcher()
    async with web(receiver(on_report=save, on_message=save, observer=watcher)) as client:
        assert (await client.post("/", content=samples.report())).status_code == 200
        assert (await client.post("/", content=samples.message())).status_code == 200
    assert watcher.started == [CallStarted("report", 0, 0, "", 1), CallStarted("message", 0, 0, "", 1)]
    assert watcher.outcomes("report") == watcher.outcomes("message") == ["done"]
    assert watcher.settlements == []


async def test_a_handler_that_fails_is_seen_by_the_type_of_its_error() -> None:
    watcher = Watcher()
    async with web(receiver(on_report=fail, observer=watcher)) as client:
        assert (await client.post("/", content=samples.report())).status_code == 500
    [ended] = watcher.of("report")
    assert (ended.outcome, ended.code, ended.error) == ("rejected", "500", ZeroDivisionError)


async def test_what_brings_no_event_is_a_callback() -> None:
    watcher = Watcher()
    async with web(receiver(on_report=save, observer=watcher, auth=("hook", "secret"))) as client:
        await client.post("/", content=samples.report())
        await client.post("/", content=b"what=ever", auth=("hook", "secret"))
        await client.put("/", auth=("hook", "secret"))
    assert [(ended.outcome, ended.code, ended.error) for ended in watcher.of("callback")] == [
        ("rejected", "401", None),
        ("rejected", "400", CallbackError),
        ("rejected", "405", None),
    ]


async def test_a_handler_that_is_cancelled_is_seen() -> None:
    watcher = Watcher()
    began = anyio.Event()

    async def wait(event: DeliveryReport) -> None:
        began.set()
        await anyio.sleep_forever()

    async with web(receiver(on_report=wait, observer=watcher)) as client, anyio.create_task_group() as tasks:

        async def call() -> None:
            await client.post("/", content=samples.report())

        tasks.start_soon(call)
        await began.wait()
        tasks.cancel_scope.cancel()
    assert watcher.outcomes("report") == ["cancelled"]


async def test_the_handler_runs_between_start_and_end() -> None:
    watcher = Watcher()
    seen: list[tuple[int, int]] = []

    async def look(event: DeliveryReport) -> None:
        seen.append((len(watcher.started), len(watcher.ended)))

    async with web(receiver(on_report=look, observer=watcher)) as client:
        await client.post("/", content=samples.report())
    assert seen == [(1, 0)]
    assert len(watcher.ended) == 1
