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

The thread is a daemon, so that it keeps no program from ending. At exit the loop is asked to end, within a second: what
is still under way then is cancelled, as by Ctrl-C.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import Final, TypeVar

import anyio
from anyio.from_thread import BlockingPortal

from clickasync.errors import ClosedError, OutcomeUnknownError

__all__ = ["call"]

T = TypeVar("T")

_LAST_SECONDS: Final = 1.0


def call(function: Callable[[], Awaitable[T]]) -> T:
    """What `function` gives when it is awaited in the loop of the background. May be called from any thread.

    The caller's context variables hold in there, so that what is traced there is part of the caller's trace. If waiting
    is interrupted (Ctrl-C), what runs in there is cancelled.

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
    except KeyboardInterrupt:
        future.cancel()
        done.wait(_LAST_SECONDS)  # until all that was under way is accounted for
        raise


class _Loop:
    """The loop of one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._portal: Future[BlockingPortal] = Future()

    def submit(self, function: Callable[[], Awaitable[T]]) -> Future[T]:
        """Let the loop await `function`; it is up when this returns."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="clickasync-blocking", daemon=True)
                self._thread.start()
                atexit.register(_stop_here)
        try:
            return self._portal.result().start_task_soon(function)
        except RuntimeError as error:
            if self._thread is threading.current_thread():
                raise RuntimeError(
                    "this is called in the event loop of the background itself, which would wait for itself; use "
                    "clickasync.Client in async code"
                ) from None
            raise ClosedError("the interpreter is about to exit; nothing was sent") from error

    def stop(self) -> None:
        """End the loop, and what runs in it."""
        with suppress(RuntimeError):  # it has ended
            self._portal.result().start_task_soon(self._portal.result().stop, True)
        if self._thread is not None:
            self._thread.join(_LAST_SECONDS)

    def _run(self) -> None:
        try:
            anyio.run(self._serve)
        except BaseException as error:
            if self._portal.done():
                raise
            self._portal.set_exception(error)

    async def _serve(self) -> None:
        async with BlockingPortal() as portal:
            self._portal.set_result(portal)
            await portal.sleep_until_stopped()


_loops: dict[int, _Loop] = {}
"""By process. A lock that was held when the process was forked is never the child's."""


def _here() -> _Loop:
    pid = os.getpid()
    return _loops.get(pid) or _loops.setdefault(pid, _Loop())


def _stop_here() -> None:
    loop = _loops.get(os.getpid())
    if loop is not None:  # in a forked child that made no call there is none
        loop.stop()
