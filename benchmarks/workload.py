"""What everybody sends: the same fields to the same numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final
from urllib.parse import urlencode

TEXT: Final = "Your parcel arrives today between 10:00 and 12:00. Reply STOP to opt out."
SESSION: Final = "5bd0cb2b4e5f4d1c9a7f6f0b7c1e2d3a"
API_ID: Final = "1"
USER: Final = "demo"
PASSWORD: Final = "demo"
BATCH: Final = 300
CONNECTIONS: Final = 8
"""Calls at once in bulk: clickasync's default, so that of everybody."""
TIMEOUT: Final = 30.0

FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}


def numbers(count: int) -> Iterator[str]:
    """So many different recipients, made as they are asked for."""
    return (str(27820000000 + index) for index in range(count))


def batches(count: int) -> Iterator[list[str]]:
    """The same, in lists of `BATCH`."""
    source = numbers(count)
    return iter(lambda: list(islice(source, BATCH)), [])


def fields(to: str) -> dict[str, str]:
    """The form of a ``sendmsg``. The client message ID is as long as ours, and costs nothing to make."""
    return {"session_id": SESSION, "text": TEXT, "climsgid": f"{to[:11]:0>32}", "to": to}


def request(path: str, form: bytes) -> bytes:
    """A whole POST as bytes."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {FORM['Content-Type']}\r\n"
    return f"{head}Content-Length: {len(form)}\r\n\r\n".encode("ascii") + form


def requests(count: int) -> Iterable[bytes]:
    """Ready ``sendmsg`` requests."""
    return (request("/http/sendmsg", urlencode(fields(number)).encode("ascii")) for number in numbers(count))


def reports(count: int) -> Iterable[bytes]:
    """Ready delivery reports, as the gateway posts them: each another message."""
    for index in range(count):
        report = {
            "api_id": API_ID,
            "apiMsgId": f"{index:032x}",
            "cliMsgId": f"{index:032x}",
            "to": str(27820000000 + index),
            "from": "27820000000",
            "timestamp": "1700000000",
            "status": "004",
            "charge": "0.33",
        }
        yield request("/", urlencode(report).encode("ascii"))
