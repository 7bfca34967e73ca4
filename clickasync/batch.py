"""The gateway's own template batches: startbatch, senditem, quicksend, endbatch."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from clickasync.core.executor import Executor
from clickasync.encoding import is_gsm
from clickasync.errors import (
    ApiError,
    ClickatellError,
    ClosedError,
    InvalidNumberError,
    InvalidOptionError,
    OutcomeUnknownError,
    ProtocolError,
    TransportError,
)
from clickasync.law import Sending
from clickasync.numbers import normalise
from clickasync.options import MAX_PARTS, compile_message, listed
from clickasync.protocol import Line, endbatch, quicksend, senditem, startbatch
from clickasync.results import Accepted, Rejected, SendResult, Uncertain

__all__ = ["Batch"]

_HOLE = re.compile(r"#field(\d+)#")


class Batch:
    """A template at the gateway, to be filled for each recipient. Made by `Client.batch`.

    Its calls carry no client message ID, so after an unknown outcome nobody can be asked: nothing is repeated.
    """

    def __init__(self, executor: Executor, template: str, options: Mapping[str, Any], batch_size: int) -> None:
        self._executor = executor
        self._batch_size = batch_size
        self._holes = max((int(number) for number in _HOLE.findall(template)), default=0)
        fields = dict(compile_message(template, options, time.time()).fields)
        if self._holes and "unicode" in fields:
            raise InvalidOptionError("a Unicode template cannot have fields; send such texts one by one, by bulk")
        if self._holes:  # what the filled text will need is known only to the gateway
            fields.setdefault("concat", str(MAX_PARTS))
        self._template = fields.pop("text")
        self._fields = fields
        self._id: str | None = None

    @property
    def id(self) -> str:
        """The gateway's ID of the batch.

        Raises:
            RuntimeError: the batch was not started (``async with client.batch(...) as batch``).
        """
        if self._id is None:
            raise RuntimeError("the batch is not started; use: async with client.batch(template) as batch")
        return self._id

    async def __aenter__(self) -> Self:
        self._id = await self._executor.execute(startbatch(self._template, self._fields))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # endbatch is optional: a batch dies by itself after 24 hours, and what was sent is sent.
        if kind is not None and not issubclass(kind, Exception):
            return  # cancelled: nobody waits for a gateway any more
        with contextlib.suppress(ClickatellError):
            await self._executor.execute(endbatch(self.id))

    async def send(self, to: str, *fields: str) -> Accepted:
        """Send the template to one recipient, with `fields` in its holes (``senditem``).

        Raises:
            InvalidOptionError: not one text for each hole of the template, or one that GSM 03.38 cannot say.
            ApiError, TransportError, OutcomeUnknownError: as for `Client.send`.
        """
        number = normalise(to)
        if len(fields) != self._holes or not all(isinstance(value, str) for value in fields):
            raise InvalidOptionError(f"the template takes {self._holes} fields, each a str; {len(fields)} were given")
        for index, value in enumerate(fields, 1):
            if not is_gsm(value):
                raise InvalidOptionError(f"field{index} is not in GSM 03.38, and a template with fields is not Unicode")
        sending = Sending()
        item = self._executor.execute(senditem(self.id, number, fields), sending=sending)
        try:
            return Accepted(to, await self._executor.watch.settling(item, 1, sending), "")
        except ClickatellError as error:
            raise error.about(to=to) from None

    async def send_many(self, to: Iterable[str]) -> list[SendResult]:
        """Send the template, which must have no holes, to many recipients (``quicksend``); a result each, in order.

        Raises:
            InvalidOptionError: the template has holes, or `to` is one str.
        """
        if self._holes:
            raise InvalidOptionError("a template with fields is sent one by one: use send(to, *fields)")
        recipients = listed(to)
        results: dict[int, SendResult] = {}
        numbers: list[tuple[int, str]] = []
        for index, recipient in enumerate(recipients):
            try:
                numbers.append((index, normalise(recipient)))
            except InvalidNumberError as error:
                results[index] = Rejected(recipient, error)
        for start in range(0, len(numbers), self._batch_size):
            chunk = numbers[start : start + self._batch_size]
            sent = await self._quicksend([number for _, number in chunk], [recipients[index] for index, _ in chunk])
            results.update(zip([index for index, _ in chunk], sent, strict=True))
        return [results[index] for index in range(len(recipients))]

    async def _quicksend(self, numbers: Sequence[str], to: Sequence[str]) -> list[SendResult]:
        sending = Sending()
        call = self._executor.execute(quicksend(self.id, numbers), sending=sending)
        try:
            lines = await self._executor.watch.settling(call, len(numbers), sending)
        except OutcomeUnknownError as error:
            return [Uncertain(each, "", error.about(to=each), None) for each in to]
        except (ApiError, TransportError, ClosedError) as error:
            return [Rejected(each, error.about(to=each)) for each in to]
        return [_result(each, line) for each, line in zip(to, lines.each, strict=True)]


def _result(to: str, line: Line) -> SendResult:
    match line:
        case str():
            return Accepted(to, line, "")
        case ApiError():
            return Rejected(to, line.about(to=to))
        case None:
            return Uncertain(to, "", ProtocolError("no line of the reply is clearly about this recipient"), None)
