"""A run, put together from its parts."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from clickasync.bulk.groups import Groups
from clickasync.bulk.queue import Outlet, Queue
from clickasync.bulk.reader import Reader, Source
from clickasync.bulk.run import Bulk
from clickasync.bulk.sender import Sender
from clickasync.core.executor import Executor
from clickasync.errors import InvalidOptionError
from clickasync.options import WireMessage, compile_message

__all__ = ["new_run"]


def new_run(
    executor: Executor,
    source: Source,
    text: str | None,
    options: Mapping[str, Any],
    *,
    batch_size: int,
    max_in_flight: int,
    patience: float | None,
    total: int | None,
    resend_unknown: bool,
) -> Bulk:
    """A run over `source`, not entered yet. See `Client.bulk` and `Sender`.

    Raises:
        InvalidOptionError: the source, the text or an option is wrong; nothing was read.
    """
    if options.get("climsgid") is not None:
        raise InvalidOptionError("one climsgid cannot stand for many messages; give each Message its own")
    queue, outlet = Queue(batch_size, max_in_flight), Outlet()
    given = {name: value for name, value in options.items() if value is not None}
    reader = Reader(source, Groups(text, given, batch_size, _compile), queue, outlet)
    sender = Sender(executor, queue, outlet, patience=patience, resend_unknown=resend_unknown)
    return Bulk(source, reader, sender, queue, outlet, max_in_flight=max_in_flight, total=total)


def _compile(text: str | None, options: Mapping[str, Any]) -> WireMessage:
    return compile_message(text, options, time.time())
