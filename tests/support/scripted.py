"""A gateway that answers as scripted, and what carries out commands at it: no sockets, no client around it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

import httpx
from attrs import define, field

from clickasync.core.executor import Executor
from clickasync.core.rate import RateLimit
from clickasync.core.session import Credentials, Session
from clickasync.core.watching import Watch
from clickasync.redaction import Secret
from clickasync.transport import Transport, parse_base_url

Answer: TypeAlias = str | int | Exception | Callable[[], Awaitable[str]]
"""A text, a status, what happens instead, or what takes its time."""


@define
class Scripted:
    """Answers each command as scripted, the last answer for ever; any other command well."""

    script: dict[str, list[Answer]] = field(factory=dict)
    calls: Counter[str] = field(factory=Counter)

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        command = request.url.path.rpartition("/")[2]
        self.calls[command] += 1
        answers = self.script.get(command) or [self._usual(command, request)]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        match answer:
            case Exception():
                raise answer
            case int():
                return httpx.Response(answer)
            case str():
                return httpx.Response(200, text=answer)
        return httpx.Response(200, text=await answer())

    def _usual(self, command: str, request: httpx.Request) -> str:
        numbers = dict(parse_qsl(request.content.decode())).get("to", "").split(",")
        lines = [f"ID: {position} To: {number}" for position, number in enumerate(numbers)]
        replies = {"auth": f"OK: {self.calls['auth']:032x}", "getbalance": "Credit: 5", "sendmsg": "\n".join(lines)}
        return replies.get(command, "OK:")


def executor_of(
    gateway: Scripted,
    *,
    observer: Any = None,
    rates: Sequence[RateLimit] = (),
    retries: int = 3,
    ping_interval: float | None = None,
) -> Executor:
    """What carries out commands at this gateway."""
    own = httpx.AsyncClient(transport=httpx.MockTransport(gateway))
    transport = Transport(parse_base_url("http://127.0.0.1", allow_insecure=True), http_client=own)
    watch = Watch(observer, "gateway")
    who = Credentials("1", "demo", Secret("demo"))
    session = Session(transport, who, retries=retries, lifetime=900, ping_interval=ping_interval, watch=watch)
    return Executor(transport, session, retries=retries, rates=rates, watch=watch)
