"""``clickasync bulk``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final

import typer
from attrs import frozen

from clickasync.cli.bulk.display import BadRows, show_estimate
from clickasync.cli.bulk.dry_run import ask_prices, estimate
from clickasync.cli.bulk.job import Job, Sent
from clickasync.cli.bulk.places import NAME, Places, new_places, places_of
from clickasync.cli.bulk.results import format_of, kept_columns
from clickasync.cli.bulk.rows import compare_rows, rows_to_send
from clickasync.cli.bulk.sending import Orders
from clickasync.cli.bulk.spool import spooled
from clickasync.cli.command import Status, add_command
from clickasync.cli.login import Login
from clickasync.cli.message import MessageArguments, read_text
from clickasync.cli.panels import HOW, OUTPUT, WHAT, WHO
from clickasync.cli.screen import AsJson, notice, show_json
from clickasync.cli.typed import finite
from clickasync.errors import ConfigurationError, InvalidOptionError
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

    def read_text(self, recipients: str) -> str | None:
        """The template.

        Raises:
            InvalidOptionError: it was to come from where the recipients come from.
        """
        if self.text == recipients == "-":
            raise InvalidOptionError("only one of RECIPIENTS and --text can be standard input")
        return read_text(self.text)

    def open(self, source: Any, name: str, text: str | None, *, needs_text: bool) -> Recipients:
        """The file of recipients.

        Raises:
            InvalidOptionError: see `open_recipients`.
        """
        return open_recipients(
            source,
            text,
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
    resume: Annotated[
        Path | None,
        typer.Option(metavar="RESULTS", help="Continue an earlier run, by its results and the store beside them."),
    ] = None
    force: Annotated[bool, typer.Option("--force", help="Overwrite the results of an earlier run.")] = False
    keep_columns: Annotated[
        bool, typer.Option("--keep-columns", help="Write the columns of RECIPIENTS beside the results.")
    ] = False

    def places(self, recipients: str) -> Places:
        """Where the results and the store of a run are.

        Raises:
            ConfigurationError, InvalidOptionError: it is not clear where, or there is nothing to resume.
        """
        if self.resume is None:
            places = new_places(self.output, recipients)
        else:
            if self.output not in (None, self.resume) or self.force:
                raise ConfigurationError("--resume goes on writing to its own file; give neither --output nor --force")
            places = places_of(self.resume, recipients)
        format_of(places.results)
        return places


@frozen
class Manner:
    """How it is sent."""

    PANEL: ClassVar = HOW

    retry_rejected: Annotated[
        bool, typer.Option("--retry-rejected", help="With --resume: send again what was rejected.")
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

    The results file has a line for each row: accepted, rejected, uncertain or skipped. What was sent is kept in a store
    beside it (RECIPIENTS.results.db), on disk before each call goes out, so it survives any kill. --resume RESULTS then
    sends the rest: neither what was accepted nor what may have been is sent again. Bad rows are shown by their line and
    do not stop the others; what makes it doubtful who is sent what, such as a quote that is not closed, is refused
    before anything is sent.

    Ctrl-C finishes the calls that are under way; once more, it ends at once.
    """
    options = message.options()
    text = content.read_text(recipients)
    with spooled(recipients) as (source, name):
        rows = content.open(source, name, text, needs_text=message.data is None)
        if rows.header_notice and not quiet:
            notice(rows.header_notice)
        kept = kept_columns(rows) if files.keep_columns else []
        places = files.places(rows.name)
        if dry_run:
            sent = Sent(rows, text, options, kept)
            return await _estimate(sent, places, files, content.dedupe, manner.retry_rejected, login, as_json=as_json)
        has_bar = not (quiet or as_json)
        orders = Orders(manner.rate_limit, manner.max_in_flight, manner.patience, quiet, has_bar)
        job = Job(Sent(rows, text, options, kept), places, orders, dedupe=content.dedupe, as_json=as_json)
        async with login.client(batch_size=manner.batch_size, max_connections=manner.max_in_flight) as client:
            if files.resume is None:
                return await job.start(client, force=files.force)
            return await job.go_on(client, retry_rejected=manner.retry_rejected)


async def _estimate(
    sent: Sent, places: Places, files: Files, dedupe: bool, retry_rejected: bool, login: Login, *, as_json: bool
) -> Status:
    """Say what it would cost."""
    is_to_send: Callable[[int], bool] | None = None
    if files.resume is not None:
        from clickasync.campaigns import Campaigns

        async with Campaigns(places.store) as campaigns:
            campaign = await campaigns.get(NAME)
            if difference := await compare_rows(campaign, sent.recipients):
                raise ConfigurationError(f"{places.shown} is of another run, with {difference}")
            is_to_send = await rows_to_send(campaign, retry_rejected=retry_rejected)
    bad_rows = BadRows()
    result = estimate(sent.recipients, sent.options, dedupe=dedupe, on_bad_row=bad_rows, is_to_send=is_to_send)
    bad_rows.end()
    if login.is_complete:
        async with login.client() as client:
            await ask_prices(client, result)
    if as_json:
        show_json(result.as_fields())
    else:
        show_estimate(result)
    return Status.NOT_ALL if result.bad or result.not_covered else Status.OK


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, bulk, sends=True)
