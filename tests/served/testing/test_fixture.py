"""The fixture `clickatell`, used in this project's own tests: sync and async, on asyncio, trio and pytest-asyncio."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import threading
from typing import Any

import anyio
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from clickasync import Callback, Client, ConnectClient, SessionExpiredError, blocking
from clickasync.callbacks import DeliveryReport, InboundMessage, receiver
from clickasync.testing import Clickatell
from tests.support.served import wait_until

TO = "27821234567"


# -- sync


def test_a_sync_test_asks_what_was_sent(clickatell: Clickatell) -> None:
    with blocking.Client() as client:
        client.send_many([TO, "27827654321"], "Doors open at 8")
        client.send(TO, "Your Acme 2 code is 471102, for 5 minutes", from_="Acme")
    assert [message.to for message in clickatell.messages] == [TO, "27827654321", TO]
    assert clickatell.last.sender == "Acme"
    assert len(clickatell.sent_to("+27 82 123 4567")) == 2
    assert clickatell.assert_sent(to="082 123 4567", text="Doors open at 8") == [clickatell.messages[0]]
    clickatell.assert_sent(text="Doors open at 8", count=2)
    clickatell.assert_sent(text=re.compile(r"code is \d+"))
    clickatell.assert_sent(to="27820000000", count=0)
    assert clickatell.code() == clickatell.code(to=TO) == "471102"
    assert "3 messages" in repr(clickatell)


def test_nothing_sent_is_an_error_that_says_so(clickatell: Clickatell) -> None:
    clickatell.assert_nothing_sent()
    for ask in (lambda: clickatell.last, clickatell.code, lambda: clickatell.wait_for(timeout=0)):
        with pytest.raises(AssertionError, match="Nothing was accepted.$"):
            ask()


def test_a_test_waits_for_what_another_thread_sends(clickatell: Clickatell) -> None:
    def send() -> None:
        with blocking.Client() as client:
            for number in range(3):
                client.send(TO, f"{number}")

    thread = threading.Thread(target=send)
    thread.start()
    assert clickatell.wait_for(to=TO, count=3, timeout=10).text == "2"
    thread.join()


def test_a_program_that_a_test_starts_sends_there(clickatell: Clickatell) -> None:
    command = [sys.executable, "-m", "clickasync", "send", TO, "Hi"]
    subprocess.run(command, check=True, capture_output=True, env=dict(os.environ))
    clickatell.assert_sent(to=TO, text="Hi")


def test_time_passes_when_a_test_says_so(clickatell: Clickatell) -> None:
    with blocking.Client() as client:
        sent = client.send(TO, "Hi")
        later = client.send(TO, "Hi", deliv_time=120)
        assert client.status(sent.id).status.value == "008"
        clickatell.advance(1)
        assert client.status(sent.id).status.value == "003"
        clickatell.deliver_all()
        assert client.status(sent.id).status.value == "004"
        assert client.status(later.id).status.value == "004"


def test_sessions_expire_when_a_test_says_so(clickatell: Clickatell) -> None:
    with blocking.Client(retries=0) as client:
        client.ping()
        clickatell.expire_sessions()
        with pytest.raises(SessionExpiredError):
            client.ping()
    assert clickatell.gateway.authentications == 1


def test_the_connect_api_is_there_too(clickatell: Clickatell) -> None:
    async def countries() -> int:
        async with ConnectClient() as connect:
            return len(await connect.get_list_country())

    assert asyncio.run(countries()) > 0


class Inbox:
    """Handlers that remember."""

    def __init__(self) -> None:
        self.reports: list[DeliveryReport] = []
        self.messages: list[InboundMessage] = []

    async def save(self, report: DeliveryReport) -> None:
        self.reports.append(report)

    async def reply(self, message: InboundMessage) -> None:
        self.messages.append(message)

    def app(self) -> Any:
        return receiver(on_report=self.save, on_message=self.reply, auth=("hook", "secret"))


def test_callbacks_come_into_an_app_without_a_port(clickatell: Clickatell) -> None:
    """And have been made when the call that made them due returns."""
    inbox = Inbox()
    clickatell.report_to(inbox.app(), auth=("hook", "secret"))
    with blocking.Client() as client:
        sent = client.send(TO, "Hi", from_="27820000099", callback=Callback.FINAL)
    clickatell.deliver_all()
    assert [(report.id, report.status.value) for report in inbox.reports] == [(sent.id, "004")]
    clickatell.reply(TO, "Yes é")
    assert [(message.from_, message.to, message.text) for message in inbox.messages] == [(TO, "27820000099", "Yes é")]
    clickatell.reply("27827654321", "who is this?")
    assert [attempt.status for attempt in clickatell.callbacks] == [200, 200, 200]


def test_a_callback_that_is_turned_away_is_seen(clickatell: Clickatell) -> None:
    inbox = Inbox()
    clickatell.report_to(inbox.app(), auth=("hook", "wrong"))
    clickatell.reply(TO, "Hi")
    assert [attempt.status for attempt in clickatell.callbacks] == [401]
    clickatell.report_to(inbox.app(), auth=("hook", "secret"))


async def _broken(scope: object, receive: object, send: object) -> None:
    raise ZeroDivisionError


def test_an_app_that_fails_is_an_answer_of_500(clickatell: Clickatell, caplog: pytest.LogCaptureFixture) -> None:
    clickatell.report_to(_broken)
    clickatell.reply(TO, "Hi")
    assert [attempt.status for attempt in clickatell.callbacks] == [500]
    assert "ZeroDivisionError" in caplog.text


def test_a_test_client_is_called_where_its_app_lives(clickatell: Clickatell) -> None:
    loops: list[object] = []
    app = FastAPI()
    inbox = Inbox()

    @app.get("/here")
    async def here() -> None:
        loops.append(asyncio.get_running_loop())

    async def note(message: InboundMessage) -> None:
        loops.append(asyncio.get_running_loop())
        inbox.messages.append(message)

    app.mount("/hook", receiver(on_message=note))
    with TestClient(app) as web:
        web.get("/here")
        clickatell.report_to(web, path="/hook/")
        clickatell.reply(TO, "Hi")
    assert [message.text for message in inbox.messages] == ["Hi"]
    assert loops[0] is loops[1]


def test_callbacks_go_to_a_url(clickatell: Clickatell) -> None:
    """Here, to nobody: and they are tried again two minutes later."""
    clickatell.report_to("http://127.0.0.1:9/hook", type=0)
    clickatell.reply(TO, "Hi")
    clickatell.advance(120)
    assert [(attempt.url, attempt.status) for attempt in clickatell.callbacks] == [
        ("http://127.0.0.1:9/hook", None)
    ] * 2


def test_callbacks_to_a_test_that_is_over_go_nowhere(clickatell: Clickatell) -> None:
    """The app of a test before this one is forgotten."""
    assert clickatell.gateway.account.target is None
    clickatell.reply(TO, "Hi")
    assert clickatell.callbacks == []


# -- async


@pytest.mark.anyio
async def test_an_async_test_waits_without_stopping_its_loop(clickatell: Clickatell) -> None:
    async def send() -> None:
        async with Client() as client:
            await anyio.sleep(0.01)
            await client.send(TO, "Your code is 4711")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(send)
        assert (await clickatell.await_for(to=TO)).text == "Your code is 4711"
        with pytest.raises(AssertionError, match="within 0.01 s"):
            await clickatell.await_for(count=2, timeout=0.01)


@pytest.mark.anyio
async def test_waiting_that_stops_the_loop_says_so(clickatell: Clickatell) -> None:
    with pytest.raises(AssertionError, match="Nothing was accepted.\nThe event loop .* use await_for"):
        clickatell.wait_for(timeout=0.01)


@pytest.mark.anyio
async def test_callbacks_come_in_the_loop_of_an_async_test(clickatell: Clickatell) -> None:
    inbox = Inbox()
    async with Client() as client:
        app = receiver(on_report=inbox.save, client=client)
        clickatell.report_to(app)
        sent = await client.send(TO, "Hi", callback=Callback.FINAL)
        clickatell.deliver_all()
        await clickatell.await_callbacks()
        assert (await client.wait_for_delivery(sent.id, timeout=5)).status.value == "004"
    assert [report.id for report in inbox.reports] == [sent.id]


@pytest.mark.anyio
async def test_waiting_for_callbacks_ends_in_time(clickatell: Clickatell) -> None:
    never = anyio.Event()

    async def hang(scope: object, receive: object, send: object) -> None:
        await never.wait()

    clickatell.report_to(hang)
    clickatell.reply(TO, "Hi")
    with pytest.raises(AssertionError, match="under way"):
        await clickatell.await_callbacks(timeout=0.05)
    never.set()
    await clickatell.await_callbacks()


@pytest.mark.asyncio
async def test_under_pytest_asyncio(clickatell: Clickatell) -> None:
    async with Client() as client:
        await client.send(TO, "Hi")
    clickatell.assert_sent(to=TO, text="Hi")
    inbox = Inbox()
    clickatell.report_to(receiver(on_message=inbox.reply))
    clickatell.reply(TO, "Yes")
    await clickatell.await_callbacks()
    assert [message.text for message in inbox.messages] == ["Yes"]


def test_an_app_is_not_called_after_its_loop_is_gone(clickatell: Clickatell) -> None:
    inbox = Inbox()

    async def lead() -> None:
        clickatell.report_to(receiver(on_message=inbox.reply))

    asyncio.run(lead())
    clickatell.reply(TO, "Hi")
    wait_until(lambda: bool(clickatell.callbacks))
    assert [attempt.status for attempt in clickatell.callbacks] == [500]
