"""A session by itself: what it asks the gateway and when, what it tells, and what is left of it in the end."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import anyio
import pytest
import trio.testing

from clickasync import AuthenticationError, ClosedError, ProtocolError, TransportError
from clickasync.core.session import Session, SessionId
from clickasync.errors import ClickatellError
from tests.support.scripted import Scripted, executor_of
from tests.support.virtual import VirtualLoop, on_virtual_time, tasks_alive
from tests.support.watcher import Watcher

pytestmark = pytest.mark.anyio

FAILS = 503
UNREADABLE = f"Session {'0123456789abcdef' * 2} started"
EXPIRED = "ERR: 003, Session ID expired"


def session_of(gateway: Scripted, **settings: Any) -> Session:
    return executor_of(gateway, **settings).session


async def raised(session: Session) -> ClickatellError:
    with pytest.raises(ClickatellError) as caught:
        await session.live()
    return caught.value


class Pings:
    """Answers pings, and remembers when they came."""

    def __init__(self, *answers: str) -> None:
        self.times: list[float] = []
        self._answers = list(answers)

    async def __call__(self) -> str:
        self.times.append(anyio.current_time())
        return self._answers.pop(0) if self._answers else "OK:"


# -- auth


@on_virtual_time
async def test_an_auth_that_cannot_be_read_shows_no_session() -> None:
    """Whatever long word it holds may be one."""
    error = await raised(session_of(Scripted({"auth": [UNREADABLE]}), retries=0))
    assert isinstance(error, ProtocolError)
    assert (error.reason, error.reply) == ("the reply to auth cannot be read", "Session … started")


@on_virtual_time
async def test_an_auth_that_was_lost_is_repeated(caplog: pytest.LogCaptureFixture) -> None:
    """It changes nothing. The observer and the log are told of each attempt."""
    watcher = Watcher()
    session = session_of(Scripted({"auth": [FAILS, FAILS]}), observer=watcher, retries=1)
    with caplog.at_level(logging.INFO, "clickasync"):
        assert isinstance(await raised(session), TransportError)
    assert [(ended.outcome, ended.error) for ended in watcher.of("auth")] == [("uncertain", TransportError)] * 2
    again, failed = caplog.messages
    assert again.startswith("auth: HTTP 503; again in ")
    assert failed == "no session could be opened: HTTP 503"


@on_virtual_time
async def test_a_new_session_is_told_and_found(caplog: pytest.LogCaptureFixture) -> None:
    """The next command finds the one that the last one waited for."""
    session = session_of(Scripted())
    assert session.newest is None
    with caplog.at_level(logging.INFO, "clickasync"):
        id = await session.live()
        assert session.newest is id is await session.live()
        session.forget(SessionId(id.value))
        assert session.newest is id, "news of another session"
        session.forget(id)
        assert session.newest is None
    assert caplog.messages == ["a new session was opened", "the gateway does not know the session any more"]


@on_virtual_time
async def test_refused_credentials_are_told_to_all_for_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """Then they are tried again."""
    gateway = Scripted({"auth": ["ERR: 001, Authentication failed", f"OK: {1:032x}"]})
    session = session_of(gateway)
    with caplog.at_level(logging.WARNING, "clickasync"):
        assert isinstance(await raised(session), AuthenticationError)
        await anyio.sleep(59)
        assert isinstance(await raised(session), AuthenticationError)
        assert gateway.calls["auth"] == 1
        await anyio.sleep(1.5)
        await session.live()
    assert caplog.messages == ["the credentials are refused: 001 Authentication failed; for 60 s all calls fail"]


# -- the end


@on_virtual_time
async def test_a_closed_session_opens_no_other() -> None:
    """Nor does it begin to."""
    gateway = Scripted()
    session = session_of(gateway, ping_interval=60)
    await session.live()
    await session.aclose()
    error = await raised(session)
    assert isinstance(error, ClosedError)
    assert str(error) == "this client is closed"
    assert gateway.calls["auth"] == 1


@on_virtual_time
async def test_who_waits_for_a_session_is_told_that_it_was_closed() -> None:
    """Nothing is left that could open one."""
    before = tasks_alive()

    async def never() -> str:
        await anyio.sleep_forever()
        return ""

    session = session_of(Scripted({"auth": [never]}))
    errors: list[ClickatellError] = []

    async def wait() -> None:
        errors.append(await raised(session))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        tasks.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        await session.aclose()
    assert [(type(error), str(error)) for error in errors] == [
        (ClosedError, "this client was closed while it authenticated")
    ] * 2
    assert tasks_alive() == before


# -- pings


@on_virtual_time
@pytest.mark.parametrize(("interval", "more"), [(None, 0), (60, 1)])
async def test_one_task_keeps_a_session_alive(interval: float | None, more: int) -> None:
    """However often it is renewed, or none where nothing is to be pinged."""
    before = tasks_alive()
    session = session_of(Scripted(), ping_interval=interval)
    for _ in range(3):
        session.forget(await session.live())
    await session.live()
    await anyio.wait_all_tasks_blocked()
    assert tasks_alive() == before + more
    await session.aclose()
    await anyio.wait_all_tasks_blocked()
    assert tasks_alive() == before


@on_virtual_time
async def test_a_ping_comes_after_so_much_silence() -> None:
    """Counted from the last success of any command, to the moment."""
    pings = Pings()
    session = session_of(Scripted({"ping": [pings]}), ping_interval=60)
    start = anyio.current_time()
    id = await session.live()
    await anyio.sleep(0.5)
    session.touch(SessionId(id.value))
    await anyio.sleep(20)
    session.touch(id)
    await anyio.sleep(130)
    await session.aclose()
    assert [time - start for time in pings.times] == pytest.approx([80.5, 140.5])


@on_virtual_time
async def test_a_look_in_time_does_not_ping_too_early() -> None:
    """Not by a second."""
    pings = Pings()
    session = session_of(Scripted({"ping": [pings]}), ping_interval=60)
    start = anyio.current_time()
    id = await session.live()
    await anyio.sleep(0.5)
    session.touch(id)
    await anyio.sleep(65)
    await session.aclose()
    assert [time - start for time in pings.times] == pytest.approx([60.5])


@on_virtual_time
async def test_a_failed_ping_is_repeated_after_a_quarter(caplog: pytest.LogCaptureFixture) -> None:
    """Of the interval, and told each time in words of ours."""
    watcher = Watcher()
    pings = Pings("junk", "ERR: 901, Internal error of 27821234567")
    session = session_of(Scripted({"ping": [pings]}), observer=watcher, ping_interval=60)
    start = anyio.current_time()
    with caplog.at_level(logging.WARNING, "clickasync"):
        await session.live()
        await anyio.sleep(100)
        await session.aclose()
    assert [time - start for time in pings.times] == pytest.approx([60, 75, 90])
    assert caplog.messages == [
        "the ping that keeps the session alive failed: the reply cannot be read",
        "the ping that keeps the session alive failed: 901 Internal error",
    ]
    unread, refused, done = watcher.of("ping")
    assert (unread.outcome, unread.error) == ("uncertain", ProtocolError)
    assert (refused.outcome, done.outcome) == ("rejected", "done")


@on_virtual_time
async def test_a_lost_ping_is_no_unknown_outcome() -> None:
    """It sends nothing."""
    watcher = Watcher()
    session = session_of(Scripted({"ping": [FAILS]}), observer=watcher, ping_interval=60)
    await session.live()
    await anyio.sleep(61)
    await session.aclose()
    assert [(ended.outcome, ended.error) for ended in watcher.of("ping")] == [("uncertain", TransportError)]


@on_virtual_time
async def test_a_session_that_a_ping_found_dead_is_renewed(caplog: pytest.LogCaptureFixture) -> None:
    """If that fails, it is told, and the next command tries."""
    gateway = Scripted({"auth": [f"OK: {1:032x}", FAILS, f"OK: {2:032x}"], "ping": [EXPIRED]})
    session = session_of(gateway, ping_interval=60, retries=0)
    with caplog.at_level(logging.WARNING, "clickasync"):
        await session.live()
        await anyio.sleep(70)
    assert caplog.messages == [
        "no session could be opened: HTTP 503",
        "the session had expired and could not be renewed: HTTP 503",
    ]
    assert session.newest is None
    assert (await session.live()).value == f"{2:032x}"
    await session.aclose()


@on_virtual_time
async def test_a_session_that_is_gone_is_looked_for_again() -> None:
    """After a quarter of the interval, so that the one that follows is pinged in time."""
    pings = Pings()
    session = session_of(Scripted({"ping": [pings]}), ping_interval=60)
    start = anyio.current_time()
    id = await session.live()
    await anyio.sleep(59)
    session.forget(id)
    await anyio.sleep(2)
    await session.live()  # while the task that pings is looking for one
    renewed = anyio.current_time() - start
    await anyio.sleep(65)
    await session.aclose()
    assert 60.9 < renewed < 62
    assert [time - start for time in pings.times] == pytest.approx([renewed + 60])


# -- another event loop


def run_on(backend: str, function: Any) -> Any:
    """Run it on an event loop of its own, with virtual time."""
    if backend == "trio":
        return anyio.run(
            function, backend="trio", backend_options={"clock": trio.testing.MockClock(autojump_threshold=0)}
        )
    return anyio.run(function, backend_options={"loop_factory": VirtualLoop})


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_session_lives_on_in_another_event_loop(backend: str) -> None:
    """The gateway does not care who uses it. Its silence is counted from there, and pinged there."""
    pings = Pings()
    gateway = Scripted({"ping": [pings]})
    session = session_of(gateway, ping_interval=60)
    ids: list[SessionId] = []

    async def first() -> None:
        await anyio.sleep(5000)
        ids.append(await session.live())

    async def second() -> None:
        start = anyio.current_time()
        ids.append(await session.live())
        await anyio.sleep(61)
        assert [time - start for time in pings.times] == pytest.approx([60])
        session.forget(ids[0])
        ids.append(await session.live())
        await session.aclose()

    run_on(backend, first)
    run_on(backend, second)
    assert ids[0] is ids[1]
    assert ids[2] is not ids[1]
    assert gateway.calls == {"auth": 2, "ping": 1}


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_what_runs_in_the_background_has_a_name() -> None:
    """For whoever looks at the tasks of a program."""
    names: set[str] = set()

    async def look() -> str:
        names.update(task.get_name() for task in asyncio.all_tasks())
        return f"OK: {1:032x}"

    session = session_of(Scripted({"auth": [look]}), ping_interval=60)
    await session.live()
    names.update(task.get_name() for task in asyncio.all_tasks())
    await session.aclose()
    assert {"clickasync: authenticate", "clickasync: keep the session alive"} <= names
