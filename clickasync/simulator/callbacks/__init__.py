"""The callbacks that the gateway makes: how they look (`transports`), how they are made (`courier`).

What they are about, and when they are tried again, is part of the world: `clickasync.simulator.world.events`.
"""

from __future__ import annotations

from clickasync.simulator.callbacks.handset import cut
from clickasync.simulator.callbacks.transports import Request, request_of
from clickasync.simulator.world.events import CallbackType, Inbound, Notification, Report, Target

__all__ = ["CallbackType", "Inbound", "Notification", "Report", "Request", "Target", "cut", "request_of"]
