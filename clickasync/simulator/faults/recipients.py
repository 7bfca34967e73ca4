"""Test numbers whose messages meet a fault: 999950 to 999959, and anything more.

==========  ==========================================================  =======
a number    what happens                                                taken?
==========  ==========================================================  =======
999950      the connection is reset before the gateway took the call    no
999951      the connection is reset after it took the call              yes
999952      the reply is cut off                                        yes
999953      junk in the place of the reply                              yes
999954      no reply for a minute, then the connection is closed        yes
999955      HTTP 503                                                    no
999956      the reply has no line for this recipient                    yes
999957      the recipient's line names another number                   yes
999958      ERR 901 the first time, accepted from the second on         then
999959      a second reply follows that nobody asked for                yes
==========  ==========================================================  =======

950 to 955 and 959 befall the whole call, that is, all its recipients; 956 to 958 befall the one alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from clickasync.simulator.faults.effects import Fault, Junk, Status
from clickasync.simulator.faults.wire import Cut, Hang, Reset, Second

__all__ = ["MARK", "call_fault", "is_refused_once", "line_fault"]

MARK: Final = "99995"
"""What all these numbers begin with."""

_CALL_FAULTS: Final = {
    "999950": Fault(Reset(), taken=False),
    "999951": Fault(Reset(), taken=True),
    "999952": Fault(Cut(), taken=True),
    "999953": Fault(Junk(), taken=True),
    "999954": Fault(Hang(60.0), taken=True),
    "999955": Fault(Status(503), taken=False),
    "999959": Fault(Second(), taken=True),
}
_STRANGER: Final = "999957999999999"


def call_fault(fields: Mapping[str, str]) -> Fault | None:
    """What befalls a call because of its recipients; the first of them counts."""
    for number in fields.get("to", "").split(","):
        fault = _CALL_FAULTS.get(number.strip()[:6])
        if fault is not None:
            return fault
    return None


def line_fault(number: str, line: str) -> str:
    """The line of a reply about `number` as it is written; empty for one that is left out."""
    if not number.startswith(MARK):
        return line
    if number.startswith("999956"):
        return ""
    if number.startswith("999957"):
        return f"{line.partition(' To: ')[0]} To: {_STRANGER}"
    return line


def is_refused_once(number: str) -> bool:
    """Whether a number is refused with 901 when it is tried for the first time."""
    return number.startswith("999958")
