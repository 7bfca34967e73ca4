"""One live session: authenticate once, extend, ping, and share one renewal among all who wait.

Theory of operation. A session is in one of these states, and everything that changes it is in this file:

===========  =======================================  ==========================================================
state        what a command finds                     what changes it
===========  =======================================  ==========================================================
absent       starts a renewal, waits for it           renewal started: renewing
renewing     waits for the one that runs              auth answered: live, refused, or absent when it failed
`_Live`      its ID                                   silent for longer than the lifetime, or 003/005: absent
`_Refused`   the error, at once                       60 s later: absent
===========  =======================================  ==========================================================

A renewal runs in a separate task, so it goes on for the others when one of those who wait is cancelled. Where the
gateway refuses (003/005) the newest session itself, the next renewal waits: an account has few sessions, and clients
that push each other out of it must not fight at full speed. News of an earlier session change nothing and wait for
nothing.

A background task pings after `ping_interval` seconds of silence. It knows the session only weakly: a client that is
dropped without being closed stops pinging. In another event loop or process, the session ID is kept, because the
gateway does not care who uses it. What belonged to the old loop is forgotten.
"""

from __future__ import annotations

import logging
import weakref
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

import anyio
from attrs import define, frozen

from clickasync.background import BackgroundTask, Place, arrive, spawn
from clickasync.core.posting import post
from clickasync.core.retrying import backoff, retry
from clickasync.core.watching import Watch
from clickasync.core.words import in_short
from clickasync.errors import AuthenticationError, ClickatellError, ClosedError, SessionExpiredError
from clickasync.law import Effect, Failure, Refused, judge
from clickasync.protocol import auth, encode, ping
from clickasync.redaction import Secret
from clickasync.transport import Transport

if TYPE_CHECKING:
    from clickasync.core.attempts import Note

__all__ = ["Credentials", "Session", "SessionId"]

REFUSED_SECONDS: Final = 60.0
"""How long refused credentials are remembered, so that nobody hammers auth with them."""
_SHORT_LIFE: Final = 60.0
"""Seconds. When a session is refused that was younger than this, the pause before the next renewal grows."""

T = TypeVar("T")

_log = logging.getLogger("clickasync")


@frozen
class Credentials:
    """Who calls; the password is not shown."""

    api_id: str
    user: str
    password: Secret


@frozen(eq=False)
class SessionId:
    """A session ID; two are the same only if they came from one ``auth``."""

    value: Secret


@define(eq=False)
class _Renewing:
    task: BackgroundTask | None = None
    result: SessionId | Exception | None = None


@define(eq=False)
class _Live:
    id: SessionId
    since: float
    heard: float
    """When a command last succeeded in it."""


@frozen
class _Refused:
    error: AuthenticationError
    until: float


class _Pressure:
    """How the gateway treats our newest sessions, and when the next may be asked for."""

    def __init__(self) -> None:
        self.refused_early = 0
        self.renew_at = float("-inf")

    def refused(self, now: float, age: float) -> None:
        """The newest session was refused at this age."""
        self.refused_early = self.refused_early + 1 if age < _SHORT_LIFE else 1
        self.renew_at = now + backoff(self.refused_early)


_State: TypeAlias = _Renewing | _Live | _Refused | None


class _Caller:
    """The two commands that a session gives by itself."""

    def __init__(self, transport: Transport, credentials: Credentials, retries: int, watch: Watch) -> None:
        self._transport = transport
        self._credentials = credentials
        self._retries = retries
        self._watch = watch

    async def authenticate(self) -> SessionId:
        """``auth``, repeated where the law allows it."""
        who = self._credentials
        command = auth(who.api_id, who.user, who.password)

        async def attempt(_: Note | None = None) -> str | Failure:
            form = encode(command, None)
            return await post(self._transport, command.path, form, command.read, command.secrets, opaque=True)

        seen = self._watch.over(attempt, command.name, command.effect)
        return SessionId(Secret(await retry(seen, command.effect, self._retries, name=command.name)))

    async def ping(self, id: SessionId) -> Failure | None:
        """``ping``, once."""
        command = ping()

        async def attempt(_: Note | None = None) -> Failure | None:
            form = encode(command, id.value)
            return await post(self._transport, command.path, form, command.read, [id.value])

        return await self._watch.over(attempt, command.name, command.effect)()


class Session:
    """The session of one client. Times are of the event loop's clock.

    Args:
        transport: what posts to the gateway.
        credentials: who authenticates.
        retries: repeats of an ``auth`` that did not get through.
        lifetime: seconds of silence after which the gateway forgets a session.
        ping_interval: seconds of silence after which to ping; None: never.
        watch: who sees each ``auth``, and the pings.
    """

    def __init__(
        self,
        transport: Transport,
        credentials: Credentials,
        *,
        retries: int,
        lifetime: float,
        ping_interval: float | None,
        watch: Watch | None = None,
    ) -> None:
        self._caller = _Caller(transport, credentials, retries, watch or Watch())
        self._lifetime = lifetime
        self._ping_interval = ping_interval
        self._state: _State = None
        self._pressure = _Pressure()
        self._keeper: BackgroundTask | None = None
        self._place: Place | None = None
        self._closed = False

    @property
    def newest(self) -> SessionId | None:
        """The session that the next command finds, if there is one."""
        return self._state.id if type(self._state) is _Live else None

    async def live(self) -> SessionId:
        """The ID of a session that should be alive; authenticates where there is none.

        Raises:
            AuthenticationError: the credentials are refused, now or less than 60 s ago.
            ClickatellError: authenticating failed otherwise.
        """
        now = self._now()
        state = self._state
        if type(state) is _Live and now - state.heard <= self._lifetime:
            return state.id
        return await self.renew()

    async def renew(self) -> SessionId:
        """Authenticate, or wait for the renewal that is under way."""
        while True:
            now = self._now()
            if isinstance(self._state, _Refused) and now < self._state.until:
                raise self._state.error.fresh()
            renewing = self._state
            if not isinstance(renewing, _Renewing):
                if self._closed:
                    raise ClosedError("this client is closed")
                self._state = renewing = _Renewing()
                renewing.task = spawn(self._renew, renewing, name="clickasync: authenticate")
            assert renewing.task is not None  # for the type checker
            await renewing.task.wait()
            if isinstance(renewing.result, SessionId):
                return renewing.result
            if isinstance(renewing.result, ClickatellError):
                raise renewing.result.fresh()
            if renewing.result is not None:
                raise renewing.result
            # Its task was cancelled: with the client, or by somebody who cancels every task there is.
            if self._state is renewing:
                self._state = None
            if self._closed:
                raise ClosedError("this client was closed while it authenticated")

    def touch(self, id: SessionId) -> None:
        """A command succeeded in this session, which extends it."""
        state = self._state
        if type(state) is _Live and state.id is id:
            state.heard = self._now()

    def forget(self, id: SessionId) -> None:
        """The gateway does not know this session any more. Late news of an earlier one change nothing."""
        if isinstance(self._state, _Live) and self._state.id is id:
            now = self._now()
            self._pressure.refused(now, now - self._state.since)
            self._state = None
            _log.info("the gateway does not know the session any more")

    async def aclose(self) -> None:
        """End what runs in the background."""
        self._closed = True
        renewal = self._state.task if isinstance(self._state, _Renewing) else None
        tasks = [task for task in (self._keeper, renewal) if task is not None and task.place.is_here()]
        for task in tasks:
            task.cancel()
        try:
            for task in tasks:
                await task.end()
        finally:
            self._state = None

    def _now(self) -> float:
        place = self._place
        if place is None or not place.is_here():
            place = self._place = arrive(None)
            self._move(place.now())
        return place.now()

    def _move(self, now: float) -> None:
        """This is another event loop, with a clock that may be another."""
        self._keeper = None
        self._pressure = _Pressure()
        if isinstance(self._state, _Live):
            self._state = _Live(self._state.id, now, now)
            self._keep_alive()
        else:
            self._state = None

    async def _renew(self, renewing: _Renewing) -> None:
        try:
            await anyio.sleep(max(0.0, self._pressure.renew_at - self._now()))
            id = await self._caller.authenticate()
        except AuthenticationError as error:
            renewing.result = error
            self._state = _Refused(error, self._now() + REFUSED_SECONDS)
            _log.warning("the credentials are refused: %s; for %.0f s all calls fail", in_short(error), REFUSED_SECONDS)
        except Exception as error:  # raised to those who wait
            renewing.result = error
            self._state = None
            _log.warning("no session could be opened: %s", in_short(error))
        else:
            renewing.result = id
            _log.info("a new session was opened")
            self._state = _Live(id, self._now(), self._now())
            self._keep_alive()

    def _keep_alive(self) -> None:
        if (
            self._ping_interval is not None
            and (self._keeper is None or not self._keeper.is_running)
            and not self._closed
        ):
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
        wait = live.heard + interval - self._now()
        if wait > 0.0:
            return wait
        result = await self._caller.ping(live.id)
        if result is None:
            self.touch(live.id)
            return interval
        if isinstance(result, Refused) and isinstance(result.error, SessionExpiredError):
            self.forget(live.id)
            try:
                await self.live()
            except ClickatellError as error:
                _log.warning("the session had expired and could not be renewed: %s", in_short(error))
        else:
            why = in_short(judge(result, Effect.NONE).error)
            _log.warning("the ping that keeps the session alive failed: %s", why)
        return interval / 4


async def _keep_alive(reference: weakref.ref[Session], interval: float) -> None:
    while (session := reference()) is not None:
        try:
            wait = await session._ping_if_due(interval)
        except ClosedError:  # the user has closed the http_client, and will hardly call again
            return
        del session  # while this sleeps, it must not keep alive what it serves
        await anyio.sleep(wait)
