"""An async SDK for the Clickatell HTTP API (SMS) and Connect API (accounts).

Begin with `Client`. The guides are the README.md files in the folders of this package: a tour of the client here, and
more in core, bulk, recipients, transport, callbacks, simulator, connect and cli.

The names are loaded when they are first used, so that to import the package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from clickasync._version import __version__

if TYPE_CHECKING:
    from clickasync.batch import Batch
    from clickasync.bulk import Bulk
    from clickasync.client import Client
    from clickasync.codes import Callback, ErrorCode, Feature, MessageStatus, MessageType, Queue
    from clickasync.connect import (
        AccountType,
        CallbackType,
        Captcha,
        ConnectClient,
        ConnectErrorCode,
        ConnectionType,
        Country,
        CountryPrefix,
        SmsActivation,
    )
    from clickasync.encoding import TextInfo, inspect_text
    from clickasync.errors import (
        ApiError,
        AuthenticationError,
        CallbackError,
        ClickatellError,
        ClosedError,
        ConfigurationError,
        ConnectError,
        CreditError,
        GatewayError,
        InvalidNumberError,
        InvalidOptionError,
        InvalidRequestError,
        OutcomeUnknownError,
        ProtocolError,
        QuotaExceededError,
        SessionExpiredError,
        TransportError,
        UnknownMessageError,
        UnreachableError,
    )
    from clickasync.observe import CallEnded, CallStarted, Observer
    from clickasync.options import Message, MessageOptions, SendOptions
    from clickasync.results import (
        Accepted,
        Coverage,
        MessageCharge,
        MessageState,
        Progress,
        Rejected,
        SendResult,
        Skipped,
        Uncertain,
    )

__all__ = [
    "Accepted",
    "AccountType",
    "ApiError",
    "AuthenticationError",
    "Batch",
    "Bulk",
    "CallEnded",
    "CallStarted",
    "Callback",
    "CallbackError",
    "CallbackType",
    "Captcha",
    "ClickatellError",
    "Client",
    "ClosedError",
    "ConfigurationError",
    "ConnectClient",
    "ConnectError",
    "ConnectErrorCode",
    "ConnectionType",
    "Country",
    "CountryPrefix",
    "Coverage",
    "CreditError",
    "ErrorCode",
    "Feature",
    "GatewayError",
    "InvalidNumberError",
    "InvalidOptionError",
    "InvalidRequestError",
    "Message",
    "MessageCharge",
    "MessageOptions",
    "MessageState",
    "MessageStatus",
    "MessageType",
    "Observer",
    "OutcomeUnknownError",
    "Progress",
    "ProtocolError",
    "Queue",
    "QuotaExceededError",
    "Rejected",
    "SendOptions",
    "SendResult",
    "SessionExpiredError",
    "Skipped",
    "SmsActivation",
    "TextInfo",
    "TransportError",
    "Uncertain",
    "UnknownMessageError",
    "UnreachableError",
    "__version__",
    "inspect_text",
]

_HOMES = {
    "clickasync.batch": "Batch",
    "clickasync.bulk": "Bulk",
    "clickasync.client": "Client",
    "clickasync.codes": "Callback ErrorCode Feature MessageStatus MessageType Queue",
    "clickasync.connect": (
        "AccountType CallbackType Captcha ConnectClient ConnectErrorCode ConnectionType Country CountryPrefix "
        "SmsActivation"
    ),
    "clickasync.encoding": "TextInfo inspect_text",
    "clickasync.errors": (
        "ApiError AuthenticationError CallbackError ClickatellError ClosedError ConfigurationError ConnectError "
        "CreditError GatewayError InvalidNumberError InvalidOptionError InvalidRequestError "
        "OutcomeUnknownError ProtocolError QuotaExceededError SessionExpiredError TransportError "
        "UnknownMessageError UnreachableError"
    ),
    "clickasync.observe": "CallEnded CallStarted Observer",
    "clickasync.options": "Message MessageOptions SendOptions",
    "clickasync.results": (
        "Accepted Coverage MessageCharge MessageState Progress Rejected SendResult Skipped Uncertain"
    ),
}
"""Which module each public name lives in."""


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names.split():
            value = globals()[name] = getattr(importlib.import_module(home), name)
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
