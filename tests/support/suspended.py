"""A program that sends one message, and may be suspended meanwhile: ``python -m tests.support.suspended URL asyncio``.

It prints what it was told.
"""

from __future__ import annotations

import sys

import anyio

from clickasync import ClickatellError, Client


async def main(url: str) -> None:
    """Send to one, with a time limit that a suspension outlasts."""
    async with Client(api_id=1, user="demo", password="demo", base_url=url, timeout=0.3, retries=9) as client:
        await client.authenticate()
        try:
            print(type(await client.send("27821234567", "Hi")).__name__)
        except ClickatellError as error:
            print(error)


if __name__ == "__main__":
    anyio.run(main, sys.argv[1], backend=sys.argv[2])
