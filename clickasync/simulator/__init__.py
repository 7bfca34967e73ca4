"""A Clickatell gateway to develop and test against: state machine, HTTP server, callbacks, inbox.

    from clickasync.simulator import Gateway, serve

    gateway = Gateway(credits=10)
    async with serve(gateway) as url:
        ...                            # point any Clickatell client at `url`: api_id 1, user demo, password demo
    print(gateway.messages)            # the ledger of what was accepted

It reads requests and writes replies by itself and shares no code with the client: a misreading of the protocol in one
of them cannot cancel itself out in the other.

The server needs starlette and h11: ``pip install 'clickasync[simulator]'``. `Gateway` alone needs neither.

.. include:: README.md
"""

from __future__ import annotations

from clickasync.simulator.answer import Answer, WireError
from clickasync.simulator.gateway import Gateway
from clickasync.simulator.server import create_app, run, serve, serving
from clickasync.simulator.world.accounts import VOUCHER
from clickasync.simulator.world.events import Attempt, CallbackType
from clickasync.simulator.world.feed import Event, Subscription
from clickasync.simulator.world.journal import Hit, Refused
from clickasync.simulator.world.messages import Message

__all__ = [
    "VOUCHER",
    "Answer",
    "Attempt",
    "CallbackType",
    "Event",
    "Gateway",
    "Hit",
    "Message",
    "Refused",
    "Subscription",
    "WireError",
    "create_app",
    "run",
    "serve",
    "serving",
]
