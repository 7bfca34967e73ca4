"""One live session: authenticate once, extend, ping, and share one refresh among all who wait.

Theory of operation. A session is in one of these states, and everything that changes it is in this file:

===========  =======================================  ==========================================================
state        what a call finds                        what changes it
===========  =======================================  ==========================================================
`_ABSENT`    starts a refresh, waits for it           refresh started: refreshing
refreshing   waits for the one that runs              auth answered: live, refused, or absent when it failed
`_Live`      its ID                                   silent for longer than the lifetime, or 003/005: absent
`_Refused`   the error, at once                       60 s later: absent
===========  =======================================  ==========================================================

The refresh runs in a task of its own, so whoever of those who wait is cancelled, it goes on for the others. A
background task pings after `ping_interval` seconds of silence. It knows the session only weakly: a client that is
dropped without being closed stops pinging.
"""

from __future__ import annotations

import logging
import weakref
from functools import partial
from typing import Final, TypeAlias

import anyio
from attrs import define, field, frozen

from clickasync.background import BackgroundTask, spawn
from clickasync.calls import perform, read_outcome
from clickasync.errors import AuthenticationError, ClickatellError, ClosedError, SessionExpiredError
from clickasync.law import Effect, Failure, Refused, judge
from clickasync.protocol import Command, auth, encode, ping
from clickasync.transport import Transport

__all__ = ["Credentials", "Session", "SessionId"]

REFUSED_SECONDS: Final = 60.0
"""How long refused credentials are remembered, so that nobody hammers auth with them."""

_log = logging.getLogger("clickasync")


@frozen
class Credentials:
    """Who calls; the password is not shown."""

    api_id: str
    user: str
    password: str = field(repr=False)


@frozen(eq=False)
class SessionId:
    """A session ID that does not show itself; two are the same only if they came from one ``auth``."""

    value: str = field(repr=False)


@frozen
class _Absent:
    pass


@define(eq=False)
class _Refreshing:
    task: BackgroundTask | None = None
    result: SessionId | Exception | None = None


@define(eq=False)
class _Live:
    id: SessionId
    heard: float
    """When a call last succeeded, by the event loop's clock."""


@frozen
class _Refused:
    error: AuthenticationError
    until: float


_ABSENT: Final = _Absent()
_State: TypeAlias = _Absent | _Refreshing | _Live | _Refused


class Session:
    """The session of one client.

    Args:
        transport: the door to the gateway.
        credentials: whom to authenticate.
        retries: repeats of an ``auth`` that did not get through.
        lifetime: seconds of silence after which the gateway forgets a session.
        ping_interval: seconds of silence after which to ping; None: never.
    """

    def __init__(
        self,
        transport: Transport,
        credentials: Credentials,
        *,
        retries: int,
        lifetime: float,
        ping_interval: float | None,
    ) -> None:
        self._transport = transport
        self._credentials = credentials
        self._retries = retries
        self._lifetime = lifetime
        self._ping_interval = ping_interval
        self._state: _State = _ABSENT
        self._keeper: BackgroundTask | None = None
        self._closed = False

    async def live(self) -> SessionId:
        """The ID of a session that should be alive; authenticates where there is none.

        Raises:
            AuthenticationError: the credentials are refused, now or less than 60 s ago.
            ClickatellError: authenticating failed otherwise.
        """
        now = anyio.current_time()
        match self._state:
            case _Live(id=id, heard=heard) if now - heard <= self._lifetime:
                return id
            case _Refused(error=error, until=until) if now < until:
                raise error.fresh()
        return await self.refresh()

    async def refresh(self) -> SessionId:
        """Authenticate, or wait for the refresh that is under way."""
        if isinstance(self._state, _Refused) and anyio.current_time() < self._state.until:
            raise self._state.error.fresh()
        refreshing = self._state
        if not isinstance(refreshing, _Refreshing):
            if self._closed:
                raise ClosedError("this client is closed")
            self._state = refreshing = _Refreshing()
            refreshing.task = spawn(self._refresh, refreshing, name="clickasync: authenticate")
        assert refreshing.task is not None  # for the type checker
        await refreshing.task.wait()
        if isinstance(refreshing.result, SessionId):
            return refreshing.result
        if self._state is refreshing:  # the task was cancelled, with the client or the event loop
            self._state = _ABSENT
        if isinstance(refreshing.result, ClickatellError):
            raise refreshing.result.fresh()
        raise refreshing.result or ClosedError("this client was closed while it authenticated")

    def touch(self, id: SessionId) -> None:
        """A call in this session succeeded, which extends it."""
        if isinstance(self._state, _Live) and self._state.id is id:
            self._state.heard = anyio.current_time()

    def forget(self, id: SessionId) -> None:
        """The gateway does not know this session any more. Late news of an earlier one change nothing."""
        if isinstance(self._state, _Live) and self._state.id is id:
            self._state = _ABSENT

    async def aclose(self) -> None:
        """End what runs in the background."""
        self._closed = True
        refresh = self._state.task if isinstance(self._state, _Refreshing) else None
        with anyio.CancelScope(shield=True):
            for task in (self._keeper, refresh):
                if task is not None:
                    task.cancel()
                    await task.wait()
        self._state = _ABSENT

    async def _refresh(self, refreshing: _Refreshing) -> None:
        try:
            credentials = self._credentials
            command = auth(credentials.api_id, credentials.user, credentials.password)
            id = SessionId(await perform(partial(self._attempt, command), Effect.NONE, self._retries))
        except AuthenticationError as error:
            refreshing.result = error
            self._state = _Refused(error, anyio.current_time() + REFUSED_SECONDS)
        except Exception as error:  # noqa: BLE001 - told to those who wait
            refreshing.result = error
            self._state = _ABSENT
        else:
            refreshing.result = id
            self._state = _Live(id, anyio.current_time())
            self._keep_alive()

    async def _attempt(self, command: Command[str]) -> str | Failure:
        outcome = await self._transport.exchange(command.path, encode(command, None))
        return read_outcome(outcome, lambda reply: command.read(reply.text), command.secrets, opaque=True)

    def _keep_alive(self) -> None:
        if self._ping_interval is not None and (self._keeper is None or self._keeper.is_done) and not self._closed:
            self._keeper = spawn(
                _keep_alive, weakref.ref(self), self._ping_interval, name="clickasync: keep the session alive"
            )
            weakref.finalize(self, self._keeper.cancel).atexit = False

    async def _ping_if_due(self, interval: float) -> float:
        """Ping, once, if the silence has lasted for `interval`; gives the seconds until the next look.

        A failure is logged, and the next try comes well within the interval.
        """
        live = self._state
        if not isinstance(live, _Live):
            return interval / 4
        wait = live.heard + interval - anyio.current_time()
        if wait > 0.0:
            return wait
        command = ping()
        outcome = await self._transport.exchange(command.path, encode(command, live.id.value))
        result = read_outcome(outcome, lambda reply: command.read(reply.text), [live.id.value])
        if result is None:
            self.touch(live.id)
            return interval
        if isinstance(result, Refused) and isinstance(result.error, SessionExpiredError):
            self.forget(live.id)
            try:
                await self.refresh()
            except ClickatellError as error:
                _log.warning("the session had expired and could not be renewed: %s", error)
        else:
            _log.warning("the ping that keeps the session alive failed: %s", judge(result, Effect.NONE).error)
        return interval / 4


async def _keep_alive(reference: weakref.ref[Session], interval: float) -> None:
    while (session := reference()) is not None:
        try:
            wait = await session._ping_if_due(interval)
        except ClosedError:  # the user has closed the http_client, and will hardly call again
            return
        del session  # while this sleeps, it must not keep alive what it serves
        await anyio.sleep(wait)
