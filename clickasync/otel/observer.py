"""The observer that makes spans and metrics of what it sees."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Token
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from opentelemetry import context, metrics, trace
from opentelemetry.context import Context
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, TracerProvider

from clickasync._version import __version__
from clickasync.observe import CALLBACKS, CallEnded, CallStarted, Observer
from clickasync.otel.names import SCHEMA, operation_of

__all__ = ["observer"]

Attributes: TypeAlias = dict[str, str | int]

_SYSTEM: Final = "clickatell"
_FAILURES: Final = frozenset({"rejected", "uncertain", "not_sent"})
_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Seconds, as the conventions want them."""


def observer(*, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None) -> Observer:
    """An observer that makes spans and metrics, for `Client`, `ConnectClient` and `clickasync.callbacks.receiver`.

    One observer may serve all of them.

    >>> from clickasync.otel import observer
    >>> async with Client(api_id=1, user="demo", password="demo", observer=observer()) as traced:
    ...     sent = await traced.send("27821234567", "Hi")

    Args:
        tracer_provider: by default the application's.
        meter_provider: by default the application's.
    """
    return _Telemetry(
        trace.get_tracer("clickasync", __version__, tracer_provider, SCHEMA),
        _Instruments(metrics.get_meter("clickasync", __version__, meter_provider, SCHEMA)),
    )


class _Instruments:
    """The metrics."""

    def __init__(self, meter: metrics.Meter) -> None:
        self.duration = meter.create_histogram(
            "messaging.client.operation.duration",
            "s",
            "How long an attempt of a call took.",
            explicit_bucket_boundaries_advisory=_BUCKETS,
        )
        self.processing = meter.create_histogram(
            "messaging.process.duration",
            "s",
            "How long a callback of the gateway took to handle.",
            explicit_bucket_boundaries_advisory=_BUCKETS,
        )
        self.sent = meter.create_counter(
            "messaging.client.sent.messages", "{message}", "Messages by what became of them, once that is settled."
        )
        self.consumed = meter.create_counter(
            "messaging.client.consumed.messages", "{message}", "Callbacks of the gateway that were handled."
        )
        self.in_flight = meter.create_up_down_counter("clickasync.client.in_flight", "{call}", "Attempts under way.")
        self.renewals = meter.create_counter(
            "clickasync.session.renewals", "{session}", "Sessions that were opened, the first included."
        )
        self.uncertain = meter.create_counter(
            "clickasync.client.uncertain", "{call}", "Attempts that went out and brought no readable reply."
        )


class _Telemetry:
    """Makes a span of each attempt, which is the current one while the attempt lasts."""

    def __init__(self, tracer: trace.Tracer, instruments: _Instruments) -> None:
        self._tracer = tracer
        self._instruments = instruments

    def start(self, call: CallStarted, /) -> Callable[[CallEnded], None]:
        """Begin a span."""
        operation = operation_of(call.command)
        common = _common(call)
        is_callback = call.command in CALLBACKS
        span = self._tracer.start_span(
            operation.span or operation.name,
            kind=SpanKind.CONSUMER if is_callback else SpanKind.CLIENT,
            attributes={**common, **_details(call)},
        )
        token = context.attach(trace.set_span_in_context(span))
        self._instruments.in_flight.add(1, common)
        return lambda ended: self._end(call, ended, span, token, common)

    def settled(self, accepted: int, rejected: int, uncertain: int) -> None:
        """Count messages by what became of them."""
        for outcome, messages in {"accepted": accepted, "rejected": rejected, "uncertain": uncertain}.items():
            if messages:
                attributes: Attributes = {
                    "messaging.system": _SYSTEM,
                    "messaging.operation.name": "send",
                    "messaging.operation.type": "send",
                    "clickasync.outcome": outcome,
                }
                self._instruments.sent.add(messages, attributes)

    def _end(self, call: CallStarted, ended: CallEnded, span: Span, token: Token[Context], common: Attributes) -> None:
        instruments = self._instruments
        failure = _failure(ended)
        instruments.in_flight.add(-1, common)
        if call.command in CALLBACKS:
            instruments.processing.record(ended.seconds, {**common, **failure})
            if ended.outcome == "done":
                instruments.consumed.add(1, common)
        else:
            instruments.duration.record(ended.seconds, {**common, **failure})
        if call.command == "auth" and ended.outcome == "done":
            instruments.renewals.add(1, common)
        if ended.outcome == "uncertain":
            instruments.uncertain.add(1, common)
        span.set_attributes({**_results(call, ended), **failure})
        if failure:
            span.set_status(Status(StatusCode.ERROR))
        if ended.error is not None:
            span.add_event("exception", {"exception.type": ended.error.__qualname__})  # and no message
        span.end()
        context.detach(token)


def _common(call: CallStarted) -> Attributes:
    """What spans and metrics share."""
    operation = operation_of(call.command)
    attributes: Attributes = {"messaging.system": _SYSTEM, "messaging.operation.name": operation.name}
    if operation.type:
        attributes["messaging.operation.type"] = operation.type
    if call.server:
        server = urlsplit(f"//{call.server}")
        attributes["server.address"] = server.hostname or ""
        if server.port is not None:
            attributes["server.port"] = server.port
    return attributes


def _details(call: CallStarted) -> Attributes:
    """What a span says besides, from its beginning."""
    attributes: Attributes = {"clickasync.command": call.command, "clickasync.attempt": call.attempt}
    if call.recipients > 1:
        attributes["messaging.batch.message_count"] = call.recipients
    if call.parts:
        attributes["clickasync.parts"] = call.parts
    return attributes


def _results(call: CallStarted, ended: CallEnded) -> Attributes:
    """What a span says in the end."""
    attributes: Attributes = {"clickasync.outcome": ended.outcome}
    if call.recipients:
        attributes["clickasync.accepted"] = ended.accepted
        attributes["clickasync.rejected"] = ended.rejected
        attributes["clickasync.uncertain"] = ended.uncertain
    if ended.code is not None:
        attributes["clickasync.code"] = ended.code
    if ended.renewed:
        attributes["clickasync.renewed"] = True
    return attributes


def _failure(ended: CallEnded) -> Attributes:
    """``error.type``, of an attempt that failed as a whole."""
    if ended.outcome not in _FAILURES:
        return {}
    return {"error.type": "_OTHER" if ended.error is None else ended.error.__qualname__}
