"""A message as the Python that sends it again with `clickasync.Client`: text, for a person to copy."""

from __future__ import annotations

from typing import Final

from clickasync.encoding import is_gsm
from clickasync.simulator.world.messages import Message

__all__ = ["as_python"]

_FLAGS: Final = frozenset({"mo", "escalate", "binary", "deliv_ack"})
_NUMBERS: Final = frozenset(
    {"concat", "deliv_time", "queue", "validity", "req_feat", "callback", "mms_class", "mms_expire"}
)
_PUSHES: Final = {"ind_push": ("push_mms", "mms_"), "si_push": ("push_wap", "si_")}


def as_python(message: Message) -> str:
    """The call that sends the same to the same recipient."""
    if message.command in _PUSHES:
        method, prefix = _PUSHES[message.command]
        given = {name: value for name, value in message.options.items() if name.startswith(prefix)}
        return _call(method, [repr(message.to)], given)
    positional = [repr(message.to)] if message.data else [repr(message.to), repr(message.text)]
    given = dict(message.options)
    if given.pop("unicode", "") == "1" and not message.data and is_gsm(message.text):
        positional.append("unicode=True")
    return _call("send", positional, {name: value for name, value in given.items() if name in _KNOWN})


_KNOWN: Final = _FLAGS | (_NUMBERS - {"mms_class", "mms_expire"}) | {
    "from", "climsgid", "scheduled_time", "max_credits", "msg_type", "udh", "data"
}  # fmt: skip


def _call(method: str, positional: list[str], given: dict[str, str]) -> str:
    arguments = [*positional, *(f"{_name(name)}={_value(name, value)}" for name, value in given.items())]
    line = f"await client.{method}({', '.join(arguments)})"
    if len(line) <= 72:
        return line
    return "\n".join([f"await client.{method}(", *(f"    {argument}," for argument in arguments), ")"])


def _name(name: str) -> str:
    return "from_" if name == "from" else name


def _value(name: str, value: str) -> str:
    if name in _FLAGS:
        return str(value == "1")
    is_number = name in _NUMBERS or name == "scheduled_time"
    return str(int(value)) if is_number and value.isdigit() else repr(value)
