"""Traces and metrics for OpenTelemetry, of a client, its runs, the Connect API and a receiver of callbacks.

    from clickasync import Client
    from clickasync.otel import observer

    client = Client(observer=observer())

It needs the API of OpenTelemetry alone (``pip install 'clickasync[otel]'``); where the spans and metrics go is the
business of the SDK that your application sets up. Names and attributes are those of the semantic conventions for
messaging where these fit; the guide beside this file lists them. No number, text, ID or secret is among them, and an
exception is told by its type alone.
"""

from __future__ import annotations

try:
    from clickasync.otel.observer import observer
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "opentelemetry":
        raise
    raise ModuleNotFoundError(
        "traces and metrics need opentelemetry-api: pip install 'clickasync[otel]'", name=error.name
    ) from None

__all__ = ["observer"]
