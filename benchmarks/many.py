"""Everybody who sends to many recipients: each a coroutine function that gives how many were accepted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from importlib import import_module
from typing import Any, Final, TypeAlias

import httpx

from benchmarks.single import client
from benchmarks.workload import (
    API_ID,
    CONNECTIONS,
    PASSWORD,
    TEXT,
    TIMEOUT,
    USER,
    batches,
    fields,
    numbers,
)
from clickasync import Accepted

Peer: TypeAlias = Callable[[str, int], Coroutine[Any, Any, int]]


async def _bulk(url: str, count: int) -> int:
    accepted = 0
    async with client(url, CONNECTIONS) as ours, ours.bulk(numbers(count), TEXT) as run:
        async for result in run:
            if isinstance(result, Accepted):
                accepted += 1
    return accepted


async def _send_many(url: str, count: int) -> int:
    async with client(url, CONNECTIONS) as ours:
        results = await ours.send_many(list(numbers(count)), TEXT)
    return sum(isinstance(result, Accepted) for result in results)


async def _call_each(url: str, count: int) -> int:
    accepted = 0
    todo = numbers(count)

    async def lane() -> None:
        nonlocal accepted
        for number in todo:
            await ours.send(number, TEXT)
            accepted += 1

    async with client(url, CONNECTIONS) as ours:
        await asyncio.gather(*(lane() for _ in range(CONNECTIONS)))
    return accepted


def _only_split(text: str) -> int:
    return len(text.split("\n"))


def _read_ids(text: str) -> int:
    """What a careful hand would do: know which number got which ID."""
    ids = {}
    for line in text.split("\n"):
        key, id, _, to = line.split(" ")
        if key == "ID:":
            ids[to] = id
    return len(ids)


async def _httpx(url: str, count: int, read: Callable[[str], int] = _only_split, in_flight: int = CONNECTIONS) -> int:
    accepted = 0
    target = url + "/http/sendmsg"

    async def lane(todo: Iterable[list[str]]) -> None:
        nonlocal accepted
        for batch in todo:
            response = await http.post(target, data=fields(",".join(batch)))
            accepted += read(response.text)

    # Without certificates: to load them takes longer than many a call, and has nothing to do with sending.
    async with httpx.AsyncClient(timeout=TIMEOUT, verify=False) as http:  # noqa: S501 - there is no TLS here
        todo = batches(count)
        await asyncio.gather(*(lane(todo) for _ in range(in_flight)))
    return accepted


async def _clickatell(url: str, count: int) -> int:
    """The package of that name. It is synchronous: one call after the other."""
    http = import_module("clickatell.http").Http(USER, PASSWORD, API_ID)
    http.endpoint = url.partition("://")[2]
    return sum(bool(result["id"]) for batch in batches(count) for result in http.sendMessage(batch, TEXT))


PEERS: Final[dict[str, Peer]] = {
    "clickasync": _bulk,
    "clickasync, send_many": _send_many,
    "httpx loop, lines split": _httpx,
    "httpx loop, IDs read": partial(_httpx, read=_read_ids),
    "httpx loop, one batch at a time": partial(_httpx, in_flight=1),
    "clickatell 0.1.2": _clickatell,
    "clickasync, one call each": _call_each,
}
"""All in calls of 300, eight at once, where they can."""
