"""What spans, metrics and attributes are called: the semantic conventions for messaging, and what they leave open."""

from __future__ import annotations

from typing import Final

from attrs import frozen

__all__ = ["SCHEMA", "Operation", "operation_of"]

SCHEMA: Final = "https://opentelemetry.io/schemas/1.44.0"
"""The version of the conventions that the names are of."""


@frozen
class Operation:
    """What a command is called in a trace."""

    name: str
    type: str = ""
    """``send`` or ``process``, which the conventions know; empty for anything else."""
    span: str = ""
    """The name of its spans, where that is not its own."""


_SEND: Final = Operation("send", "send")

_OPERATIONS: Final[dict[str, Operation]] = {
    "sendmsg": _SEND,
    "quicksend": _SEND,
    "senditem": _SEND,
    "ind_push": Operation("push_mms", "send"),
    "si_push": Operation("push_wap", "send"),
    "auth": Operation("authenticate"),
    "querymsg": Operation("status"),
    "getmsgcharge": Operation("charge"),
    "delmsg": Operation("cancel"),
    "getbalance": Operation("balance"),
    "token_pay": Operation("redeem"),
    "routeCoverage": Operation("coverage"),
    "startbatch": Operation("start_batch"),
    "endbatch": Operation("end_batch"),
    "report": Operation("process", "process", "process report"),
    "message": Operation("process", "process", "process message"),
    "callback": Operation("process", "process", "process callback"),
}
"""The methods of `clickasync.Client` by the commands that they speak, and what the gateway calls on you."""


def operation_of(command: str) -> Operation:
    """What `command` is called in a trace; ``ping`` and the actions of the Connect API keep their names."""
    return _OPERATIONS.get(command) or Operation(command)
