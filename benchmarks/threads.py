"""Sending without an event loop: each peer is a context manager that gives a function for any thread to send with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from importlib import import_module
from typing import Final, TypeAlias

import httpx

from benchmarks.workload import API_ID, PASSWORD, TEXT, TIMEOUT, USER, fields

Send: TypeAlias = Callable[[str], object]
Peer: TypeAlias = Callable[[str, int], AbstractContextManager[Send]]


@contextmanager
def _ours(url: str, threads: int) -> Iterator[Send]:
    kind = import_module("clickasync.blocking").Client
    with kind(api_id=API_ID, user=USER, password=PASSWORD, base_url=url, max_connections=threads) as ours:
        yield partial(ours.send, text=TEXT)


@contextmanager
def _httpx(url: str, threads: int) -> Iterator[Send]:
    target = url + "/http/sendmsg"
    limits = httpx.Limits(max_connections=threads, max_keepalive_connections=threads)
    with httpx.Client(timeout=TIMEOUT, limits=limits) as http:

        def send(number: str) -> None:
            text = http.post(target, data=fields(number)).text
            if not text.startswith("ID: "):
                raise ValueError(f"not accepted: {text[:80]!r}")

        yield send


PEERS: Final[dict[str, Peer]] = {"clickasync.blocking": _ours, "httpx.Client": _httpx}
