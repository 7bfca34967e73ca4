"""The receiver, as an ASGI app: what it answers, and that every event is handled once. On asyncio and on trio."""

from __future__ import annotations

import base64
import json
import logging
import math
from collections.abc import Callable, Iterable
from typing import Any, Literal

import anyio
import httpx
import pytest

from clickasync.callbacks import DeliveryReport, InboundMessage, MemoryStore, OptOut, receiver
from clickasync.errors import ConfigurationError
from tests.support import callback_samples as samples
from tests.support.callback_samples import FORMS, MESSAGE, REPORT, Form, as_params, urlencoded

pytestmark = pytest.mark.anyio

FORM_TYPE = {"content-type": "application/x-www-form-urlencoded"}
KIB_64 = 64 * 1024


class Inbox:
    """Handlers that remember what they were given, and fail as often as they are told."""

    def __init__(self, failures: int = 0) -> None:
        self.reports: list[DeliveryReport] = []
        self.messages: list[InboundMessage] = []
        self.failures = failures

    async def save(self, report: DeliveryReport) -> None:
        self._fail()
        self.reports.append(report)

    async def reply(self, message: InboundMessage) -> None:
        self._fail()
        self.messages.append(message)

    def _fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise RuntimeError("the database password is hunter2")


def web(app: Any, **options: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hook.example.com", **options)


async def post(client: httpx.AsyncClient, body: bytes, **options: Any) -> httpx.Response:
    return await client.post("/", content=body, headers=FORM_TYPE, **options)


# What is taken


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_both_kinds_arrive_in_all_six_transports(form: Form, method: str) -> None:
    inbox = Inbox()
    async with web(receiver(on_report=inbox.save, on_message=inbox.reply)) as client:
        for fields in (REPORT, MESSAGE):
            params = urlencoded(as_params(form, fields))
            if method == "GET":
                response = await client.get("/any/path?" + params.decode())
            else:
                response = await client.post("/any/path", content=params, headers=FORM_TYPE)
            assert (response.status_code, response.text) == (200, "OK\n")
    assert inbox.reports == [samples.EXPECTED_REPORT]
    assert inbox.messages == [samples.EXPECTED_MESSAGE]


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "text/plain", ""])
async def test_the_seventh_transport_is_a_json_object_as_the_body(kind: str) -> None:
    inbox = Inbox()
    async with web(receiver(on_report=inbox.save, on_message=inbox.reply)) as client:
        for fields in (REPORT, MESSAGE):
            headers = {"content-type": kind} if kind else {}
            response = await client.post("/?hook=7", content=json.dumps(fields).encode(), headers=headers)
            assert (response.status_code, response.text) == (200, "OK\n")
    assert inbox.reports == [samples.EXPECTED_REPORT]
    assert inbox.messages == [samples.EXPECTED_MESSAGE]


@pytest.mark.parametrize("document", [samples.xml(REPORT), samples.soap(REPORT)])
async def test_a_body_that_is_the_document_is_taken(document: str) -> None:
    """A body that is the document itself is taken whatever the query."""
    inbox = Inbox()
    async with web(receiver(on_report=inbox.save)) as client:
        response = await client.post("/?hook=7", content=document, headers={"content-type": "text/xml"})
        assert response.status_code == 200
    assert inbox.reports == [samples.EXPECTED_REPORT]


async def test_the_query_of_a_post_adds_to_its_body() -> None:
    """The query of a post adds to its body and does not overrule it."""
    inbox = Inbox()
    async with web(receiver(on_report=inbox.save)) as client:
        assert (await client.post("/?" + samples.report(status="004").decode())).status_code == 200
        body = samples.report(status="003").replace(b"api_id=12345&", b"")
        assert (await post(client, body, params={"status": "007", "api_id": "99"})).status_code == 200
    assert [(report.status, report.api_id) for report in inbox.reports] == [("004", "12345"), ("003", "99")]


async def test_the_charset_of_a_text_is_honoured_from_the_raw_bytes() -> None:
    inbox = Inbox()
    raw = samples.message(charset="ISO-8859-1").replace(b"%C3%A9", b"%E9")
    async with web(receiver(on_message=inbox.reply)) as client:
        assert (await post(client, raw)).status_code == 200
    assert inbox.messages[0].text.endswith("é")


@pytest.mark.parametrize("kind", [tuple, iter, "".join])
async def test_keywords_reach_every_message(kind: Callable[[list[str]], Iterable[str]]) -> None:
    inbox = Inbox()
    async with web(receiver(on_message=inbox.reply, keywords=kind(["fun"]))) as client:
        for number in range(2):
            await post(client, samples.message(moMsgId=str(number), text="stop fun"))
    assert [message.opt_out for message in inbox.messages] == [OptOut("STOP", everywhere=False, keyword="fun")] * 2


async def test_a_kind_without_a_handler_is_acknowledged() -> None:
    async with web(receiver()) as client:
        assert (await post(client, samples.report())).status_code == 200
        assert (await post(client, samples.message())).status_code == 200


# What is refused


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"])
async def test_other_methods_are_refused(method: str) -> None:
    async with web(receiver()) as client:
        response = await client.request(method, "/")
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, POST"


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(b"\xff").decode(),
        "Bearer secret",
        basic("hook:wrong"),
        basic("wrong:secret"),
        basic("hook:secret "),
        basic("hook"),
        basic("hook:sécret"),
    ],
)
async def test_wrong_credentials_are_refused_before_anything_is_read(authorization: str | None) -> None:
    inbox = Inbox()
    headers = {} if authorization is None else {"authorization": authorization}
    async with web(receiver(on_report=inbox.save, auth=("hook", "secret"))) as client:
        response = await client.post("/", content=samples.report(), headers=headers)
        assert response.status_code == 401
        assert response.headers["www-authenticate"].startswith("Basic realm=")
        assert "secret" not in response.text
        assert (await client.put("/", headers=headers)).status_code == 401
        assert (await client.post("/", content=b"a" * 100_000, headers=headers)).status_code == 401
    assert inbox.reports == []


@pytest.mark.parametrize("auth", [("hook", "secret"), ("hook", "se:cret"), ("hööк", "密码"), ("", "")])
async def test_right_credentials_are_admitted(auth: tuple[str, str]) -> None:
    inbox = Inbox()
    async with web(receiver(on_report=inbox.save, auth=auth)) as client:
        token = basic(":".join(auth))
        for status, scheme in (("003", "Basic"), ("004", "basic")):
            headers = {"authorization": token.replace("Basic", scheme)}
            response = await client.get("/?" + samples.report(status=status).decode(), headers=headers)
            assert response.status_code == 200
    assert len(inbox.reports) == 2


def test_credentials_that_basic_cannot_have_are_refused() -> None:
    """Credentials that HTTP Basic cannot hold are a mistake of configuration."""
    with pytest.raises(ConfigurationError, match="colon"):
        receiver(auth=("ho:ok", "secret"))


async def test_what_cannot_be_read_is_refused_and_not_repeated() -> None:
    """What cannot be read is refused with a reason that repeats nothing."""
    inbox = Inbox()
    async with web(receiver(on_report=inbox.save)) as client:
        for body in (b"", b"%%%", b"\x00\xff", b"<hello>", samples.report(charge="hunter2"), b"data=<!DOCTYPE a><a/>"):
            response = await post(client, body)
            assert response.status_code == 400
            assert response.headers["content-type"] == "text/plain; charset=utf-8"
            assert response.text.startswith("this callback cannot be read: ")
            assert "hunter2" not in response.text
    assert inbox.reports == []


@pytest.mark.parametrize("size", [KIB_64 + 1, 5_000_000])
async def test_more_than_64_kib_is_refused(size: int) -> None:
    """More than 64 KiB is refused, whether announced or streamed."""
    app = receiver()
    async with web(app) as client:
        assert (await client.post("/", content=b"a" * size)).status_code == 413
    assert await status_of(app, "POST", body=[b"a" * 1000] * (size // 1000 + 1)) == 413


async def test_a_long_query_is_refused_alone_and_together_with_a_body() -> None:
    # Straight to the app, for no client would send such an address.
    app = receiver()
    assert await status_of(app, "GET", query=b"a" * (KIB_64 + 1)) == 413
    assert await status_of(app, "POST", query=b"a" * 40_000, body=[b"b" * 40_000]) == 413
    assert await status_of(app, "GET", query=samples.report() + b"&x=" + b"a" * 40_000) == 200


async def test_64_kib_are_taken_in_any_number_of_pieces() -> None:
    app = receiver()
    body = samples.report() + b"&x="
    body += b"a" * (KIB_64 - len(body))
    assert await status_of(app, "POST", body=[body]) == 200
    assert await status_of(app, "POST", body=[body[at : at + 100] for at in range(0, len(body), 100)]) == 200
    assert await status_of(app, "POST", body=[body, b"a"]) == 413


async def test_an_oversized_body_is_not_read_any_further_than_needed() -> None:
    pieces = iter([b"a" * 10_000] * 1_000)
    assert await status_of(receiver(), "POST", body=pieces) == 413
    assert len(list(pieces)) > 990


@pytest.mark.parametrize("announced", [b"-1", b"many", b"9" * 30, b""])
async def test_a_content_length_of_no_sense_is_left_to_counting(announced: bytes) -> None:
    """A content length that makes no sense is left to counting."""
    headers = [(b"content-length", announced)]
    assert await status_of(receiver(), "POST", body=[samples.report()], headers=headers) == 200


async def status_of(
    app: Any, method: str, *, query: bytes = b"", body: Any = (), headers: Any = (), kind: str = "http"
) -> int | None:
    """The status that an app answers when it is called without a server; None when it answers nothing."""
    answers = await answers_of(app, {"type": kind, "method": method, "query_string": query, "headers": headers}, body)
    return answers[0]["status"] if answers else None


async def answers_of(app: Any, scope: dict[str, Any], body: Any = ()) -> list[Any]:
    pieces = iter(body)
    answers: list[Any] = []

    async def receive() -> dict[str, Any]:
        piece = next(pieces, b"")
        return piece if isinstance(piece, dict) else {"type": "http.request", "body": piece, "more_body": piece != b""}

    async def send(message: Any) -> None:
        answers.append(message)

    await app(scope, receive, send)
    return answers


# Disconnections and other scopes


async def test_a_caller_who_goes_away_while_reading_is_not_answered() -> None:
    inbox = Inbox()
    body = [samples.report()[:50], {"type": "http.disconnect"}]
    assert await status_of(receiver(on_report=inbox.save), "POST", body=body) is None
    assert inbox.reports == []


async def test_served_alone_it_takes_part_in_the_lifespan() -> None:
    events = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    answers = await answers_of(receiver(), {"type": "lifespan"}, events)
    assert answers == [{"type": "lifespan.startup.complete"}, {"type": "lifespan.shutdown.complete"}]


async def test_websockets_are_refused() -> None:
    answers = await answers_of(receiver(), {"type": "websocket"})
    assert answers == [{"type": "websocket.close", "code": 1003}]


async def test_a_scope_that_nobody_knows_is_an_error() -> None:
    with pytest.raises(NotImplementedError, match="carrier-pigeon"):
        await answers_of(receiver(), {"type": "carrier-pigeon"})


# Once, and only once


async def test_what_was_handled_is_acknowledged_and_not_handled_again() -> None:
    inbox = Inbox()
    async with web(receiver(on_report=inbox.save, on_message=inbox.reply)) as client:
        for form in (*FORMS, *FORMS):
            for fields in (REPORT, {**REPORT, "status": "004"}, MESSAGE):
                response = await post(client, urlencoded(as_params(form, fields)))
                assert response.status_code == 200
    assert [report.status for report in inbox.reports] == ["003", "004"]
    assert len(inbox.messages) == 1


async def test_a_report_and_a_message_of_one_id_are_two_events() -> None:
    """A report and a message of the same ID are different events."""
    inbox = Inbox()
    async with web(receiver(on_report=inbox.save, on_message=inbox.reply)) as client:
        await post(client, samples.report(apiMsgId="1"))
        await post(client, samples.message(moMsgId="1"))
    assert (len(inbox.reports), len(inbox.messages)) == (1, 1)


async def test_a_handler_that_fails_is_asked_again_by_the_retry(caplog: pytest.LogCaptureFixture) -> None:
    inbox = Inbox(failures=2)
    async with web(receiver(on_report=inbox.save)) as client:
        statuses = [(await post(client, samples.report())).status_code for _ in range(4)]
        inbox.failures = 1
        told = (await post(client, samples.report(status="004"))).text
    assert statuses == [500, 500, 200, 200]
    assert len(inbox.reports) == 1
    assert "hunter2" not in told
    assert "hunter2" in caplog.text


async def test_the_answer_waits_for_the_handler_and_so_does_a_twin() -> None:
    begun, go_on = anyio.Event(), anyio.Event()
    calls: list[DeliveryReport] = []
    statuses: list[int | None] = []

    async def slow(report: DeliveryReport) -> None:
        calls.append(report)
        begun.set()
        await go_on.wait()

    app = receiver(on_report=slow)

    async def call() -> None:
        statuses.append(await status_of(app, "POST", body=[samples.report()]))

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            for _ in range(10):
                tasks.start_soon(call)
            await begun.wait()
            await anyio.wait_all_tasks_blocked()
            assert statuses == []
            go_on.set()
    assert statuses == [200] * 10
    assert len(calls) == 1


async def test_what_a_callback_says_forges_no_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Its ID is whatever somebody posts."""

    async def fail(report: DeliveryReport) -> None:
        raise ZeroDivisionError

    async with web(receiver(on_report=fail)) as client:
        content = samples.report(apiMsgId="1\nERROR all is lost")
        assert (await client.post("/", content=content, headers=FORM_TYPE)).status_code == 500
    [record] = [record for record in caplog.records if record.name == "clickasync.callbacks"]
    assert record.getMessage() == r"the handler of 'report:1\nERROR all is lost:003' failed"


async def test_twins_of_a_failure_fail_with_it(caplog: pytest.LogCaptureFixture) -> None:
    """Twins of a failure fail with it and the next one is handled."""
    inbox, go_on = Inbox(failures=1), anyio.Event()
    statuses: list[int | None] = []

    async def slow(report: DeliveryReport) -> None:
        await go_on.wait()
        await inbox.save(report)

    app = receiver(on_report=slow)

    async def call() -> None:
        statuses.append(await status_of(app, "POST", body=[samples.report()]))

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(call)
            await anyio.wait_all_tasks_blocked()
            go_on.set()
        await call()
    assert statuses == [500, 500, 500, 200]
    assert len(inbox.reports) == 1
    assert len([record for record in caplog.records if record.name == "clickasync.callbacks"]) == 1


async def test_a_cancelled_handler_leaves_the_event_to_the_retry() -> None:
    """A cancelled handler leaves the event to the retry and asks twins to come again."""
    inbox = Inbox()
    statuses: list[int | None] = []
    forever = True

    async def save(report: DeliveryReport) -> None:
        if forever:
            await anyio.sleep(math.inf)
        await inbox.save(report)

    app = receiver(on_report=save)

    async def call() -> None:
        statuses.append(await status_of(app, "POST", body=[samples.report()]))

    with anyio.fail_after(30):
        async with anyio.create_task_group() as twins, anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            await anyio.wait_all_tasks_blocked()
            twins.start_soon(call)
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
        forever = False
        await call()
    assert statuses == [503, 200]
    assert len(inbox.reports) == 1


async def test_memory_of_what_was_handled_is_bounded() -> None:
    inbox, store = Inbox(), MemoryStore(max_keys=10)
    async with web(receiver(on_report=inbox.save, store=store)) as client:
        for number in range(25):
            await post(client, samples.report(apiMsgId=str(number)))
        assert len(store) == 10
        await post(client, samples.report(apiMsgId="24"))
        assert len(inbox.reports) == 25
        await post(client, samples.report(apiMsgId="0"))
        assert len(inbox.reports) == 26


def test_a_memory_without_room_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="max_keys"):
        MemoryStore(max_keys=0)


async def test_a_memory_tells_new_from_busy_from_done() -> None:
    store = MemoryStore()
    assert [await store.claim("a"), await store.claim("a"), await store.claim("b")] == ["new", "busy", "new"]
    await store.release("a")
    assert await store.claim("a") == "new"
    await store.done("a")
    assert [await store.claim("a"), await store.claim("b")] == ["done", "busy"]


class Shared:
    """A store of the user's own that writes down what it is asked."""

    def __init__(self, claim: Literal["new", "busy", "done"] = "new", fails: str = "") -> None:
        self.asked: list[tuple[str, str]] = []
        self._claim, self._fails = claim, fails

    async def claim(self, key: str) -> Literal["new", "busy", "done"]:
        self._note("claim", key)
        return self._claim

    async def done(self, key: str) -> None:
        self._note("done", key)

    async def release(self, key: str) -> None:
        self._note("release", key)

    def _note(self, what: str, key: str) -> None:
        self.asked.append((what, key))
        if what == self._fails:
            raise ConnectionError("the store is down")


async def test_a_store_of_one_s_own_decides_what_is_handled() -> None:
    inbox, store = Inbox(), Shared()
    assert await status_of(receiver(on_report=inbox.save, store=store), "POST", body=[samples.report()]) == 200
    key = f"report:{REPORT['apiMsgId']}:003"
    assert store.asked == [("claim", key), ("done", key)]

    done = receiver(on_report=inbox.save, on_message=inbox.reply, store=Shared("done"))
    busy = receiver(on_report=inbox.save, on_message=inbox.reply, store=Shared("busy"))
    for body in (samples.report(), samples.message()):
        assert await status_of(done, "POST", body=[body]) == 200
        assert await status_of(busy, "POST", body=[body]) == 503
    assert len(inbox.reports) == 1
    assert inbox.messages == []


async def test_a_failed_handler_releases_the_claim(caplog: pytest.LogCaptureFixture) -> None:
    store = Shared()
    app = receiver(on_message=Inbox(failures=1).reply, store=store)
    assert await status_of(app, "POST", body=[samples.message()]) == 500
    assert [what for what, _ in store.asked] == ["claim", "release"]
    assert store.asked[0][1] == f"message:{MESSAGE['moMsgId']}"


@pytest.mark.parametrize(
    ("fails", "failures", "status", "handled"), [("claim", 0, 500, 0), ("done", 0, 200, 1), ("release", 1, 500, 0)]
)
async def test_a_store_that_fails_is_logged(
    fails: str, failures: int, status: int, handled: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A store that fails is logged and the handler has the last word."""
    inbox = Inbox(failures)
    app = receiver(on_report=inbox.save, store=Shared(fails=fails))
    assert await status_of(app, "POST", body=[samples.report()]) == status
    assert len(inbox.reports) == handled
    assert "the store is down" in caplog.text


# The client that waits for deliveries


class Waiting:
    def __init__(self, error: Exception | None = None) -> None:
        self.reports: list[DeliveryReport] = []
        self._error = error

    def deliver_report(self, report: DeliveryReport) -> None:
        self.reports.append(report)
        if self._error is not None:
            raise self._error


async def test_a_client_hears_of_a_report_after_its_handler(caplog: pytest.LogCaptureFixture) -> None:
    """A client gets each new report once its handler is done."""
    inbox, client = Inbox(failures=1), Waiting()
    app = receiver(on_report=inbox.save, client=client)
    assert await status_of(app, "POST", body=[samples.report()]) == 500
    assert client.reports == []
    for _ in range(2):
        assert await status_of(app, "POST", body=[samples.report()]) == 200
    assert client.reports == [samples.EXPECTED_REPORT] == inbox.reports


async def test_a_client_is_told_without_a_handler_too() -> None:
    client = Waiting()
    assert await status_of(receiver(client=client), "POST", body=[samples.report()]) == 200
    assert await status_of(receiver(client=client), "POST", body=[samples.message()]) == 200
    assert client.reports == [samples.EXPECTED_REPORT]


async def test_a_client_that_fails_has_no_report_handled_twice(caplog: pytest.LogCaptureFixture) -> None:
    """A client that fails does not have the report handled twice."""
    inbox = Inbox()
    app = receiver(on_report=inbox.save, client=Waiting(RuntimeError("oops")))
    with caplog.at_level(logging.ERROR, logger="clickasync.callbacks"):
        assert [await status_of(app, "POST", body=[samples.report()]) for _ in range(2)] == [200, 200]
    assert len(inbox.reports) == 1
    assert "oops" in caplog.text
