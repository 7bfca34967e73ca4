"""Who sees the attempts of a client, and what it costs where nobody does."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from clickasync.core.watching import Watch
from clickasync.errors import CreditError, api_error
from clickasync.law import Sending
from clickasync.protocol import Lines
from tests.support.virtual import on_virtual_time
from tests.support.watcher import Watcher

pytestmark = [pytest.mark.anyio, on_virtual_time]

REFUSED = api_error("301", "no credit")


async def attempt(*_: Any) -> Any:
    return "a"


async def giving(result: Any) -> Any:
    if isinstance(result, BaseException):
        raise result
    return result


async def test_where_nobody_watches_an_attempt_is_as_it_was(caplog: pytest.LogCaptureFixture) -> None:
    """A look at who watches is all that it costs."""
    with caplog.at_level(logging.INFO, "clickasync"):
        assert Watch().over(attempt, "ping") is attempt
        send = giving("a")
        assert Watch().settling(send, 1, Sending()) is send
        assert await send == "a"


async def test_a_log_that_listens_is_enough_to_see_an_attempt(caplog: pytest.LogCaptureFixture) -> None:
    """Each time that it is made, it has another number."""
    with caplog.at_level(logging.DEBUG, "clickasync"):
        seen = Watch().over(attempt, "ping")
        assert [await seen(), await seen()] == ["a", "a"]
    assert caplog.messages == ["ping: done, 0.0 ms, attempt 1", "ping: done, 0.0 ms, attempt 2"]


@pytest.mark.parametrize(
    ("result", "maybe_sent", "settled"),
    [
        ("an ID", False, [(3, 0, 0)]),
        (Lines(["a", REFUSED, None]), False, [(1, 1, 1)]),
        (REFUSED, False, [(0, 3, 0)]),
        (REFUSED, True, [(0, 0, 3)]),
        (KeyError("a bug"), False, []),
        (KeyError("a bug"), True, [(0, 0, 3)]),
    ],
    ids=["one", "lines", "refused", "refused and out", "bug", "bug and out"],
)
async def test_a_send_is_settled_once(result: Any, maybe_sent: bool, settled: list[tuple[int, int, int]]) -> None:
    """By what its lines say, what it raised, and whether it was out."""
    watcher = Watcher()
    send = Watch(watcher).settling(giving(result), 3, Sending(maybe_sent=maybe_sent))
    try:
        assert await send is result
    except (CreditError, KeyError) as error:
        assert error is result
    assert watcher.settlements == settled
