"""The HTTP API without I/O: a command becomes a path and fields, a reply's text becomes values or errors."""

from __future__ import annotations

from clickasync.protocol.commands import (
    Command,
    SiAction,
    auth,
    delmsg,
    encode,
    endbatch,
    getbalance,
    getmsgcharge,
    ind_push,
    ping,
    querymsg,
    quicksend,
    route_coverage,
    senditem,
    sendmsg,
    si_push,
    startbatch,
    token_pay,
)
from clickasync.protocol.lines import Line, Lines

__all__ = [
    "Command",
    "Line",
    "Lines",
    "SiAction",
    "auth",
    "delmsg",
    "encode",
    "endbatch",
    "getbalance",
    "getmsgcharge",
    "ind_push",
    "ping",
    "querymsg",
    "quicksend",
    "route_coverage",
    "senditem",
    "sendmsg",
    "si_push",
    "startbatch",
    "token_pay",
]
