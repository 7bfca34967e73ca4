"""The courier: makes the gateway's callbacks, over HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Protocol

import anyio
import httpx

from clickasync.simulator.callbacks.transports import Request, request_of
from clickasync.simulator.world.events import Notification, Outcome

__all__ = ["Post", "run"]

INTERVAL: Final = 0.02
"""Seconds between two looks at what is due: a clock that a test moves calls nobody."""
TIMEOUT: Final = 10.0
"""Seconds in which a receiver must answer."""
AT_ONCE: Final = 16
"""Callbacks under way at one time."""
MOST_SHOWN: Final = 2000
"""Characters of an answer that are kept."""
MOST_READ: Final = 64 * 1024
"""Bytes of an answer that are read."""


class Post(Protocol):
    """What the courier needs of the gateway."""

    def tick(self) -> list[Notification]:
        """Hand out the callbacks to make now."""

    def attempted(self, notification: Notification, outcome: Outcome) -> object:
        """Note what became of one."""


async def run(post: Post) -> None:
    """Make callbacks as they fall due, until cancelled."""
    # Receivers run on the developer's own machine: a proxy for the outside world would only stand in between.
    async with httpx.AsyncClient(timeout=TIMEOUT, trust_env=False) as client, anyio.create_task_group() as tasks:
        places = anyio.Semaphore(AT_ONCE)
        while True:
            for notification in post.tick():
                await places.acquire()
                tasks.start_soon(_make, client, places.release, post, notification)
            await anyio.sleep(INTERVAL)


async def _make(client: httpx.AsyncClient, done: Callable[[], None], post: Post, notification: Notification) -> None:
    try:
        post.attempted(notification, await _outcome(client, request_of(notification)))
    finally:
        done()


async def _outcome(client: httpx.AsyncClient, request: Request) -> Outcome:
    started = time.monotonic()
    headers = {"Content-Type": request.content_type} if request.content_type else {}
    try:
        with anyio.fail_after(TIMEOUT):
            async with client.stream(
                request.method, request.url, content=request.body or None, headers=headers, auth=request.auth
            ) as response:
                body = b""
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > MOST_READ:
                        break
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
        problem = str(error) or type(error).__name__
        return Outcome(problem=problem[:MOST_SHOWN], seconds=time.monotonic() - started)
    answer = body.decode("utf-8", "replace")[:MOST_SHOWN]
    return Outcome(response.status_code, answer, seconds=time.monotonic() - started)
