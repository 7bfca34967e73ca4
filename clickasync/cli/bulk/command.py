"""``clickasync bulk``."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final

import typer
from attrs import frozen

from clickasync.cli.bulk.display import BadRows, Summary, progress_bar, show_estimate
from clickasync.cli.bulk.dry_run import ask_prices, estimate
from clickasync.cli.bulk.journal import Journal
from clickasync.cli.bulk.results import Results, kept_columns
from clickasync.cli.bulk.resume import OpenCall, Resume, open_calls
from clickasync.cli.bulk.run import Books, Run
from clickasync.cli.bulk.spool import spooled
from clickasync.cli.bulk.standing import Stand, Standing
from clickasync.cli.bulk.survey import Survey, look_over
from clickasync.cli.command import Status, add_command, status_of
from clickasync.cli.login import Login
from clickasync.cli.message import MessageArguments, read_text
from clickasync.cli.panels import HOW, OUTPUT, WHAT, WHO
from clickasync.cli.screen import AsJson, notice, show_json
from clickasync.cli.typed import CURRENT, finite
from clickasync.client import Client
from clickasync.errors import (
    AuthenticationError,
    ConfigurationError,
    CreditError,
    InvalidOptionError,
    QuotaExceededError,
    TransportError,
)
from clickasync.recipients import Recipients, open_recipients

__all__ = ["register"]

_DELIMITERS: Final = {"comma": ",", "semicolon": ";", "tab": "\t", "\\t": "\t"}


@frozen
class Content:
    """What is read, and how."""

    PANEL: ClassVar = WHO

    text: Annotated[
        str | None,
        typer.Option(
            "--text",
            "-t",
            help='The text, with columns in braces: "Hi {name}"; - is standard input.',
            show_default="the column text",
            rich_help_panel=WHAT,
        ),
    ] = None
    allow_line_breaks: Annotated[
        bool,
        typer.Option(
            "--allow-line-breaks", help="Let cells that go into a text have line breaks.", rich_help_panel=WHAT
        ),
    ] = False
    to_column: Annotated[
        str | None,
        typer.Option(help="The column with the numbers.", show_default="to, number, msisdn, or the first"),
    ] = None
    dedupe: Annotated[
        bool, typer.Option("--dedupe", help="Send to each number once, however often it stands there.")
    ] = False
    encoding: Annotated[
        str | None,
        typer.Option(help="How the file is encoded, such as cp1252.", show_default="UTF-8, or UTF-16 by its mark"),
    ] = None
    delimiter: Annotated[
        str | None,
        typer.Option(
            metavar="comma|semicolon|tab", help="What separates the cells.", show_default="as in the first line"
        ),
    ] = None

    def open(self, source: Any, name: str, *, needs_text: bool) -> Recipients:
        """The file of recipients.

        Raises:
            InvalidOptionError: see `open_recipients`.
        """
        if self.text == "-" and name == "stdin":
            raise InvalidOptionError("only one of RECIPIENTS and --text can be standard input")
        return open_recipients(
            source,
            read_text(self.text),
            name=name,
            to_column=self.to_column,
            needs_text=needs_text,
            encoding=self.encoding,
            delimiter=None if self.delimiter is None else _DELIMITERS.get(self.delimiter, self.delimiter),
            allow_line_breaks=self.allow_line_breaks,
        )


@frozen
class Files:
    """What is written."""

    PANEL: ClassVar = OUTPUT

    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="The results: a .csv or .jsonl file.", show_default="RECIPIENTS.results.csv"
        ),
    ] = None
    resume: Annotated[Path | None, typer.Option(metavar="RESULTS", help="Continue an earlier run.")] = None
    force: Annotated[bool, typer.Option("--force", help="Overwrite the results of an earlier run.")] = False
    keep_columns: Annotated[
        bool, typer.Option("--keep-columns", help="Write the columns of RECIPIENTS beside the results.")
    ] = False

    def results(self, recipients: Recipients) -> Results:
        """The file of results, not opened yet.

        Raises:
            ConfigurationError, InvalidOptionError: it is not clear which it is, or there is nothing to resume.
        """
        return Results(self._path(recipients.name), kept_columns(recipients) if self.keep_columns else ())

    def _path(self, recipients: str) -> Path:
        if self.resume is not None:
            if self.output not in (None, self.resume) or self.force:
                raise ConfigurationError("--resume goes on writing to its own file; give neither --output nor --force")
            if not self.resume.exists():
                raise ConfigurationError(f"there is nothing to resume: {self.resume} does not exist")
            return self.resume
        if self.output is not None:
            if self.output.resolve() == Path(recipients).resolve():
                raise ConfigurationError("--output is the file of recipients itself")
            return self.output
        if recipients == "stdin":
            raise ConfigurationError("say where the results of stdin go: --output results.csv")
        return Path(recipients).with_suffix(".results.csv")


@frozen
class Manner:
    """How it is sent."""

    PANEL: ClassVar = HOW

    retry_rejected: Annotated[
        bool, typer.Option("--retry-rejected", help="With --resume: send again what was rejected.")
    ] = False
    resend_unknown: Annotated[
        bool,
        typer.Option("--resend-unknown", help="Send again, as the same call, what the gateway says it does not know."),
    ] = False
    batch_size: Annotated[int, typer.Option(min=1, max=600, help="Recipients in one call, at most.")] = 300
    rate_limit: Annotated[
        float | None, typer.Option(metavar="NUMBER", parser=finite, help="Recipients a second, at most.")
    ] = None
    max_in_flight: Annotated[int, typer.Option(min=1, help="Calls at once, at most.")] = 8
    patience: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            parser=finite,
            help="Time without success after which an unreachable gateway ends the run.",
        ),
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
        str, typer.Argument(metavar="RECIPIENTS", help="A CSV file, or a number a line; - is standard input.")
    ],
    content: Content,
    files: Files,
    manner: Manner,
    login: Login,
    message: MessageArguments,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Send nothing; check all rows and say what it would cost.", rich_help_panel=HOW),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No progress bar and no summary.", rich_help_panel=OUTPUT)
    ] = False,
    as_json: AsJson = False,
) -> Status:
    """Send to a file of recipients, and write down what became of each.

    clickasync bulk recipients.csv --text "Hi {name}"

    The results file has a line for each row: accepted, rejected, uncertain or skipped. It, and a journal beside it,
    survive a kill. --resume RESULTS then sends the rest: neither what was accepted nor what may have been is sent
    again. Bad rows are shown by their line and do not stop the others; what makes it doubtful who is sent what, such as
    a quote that is not closed, is refused before anything is sent.
    """
    options = message.options()
    with spooled(recipients) as (source, name):
        rows = content.open(source, name, needs_text=message.data is None)
        if rows.header_notice and not quiet:
            notice(rows.header_notice)
        job = _Job(rows, files, manner, options, dedupe=content.dedupe, quiet=quiet, as_json=as_json)
        return await (job.estimate(login) if dry_run else job.run(login))


class _Job:
    """A run from its beginning to its summary."""

    def __init__(
        self,
        recipients: Recipients,
        files: Files,
        manner: Manner,
        options: dict[str, Any],
        *,
        dedupe: bool,
        quiet: bool,
        as_json: bool,
    ) -> None:
        self._recipients = recipients
        self._files = files
        self._manner = manner
        self._options = options
        self._dedupe = dedupe
        self._quiet = quiet
        self._as_json = as_json
        self._bad_rows = BadRows()
        results = files.results(recipients)
        self._books = Books(results, Journal(results.path), Standing(), self._bad_rows)

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
            dedupe=self._dedupe,
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
        run = Run(
            client,
            self._recipients,
            books,
            self._options,
            retry_rejected=manner.retry_rejected,
            dedupe=self._dedupe,
        )
        is_visible = not (self._quiet or self._as_json)
        try:
            with progress_bar(books.standing, survey.to_send, visible=is_visible, is_away=lambda: run.is_away):
                if calls:
                    await self._settle(client, calls)
                await run.send(patience=manner.patience, total=survey.to_send)
            if books.standing.repeated:
                books.results.keep_last_lines()
        finally:
            self._bad_rows.end()
            self._summarise(survey, time.monotonic() - started, run.stopped_by)
        return self._status(survey.rows, run.stopped_by)

    async def _settle(self, client: Client, calls: list[OpenCall]) -> None:
        await client.authenticate()  # or else every question would fail, and nothing be known
        resume = Resume(client, self._books, self._options, calls, resend_unknown=self._manner.resend_unknown)
        await resume.settle(at_once=self._manner.max_in_flight)
        for reason, count in resume.not_resent.items():
            notice(f"{count} recipients that the gateway does not know were not sent to again: {reason}")

    def _summarise(self, survey: Survey, seconds: float, stopped_by: Exception | None) -> None:
        path = self._books.results.path
        # What was refused for want of credit, or beyond the quota, goes out only if the rejected are sent again.
        retry = isinstance(stopped_by, CreditError | QuotaExceededError)
        again = CURRENT.get().again("output", "force", resume=path, retry_rejected=retry)
        summary = Summary(self._books.standing, survey.rows, survey.duplicates, str(path), seconds, stopped_by, again)
        if self._as_json:
            show_json(summary.as_fields())
        elif not self._quiet:
            summary.show()

    def _status(self, rows: int, stopped_by: Exception | None) -> Status:
        if isinstance(stopped_by, AuthenticationError | TransportError):
            return status_of(stopped_by)
        counts = self._books.standing.counts
        return Status.OK if counts[Stand.ACCEPTED] + counts[Stand.DUPLICATE] == rows else Status.NOT_ALL


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, bulk, sends=True)
