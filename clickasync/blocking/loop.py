"""One event loop for the whole process, on a thread in the background, and a way in from any other thread.

Theory of operation. The first call of a process starts the thread; it ends with the process. Each process has its own:
after a fork the child finds none, because the parent's thread is not there, and starts one. What it inherited is kept
and never touched, for it is the parent's.

============  ==========================================  =======================================================
state         what a call finds                           what changes it
============  ==========================================  =======================================================
absent        starts the thread, once for all who call    the loop is up: running
running       the portal to it                            the interpreter exits: over; a fork: absent, in the child
over          `ClosedError`
============  ==========================================  =======================================================

A call that finds the loop running takes no lock, and the lock of one that does not may be taken twice by a thread: a
signal's handler may send, whatever it has interrupted.

A fork waits while the thread starts: what is half imported then stays half imported in the child, which would wait for
it for ever. Once the loop is up, all that a usual call needs is there.

The thread is a daemon, so that it keeps no program from ending. At exit the loop is asked to end, within a second: what
is still under way then is cancelled, as by Ctrl-C.
"""

from __future__ import annotations

import atexit
import importlib
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import Final, TypeVar

import anyio
from anyio.from_thread import BlockingPortal

from clickasync.background import spawn
from clickasync.errors import ClosedError, OutcomeUnknownError

__all__ = ["call", "leave"]

T = TypeVar("T")

_LAST_SECONDS: Final = 1.0
_NEEDED: Final = (
    "certifi",
    "clickasync.batch",
    "clickasync.bulk",
    "clickasync.core.attempts",
    "clickasync.transport.on_asyncio",
    "encodings.idna",
    "encodings.utf_16_be",
    "html",
    "random",
    "urllib.parse",
)
"""What is elsewhere imported when it is first used."""


def call(function: Callable[[], Awaitable[T]]) -> T:
    """What `function` gives when it is awaited in the loop of the background. May be called from any thread.

    The caller's context variables hold in there, so that what is traced there is part of the caller's trace. If waiting
    is interrupted, what runs in there is cancelled: by Ctrl-C, or by whatever else the handler of a signal raises, such
    as the time limit of a Celery task.

    Raises:
        ClosedError: the interpreter is about to exit; nothing was sent.
        OutcomeUnknownError: it exits while this is under way.
        Exception: whatever `function` raises.
    """
    done = threading.Event()

    async def run() -> T:
        try:
            return await function()
        finally:
            done.set()

    future = _here().submit(run)
    try:
        return future.result()
    except CancelledError:
        raise OutcomeUnknownError("the program ended while this was under way") from None
    except BaseException:
        if future.cancel():  # it was not `function` that raised
            done.wait(_LAST_SECONDS)  # until all that was under way is accounted for
        raise


def leave(function: Callable[[], Awaitable[None]]) -> None:
    """Let the loop await `function`, which ends something, and wait for it, unless this is the loop's thread.

    There, the garbage collector may close a generator that was left in the middle of a block. At the interpreter's exit
    the loop has ended all by itself.
    """
    loop = _here()
    if loop.is_here:
        spawn(function, name="clickasync: leave")
    else:
        with suppress(ClosedError):
            call(function)


class _Loop:
    """The loop of one process."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._portal: Future[BlockingPortal] = Future()
        self._thread = threading.Thread(target=self._run, name="clickasync-blocking", daemon=True)

    @property
    def is_up(self) -> bool:
        """Whether a call can be made in it."""
        return self._portal.done()

    @property
    def is_here(self) -> bool:
        """Whether this is its thread."""
        return self._thread is threading.current_thread()

    def start(self) -> None:
        """Start its thread."""
        self._thread.start()
        atexit.register(self.stop)

    def wait(self) -> None:
        """Wait until it is up."""
        self._portal.result()

    def submit(self, function: Callable[[], Awaitable[T]]) -> Future[T]:
        """Let it await `function`."""
        try:
            return self._portal.result().start_task_soon(function)
        except RuntimeError as error:
            if self.is_here:
                raise RuntimeError(
                    "this is called in the event loop of the background itself, which would wait for itself; use "
                    "clickasync.Client in async code"
                ) from None
            raise ClosedError("the interpreter is about to exit; nothing was sent") from error

    def stop(self) -> None:
        """End it, and what runs in it."""
        if self.pid != os.getpid():  # in a child that was forked: it is the parent's
            return
        with suppress(RuntimeError):  # it has ended
            self._portal.result().start_task_soon(self._portal.result().stop, True)
        self._thread.join(_LAST_SECONDS)

    def _run(self) -> None:
        try:
            for module in _NEEDED:
                importlib.import_module(module)
            anyio.run(self._serve)
        except BaseException as error:
            if self._portal.done():
                raise
            self._portal.set_exception(error)

    async def _serve(self) -> None:
        async with BlockingPortal() as portal:
            self._portal.set_result(portal)
            await portal.sleep_until_stopped()


class _Process:
    """What this process has."""

    def __init__(self) -> None:
        self.loop: _Loop | None = None
        self.starting = threading.RLock()
        """Held while the loop starts, and while the process forks."""
        self.inherited: list[_Loop | None] = []


_process = _Process()


def _here() -> _Loop:
    """The loop of this process, which is up."""
    loop = _process.loop
    if loop is not None and loop.is_up and loop.pid == os.getpid():
        return loop
    with _process.starting:
        loop = _process.loop
        if loop is None or loop.pid != os.getpid():
            if hasattr(os, "register_at_fork") and loop is None and not _process.inherited:  # children inherit it
                os.register_at_fork(before=_hold, after_in_parent=_release, after_in_child=_begin_anew)
            loop = _Loop()
            loop.start()
            _process.loop = loop
        loop.wait()
    return loop


def _hold() -> None:
    _process.starting.acquire()


def _release() -> None:
    _process.starting.release()


def _begin_anew() -> None:
    """In a child: it has no loop, and a lock that nobody holds."""
    _process.inherited.append(_process.loop)
    _process.loop, _process.starting = None, threading.RLock()
