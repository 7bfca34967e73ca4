"""`clickasync.blocking.Client`: from any thread, with one session for all of them."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from clickasync import (
    Accepted,
    CallStarted,
    ClosedError,
    ConfigurationError,
    MessageStatus,
    OutcomeUnknownError,
    Rejected,
    SendResult,
    UnknownMessageError,
)
from clickasync.blocking import Client
from clickasync.callbacks import DeliveryReport
from clickasync.simulator import VOUCHER, Gateway
from tests.support.callback_samples import EXPECTED_REPORT
from tests.support.faulty_gateway import Fault, FaultyGateway, always
from tests.support.served import served
from tests.support.watcher import Watcher

LOGIN: dict[str, Any] = {"api_id": 1, "user": "demo", "password": "demo"}
TO = "27821234567"
OTHER = "27827654321"


@pytest.fixture
def gateway() -> Gateway:
    return Gateway(credits=10_000)


@pytest.fixture
def client(gateway: Gateway) -> Iterator[Client]:
    with served(gateway) as url, Client(**LOGIN, base_url=url) as client:
        yield client


def test_every_call_of_the_api_can_be_made(gateway: Gateway, client: Client) -> None:
    client.authenticate()
    client.ping()
    sent = client.send(TO, "Hi", climsgid="mine")
    assert sent == Accepted(TO, gateway.messages[0].id, "mine")
    assert client.status(climsgid="mine").id == client.charge(sent.id).id == sent.id
    assert client.cancel(client.send(TO, "Hi", deliv_time=10).id).status is MessageStatus.USER_CANCELLED
    assert client.coverage(TO).covered
    assert client.redeem(VOUCHER) == "605"
    assert client.balance() == Decimal(10_000 + 100 - 1)
    assert client.push_mms(
        TO, mms_subject="s", mms_class=80, mms_expire=60, mms_from="f", mms_url="http://example.org/"
    ).ok
    assert client.push_wap(TO, si_id="1", si_url="http://example.org/", si_text="t").ok
    with client.batch("Hello #field1#") as batch:
        assert batch.id
        assert batch.send(TO, "Ann").ok
    with client.batch("Hello") as batch:
        assert [result.ok for result in batch.send_many([TO, OTHER])] == [True, True]


def test_many_are_sent_in_order_and_may_come_from_a_generator(gateway: Gateway, client: Client) -> None:
    into: list[SendResult] = []
    results = client.send_many((number for number in [TO, "nobody", OTHER]), "Hi", into=into)
    assert [type(result) for result in results] == [Accepted, Rejected, Accepted]
    assert into == results


def test_what_is_raised_there_is_raised_here(client: Client) -> None:
    with pytest.raises(UnknownMessageError):
        client.status("nothing")
    with pytest.raises(ConfigurationError, match="user"):
        Client(api_id=1, password="demo")


def test_a_report_wakes_whoever_waits_for_delivery(gateway: Gateway, client: Client) -> None:
    """It is handed over by another thread: a view that takes callbacks."""
    sent = client.send(TO, "Hi")
    report = DeliveryReport(
        id=sent.id,
        climsgid=sent.climsgid,
        to=TO,
        from_="",
        status=MessageStatus.RECEIVED_BY_RECIPIENT,
        charge=EXPECTED_REPORT.charge,
        timestamp=EXPECTED_REPORT.timestamp,
        api_id="1",
    )
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.wait_for_delivery, sent.id, timeout=30)
        client.deliver_report(report)
        assert waiting.result().status is MessageStatus.RECEIVED_BY_RECIPIENT


def test_waiting_for_delivery_has_its_timeout(client: Client) -> None:
    sent = client.send(TO, "Hi", deliv_time=10)
    with pytest.raises(TimeoutError):
        client.wait_for_delivery(sent.id, timeout=0.01)


def test_fifty_threads_share_one_session(gateway: Gateway, client: Client) -> None:
    """Each of their hundred sends has its own result."""
    results: dict[int, list[Accepted]] = {}

    def work(thread: int) -> None:
        results[thread] = [client.send(f"27{thread:03d}{number:06d}", f"{thread}") for number in range(100)]

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert gateway.authentications == 1
    known = {message.id: message for message in gateway.messages}
    assert len(known) == 5000
    for number, sent in results.items():
        assert [known[each.id].to for each in sent] == [each.to for each in sent]
        assert {known[each.id].text for each in sent} == {f"{number}"}
    assert sum(map(len, results.values())) == 5000


def test_clients_share_one_thread(gateway: Gateway, client: Client) -> None:
    def alive() -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread.name == "clickasync-blocking"]

    with Client(**LOGIN, base_url="http://127.0.0.1:1") as other:
        client.balance()
        assert other
        assert len(alive()) == 1


def test_closing_may_be_done_twice_and_ends_all_calls(gateway: Gateway) -> None:
    with served(gateway) as url:
        client = Client(**LOGIN, base_url=url)
        client.balance()
        client.close()
        client.close()
        with pytest.raises(ClosedError):
            client.balance()


def test_a_client_shows_no_password() -> None:
    with Client(api_id=1, user="demo", password="pa55word", base_url="http://127.0.0.1:1") as client:
        assert repr(client) == "blocking.Client('http://127.0.0.1:1')"
        assert "pa55word" not in repr(vars(client))


def test_an_unknown_outcome_is_one_here_too() -> None:
    faulty = FaultyGateway(Gateway(), always("sendmsg", Fault.RESET_UNSEEN))
    with served(faulty) as url, Client(**LOGIN, base_url=url, retries=0) as client:
        with pytest.raises(OutcomeUnknownError):
            client.send(TO, "Hi")


class Curious(Watcher):
    """Runs something when an attempt begins."""

    def __init__(self, run: Callable[[], object]) -> None:
        super().__init__()
        self.run = run
        self.seen: list[object] = []

    def start(self, call: CallStarted) -> Any:
        self.seen.append(self.run())
        return super().start(call)


def test_the_callers_context_holds_in_the_background(gateway: Gateway) -> None:
    """So that a span there belongs to the caller's trace."""
    request = contextvars.ContextVar("request", default="none")
    watcher = Curious(request.get)
    with served(gateway) as url, Client(**LOGIN, base_url=url, observer=watcher) as client:
        client.authenticate()
        request.set("this one")
        client.send(TO, "Hi")
    assert watcher.seen == ["none", "this one"]


def test_a_call_from_the_background_itself_is_refused(gateway: Gateway) -> None:
    """An observer that sends would wait for itself."""
    errors: list[str] = []
    clients: list[Client] = []

    def send() -> None:
        try:
            clients[0].send(TO, "Hi")
        except RuntimeError as error:
            errors.append(str(error))

    with served(gateway) as url, Client(**LOGIN, base_url=url, observer=Curious(send)) as client:
        clients.append(client)
        client.ping()
    assert errors
    assert all("wait for itself" in error for error in errors)
