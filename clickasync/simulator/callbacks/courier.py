"""The courier: brings the gateway's callbacks to whoever wants them, over HTTP."""

from __future__ import annotations

from typing import Final

import anyio
import httpx

from clickasync.simulator.callbacks import Notification
from clickasync.simulator.gateway import Gateway

__all__ = ["run"]

INTERVAL: Final = 0.02
"""Seconds between two looks at what is due: a clock that a test moves tells nobody."""
TIMEOUT: Final = 10.0
"""Seconds in which a receiver must answer."""
AT_ONCE: Final = 16
"""Callbacks under way at one time."""


async def run(gateway: Gateway) -> None:
    """Deliver callbacks as they fall due, until cancelled. Whatever does not arrive goes back to the gateway."""
    # Receivers run on the developer's own machine: a proxy for the outside world would only stand in between.
    async with httpx.AsyncClient(timeout=TIMEOUT, trust_env=False) as client, anyio.create_task_group() as tasks:
        lane = anyio.Semaphore(AT_ONCE)
        while True:
            for notification in gateway.tick():
                await lane.acquire()
                tasks.start_soon(_deliver, gateway, client, lane, notification)
            await anyio.sleep(INTERVAL)


async def _deliver(
    gateway: Gateway, client: httpx.AsyncClient, lane: anyio.Semaphore, notification: Notification
) -> None:
    try:
        if not await _arrives(client, notification):
            gateway.failed(notification)
    finally:
        lane.release()


async def _arrives(client: httpx.AsyncClient, notification: Notification) -> bool:
    """Whether the receiver answered with 2xx: anything else is tried again."""
    request = notification.request()
    headers = {"Content-Type": "application/x-www-form-urlencoded"} if request.body else {}
    try:
        response = await client.request(
            request.method, request.url, content=request.body or None, headers=headers, auth=request.auth
        )
    except (httpx.HTTPError, httpx.InvalidURL):
        return False
    return response.is_success
