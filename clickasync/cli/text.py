"""``clickasync text``: what a text takes, before it costs anything."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Final

import attrs
import typer

from clickasync.cli.command import add_command
from clickasync.cli.message import read_text
from clickasync.cli.screen import AsJson, show_json, show_table
from clickasync.encoding import TextInfo, count_parts, inspect_text
from clickasync.errors import InvalidOptionError

__all__ = ["register"]

_UNITS: Final = {"GSM": "septets", "Unicode": "UTF-16 units"}


def text(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The text; - is standard input.")],
    as_json: AsJson = False,
) -> None:
    """Say in how many parts a text goes out, and which characters make it Unicode. Nothing is sent.

    clickasync text "Don’t forget: 10 € off"

    A part holds 160 GSM characters (153 where there are several), but 70 of a text (67) with a character that GSM 03.38
    does not have.
    """
    given = read_text(text) or ""
    try:
        info = inspect_text(given)
    except ValueError:
        raise InvalidOptionError("the text holds half of a surrogate pair: it is not valid Unicode") from None
    if as_json:
        show_json(attrs.asdict(info))
        return
    rows = [
        ("parts", info.parts),
        ("alphabet", info.alphabet),
        ("characters", info.characters),
        (_UNITS[info.alphabet], f"{info.units}, of {info.parts * info.per_part} that fit in {_parts(info.parts)}"),
    ]
    show_table(("what", "how much"), rows)
    if info.unicode_because:
        _explain(given, info)


def _explain(text: str, info: TextInfo) -> None:
    typer.echo("It is Unicode because of:")
    for char in info.unicode_because:
        typer.echo(f"  {char if char.isprintable() else ' '}  U+{ord(char):04X} {unicodedata.name(char, '')}".rstrip())
    plain = "".join("?" if char in info.unicode_because else char for char in text)
    parts = count_parts(plain, unicode=False)
    if parts < info.parts:
        typer.echo(f"With characters of GSM 03.38 in their place it would take {_parts(parts)}.")


def _parts(count: int) -> str:
    return "1 part" if count == 1 else f"{count} parts"


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, text)
