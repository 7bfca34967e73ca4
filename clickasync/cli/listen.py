"""``clickasync listen``: prints the gateway's callbacks as they arrive."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import anyio
import typer

from clickasync.callbacks import DeliveryReport, InboundMessage, receiver
from clickasync.cli.command import add_command
from clickasync.cli.screen import clean, show_json
from clickasync.cli.serving import serving
from clickasync.cli.simulator import pair

__all__ = ["register"]

_WIDTHS = (19, 7, 16, 16, 34)


async def listen(
    port: Annotated[int, typer.Option(help="The port; 0 takes a free one.", min=0, max=65535)] = 8096,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    auth: Annotated[
        str | None, typer.Option(metavar="USER:PASSWORD", help="HTTP Basic credentials that callbacks must have.")
    ] = None,
    keyword: Annotated[
        list[str] | None, typer.Option(help="Your keyword on a shared short code, for opt-outs; may be repeated.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object a line.")] = False,
) -> None:
    """Print delivery reports and inbound messages as they arrive, until Ctrl-C.

    The first line says where it listens: any path there takes callbacks, by GET and POST, in all seven transports. With
    --json that line goes to stderr, and stdout has nothing but JSON lines.
    """

    async def report(event: DeliveryReport) -> None:
        _show_report(event, as_json=as_json)

    async def message(event: InboundMessage) -> None:
        _show_message(event, as_json=as_json)

    app = receiver(on_report=report, on_message=message, auth=pair("--auth", auth), keywords=tuple(keyword or ()))
    async with serving(app, host=host, port=port) as url:
        typer.echo(f"Listening on {url}", err=as_json)
        if not as_json:
            _show_row(("time (UTC)", "kind", "from", "to", "id", "status, or text"))
        await anyio.sleep_forever()


def _show_report(event: DeliveryReport, *, as_json: bool) -> None:
    if not as_json:
        status = f"{event.status.value} {event.status.description}"
        cost = "" if event.charge is None else f", {event.charge.normalize():f} credits"
        _show_row((_time(event), "report", event.from_, event.to, event.id, status + cost))
        return
    fields: dict[str, Any] = {"kind": "report", "id": event.id, "climsgid": event.climsgid, "to": event.to}
    fields |= {"from": event.from_, "status": event.status.value, "description": event.status.description}
    show_json(
        {
            **fields,
            "charge": event.charge,
            "timestamp": event.timestamp and event.timestamp.isoformat(),
            "api_id": event.api_id,
        }
    )


def _show_message(event: InboundMessage, *, as_json: bool) -> None:
    part, opt_out = event.part, event.opt_out
    if not as_json:
        text = event.text
        if part is not None:
            text = f"(part {part.number} of {part.total}) {text}"
        if opt_out is not None:
            text = f"{text} (opts out{' of everything' if opt_out.everywhere else ''})"
        _show_row((_time(event), "message", event.from_, event.to, event.id, text))
        return
    fields: dict[str, Any] = {"kind": "message", "id": event.id, "from": event.from_, "to": event.to}
    # Half of an emoji that was cut in two cannot be written as UTF-8.
    fields |= {"text": event.text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")}
    fields |= {"timestamp": event.timestamp.isoformat(), "api_id": event.api_id, "udh": event.udh.hex()}
    fields["part"] = None if part is None else {"number": part.number, "total": part.total, "reference": part.reference}
    show_json({**fields, "opt_out": None if opt_out is None else {"word": opt_out.word, "keyword": opt_out.keyword}})


def _time(event: DeliveryReport | InboundMessage) -> str:
    return f"{event.timestamp:%Y-%m-%d %H:%M:%S}" if event.timestamp else "-"


def _show_row(cells: Iterable[str]) -> None:
    *narrow, last = map(clean, cells)
    row = [cell.ljust(width) for cell, width in zip(narrow, _WIDTHS, strict=True)]
    print("  ".join([*row, last]), flush=True)


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, listen)
