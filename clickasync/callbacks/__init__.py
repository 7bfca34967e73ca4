"""What the gateway calls on you: delivery reports and inbound messages.

`parse` reads one callback (no I/O); `receiver` is an ASGI app that receives them; `Assembler` joins the parts of
long inbound messages.

>>> from clickasync.callbacks import parse
>>> report = parse(b"apiMsgId=996f364775e24b84&to=27821234567&timestamp=1218007814&status=003&charge=0.3")
>>> report.status.description
'Delivered to gateway'

.. include:: README.md
"""

from __future__ import annotations

from clickasync.callbacks.assembler import Assembler
from clickasync.callbacks.models import DeliveryReport, InboundMessage, OptOut, Part
from clickasync.callbacks.parsing import parse
from clickasync.callbacks.receiver import receiver
from clickasync.callbacks.store import HandledStore, MemoryStore
from clickasync.errors import CallbackError

__all__ = [
    "Assembler",
    "CallbackError",
    "DeliveryReport",
    "HandledStore",
    "InboundMessage",
    "MemoryStore",
    "OptOut",
    "Part",
    "parse",
    "receiver",
]
