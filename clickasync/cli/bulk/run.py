"""Sending what is to be sent, and writing down what becomes of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import anyio

from clickasync.bulk import Bulk
from clickasync.cli.bulk.journal import Entry, Journal, fingerprint
from clickasync.cli.bulk.results import ResultLine, Results
from clickasync.cli.bulk.standing import Standing
from clickasync.cli.typed import words
from clickasync.client import Client
from clickasync.errors import ClickatellError, InvalidNumberError, InvalidOptionError, TransportError
from clickasync.options import Message
from clickasync.recipients import BadRow, Recipients, Row, Seen
from clickasync.results import Rejected, SendResult, Skipped, Uncertain

__all__ = ["Books", "Run"]


class Books:
    """The results, the journal, and how every row stands: what must change together.

    Args:
        on_bad_row: called with a row that is wrong in itself, and why.
    """

    def __init__(
        self,
        results: Results,
        journal: Journal,
        standing: Standing,
        on_bad_row: Callable[[Row | BadRow, ClickatellError], None],
    ) -> None:
        self.results = results
        self.journal = journal
        self.standing = standing
        self._on_bad_row = on_bad_row

    def record(self, row: Row, result: SendResult, climsgid: str | None) -> None:
        """Write down what became of a row."""
        self._write(ResultLine.of(row.row, result, climsgid, self._kept(row)))
        if isinstance(result, Rejected) and isinstance(result.error, InvalidNumberError | InvalidOptionError):
            self._on_bad_row(row, result.error)

    def tell_bad(self, row: BadRow) -> None:
        """Write down that a row cannot be sent to."""
        error = f"line {row.line}: {words(row.error)}"
        self._write(ResultLine(row.row, row.to, "rejected", error=error, kept=self._kept(row)))
        self._on_bad_row(row, row.error)

    def tell_duplicate(self, row: Row) -> None:
        """Write down that a row is not sent to because its number stands in an earlier one."""
        error = f"line {row.line}: the number stands in an earlier line"
        self._write(ResultLine(row.row, row.to, "duplicate", error=error, kept=self._kept(row)))

    def _kept(self, row: Row | BadRow) -> Sequence[str]:
        """The cells to be kept, as many as there are columns."""
        width = len(self.results.kept)
        return [*row.cells, *[""] * width][:width]

    def _write(self, line: ResultLine) -> None:
        self.results.write(line)
        self.standing.record(line)


class Run:
    """One run over the rows that are to be sent.

    Args:
        recipients: all rows.
        books: where it is written.
        options: of every message.
        retry_rejected: whether to send again what was rejected.
        dedupe: whether to send to each number once.
    """

    def __init__(
        self,
        client: Client,
        recipients: Recipients,
        books: Books,
        options: Mapping[str, Any],
        *,
        retry_rejected: bool,
        dedupe: bool,
    ) -> None:
        self._client = client
        self._recipients = recipients
        self._books = books
        self._options = dict(options)
        self._retry_rejected = retry_rejected
        self._seen = Seen() if dedupe else None
        template = recipients.template
        # One text for all travels faster as the run's own than as that of each message.
        self._text = template.fill({}) if template is not None and not template.columns else None
        self._rows: dict[int, Row] = {}  # by position in the source: read, and without a result
        self._climsgids: dict[int, str] = {}  # by position: the call that it went out in
        self._calls: dict[str, dict[int, None]] = {}  # by climsgid: the positions that have no result
        self._read = 0
        self.stopped_by: ClickatellError | None = None
        """Why the run ended before the recipients did, if it did."""
        self._bulk: Bulk | None = None

    @property
    def is_away(self) -> bool:
        """Whether the gateway cannot be reached just now."""
        return self._bulk is not None and self._bulk.is_away

    async def send(self, *, patience: float, total: int | None) -> None:
        """Send, until the end, an error, or Ctrl-C; whatever happens, what was answered is written down.

        Raises:
            ClickatellError: as `Client.bulk`.
            OSError: the results or the journal could not be written.
        """
        self._bulk = bulk = self._client.new_run(
            self._source(), self._text, self._options, patience=patience, total=total, journal=self._enter
        )
        try:
            async with bulk:
                async for result in bulk:
                    self._tell(bulk.position, result)
        finally:
            with anyio.CancelScope(shield=True):
                await self._tell_the_rest(bulk)
            self.stopped_by = bulk.stopped_by

    def _source(self) -> Iterator[str | Message]:
        for item in self._recipients:
            is_new = isinstance(item, BadRow) or self._seen is None or self._seen.add(item.number)
            if not self._books.standing.to_send(item.row, retry_rejected=self._retry_rejected):
                continue
            if isinstance(item, BadRow):
                self._books.tell_bad(item)
                continue
            if not is_new:
                self._books.tell_duplicate(item)
                continue
            self._rows[self._read] = item
            self._read += 1
            yield item.to if self._text is not None else Message(item.to, self._recipients.text_of(item))

    def _enter(self, climsgid: str, positions: Sequence[int], recipients: Sequence[str]) -> None:
        """A call is about to go out. All its rows have one text: that is why they travel together."""
        rows = [self._rows[position] for position in positions]
        said = fingerprint(self._recipients.text_of(rows[0]), self._options)
        self._books.journal.append(Entry(time.time(), climsgid, said, [row.row for row in rows], recipients))
        for position in positions:
            self._forget_call(position)  # of an earlier try, after a 901
            self._climsgids[position] = climsgid
        self._calls[climsgid] = dict.fromkeys(positions)

    def _tell(self, position: int, result: SendResult) -> None:
        climsgid = self._forget_call(position)
        if isinstance(result, Rejected) and isinstance(result.error, TransportError):
            result = Skipped(result.to, result.error)  # the gateway never saw it: a resumed run tries it again
        self._books.record(self._rows.pop(position), result, climsgid)

    def _forget_call(self, position: int) -> str | None:
        climsgid = self._climsgids.pop(position, None)
        if climsgid is not None:
            positions = self._calls[climsgid]
            del positions[position]
            if not positions:
                del self._calls[climsgid]
        return climsgid

    async def _tell_the_rest(self, bulk: Bulk) -> None:
        """After the run was left early: what was answered by then, and what was under way."""
        async for result in bulk:
            self._tell(bulk.position, result)
        waiting = {climsgid: list(positions) for climsgid, positions in self._calls.items()}
        for result in bulk.unfinished:  # call by call, each in the order in which it was entered
            self._tell(_next(waiting, result), result)


def _next(waiting: dict[str, list[int]], result: Uncertain) -> int:
    return waiting[result.climsgid].pop(0)
