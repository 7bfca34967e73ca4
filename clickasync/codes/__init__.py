"""Every table of the two APIs as an enum: `clickasync.codes.http` and `clickasync.codes.connect`."""

from __future__ import annotations

from clickasync.codes.connect import ConnectErrorCode, captcha_required
from clickasync.codes.http import Callback, Code, ErrorCode, Feature, MessageStatus, MessageType, Queue

__all__ = [
    "Callback",
    "Code",
    "ConnectErrorCode",
    "ErrorCode",
    "Feature",
    "MessageStatus",
    "MessageType",
    "Queue",
    "captcha_required",
]
