"""Help in groups: options stand under what they are about."""

from __future__ import annotations

from typing import Any, Final

from typer.core import TyperCommand

__all__ = ["HOW", "LOGIN", "OUTPUT", "WHAT", "WHO", "PanelCommand"]

WHAT: Final = "What is sent"
WHO: Final = "Who it is sent to"
HOW: Final = "How it is sent"
LOGIN: Final = "Login"
OUTPUT: Final = "Output"
_OTHER: Final = "Options"
_ORDER: Final = ("Arguments", WHAT, WHO, HOW, OUTPUT, _OTHER, LOGIN)


class PanelCommand(TyperCommand):
    """A command whose help has a section for each `rich_help_panel`, in plain text: it can be searched and piped."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the sections."""
        sections: dict[str, list[tuple[str, str]]] = {title: [] for title in _ORDER}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is None:
                continue
            panel = getattr(parameter, "rich_help_panel", None) or _OTHER
            sections["Arguments" if parameter.param_type_name == "argument" else panel].append(record)
        for title, records in sections.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)
