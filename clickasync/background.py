"""Event loops: which one this is, and a task on it that outlives the task that started it.

anyio has neither. A client may be opened in one task and closed in another, so what it runs in the background cannot
belong to a task group of either. And a client may outlive its event loop, or its process: after `os.fork`, and in a
second ``asyncio.run``, everything that belongs to a loop must be made again. `arrive` finds out.

Who spawns a task here ends it, by `BackgroundTask.end`.
"""

from __future__ import annotations

import contextvars
import logging
import os
import sys
from typing import TYPE_CHECKING, Any

import anyio

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

__all__ = ["BackgroundTask", "Place", "arrive", "is_cancelled", "spawn"]

_log = logging.getLogger("clickasync")


class Place:
    """One event loop in one process, and its clock."""

    __slots__ = ("_pid", "is_trio", "loop", "now")

    now: Callable[[], float]
    """The loop's clock, in seconds. It is what `anyio.current_time` reads, at a tenth of the cost."""

    def __init__(self, loop: Any, *, is_trio: bool) -> None:
        self._pid = os.getpid()
        self.loop = loop
        self.is_trio = is_trio
        if is_trio:
            self.now = sys.modules["trio"].current_time
        else:
            self.now = loop.time

    @property
    def is_in_this_process(self) -> bool:
        """Whether the process was not forked since."""
        return self._pid == os.getpid()

    def is_here(self) -> bool:
        """Whether this is the loop that runs now, in the process that it was made in."""
        return self.loop is _current_loop()[0] and self._pid == os.getpid()


def arrive(known: Place | None) -> Place:
    """The place that this is: the `known` one, or a new one."""
    if known is not None and known.is_here():
        return known
    loop, is_trio = _current_loop()
    return Place(loop, is_trio=is_trio)


def _current_loop() -> tuple[Any, bool]:
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_task():
        return trio.lowlevel.current_trio_token(), True
    import asyncio  # not with the package: it takes 15 ms

    return asyncio.get_running_loop(), False


class BackgroundTask:
    """A task in nobody's task group. It logs what it raises, and ends with the event loop at the latest."""

    def __init__(self, name: str, place: Place) -> None:
        self.place = place
        self._name = name
        self._scope = anyio.CancelScope()
        self._done = anyio.Event()
        self._task: asyncio.Task[None] | None = None  # asyncio keeps only a weak reference

    def cancel(self) -> None:
        """Ask it to end. May be called from any thread, and after its event loop is gone."""
        if not self.place.is_in_this_process:
            return  # it runs in the parent, whose event loop must not be woken
        loop = self.place.loop
        run_soon = loop.run_sync_soon if self.place.is_trio else loop.call_soon_threadsafe
        try:
            run_soon(self._scope.cancel)
        except RuntimeError:  # the event loop is closed (asyncio) or has finished (trio), and the task with it
            self._done.set()

    async def wait(self) -> None:
        """Wait until it has ended."""
        await self._done.wait()

    async def end(self) -> None:
        """Ask it to end, and wait until it has. If who waits is cancelled, that comes out when it has ended."""
        self.cancel()
        cancelled: BaseException | None = None
        with anyio.CancelScope(shield=True):
            while not self._done.is_set():
                try:
                    await self._done.wait()
                except anyio.get_cancelled_exc_class() as error:  # asyncio's own cancellation knows no shield
                    cancelled = error
        if cancelled is not None:
            raise cancelled

    @property
    def is_running(self) -> bool:
        """Whether it runs, on the event loop that asks."""
        return not self._done.is_set() and self.place.is_here()

    async def _run(self, function: Callable[..., Awaitable[None]], args: tuple[Any, ...]) -> None:
        try:
            with self._scope:
                await function(*args)
        except Exception:  # nobody else is there to catch it
            _log.exception("%s ended by an error", self._name)
        finally:
            self._done.set()


def spawn(
    function: Callable[..., Awaitable[None]],
    *args: Any,
    name: str,
    context: contextvars.Context | None = None,
) -> BackgroundTask:
    """Run ``function(*args)`` in a new task, which is in nobody's task group.

    Its context is empty unless one is given. It must not keep alive what the request that happened to come first has in
    its context variables.
    """
    place = arrive(None)
    background = BackgroundTask(name, place)
    context = context or contextvars.Context()
    if place.is_trio:
        trio = sys.modules["trio"]
        trio.lowlevel.spawn_system_task(background._run, function, args, name=name, context=context)
        return background
    background._task = place.loop.create_task(background._run(function, args), name=name, context=context)
    # A task that is cancelled before its first step runs nothing, not even a `finally`.
    background._task.add_done_callback(lambda _: background._done.set())
    return background


def is_cancelled() -> bool:
    """When a cancellation was caught: whether somebody cancelled this task. On asyncio, callees can make one up."""
    if _current_loop()[1]:
        return True
    import asyncio

    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
