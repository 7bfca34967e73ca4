"""The only door to the network, and the only package that knows httpx. It answers one question: was anything sent?

`Transport.exchange` makes one POST and gives back a `Reply`, or the `Failure` that it was (`law.py`). It never raises
for what happens on the network, for exceptions of an HTTP library carry the request, and with it the secrets.
"""

from __future__ import annotations

from clickasync.transport.door import MAX_REPLY, Outcome, Reply, Transport
from clickasync.transport.lanes import IDLE_SECONDS, HttpLibrary
from clickasync.transport.urls import check_base_url

__all__ = ["IDLE_SECONDS", "MAX_REPLY", "HttpLibrary", "Outcome", "Reply", "Transport", "check_base_url"]
