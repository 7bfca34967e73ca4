"""An observer sees every attempt, how it ended, and once a send what became of its recipients."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import anyio
import httpx
import pytest

from clickasync import (
    AuthenticationError,
    CallEnded,
    CallStarted,
    Client,
    ConfigurationError,
    ConnectClient,
    ConnectError,
    CreditError,
    OutcomeUnknownError,
    SessionExpiredError,
    TransportError,
)
from clickasync.callbacks import receiver
from clickasync.simulator import Gateway
from tests.support.faulty_gateway import Fault, FaultyGateway, always, closed_port, once
from tests.support.virtual import answer, client_of, on_virtual_time, virtual_gateway
from tests.support.watcher import Watcher

pytestmark = pytest.mark.anyio

LOGIN: dict[str, Any] = {"api_id": 1, "user": "demo", "password": "demo"}
TO = "27821234567"
OTHER = "27827654321"
REFUSED = "999114"
TOKEN = "0123456789abcdef0123456789abcdef"


async def test_a_send_is_one_attempt_and_settled_once() -> None:
    """With the attempt to authenticate inside it, since it finds no session."""
    watcher = Watcher()
    faulty = FaultyGateway(Gateway())
    async with faulty.serve() as url, Client(**LOGIN, base_url=url, observer=watcher) as client:
        await client.send(TO, "x" * 161)
    server = url.removeprefix("http://")
    assert watcher.started == [
        CallStarted("sendmsg", recipients=1, parts=2, server=server, attempt=1),
        CallStarted("auth", recipients=0, parts=0, server=server, attempt=1),
    ]
    [auth], [send] = watcher.of("auth"), watcher.of("sendmsg")
    assert (auth.outcome, auth.renewed) == ("done", False)
    assert (send.outcome, send.accepted, send.renewed) == ("accepted", 1, True)
    assert 0 < auth.seconds <= send.seconds < 60
    assert watcher.settlements == [(1, 0, 0)]


async def test_only_the_attempt_that_waited_for_a_session_renewed_it() -> None:
    watcher = Watcher()
    faulty = FaultyGateway(Gateway(), once("sendmsg", Fault.EXPIRED))
    async with faulty.serve() as url, Client(**LOGIN, base_url=url, observer=watcher) as client:
        await client.balance()
        await client.send(TO, "Hi")
        await client.send(TO, "Hi")
    refused, repeated, later = watcher.of("sendmsg")
    assert (refused.outcome, refused.rejected, refused.code) == ("rejected", 1, "003")
    assert refused.error is SessionExpiredError
    assert [refused.renewed, repeated.renewed, later.renewed] == [False, True, False]
    assert [call.attempt for call in watcher.started if call.command == "sendmsg"] == [1, 2, 1]
    assert watcher.settlements == [(1, 0, 0)] * 2


async def test_each_attempt_is_seen_and_numbered() -> None:
    watcher = Watcher()
    faulty = FaultyGateway(Gateway(), once("sendmsg", Fault.TOO_MANY, Fault.RETRY))
    async with faulty.serve() as url, Client(**LOGIN, base_url=url, observer=watcher) as client:
        await client.send(TO, "Hi")
    assert watcher.outcomes("sendmsg") == ["not_sent", "rejected", "accepted"]
    assert [call.attempt for call in watcher.started if call.command == "sendmsg"] == [1, 2, 3]
    assert [ended.code for ended in watcher.of("sendmsg")] == [None, "901", None]
    assert watcher.settlements == [(1, 0, 0)]


async def test_mixed_lines_are_counted() -> None:
    watcher = Watcher()
    faulty = FaultyGateway(Gateway())
    async with faulty.serve() as url, Client(**LOGIN, base_url=url, observer=watcher) as client:
        await client.send_many([TO, REFUSED, OTHER], "Hi")
    [ended] = watcher.of("sendmsg")
    assert (ended.outcome, ended.accepted, ended.rejected, ended.uncertain) == ("mixed", 2, 1, 0)
    assert (ended.error.__name__ if ended.error else "", ended.code) == ("UnreachableError", "114")
    assert watcher.settlements == [(2, 1, 0)]


async def test_a_missing_line_is_uncertain() -> None:
    watcher = Watcher()
    faulty = FaultyGateway(Gateway(), always("sendmsg", Fault.FEWER_LINES))
    async with faulty.serve() as url, Client(**LOGIN, base_url=url, observer=watcher) as client:
        await client.send_many([TO, OTHER], "Hi")
    [ended] = watcher.of("sendmsg")
    assert (ended.outcome, ended.accepted, ended.rejected, ended.uncertain) == ("mixed", 1, 0, 1)
    assert watcher.settlements == [(1, 0, 1)]


async def test_an_uncertain_attempt_that_asking_settles_is_accepted() -> None:
    watcher = Watcher()
    faulty = FaultyGateway(Gateway(), once("sendmsg", Fault.RESET))
    async with faulty.serve() as url, Client(**LOGIN, base_url=url, observer=watcher) as client:
        await client.send(TO, "Hi")
    [ended] = watcher.of("sendmsg")
    assert (ended.outcome, ended.uncertain, ended.error) == ("uncertain", 1, OutcomeUnknownError)
    assert watcher.outcomes("querymsg") == ["done"]
    assert watcher.settlements == [(1, 0, 0)]


async def test_what_stays_unknown_is_settled_as_uncertain() -> None:
    watcher = Watcher()
    faulty = FaultyGateway(Gateway(), once("sendmsg", Fault.RESET_UNSEEN))
    async with faulty.serve() as url, Client(**LOGIN, base_url=url, observer=watcher) as client:
        with pytest.raises(OutcomeUnknownError):
            await client.send(TO, "Hi")
    assert watcher.outcomes("querymsg") == ["rejected"]
    assert watcher.settlements == [(0, 0, 1)]


async def test_what_was_not_sent_is_settled_as_rejected() -> None:
    watcher = Watcher()
    base_url = f"http://127.0.0.1:{closed_port()}"
    async with Client(**LOGIN, base_url=base_url, retries=0, observer=watcher) as client:
        with pytest.raises(TransportError):
            await client.send(TO, "Hi")
    for command in ("auth", "sendmsg"):
        [ended] = watcher.of(command)
        assert (ended.outcome, ended.rejected, ended.error) == ("not_sent", 0, TransportError)
    assert watcher.settlements == [(0, 1, 0)]


async def test_refused_credentials_are_seen() -> None:
    watcher = Watcher()
    faulty = FaultyGateway(Gateway(), always("auth", Fault.REFUSED_ACCOUNT))
    async with faulty.serve() as url, Client(**LOGIN, base_url=url, observer=watcher) as client:
        with pytest.raises(AuthenticationError):
            await client.send(TO, "Hi")
    [auth], [send] = watcher.of("auth"), watcher.of("sendmsg")
    assert (auth.outcome, auth.code, auth.error) == ("rejected", "001", AuthenticationError)
    assert (send.outcome, send.code, send.error) == ("not_sent", "001", AuthenticationError)


CALLS: dict[str, tuple[str, Callable[[Client], Awaitable[object]]]] = {
    "push_mms": (
        "ind_push",
        lambda client: client.push_mms(
            TO, mms_subject="s", mms_class=80, mms_expire=60, mms_from="f", mms_url="http://example.org/"
        ),
    ),
    "push_wap": ("si_push", lambda client: client.push_wap(TO, si_id="1", si_url="http://example.org/", si_text="t")),
    "batch.send": ("senditem", lambda client: _item(client)),
    "batch.send_many": ("quicksend", lambda client: _quick(client)),
}


async def _item(client: Client) -> object:
    async with client.batch("Hello #field1#") as batch:
        return await batch.send(TO, "Ann")


async def _quick(client: Client) -> object:
    async with client.batch("Hello") as batch:
        return await batch.send_many([TO])


@pytest.mark.parametrize("name", CALLS)
async def test_other_ways_of_sending_are_settled_too(name: str) -> None:
    command, call = CALLS[name]
    watcher = Watcher()
    faulty = FaultyGateway(Gateway())
    async with faulty.serve() as url, Client(**LOGIN, base_url=url, observer=watcher) as client:
        await call(client)
    assert watcher.outcomes(command) == ["accepted"]
    assert watcher.settlements == [(1, 0, 0)]


@pytest.mark.parametrize("name", CALLS)
async def test_other_ways_of_sending_may_stay_unknown(name: str) -> None:
    command, call = CALLS[name]
    watcher = Watcher()
    faulty = FaultyGateway(Gateway(), always(command, Fault.CLOSED))
    async with faulty.serve() as url, Client(**LOGIN, base_url=url, observer=watcher) as client:
        with suppress(OutcomeUnknownError):
            await call(client)
    assert watcher.outcomes(command) == ["uncertain"]
    assert watcher.settlements == [(0, 0, 1)]


async def test_calls_without_recipients_are_done_or_refused() -> None:
    watcher = Watcher()
    faulty = FaultyGateway(Gateway())
    async with faulty.serve() as url, Client(**LOGIN, base_url=url, observer=watcher) as client:
        await client.ping()
        await client.redeem("1234567890123456")
        for _ in range(2):
            with pytest.raises(Exception, match="10[34]"):
                await client.status(climsgid="nobody")
    assert watcher.outcomes("ping") == watcher.outcomes("token_pay") == ["done"]
    assert [(ended.outcome, ended.rejected, ended.code) for ended in watcher.of("querymsg")] == [
        ("rejected", 0, "104")
    ] * 2
    assert watcher.settlements == []


async def test_a_send_cancelled_when_it_was_out_is_uncertain() -> None:
    watcher = Watcher()
    faulty = FaultyGateway(Gateway(), always("sendmsg", Fault.SILENCE))
    async with faulty.serve() as url, Client(**LOGIN, base_url=url, observer=watcher) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.send, TO, "Hi")
            with anyio.fail_after(10):
                while not faulty.calls["sendmsg"]:
                    await anyio.sleep(0.01)
            tasks.cancel_scope.cancel()
    [ended] = watcher.of("sendmsg")
    assert (ended.outcome, ended.uncertain) == ("cancelled", 1)
    assert watcher.settlements == [(0, 0, 1)]


async def test_a_send_cancelled_before_it_was_out_settles_nothing() -> None:
    watcher = Watcher()
    faulty = FaultyGateway(Gateway(), always("auth", Fault.SILENCE))
    async with faulty.serve() as url, Client(**LOGIN, base_url=url, observer=watcher) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.send, TO, "Hi")
            with anyio.fail_after(10):
                while not faulty.calls["auth"]:
                    await anyio.sleep(0.01)
            tasks.cancel_scope.cancel()
        assert watcher.outcomes("sendmsg") == ["cancelled"]
    assert watcher.of("sendmsg")[0].uncertain == 0
    assert watcher.outcomes("auth") == ["cancelled"], "it ended with the client"
    assert watcher.settlements == []


async def test_a_run_settles_each_recipient_once() -> None:
    """Those that the gateway wants retried included, and a wrong number, which was never tried, not."""
    watcher = Watcher()
    faulty = FaultyGateway(Gateway(credits=1000), once("sendmsg", Fault.RETRY_SOME, Fault.RESET))
    numbers = [f"2782{number:07d}" for number in range(40)] + ["nobody"]
    async with faulty.serve() as url, Client(**LOGIN, base_url=url, observer=watcher) as client:
        async with client.bulk(numbers, "Hi", batch_size=10, max_in_flight=2) as run:
            results = [result async for result in run]
    progress = run.progress
    assert len(results) == 41
    assert watcher.totals == (progress.accepted, progress.rejected - 1, progress.uncertain)
    assert sum(watcher.totals) == 40


async def test_a_run_that_stops_settles_only_what_was_tried() -> None:
    watcher = Watcher()
    faulty = FaultyGateway(Gateway(), always("sendmsg", Fault.NO_CREDIT))
    numbers = [f"2782{number:07d}" for number in range(100)]
    async with faulty.serve() as url, Client(**LOGIN, base_url=url, observer=watcher) as client:
        async with client.bulk(numbers, "Hi", batch_size=10, max_in_flight=1) as run:
            assert [result.ok async for result in run] == [False] * 100
    assert isinstance(run.stopped_by, CreditError)
    assert watcher.totals == (0, run.progress.rejected, 0)
    assert run.progress.skipped > 0


async def test_a_run_left_early_settles_what_was_out_as_uncertain() -> None:
    watcher = Watcher()
    faulty = FaultyGateway(Gateway(), always("sendmsg", Fault.SILENCE))
    async with faulty.serve() as url, Client(**LOGIN, base_url=url, observer=watcher) as client:
        async with client.bulk([TO, OTHER], "Hi") as run:
            with anyio.fail_after(10):
                while not faulty.calls["sendmsg"]:
                    await anyio.sleep(0.01)
    assert len(run.unfinished) == 2
    assert watcher.totals == (0, 0, 2)
    assert watcher.outcomes("sendmsg") == ["cancelled"]


@on_virtual_time
async def test_what_a_rate_limit_makes_wait_is_no_part_of_the_seconds() -> None:
    watcher = Watcher()
    async with client_of(virtual_gateway(), rate_limit=0.1, observer=watcher) as client:
        before = anyio.current_time()
        for _ in range(3):
            await client.send(TO, "Hi")
        assert anyio.current_time() - before >= 20
    assert all(ended.seconds < 1 for ended in watcher.of("sendmsg"))


@on_virtual_time
async def test_the_pings_of_the_background_are_seen() -> None:
    watcher = Watcher()
    async with client_of(virtual_gateway(), observer=watcher) as client:
        await client.balance()
        await anyio.sleep(601)
    assert watcher.outcomes("ping") == ["done"]


async def test_the_connect_api_is_seen_by_the_names_of_its_actions() -> None:
    watcher = Watcher()
    faulty_url = "http://127.0.0.1"
    replies = {
        "get_list_country": "<CLICKATELLSDK><Result>Success</Result></CLICKATELLSDK>",
        "authenticate_user": "<CLICKATELLSDK><Result>Error</Result><Error>404</Error></CLICKATELLSDK>",
        "forgot_password": "what is this",
    }

    def reply(request: httpx.Request) -> httpx.Response:
        [text] = [text for name, text in replies.items() if name in request.content.decode()]
        return httpx.Response(200, text=text)

    own = httpx.AsyncClient(transport=httpx.MockTransport(reply))
    async with ConnectClient(TOKEN, base_url=faulty_url, http_client=own, retries=0, observer=watcher) as connect:
        await connect.get_list_country()
        with pytest.raises(ConnectError):
            await connect.authenticate_user("ann", "pa55word")
        with pytest.raises(OutcomeUnknownError):
            await connect.forgot_password("ann", "ann@example.org", captcha=("1", "abc"))
    assert [call.command for call in watcher.started] == list(replies)
    assert {call.server for call in watcher.started} == {"127.0.0.1"}
    [listed], [refused], [unknown] = (watcher.of(name) for name in replies)
    assert listed.outcome == "done"
    assert (refused.outcome, refused.error, refused.code) == ("rejected", ConnectError, "404")
    assert (unknown.outcome, unknown.error) == ("uncertain", OutcomeUnknownError)


class Broken:
    """Fails wherever it is called."""

    def __init__(self, at: str) -> None:
        self.at = at

    def start(self, call: CallStarted) -> Callable[[CallEnded], None] | None:
        if self.at == "start":
            raise ZeroDivisionError
        return self.end

    def end(self, ended: CallEnded) -> None:
        if self.at == "end":
            raise ZeroDivisionError

    def settled(self, accepted: int, rejected: int, uncertain: int) -> None:
        raise ZeroDivisionError


@pytest.mark.parametrize("at", ["start", "end", "settled"])
async def test_an_observer_that_fails_changes_nothing(at: str, caplog: pytest.LogCaptureFixture) -> None:
    faulty = FaultyGateway(Gateway())
    with caplog.at_level(logging.ERROR, "clickasync"):
        async with faulty.serve() as url, Client(**LOGIN, base_url=url, observer=Broken(at)) as client:
            assert (await client.send(TO, "Hi")).ok
    assert "the observer failed" in caplog.text
    assert "ZeroDivisionError" in caplog.text


class Terse:
    """Has no wish to know of ends, nor what is settled."""

    def __init__(self) -> None:
        self.commands: list[str] = []

    def start(self, call: CallStarted) -> None:
        self.commands.append(call.command)


async def test_an_observer_need_not_know_of_ends() -> None:
    terse = Terse()
    faulty = FaultyGateway(Gateway())
    async with faulty.serve() as url, Client(**LOGIN, base_url=url, observer=terse) as client:
        assert (await client.send(TO, "Hi")).ok
    assert terse.commands == ["sendmsg", "auth"]


class Waiting(Watcher):
    """Would have to be waited for."""

    async def start(self, call: CallStarted) -> None:  # type: ignore[override]
        """Nothing."""


class WaitingInTheEnd(Watcher):
    """Likewise, when a send is settled."""

    async def settled(self, accepted: int, rejected: int, uncertain: int) -> None:  # type: ignore[override]
        """Nothing."""


@pytest.mark.parametrize(
    ("observer", "words"), [(print, "start"), (Waiting(), "start"), (WaitingInTheEnd(), "settled")]
)
def test_what_is_no_observer_is_refused(observer: Any, words: str) -> None:
    for make in (lambda: Client(**LOGIN, observer=observer), lambda: ConnectClient(TOKEN, observer=observer)):
        with pytest.raises(ConfigurationError, match=words):
            make()
    with pytest.raises(ConfigurationError, match=words):
        receiver(observer=observer)


def test_without_an_observer_its_module_is_not_even_imported() -> None:
    """Of a client that sends, in an interpreter of its own."""
    probe = """
import anyio, httpx, sys
from clickasync import Client

async def main():
    text = lambda request: "OK: 1" if "auth" in request.url.path else "ID: 0"
    own = httpx.AsyncClient(transport=httpx.MockTransport(lambda request: httpx.Response(200, text=text(request))))
    async with Client(api_id=1, user="u", password="p", http_client=own) as client:
        await client.send("27821234567", "Hi")

anyio.run(main)
print(*sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "clickasync.core.executor" in loaded
    assert "clickasync.observe" not in loaded
    assert "clickasync.core.attempts" not in loaded


@on_virtual_time
async def test_an_observer_sees_only_types_and_counts() -> None:
    """Nothing that a client was given stands in what an observer is given."""
    watcher = Watcher()
    gateway = virtual_gateway(password="pa55word")
    transport = httpx.MockTransport(lambda request: answer(gateway, request))
    own = httpx.AsyncClient(transport=transport)
    async with Client(api_id=1, user="demo", password="pa55word", http_client=own, observer=watcher) as client:
        await client.send(TO, "a text", climsgid="mine")
        await client.send_many([OTHER, REFUSED], "a text")
    shown = repr(watcher)
    assert "sendmsg" in shown
    assert [word for word in (TO, OTHER, REFUSED, "a text", "mine", "pa55word") if word in shown] == []
