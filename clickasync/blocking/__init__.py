"""The client for code without an event loop: Django, Flask, Celery, scripts, threads.

>>> from clickasync.blocking import Client
>>> with Client(api_id=1, user="demo", password="demo") as client:
...     sent = client.send("27821234567", "Your code is 4711")
>>> sent.ok
True

All clients of a process share one event loop on a thread in the background. It starts with the first call, anew in a
process that was forked, and ends with the program. Any thread may use any client; a client has one session and one set
of connections for all of them.
"""

from __future__ import annotations

from clickasync.blocking.batch import Batch
from clickasync.blocking.bulk import Bulk
from clickasync.blocking.client import Client
from clickasync.blocking.pins import PinSender

__all__ = ["Batch", "Bulk", "Client", "PinSender"]
