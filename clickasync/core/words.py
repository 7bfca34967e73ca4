"""An error in words that a log may hold: never a text, a number, an ID or what somebody else wrote."""

from __future__ import annotations

import re

from clickasync.codes.http import Code
from clickasync.errors import BEGINS, ApiError, ConnectError, OutcomeUnknownError, ProtocolError, TransportError

__all__ = ["code_of", "in_short"]


def in_short(error: BaseException) -> str:
    """`error` in a few words of ours.

    >>> from clickasync.errors import TransportError, api_error
    >>> in_short(api_error("105", "27821234567 is no good"))
    '105 Invalid destination address'
    >>> in_short(TransportError("HTTP 503 27821234567 is no good"))
    'HTTP 503'
    """
    match error:
        case ApiError(code=code) if code is not None:
            return f"{_shown(code) or 'an unknown code'} {code.description}".rstrip()
        case ConnectError(codes=codes) if codes:
            return " ".join(_shown(code) or "an unknown code" for code in codes)
        case TransportError(reason=reason) | OutcomeUnknownError(reason=reason) | ProtocolError(reason=reason):
            # Whoever wrote the status line, or the reply, may have quoted the request.
            status = re.match(r"HTTP \d{3}", reason)
            return reason.partition(BEGINS)[0] if status is None else status[0]
        case _:
            return type(error).__name__


def code_of(error: BaseException) -> str | None:
    """The code that the gateway gave for an error, if it did."""
    match error:
        case ApiError(code=code) if code is not None:
            return _shown(code)
        case ConnectError(codes=(code, *_)):
            return _shown(code)
        case _:
            return None


def _shown(code: Code) -> str | None:
    """`code`, if it looks like one. What stands in its place comes from the network."""
    return code.value if re.fullmatch("[0-9]{3}", code.value) else None
