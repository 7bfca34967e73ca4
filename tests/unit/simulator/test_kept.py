"""What is kept, what is forgotten, and what is told as it happens."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from clickasync.simulator import VOUCHER, Gateway, Subscription
from clickasync.simulator.world import feed
from clickasync.simulator.world.events import Outcome
from tests.support.simulator import LOGIN

if TYPE_CHECKING:
    from tests.support.simulator import Api

SEND = "/http/sendmsg"
ANN = "27821234567"
BOB = "27827654321"


def test_refusals_are_kept_without_credentials(gateway: Gateway, api: Api) -> None:
    """Refusals are kept with what was sent and without credentials."""
    api(SEND, to=f"{ANN},nobody", text="Hi", climsgid="one")
    api(SEND, to=ANN)
    gateway.handle("/http/auth", {**LOGIN, "password": "s3cret"})
    gateway.handle("/http/ping", {"session_id": "5e55104"})
    api("/http/token_pay", token="1234123412341234")
    told = [(each.command, each.error, each.to) for each in gateway.refused]
    assert told == [
        ("sendmsg", "105", "nobody"),
        ("sendmsg", "107", ANN),
        ("auth", "001", None),
        ("ping", "003", None),
        ("token_pay", "606", None),
    ]
    assert gateway.refused[0].fields == {"to": f"{ANN},nobody", "text": "Hi", "climsgid": "one"}
    assert not any(secret in repr(gateway.refused) for secret in ("demo", "s3cret", "5e55104", "12341234"))


def test_only_the_newest_are_kept() -> None:
    gateway = Gateway(clock=lambda: 0.0, keep=3, callback_url="http://127.0.0.1:9/")
    for n in range(5):
        gateway.handle(SEND, {**LOGIN, "to": ANN, "text": f"Hi {n}", "climsgid": f"c{n}"})
        gateway.handle(SEND, {**LOGIN, "to": "nobody", "text": "Hi"})
        gateway.inject(ANN, BOB, f"Yes {n}")
    for notification in gateway.tick():
        gateway.attempted(notification, Outcome(200))
    assert [message.text for message in gateway.messages] == ["Hi 2", "Hi 3", "Hi 4"]
    assert [part.text for part in gateway.inbound] == ["Yes 2", "Yes 3", "Yes 4"]
    assert len(gateway.refused) == len(gateway.callbacks) == 3
    assert gateway.handle("/http/querymsg", {**LOGIN, "climsgid": "c0"}) == "ERR: 104, Unknown client message ID"
    assert gateway.handle("/http/querymsg", {**LOGIN, "climsgid": "c4"}) == f"ID: {gateway.messages[-1].id} Status: 008"
    with pytest.raises(ValueError, match="keep"):
        Gateway(keep=0)


def test_a_message_that_had_to_go_is_still_reported() -> None:
    gateway = Gateway(clock=lambda: 0.0, keep=1, callback_url="http://127.0.0.1:9/")
    for _ in range(3):
        gateway.handle(SEND, {**LOGIN, "to": ANN, "text": "Hi", "callback": "2"})
    gateway.advance(3)
    assert len(gateway.tick()) == 3


def test_nothing_follows_from_a_deleted_message() -> None:
    """A deleted message is forgotten and nothing follows from it."""
    gateway = Gateway(clock=lambda: 0.0, callback_url="http://127.0.0.1:9/")
    gateway.handle(SEND, {**LOGIN, "to": ANN, "text": "Hi", "callback": "2"})
    id = gateway.messages[0].id
    assert gateway.delete(id)
    assert not gateway.delete(id)
    gateway.advance(3)
    assert gateway.tick() == []
    assert gateway.handle("/http/querymsg", {**LOGIN, "apimsgid": id}) == "ERR: 103, Unknown API message ID"


def test_a_reset_leaves_nothing_of_what_happened() -> None:
    gateway = Gateway(credits=10, clock=lambda: 0.0, callback_url="http://127.0.0.1:9/")
    session = (gateway.handle("/http/auth", LOGIN) or "")[4:]
    gateway.handle(SEND, {**LOGIN, "to": ANN, "text": "Hi", "callback": "7"})
    gateway.handle(SEND, {**LOGIN, "to": "nobody", "text": "Hi"})
    gateway.handle("/http/token_pay", {**LOGIN, "token": VOUCHER})
    gateway.inject(ANN, BOB, "STOP")
    gateway.add_account("2", "ann", "secret")
    [under_way] = gateway.tick()
    gateway.fail("sendmsg", error="901")
    gateway.account.target = None
    gateway.reset()
    gateway.advance(10)
    assert gateway.tick() == []
    assert gateway.attempted(under_way, Outcome(503)) is None
    assert (gateway.messages, gateway.refused, gateway.callbacks, gateway.inbound, gateway.hits) == ([], [], [], [], [])
    assert (int(gateway.credits), dict(gateway.requests), list(gateway.accounts)) == (10, {}, ["1"])
    assert gateway.account.target is not None
    assert gateway.authentications == 0
    assert gateway.handle("/http/ping", {"session_id": session}) == "ERR: 003, Session ID expired"
    assert (gateway.handle(SEND, {**LOGIN, "to": ANN, "text": "Hi"}) or "").startswith("ID: ")


# -- callbacks --------------------------------------------------------------------------------------------------------


def test_callbacks_are_due_or_under_way_or_neither() -> None:
    gateway = Gateway(clock=lambda: 0.0, callback_url="http://127.0.0.1:9/")
    assert not gateway.is_calling_back
    gateway.inject(ANN, BOB, "Hi")
    assert gateway.is_calling_back, "it is due"
    [notification] = gateway.tick()
    assert gateway.is_calling_back, "it is under way"
    gateway.failed(notification)
    assert not gateway.is_calling_back, "it waits for its next try"
    gateway.advance(120)
    assert gateway.is_calling_back


def test_each_try_of_a_callback_is_kept() -> None:
    """Each try of a callback is kept with its answer and the next."""
    gateway = Gateway(clock=lambda: 0.0, callback_url="http://127.0.0.1:9/hook")
    gateway.inject(ANN, BOB, "Hi")
    [notification] = gateway.tick()
    gateway.attempted(notification, Outcome(503, "later", seconds=0.25))
    gateway.advance(120)
    [again] = gateway.tick()
    gateway.attempted(again, Outcome(200, "OK"))
    first, second = gateway.callbacks
    assert (first.url, first.status, first.seconds, first.next_at) == ("http://127.0.0.1:9/hook", 503, 0.25, 120)
    assert (second.status, second.next_at, second.outcome.answer) == (200, None, "OK")
    assert first.event == second.event == gateway.inbound[0]


def test_a_callback_made_by_hand_goes_to_the_url_of_now() -> None:
    """A callback made again by hand goes once to the URL of now."""
    gateway = Gateway(clock=lambda: 0.0, callback_url="http://127.0.0.1:9/old")
    gateway.inject(ANN, BOB, "Hi")
    [notification] = gateway.tick()
    attempt = gateway.attempted(notification, Outcome(200))
    assert attempt is not None
    gateway.add_account("1", "demo", "demo", callback_url="http://127.0.0.1:9/new")
    gateway.redeliver(attempt)
    [again] = gateway.tick()
    assert again.target.url == "http://127.0.0.1:9/new"
    gateway.failed(again)
    assert gateway.pending_callbacks == 0
    gateway.accounts["1"].target = None
    with pytest.raises(ValueError, match="no callback URL"):
        gateway.redeliver(attempt)


# -- as it happens ----------------------------------------------------------------------------------------------------


def test_a_reader_sees_all_that_happens_in_order(gateway: Gateway, api: Api) -> None:
    with gateway.subscribe() as events:
        api(SEND, to=ANN, text="Hi")
        api(SEND, to="nobody", text="Hi")
        gateway.advance(3)
        gateway.inject(ANN, BOB, "Yes")
        gateway.fail_next("getbalance", error="901")
        api("/http/getbalance")
        gateway.delete(gateway.messages[0].id)
        gateway.reset()
        kinds = [event.kind for event in events.poll()]
    assert [kind for kind in kinds if kind not in ("status", "changed")] == [
        "message", "refused", "clock", "inbound", "fault", "refused", "deleted", "reset",
    ]  # fmt: skip
    assert kinds.count("status") == 2
    api(SEND, to=ANN, text="Hi")
    assert events.poll() == []


def test_a_slow_reader_loses_the_oldest_and_knows_it(gateway: Gateway) -> None:
    with gateway.subscribe() as events:
        for _ in range(feed.MOST_WAITING + 5):
            gateway.forget_sessions()
        assert events.missed == 5
        assert len(events.poll()) == feed.MOST_WAITING


def test_a_reader_in_a_thread_waits_for_what_comes(gateway: Gateway) -> None:
    seen: list[str] = []
    with gateway.subscribe() as events:
        assert events.wait(0.0) is None
        reader = threading.Thread(target=lambda: seen.extend(event.kind for event in events))
        reader.start()
        gateway.advance(1)
        gateway.inject(ANN, BOB, "Hi")
    reader.join(20)
    assert seen == ["clock", "inbound"]


@pytest.mark.anyio
async def test_a_reader_in_an_event_loop_waits_for_what_comes(gateway: Gateway) -> None:
    seen: list[str] = []

    async def read(events: Subscription) -> None:
        async for event in events:
            seen.append(event.kind)

    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            with gateway.subscribe() as events:
                tasks.start_soon(read, events)
                await anyio.to_thread.run_sync(gateway.advance, 1)
                while not seen:
                    await anyio.lowlevel.checkpoint()
                await anyio.to_thread.run_sync(gateway.inject, ANN, BOB, "Hi")
                while len(seen) < 2:
                    await anyio.lowlevel.checkpoint()
    assert seen == ["clock", "inbound"]
