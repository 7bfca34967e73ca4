"""Calls that were under way when an earlier run was killed: the gateway is asked, and only then, if ever, sent again.

What the gateway knows by a call's climsgid was taken. If the call was to one recipient, the gateway's ID is known
and it is accepted; of many, nobody knows which of them were: they are uncertain, and known to the gateway.

What it does not know (104) is uncertain too, because the request may still be on its way. Such a call is sent again
only if it was asked for, and as the same call: the same recipients, text and climsgid. So a gateway that did get the
first one can still be asked about both. That takes

- an entry in the journal that is more than a minute old, so that nothing is still on its way, and less than 14 days,
  so that the gateway would still know it;
- two 104s, three seconds apart;
- that no recipient of the call has an answer, because an answer proves that the gateway had the call;
- the same text and options as then.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

import anyio
from attrs import define, evolve, field

from clickasync.cli.bulk.journal import Entry, fingerprint
from clickasync.cli.bulk.run import Books
from clickasync.client import Client
from clickasync.errors import ClickatellError, OutcomeUnknownError
from clickasync.numbers import normalise
from clickasync.options import compile_message
from clickasync.protocol import Line
from clickasync.recipients import Row
from clickasync.results import Accepted, MessageState, Uncertain

__all__ = ["OpenCall", "Resume", "open_calls"]

OLD_ENOUGH: Final = 60.0
"""Seconds."""
TOO_OLD: Final = 14 * 24 * 3600.0
"""Seconds."""


@define
class OpenCall:
    """A call that was under way."""

    entry: Entry
    unsettled: list[int]
    """Its rows without a clear result."""
    rows: dict[int, Row] = field(factory=dict)
    """Its rows as the recipients have them now, by number."""
    texts: dict[int, str | None] = field(factory=dict)
    """What they would be sent now, by number."""

    def why_not_again(self, now: float, options: Mapping[str, Any]) -> str | None:
        """Why it cannot be sent again as the same call; None: it can."""
        age = now - self.entry.time
        if age <= OLD_ENOUGH:
            return "it went out less than a minute ago; resume again later"
        if age >= TOO_OLD:
            return "it is older than 14 days, and the gateway may have forgotten it"
        if len(self.unsettled) != len(self.entry.rows):
            return "some of its recipients have an answer"
        now_said = [self.texts.get(number) for number in self.entry.rows]
        if len(self.rows) < len(now_said) or any(fingerprint(text, options) != self.entry.text for text in now_said):
            return "its text or options have changed"
        return None


def open_calls(books: Books, *, ask_again: bool) -> list[OpenCall]:
    """The calls that the gateway must be asked about."""
    found = []
    for number, entry in enumerate(books.journal, start=1):
        unsettled = books.standing.unsettled(entry, number, ask_again=ask_again)
        if unsettled:
            found.append(OpenCall(entry, unsettled))
    return found


class Resume:
    """Settles open calls.

    Args:
        calls: from `open_calls`, with their rows filled in.
        resend_unknown: send again what the gateway does not know.
    """

    def __init__(
        self,
        client: Client,
        books: Books,
        options: Mapping[str, Any],
        calls: list[OpenCall],
        *,
        resend_unknown: bool,
    ) -> None:
        self._executor = client.executor
        self._books = books
        self._options = options
        self._calls = calls
        self._resend_unknown = resend_unknown
        self.not_resent: dict[str, int] = {}
        """Why calls that the gateway does not know were not sent again, and how many recipients each reason kept."""

    async def settle(self, *, at_once: int) -> None:
        """Ask about every call, so many at once, and write down what is known then."""
        todo: Iterator[OpenCall] = iter(self._calls)

        async def work() -> None:
            for call in todo:
                await self._settle(call)

        async with anyio.create_task_group() as tasks:
            for _ in range(min(at_once, len(self._calls))):
                tasks.start_soon(work)

    async def _settle(self, call: OpenCall) -> None:
        entry = call.entry
        hindrance = call.why_not_again(time.time(), self._options)
        again = self._resend_unknown and hindrance is None
        answer = await self._executor.ask_outcome(entry.climsgid, chosen=False, patient=again)
        if answer is False and again:
            await self._send_again(call)
            return
        if answer is False and self._resend_unknown and hindrance is not None:
            self.not_resent[hindrance] = self.not_resent.get(hindrance, 0) + len(call.unsettled)
        reason = "the run was ended while the call was under way"
        if not isinstance(answer, MessageState):
            self._tell(call, [None for _ in entry.rows], known=answer, reason=reason)
        else:
            lines: list[Line] = [answer.id] if len(entry.rows) == 1 else [None for _ in entry.rows]
            self._tell(call, lines, known=True, reason=reason)

    async def _send_again(self, call: OpenCall) -> None:
        """Send a call again as the same call. Whatever it says but an ID proves nothing about the first try."""
        entry = call.entry
        lines: list[Line] = [None for _ in entry.rows]
        # It is under way once more: after another kill, what was said before must not be believed.
        self._tell(call, lines, known=None, reason="the run was ended while the call was being sent again")
        self._books.journal.append(evolve(entry, time=time.time()))
        reason = "it was sent again, and the gateway refused or did not name this recipient"
        try:
            message = compile_message(call.texts[entry.rows[0]], self._options, time.time())
            numbers = [normalise(to) for to in entry.to]
            lines = list((await self._executor.send(numbers, message, entry.climsgid)).each)
        except OutcomeUnknownError as error:
            self._tell(call, lines, known=error.known_to_gateway, reason=error.reason)
        except ClickatellError as error:
            self._tell(call, lines, known=False, reason=f"the run was ended, and sending it again failed: {error}")
        else:
            self._tell(call, lines, known=True, reason=reason)

    def _tell(self, call: OpenCall, lines: list[Line], *, known: bool | None, reason: str) -> None:
        """Write down what is known of the rows that had no result; `lines` are by the rows of the call."""
        climsgid = call.entry.climsgid
        unsettled = set(call.unsettled)
        for number, to, line in zip(call.entry.rows, call.entry.to, lines, strict=True):
            if number not in unsettled:
                continue
            row = call.rows.get(number) or Row(number, 0, to, "", ())
            if isinstance(line, str):
                self._books.record(row, Accepted(to, line, climsgid), climsgid)
            else:
                error = OutcomeUnknownError(reason, to, climsgid, known)
                self._books.record(row, Uncertain(to, climsgid, error, known), climsgid)
