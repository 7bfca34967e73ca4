"""``clickasync bulk``."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer
from attrs import frozen

from clickasync.cli.bulk.display import BadRows, progress_bar, show_estimate, summary, told
from clickasync.cli.bulk.dry_run import ask_prices, estimate
from clickasync.cli.bulk.journal import Journal
from clickasync.cli.bulk.results import Results
from clickasync.cli.bulk.resume import OpenCall, Resume, open_calls
from clickasync.cli.bulk.run import Books, Run
from clickasync.cli.bulk.spool import spooled
from clickasync.cli.bulk.standing import Stand, Standing
from clickasync.cli.bulk.survey import look_over
from clickasync.cli.command import Status, add_command, status_of
from clickasync.cli.login import Login
from clickasync.cli.message import MessageArguments
from clickasync.cli.screen import AsJson, notice, show_json
from clickasync.client import Client
from clickasync.errors import AuthenticationError, ConfigurationError, TransportError
from clickasync.recipients import Recipients, open_recipients

__all__ = ["register"]


@frozen
class Files:
    """What is read and written."""

    text: Annotated[
        str | None,
        typer.Option("--text", "-t", help='The text, with columns in braces: "Hi {name}". [default: the column text]'),
    ] = None
    to_column: Annotated[
        str | None, typer.Option(help="The column with the numbers. [default: to, number, msisdn, or the first]")
    ] = None
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The results: a .csv or .jsonl file. [default: RECIPIENTS.results.csv]"),
    ] = None
    resume: Annotated[Path | None, typer.Option(metavar="RESULTS", help="Continue an earlier run.")] = None
    force: Annotated[bool, typer.Option("--force", help="Overwrite the results of an earlier run.")] = False


@frozen
class Manner:
    """How it is sent."""

    retry_rejected: Annotated[
        bool, typer.Option("--retry-rejected", help="With --resume: send again what was rejected.")
    ] = False
    resend_unknown: Annotated[
        bool,
        typer.Option("--resend-unknown", help="Send again, as the same call, what the gateway says it does not know."),
    ] = False
    batch_size: Annotated[int, typer.Option(help="Recipients in one call, at most: 1 to 600.")] = 300
    rate_limit: Annotated[float | None, typer.Option(help="Recipients a second, at most.")] = None
    max_in_flight: Annotated[int, typer.Option(help="Calls at once, at most.")] = 8
    patience: Annotated[
        float, typer.Option(help="Seconds without success after which an unreachable gateway ends the run.")
    ] = 60.0

    def settings(self) -> dict[str, Any]:
        """Of the `Client`."""
        return {
            "batch_size": self.batch_size,
            "rate_limit": self.rate_limit,
            "max_connections": self.max_in_flight,
            "resend_unknown": self.resend_unknown,
        }


async def bulk(
    recipients: Annotated[
        str, typer.Argument(metavar="RECIPIENTS", help="A CSV file, or a number a line; - is stdin.")
    ],
    files: Files,
    manner: Manner,
    login: Login,
    message: MessageArguments,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Send nothing; check all rows and say what it would cost.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar and no summary.")] = False,
    as_json: AsJson = False,
) -> Status:
    """Send to a file of recipients, and write down what became of each.

    clickasync bulk recipients.csv --text "Hi {name}"

    The results file has a line for each row: accepted, rejected, uncertain or skipped. It, and a journal beside it,
    survive a kill. --resume RESULTS then sends the rest: neither what was accepted nor what may have been is sent
    again. Bad rows are told by their line and do not stop the others.
    """
    options = message.options()
    with spooled(recipients) as (source, name):
        rows = open_recipients(
            source, files.text, name=name, to_column=files.to_column, needs_text=message.data is None
        )
        job = _Job(rows, files, manner, options, quiet=quiet, as_json=as_json)
        if dry_run:
            return await job.estimate(login)
        return await job.run(login)


class _Job:
    """A run from its beginning to its summary."""

    def __init__(
        self,
        recipients: Recipients,
        files: Files,
        manner: Manner,
        options: dict[str, Any],
        *,
        quiet: bool,
        as_json: bool,
    ) -> None:
        self._recipients = recipients
        self._files = files
        self._manner = manner
        self._options = options
        self._quiet = quiet
        self._as_json = as_json
        self._bad_rows = BadRows()
        self._books = Books(Results(self._path()), Journal(self._path()), Standing(), self._bad_rows)

    def _path(self) -> Path:
        files = self._files
        if files.resume is not None:
            if files.output not in (None, files.resume) or files.force:
                raise ConfigurationError("--resume goes on writing to its own file; give neither --output nor --force")
            if not files.resume.exists():
                raise ConfigurationError(f"there is nothing to resume: {files.resume} does not exist")
            return files.resume
        if files.output is not None:
            if files.output.resolve() == Path(self._recipients.name).resolve():
                raise ConfigurationError("--output is the file of recipients itself")
            return files.output
        if self._recipients.name == "stdin":
            raise ConfigurationError("say where the results of stdin go: --output results.csv")
        return Path(self._recipients.name).with_suffix(".results.csv")

    # -- a dry run

    async def estimate(self, login: Login) -> Status:
        """Say what it would cost."""
        books = self._books
        if self._files.resume is not None:
            books.standing.load(books.journal, books.results)
        result = estimate(
            self._recipients,
            books.standing,
            self._options,
            retry_rejected=self._manner.retry_rejected,
            on_bad_row=self._bad_rows,
        )
        self._bad_rows.end()
        if login.is_complete:
            async with login.client() as client:
                await ask_prices(client, result)
        if self._as_json:
            show_json(result.as_fields())
        else:
            show_estimate(result)
        return Status.NOT_ALL if result.bad or result.not_covered else Status.OK

    # -- a run

    async def run(self, login: Login) -> Status:
        """Send."""
        client = login.client(**self._manner.settings())
        books = self._books
        self._refuse_to_overwrite()
        books.journal.open()
        with closing(books.journal), closing(books.results):
            if self._files.resume is not None:
                books.standing.load(books.journal, books.results)
            async with client:
                return await self._send(client)

    def _refuse_to_overwrite(self) -> None:
        if self._files.resume is not None or self._files.force:
            return
        for path in (self._books.results.path, self._books.journal.path):
            if path.exists() and path.stat().st_size:
                raise ConfigurationError(
                    f"{path} exists: continue that run with --resume {self._books.results.path}, or overwrite it "
                    "with --force, which sends to everybody again"
                )

    async def _send(self, client: Client) -> Status:
        books, manner = self._books, self._manner
        is_new = self._files.resume is None
        calls = [] if is_new else open_calls(books, ask_again=manner.resend_unknown)
        survey = look_over(self._recipients, books.standing, calls, self._options, retry_rejected=manner.retry_rejected)
        if survey.other_text and not self._quiet:
            notice(f"{survey.other_text} rows that were under way have another text or other options now")
        if is_new:  # not before the recipients could be read: a slip must not cost the results of an earlier run
            books.journal.clear()
            books.results.path.unlink(missing_ok=True)
        books.results.open()
        started = time.monotonic()
        run = Run(client, self._recipients, books, self._options, retry_rejected=manner.retry_rejected)
        try:
            with progress_bar(books.standing, survey.to_send, visible=not (self._quiet or self._as_json)):
                if calls:
                    await self._settle(client, calls)
                await run.send(patience=manner.patience, total=survey.to_send)
            if books.standing.repeated:
                books.results.keep_last_lines()
        finally:
            self._bad_rows.end()
            self._summarise(survey.rows, time.monotonic() - started, run.stopped_by)
        return self._status(survey.rows, run.stopped_by)

    async def _settle(self, client: Client, calls: list[OpenCall]) -> None:
        await client.authenticate()  # or else every question would fail, and nothing be known
        resume = Resume(client, self._books, self._options, calls, resend_unknown=self._manner.resend_unknown)
        await resume.settle(at_once=self._manner.max_in_flight)
        for reason, count in resume.not_resent.items():
            notice(f"{count} recipients whom the gateway does not know were not sent to again: {reason}")

    def _summarise(self, rows: int, seconds: float, stopped_by: Exception | None) -> None:
        path = str(self._books.results.path)
        if self._as_json:
            show_json(summary(self._books.standing, rows, path, seconds, stopped_by))
        elif not self._quiet:
            stopped = "" if stopped_by is None else f"; stopped: {stopped_by}"
            typer.echo(f"{rows:,} rows in {seconds:.1f} s: {told(self._books.standing)}; see {path}{stopped}")

    def _status(self, rows: int, stopped_by: Exception | None) -> Status:
        if isinstance(stopped_by, AuthenticationError | TransportError):
            return status_of(stopped_by)
        return Status.OK if self._books.standing.counts[Stand.ACCEPTED] == rows else Status.NOT_ALL


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, bulk)
