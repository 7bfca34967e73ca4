"""Spans and metrics, as OpenTelemetry's SDK exports them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

import clickasync.otel
from clickasync import Client, ConnectClient, ConnectError, OutcomeUnknownError, UnreachableError
from clickasync.callbacks import DeliveryReport, receiver
from clickasync.simulator import Gateway
from tests.support import callback_samples as samples
from tests.support.faulty_gateway import Fault, FaultyGateway, once
from tests.support.telemetry import Telemetry
from tests.support.virtual import answer

pytestmark = pytest.mark.anyio

LOGIN: dict[str, Any] = {"api_id": 1, "user": "demo", "password": "demo"}
TO = "27821234567"
GUIDE = (Path(clickasync.otel.__file__).parent / "README.md").read_text(encoding="utf-8")


def id_of(span: ReadableSpan) -> int:
    context = span.get_span_context()
    assert context is not None
    return context.span_id


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry()


async def test_a_send_is_a_span_by_the_conventions(telemetry: Telemetry) -> None:
    faulty = FaultyGateway(Gateway())
    async with faulty.serve() as url, Client(**LOGIN, base_url=url, observer=telemetry.observer) as client:
        await client.send(TO, "Hi")
    span = telemetry.span("send")
    assert span.kind is SpanKind.CLIENT
    assert dict(span.attributes or {}) == {
        "messaging.system": "clickatell",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "server.address": "127.0.0.1",
        "server.port": int(url.rpartition(":")[2]),
        "clickasync.command": "sendmsg",
        "clickasync.attempt": 1,
        "clickasync.parts": 1,
        "clickasync.outcome": "accepted",
        "clickasync.accepted": 1,
        "clickasync.rejected": 0,
        "clickasync.uncertain": 0,
        "clickasync.renewed": True,
    }
    assert span.status.status_code is StatusCode.UNSET
    assert not span.events
    assert span.instrumentation_scope is not None
    assert (span.instrumentation_scope.name, span.instrumentation_scope.version) == (
        "clickasync",
        clickasync.__version__,
    )


async def test_many_recipients_are_counted(telemetry: Telemetry) -> None:
    faulty = FaultyGateway(Gateway())
    async with faulty.serve() as url, Client(**LOGIN, base_url=url, observer=telemetry.observer) as client:
        await client.send_many([TO, "999114", "27827654321"], "Hi")
    span = telemetry.span("send")
    attributes = span.attributes or {}
    assert attributes["messaging.batch.message_count"] == 3
    assert (attributes["clickasync.outcome"], attributes["clickasync.accepted"]) == ("mixed", 2)
    assert attributes["clickasync.code"] == "114"
    assert span.status.status_code is StatusCode.UNSET, "it did not fail as a whole"


async def test_an_error_is_told_by_its_type_alone(telemetry: Telemetry) -> None:
    faulty = FaultyGateway(Gateway())
    async with faulty.serve() as url, Client(**LOGIN, base_url=url, observer=telemetry.observer) as client:
        with pytest.raises(UnreachableError):
            await client.send("999114", "Hi")
    span = telemetry.span("send")
    assert (span.attributes or {})["error.type"] == "UnreachableError"
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, None)
    [event] = span.events
    assert (event.name, dict(event.attributes or {})) == ("exception", {"exception.type": "UnreachableError"})


async def test_a_span_is_a_child_of_the_callers(telemetry: Telemetry) -> None:
    """The session is everybody's: the span of its renewal belongs to nobody's trace."""
    faulty = FaultyGateway(Gateway())
    async with faulty.serve() as url, Client(**LOGIN, base_url=url, observer=telemetry.observer) as client:
        with telemetry.tracers.get_tracer("app").start_as_current_span("checkout"):
            await client.send(TO, "Hi")
            after = trace.get_current_span()
    checkout, send = telemetry.span("checkout"), telemetry.span("send")
    assert send.parent is not None
    assert send.parent.span_id == id_of(checkout)
    assert after.get_span_context().span_id == id_of(checkout)
    assert telemetry.span("authenticate").parent is None


async def test_what_a_users_http_client_traces_is_a_child(telemetry: Telemetry) -> None:
    gateway = Gateway()
    tracer = telemetry.tracers.get_tracer("httpx")

    def traced(request: httpx.Request) -> httpx.Response:
        with tracer.start_as_current_span("POST"):
            return answer(gateway, request)

    own = httpx.AsyncClient(transport=httpx.MockTransport(traced))
    async with Client(**LOGIN, http_client=own, observer=telemetry.observer) as client:
        await client.ping()
    ids = {id_of(span): span.name for span in telemetry.spans}
    assert [ids[span.parent.span_id] for span in telemetry.spans if span.name == "POST" and span.parent] == [
        "authenticate",
        "ping",
    ]


async def test_a_callback_is_a_consumers_span(telemetry: Telemetry) -> None:
    tracer = telemetry.tracers.get_tracer("app")

    async def save(report: DeliveryReport) -> None:
        with tracer.start_as_current_span("save"):
            pass

    async def fail(report: DeliveryReport) -> None:
        raise ZeroDivisionError

    for handler in (save, fail):
        app = receiver(on_report=handler, observer=telemetry.observer)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://hook.example.com") as web:
            await web.get("/?" + samples.report().decode())
    well, badly = (span for span in telemetry.spans if span.name == "process report")
    assert well.kind is badly.kind is SpanKind.CONSUMER
    saving = telemetry.span("save").parent
    assert saving is not None
    assert saving.span_id == id_of(well)
    assert dict(well.attributes or {}) == {
        "messaging.system": "clickatell",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "clickasync.command": "report",
        "clickasync.attempt": 1,
        "clickasync.outcome": "done",
    }
    assert (badly.attributes or {})["error.type"] == "ZeroDivisionError"
    assert badly.status.status_code is StatusCode.ERROR


async def test_the_connect_api_has_spans_without_its_token(telemetry: Telemetry) -> None:
    token = "0123456789abcdef0123456789abcdef"
    refusal = "<CLICKATELLSDK><Result>Error</Result><Error>404</Error></CLICKATELLSDK>"
    own = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(200, text=refusal)))
    async with ConnectClient(token, http_client=own, observer=telemetry.observer) as connect:
        with pytest.raises(ConnectError):
            await connect.authenticate_user("ann", "pa55word")
    span = telemetry.span("authenticate_user")
    assert (span.attributes or {})["server.address"] == "connect.clickatell.com"
    assert (span.attributes or {})["clickasync.code"] == "404"
    assert token not in telemetry.exported()


async def test_the_metrics_count_what_happened(telemetry: Telemetry) -> None:
    script = once("sendmsg", Fault.CLOSED, Fault.RESET_UNSEEN, Fault.EXPIRED)
    faulty = FaultyGateway(Gateway(), script)
    async with faulty.serve() as url, Client(**LOGIN, base_url=url, observer=telemetry.observer) as client:
        await client.send(TO, "Hi")
        with pytest.raises(OutcomeUnknownError):
            await client.send(TO, "Hi")
        await client.send_many([TO, "999114"], "Hi")
    metrics = telemetry.metrics()
    sent = {attributes["clickasync.outcome"]: value for attributes, value in metrics["messaging.client.sent.messages"]}
    assert sent == {"accepted": 2, "uncertain": 1, "rejected": 1}
    assert [value for _, value in metrics["clickasync.client.in_flight"]] == [0] * 3  # send, status, authenticate
    assert [value for _, value in metrics["clickasync.session.renewals"]] == [2]
    assert [value for _, value in metrics["clickasync.client.uncertain"]] == [2]
    durations = {
        (attributes["messaging.operation.name"], attributes.get("error.type")): count
        for attributes, count in metrics["messaging.client.operation.duration"]
    }
    assert durations == {
        ("authenticate", None): 2,
        ("send", "OutcomeUnknownError"): 2,
        ("send", "SessionExpiredError"): 1,
        ("send", None): 1,
        ("status", None): 1,
        ("status", "UnknownMessageError"): 1,
    }


async def test_callbacks_have_metrics_too(telemetry: Telemetry) -> None:
    async def save(report: DeliveryReport) -> None:
        """Nothing."""

    transport = httpx.ASGITransport(receiver(on_report=save, observer=telemetry.observer))
    async with httpx.AsyncClient(transport=transport, base_url="http://hook.example.com") as web:
        await web.get("/?" + samples.report().decode())
        await web.get("/?what=ever")
    metrics = telemetry.metrics()
    assert [value for _, value in metrics["messaging.client.consumed.messages"]] == [1]
    assert sum(count for _, count in metrics["messaging.process.duration"]) == 2


async def test_the_guide_names_every_span_metric_and_attribute(telemetry: Telemetry) -> None:
    await test_the_metrics_count_what_happened(telemetry)
    await test_callbacks_have_metrics_too(telemetry)
    await test_many_recipients_are_counted(Telemetry())
    named = set(re.findall(r"`([a-z_.]+(?: [a-z]+)?)`", GUIDE))
    metrics = telemetry.metrics()
    used = {span.name for span in telemetry.spans} | metrics.keys()
    used |= {name for span in telemetry.spans for name in (span.attributes or {})}
    used |= {name for series in metrics.values() for attributes, _ in series for name in attributes}
    assert len(used) > 20
    assert used <= named


def test_it_needs_the_api_alone() -> None:
    """Where no SDK is set up, nothing is exported, and nothing fails."""
    probe = """
import sys
sys.modules["opentelemetry.sdk"] = None
from clickasync import CallEnded, CallStarted
from clickasync.otel import observer
watching = observer()
watching.start(CallStarted("sendmsg", 1, 1, "api.clickatell.com", 1))(CallEnded("accepted", accepted=1))
watching.settled(1, 0, 0)
"""
    subprocess.run([sys.executable, "-W", "error", "-c", probe], check=True)
