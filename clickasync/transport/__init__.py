"""The one door to the network. It answers one question: was anything sent?

`Transport.post` sends a form and gives what the protocol makes of the reply, or the `Failure` that it was (`law.py`).
It never raises for what happens on the network: exceptions of an HTTP library carry the request, and with it secrets.

What users should know of it, proxies, TLS, timeouts and clients of their own, is in README.md in this folder.
"""

from __future__ import annotations

from clickasync.transport.exchange import MAX_REPLY
from clickasync.transport.transport import Transport
from clickasync.transport.urls import BaseUrl, parse_base_url

__all__ = ["MAX_REPLY", "BaseUrl", "Transport", "parse_base_url"]
