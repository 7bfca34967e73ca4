"""A program that forks while its client has a session and an open connection: ``python -m tests.support.forking URL``.

It ends with 0 if its child did.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import traceback

from clickasync import Client


async def send(client: Client, text: str) -> None:
    """Send a few, one after another."""
    for number in range(3):
        await client.send("27821234567", f"{text} {number}")


async def parent(url: str) -> int:
    """Send, fork while a call is under way, and go on sending on the same connections."""
    async with Client(api_id=1, user="demo", password="demo", base_url=url, ping_interval=0.05) as client:
        await send(client, "before")
        under_way = asyncio.create_task(client.send("27821234567", "under way"))
        await asyncio.sleep(0)
        child = os.fork()
        if child == 0:
            be_the_child(client)
        await under_way
        await send(client, "parent")
        _, status = await asyncio.to_thread(os.waitpid, child, 0)
        await send(client, "after")
        return os.waitstatus_to_exitcode(status)


def be_the_child(client: Client) -> None:
    """Use what was inherited in an event loop of the child's own, and end without a look back."""
    code = 1

    async def work() -> None:
        nonlocal code
        await send(client, "child")
        await client.aclose()
        code = 0

    thread = threading.Thread(target=lambda: asyncio.run(work()))
    try:
        thread.start()
        thread.join()
    except BaseException:  # whatever it is, the parent's code must not run here
        traceback.print_exc()
    os._exit(code)


if __name__ == "__main__":
    sys.exit(asyncio.run(parent(sys.argv[1])))
