"""A template of the gateway, for code without an event loop."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from types import TracebackType
from typing import Self

from clickasync.batch import Batch as AsyncBatch
from clickasync.blocking.loop import call
from clickasync.results import Accepted, SendResult

__all__ = ["Batch"]


class Batch:
    """A template at the gateway, to be filled for each recipient. Made by `Client.batch`; see `clickasync.Batch`."""

    def __init__(self, batch: AsyncBatch) -> None:
        self._batch = batch

    @property
    def id(self) -> str:
        """The gateway's ID of the batch."""
        return self._batch.id

    def __enter__(self) -> Self:
        call(self._batch.__aenter__)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        call(partial(self._batch.__aexit__, kind, error, traceback))

    def send(self, to: str, *fields: str) -> Accepted:
        """As `clickasync.Batch.send`."""
        return call(partial(self._batch.send, to, *fields))

    def send_many(self, to: Iterable[str]) -> list[SendResult]:
        """As `clickasync.Batch.send_many`."""
        return call(partial(self._batch.send_many, to))
