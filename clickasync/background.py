"""The one thing that anyio cannot do: a task that outlives the task that started it, on asyncio and on trio.

A client may be opened in one task and closed in another, so what it runs in the background cannot belong to a task
group of either. Whoever spawns a task here ends it: `BackgroundTask.cancel`, then `BackgroundTask.wait`.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import sys
from typing import TYPE_CHECKING, Any

import anyio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["BackgroundTask", "is_cancelled", "spawn"]

_log = logging.getLogger("clickasync")


class BackgroundTask:
    """A task in nobody's task group. It logs what it raises, and ends with the event loop at the latest."""

    def __init__(self, name: str, run_soon: Callable[[Callable[[], object]], object]) -> None:
        self._name = name
        self._run_soon = run_soon
        self._scope = anyio.CancelScope()
        self._done = anyio.Event()
        self._task: asyncio.Task[None] | None = None  # asyncio itself keeps only a weak reference

    def cancel(self) -> None:
        """Ask it to end; may be called from any thread, and after its event loop is gone."""
        try:
            self._run_soon(self._scope.cancel)
        except RuntimeError:  # the event loop is closed (asyncio) or has finished (trio), and the task with it
            self._done.set()

    async def wait(self) -> None:
        """Wait until it has ended."""
        await self._done.wait()

    @property
    def is_done(self) -> bool:
        """Whether it has ended."""
        return self._done.is_set()

    async def _run(self, function: Callable[..., Awaitable[None]], args: tuple[Any, ...]) -> None:
        try:
            with self._scope:
                await function(*args)
        except Exception:  # noqa: BLE001 - nobody else is there to catch it
            _log.exception("%s ended by an error", self._name)
        finally:
            self._done.set()


def spawn(
    function: Callable[..., Awaitable[None]],
    *args: Any,
    name: str,
    context: contextvars.Context | None = None,
) -> BackgroundTask:
    """Run ``function(*args)`` in a task of its own.

    It gets an empty `context` unless one is given: it must not keep alive what a request that happened to be the
    first one had in its context variables.
    """
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_task():
        background = BackgroundTask(name, trio.lowlevel.current_trio_token().run_sync_soon)
        trio.lowlevel.spawn_system_task(
            background._run, function, args, name=name, context=context or contextvars.Context()
        )
        return background
    loop = asyncio.get_running_loop()
    background = BackgroundTask(name, loop.call_soon_threadsafe)
    background._task = loop.create_task(
        background._run(function, args), name=name, context=context or contextvars.Context()
    )
    # A task that is cancelled before its first step runs nothing of its own, not even a `finally`.
    background._task.add_done_callback(lambda _: background._done.set())
    return background


def is_cancelled() -> bool:
    """When a cancellation was caught: whether somebody cancelled this task, or what it called made it up (asyncio)."""
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_task():
        return True
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
