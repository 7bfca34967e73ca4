"""Ten thousand requests that nobody sane would make: no 5xx but those that were asked for, no hang, bounded memory."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import anyio
import pytest

from clickasync.simulator import VOUCHER, Gateway, create_app
from clickasync.simulator.commands import COMMANDS
from clickasync.simulator.connect import TOKEN
from clickasync.simulator.connect.actions import ACTIONS
from clickasync.simulator.server.control import ENDPOINTS
from tests.support.simulator import LOGIN

REQUESTS: Final = 10_000
KEEP: Final = 20
MULTIPART: Final = "multipart/form-data"
NAMES: Final = [
    "to", "text", "from", "callback", "climsgid", "cliMsgId", "concat", "deliv_time", "scheduled_time", "unicode",
    "msg_type", "data", "udh", "binary", "max_credits", "apimsgid", "batch_id", "template", "field1", "msisdn", "token",
    "session_id", "seconds", "until", "error", "http", "cut", "hang", "latency", "jitter", "probability", "times", "id",
    "url", "type", "user", "handset", "charset", "parts", "since", "limit", "number", "on", "credits", "XML", "code",
]  # fmt: skip
VALUES: Final = [
    "", "0", "1", "-1", "3", "1e9", "1e999", "nan", "27821234567", "27821234567,nobody", "9990041", "9991301",
    "9999561", "9999571", "9999581", "Hi", "a" * 200, "€" * 90, "你好", "4F60597D", "00" * 300, "050003010201", "\x00",
    "\ud83d", "STOP", "STOP ALL", "UTF-16BE", "klingon", "2030-01-01T00:00:00Z", "SMS_NOKIA_OLOGO", "next", "delivered",
    "before", "after", "true", "false", "http://127.0.0.1:9/", "http://[", "'", "<script>", "%", "%zz", "#field1#",
    "sendmsg", "*", "301", VOUCHER, TOKEN, "../../etc/passwd", "None", "[]", "{}", "1" * 400,
]  # fmt: skip
SCALARS: Final[list[Any]] = [*VALUES, 0, 1, -1, 1.5, 10**30, True, False, None, [], {}, [1], {"a": 1}, float("inf")]


class Fuzzer:
    """Requests out of a seed."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)

    def request(self) -> dict[str, Any]:
        dice = self.dice
        kind = dice.choice([self.command, self.control, self.connect, self.anything])
        method, path, query, body, content_type = kind()
        return {"method": method, "path": path, "query_string": query, "body": body, "content_type": content_type}

    def command(self) -> tuple[str, str, bytes, bytes, str]:
        path = self.dice.choice([*COMMANDS, *["/http/sendmsg"] * 20]) + self.dice.choice(["", ".php", "/"])
        fields = self.form({**LOGIN, "to": "27821234567", "text": "Hi"} if self.dice.random() < 0.8 else {})
        if self.dice.random() < 0.5:
            return "GET", path, fields, b"", ""
        return (
            "POST",
            path,
            b"",
            fields,
            self.dice.choice(["", "application/x-www-form-urlencoded", "multipart/form-data"]),
        )

    def control(self) -> tuple[str, str, bytes, bytes, str]:
        endpoint = self.dice.choice(ENDPOINTS)
        if endpoint.summary.startswith("forget") and self.dice.random() < 0.95:
            return "GET", "/simulator/log", b"", b"", ""  # or nothing would ever pile up
        path = endpoint.path
        for name in ("id", "number"):
            for braces in (f"{{{name}}}", f"{{{name}:int}}"):
                path = path.replace(braces, self.dice.choice(["1", "2", "0", "x", "99999999999999999999"]))
        names = [parameter.name for parameter in endpoint.parameters] + NAMES[:3]
        if endpoint.method == "POST" and self.dice.random() < 0.7:
            members = {name: self.dice.choice(SCALARS) for name in self.dice.sample(names, self.dice.randint(0, 3))}
            body = json.dumps(members).encode("utf-8", "surrogatepass")
            return (
                "POST",
                path,
                b"",
                body[: self.dice.choice([len(body), len(body) // 2, len(body)])],
                "application/json",
            )
        return endpoint.method, path, self.form({}, names), b"", ""

    def connect(self) -> tuple[str, str, bytes, bytes, str]:
        elements = "".join(
            f"<{name}>{self.dice.choice(VALUES)}</{name}>" for name in self.dice.sample(["user", *NAMES], 3)
        )
        document = f"<clickatellsdk><action>{self.dice.choice([*ACTIONS])}</action>{elements}</clickatellsdk>"
        return "POST", f"/{TOKEN}", b"", b"XML=" + document.encode("utf-8", "replace"), ""

    def anything(self) -> tuple[str, str, bytes, bytes, str]:
        path = self.dice.choice(
            ["/", "/inbox/", "/inbox/../x", "/simulator", "/simulator/x", "//", "/\x00", "/" + "x" * 50]
        )
        method = self.dice.choice(["GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"])
        junk = self.dice.randbytes(self.dice.randint(0, 60))
        kind = self.dice.choice(
            ["", "application/json", "multipart/form-data; boundary=x", "\xff", "text/plain; charset=x"]
        )
        return method, path, junk, junk, kind

    def form(self, start: dict[str, str], names: list[str] = NAMES) -> bytes:
        chosen = {
            name: self.dice.choice(VALUES) for name in self.dice.sample(names, min(len(names), self.dice.randint(0, 5)))
        }
        return "&".join(f"{name}={value}" for name, value in {**start, **chosen}.items()).encode(
            "utf-8", "surrogatepass"
        )


async def ask(app: Callable[..., Any], request: dict[str, Any]) -> int:
    """The status of the answer; a stream is left once it has begun."""
    status = 0
    has_begun = anyio.Event()
    messages = [{"type": "http.request", "body": request["body"], "more_body": False}]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await has_begun.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)
        if message.get("body"):
            has_begun.set()

    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "scheme": "http",
        "root_path": "", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "method": request["method"],
        "path": request["path"], "query_string": request["query_string"], "extensions": {},
        "headers": [(b"host", b"127.0.0.1"), (b"content-type", request["content_type"].encode("latin-1"))],
    }  # fmt: skip
    await app(scope, receive, send)
    return status


@pytest.mark.parametrize("seed", [20261125])
def test_ten_thousand_odd_requests(seed: int) -> None:
    gateway = Gateway(credits=10**6, keep=KEEP, calendar=lambda: 1_700_000_000.0)
    app = create_app(gateway)
    fuzzer = Fuzzer(seed)
    seen: Counter[int] = Counter()
    most: list[int] = []

    async def run() -> None:
        for _ in range(REQUESTS):
            request = fuzzer.request()
            # What was asked for does not count, nor may it hold things up.
            gateway.heal()
            gateway.latency = 0.0
            gateway.account.credits = Decimal(1000)
            with anyio.fail_after(10):
                status = await ask(app, request)
            assert 200 <= status < 500, request
            seen[status] += 1
            most.append(len(gateway.messages))

    anyio.run(run)
    assert sum(seen.values()) == REQUESTS
    assert {200, 400, 404} <= seen.keys()
    world = gateway.world
    assert max(most) == KEEP
    assert all(len(kept) <= KEEP for kept in (gateway.messages, gateway.refused, gateway.callbacks, gateway.hits))
    assert len(world.journal.received) <= KEEP
    assert len(gateway.connect.captchas) <= 1000
    assert not world.journal.feed.has_readers
