"""What can go wrong with a command, as values; nothing goes wrong here.

A `Fault` is an effect, how late the reply comes, and whether the gateway carries the command out all the same. What
shows in the reply alone is done by the gateway, which answers with another text or status. What shows on the
connection alone (`clickasync.simulator.faults.wire`) is done by the server, below ASGI.
"""

from __future__ import annotations

import math
from random import Random
from typing import Final, Literal, TypeAlias, TypedDict

from attrs import frozen

from clickasync.codes import ErrorCode
from clickasync.simulator.faults.wire import Cut, Hang, Reset, Second, WireFault

__all__ = ["JUNK", "Effect", "Expire", "Fault", "FaultOptions", "Junk", "Late", "Refuse", "Status", "make_fault"]

JUNK: Final = "<html><head><title>Welcome</title></head>\n<body>Please accept the terms of this hotel.</body></html>\n"
"""What a captive portal says in the gateway's place."""


@frozen
class Refuse:
    """The gateway refuses the command with this error."""

    code: ErrorCode


@frozen
class Status:
    """Something in front of the gateway answers with an HTTP status."""

    code: int
    retry_after: int | None = None
    """Seconds, for the header of that name."""


@frozen
class Junk:
    """A 200 whose body is no reply of the gateway."""


@frozen
class Expire:
    """The session of the call is dead before the command is carried out."""


@frozen
class Late:
    """Nothing but the time that the reply takes."""


Effect: TypeAlias = Refuse | Status | Junk | Expire | Late | WireFault
"""What happens."""


@frozen
class Fault:
    """What goes wrong with one call."""

    effect: Effect
    taken: bool
    """Whether the gateway carries the command out."""
    latency: float = 0.0
    """Seconds that the reply is held back."""
    jitter: float = 0.0
    """Seconds, more or less, by which the latency varies."""

    def delay(self, dice: Random) -> float:
        """Seconds that this reply is held back."""
        return max(0.0, self.latency + dice.uniform(-self.jitter, self.jitter)) if self.jitter else self.latency

    def describe(self) -> str:
        """The fault in a few words."""
        late = f"{self.latency:g} s late" if self.latency or self.jitter else ""
        late += f" ± {self.jitter:g} s" if self.jitter else ""
        return ", ".join(filter(None, (_describe(self.effect, self.taken), late)))


def _describe(effect: Effect, taken: bool) -> str:
    match effect:
        case Refuse(code):
            return f"ERR {code}"
        case Status(code, retry_after):
            return f"HTTP {code}" + (f", Retry-After {retry_after}" if retry_after is not None else "")
        case Junk():
            return "junk for a reply"
        case Expire():
            return "the session has expired"
        case Late():
            return ""
        case Reset():
            return f"connection reset {'after' if taken else 'before'} the gateway took it"
        case _:
            return effect.describe()


class FaultOptions(TypedDict, total=False):
    """The arguments that describe a fault: see `make_fault`."""

    error: str | None
    http: int | None
    retry_after: int | None
    reset: Literal["before", "after"] | None
    cut: bool
    junk: bool
    second: bool
    hang: float | None
    latency: float | None
    jitter: float
    expire: bool
    taken: bool | None


def make_fault(
    *,
    error: str | None = None,
    http: int | None = None,
    retry_after: int | None = None,
    reset: Literal["before", "after"] | None = None,
    cut: bool = False,
    junk: bool = False,
    second: bool = False,
    hang: float | None = None,
    latency: float | None = None,
    jitter: float = 0.0,
    expire: bool = False,
    taken: bool | None = None,
) -> Fault:
    """The fault that these arguments describe: one effect at the most, and how late the reply comes.

    `taken` says whether the gateway carries the command out. Left out, that is as the effect has it: an error, an HTTP
    status and ``reset="before"`` stand in front of the gateway, all other effects befall the reply.

    Raises:
        ValueError: it says what cannot be.
    """
    chosen: list[tuple[str, Effect, bool]] = []
    if error is not None:
        chosen.append(("error", Refuse(_error(error)), False))
    if http is not None:
        chosen.append(("http", Status(_status(http), _retry_after(retry_after)), False))
    elif retry_after is not None:
        raise ValueError("retry_after goes with http: it is a header of that answer")
    if reset is not None:
        if reset not in ("before", "after"):
            raise ValueError('reset is "before" or "after" the gateway took the command')
        if taken is not None:
            raise ValueError("reset says itself whether the gateway takes the command: leave taken out")
        chosen.append(("reset", Reset(), reset == "after"))
    if hang is not None:
        chosen.append(("hang", Hang(_seconds("hang", hang)), True))
    flags: dict[str, tuple[bool, Effect]] = {
        "cut": (cut, Cut()),
        "junk": (junk, Junk()),
        "second": (second, Second()),
        "expire": (expire, Expire()),
    }
    chosen += [(name, effect, True) for name, (given, effect) in flags.items() if given]
    if len(chosen) > 1:
        raise ValueError(f"one effect at a time, not {' and '.join(name for name, _, _ in chosen)}")
    late = _seconds("latency", latency or 0.0), _seconds("jitter", jitter)
    if not chosen and not any(late):
        raise ValueError("say what goes wrong: error, http, reset, cut, junk, second, hang, expire or latency")
    name, effect, by_itself = chosen[0] if chosen else ("latency", Late(), True)
    if taken is True and name == "error":
        raise ValueError("what is refused with an error is not taken")
    return Fault(effect, by_itself if taken is None else taken, *late)


def _error(code: str) -> ErrorCode:
    if not (isinstance(code, str) and len(code) == 3 and code.isascii() and code.isdigit()):
        raise ValueError('error is a code of three digits, as in "301"')
    return ErrorCode(code)


def _status(code: int) -> int:
    if isinstance(code, bool) or not isinstance(code, int) or not 200 <= code <= 599:
        raise ValueError("http is a status from 200 to 599")
    return code


def _retry_after(seconds: int | None) -> int | None:
    if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, int) or seconds < 0):
        raise ValueError("retry_after is a whole number of seconds")
    return seconds


def _seconds(name: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 86400 or math.isnan(value):
        raise ValueError(f"{name} is a number of seconds from 0 to 86400")
    return float(value)
