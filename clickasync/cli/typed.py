"""Options as they are typed: in messages, and in a command that can be typed again."""

from __future__ import annotations

import inspect
import re
import shlex
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from decimal import Decimal
from typing import Any, Final

import typer
from attrs import field, frozen

from clickasync.errors import InvalidOptionError

__all__ = ["CURRENT", "Typed", "credit", "finite", "option_of", "words"]

_SECRET: Final = frozenset({"password", "token"})


def option_of(name: str) -> str:
    """How an option is typed, by its name in Python."""
    return "--" + name.rstrip("_").replace("_", "-")


def words(error: Exception, *, sends: bool = True) -> str:
    """What an error says, in a line, with options as they are typed.

    Args:
        sends: False where nothing was to be sent, so that the error need not say that nothing was.
    """
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    text = str(error) or type(error).__name__
    if isinstance(error, InvalidOptionError):
        for name in error.options:
            text = re.sub(rf"(?<![\w'\"-]){name}(?:=(\w+))?(?![\w'\"])", _option_with_value, text)
    return text if sends else text.replace("; nothing was sent", "")


def _option_with_value(found: re.Match[str]) -> str:
    name, value = found[0].partition("=")[0], found[1]
    option = option_of(name)
    if value in ("True", None):
        return option
    return f"--no-{option[2:]}" if value == "False" else f"{option} {value}"


def finite(text: str) -> float:
    """A number of seconds, or of anything else: above 0, and neither infinite nor "not a number".

    Raises:
        typer.BadParameter: it is none.
    """
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise typer.BadParameter(f"it must be a number above 0, not {text!r}")
    return number


def credit(text: str) -> Decimal:
    """A number of credits: 0 or more, and finite.

    Raises:
        typer.BadParameter: it is none.
    """
    try:
        number = Decimal(text)
    except ArithmeticError:
        number = Decimal(-1)
    if not (number.is_finite() and number >= 0):
        raise typer.BadParameter(f"it must be a number of credits, such as 1000 or 0.5, not {text!r}")
    return number


@frozen
class Typed:
    """A command that was typed: its parameters, and what was given for them."""

    name: str
    parameters: Sequence[inspect.Parameter]
    given: Mapping[str, Any] = field(repr=False)

    def again(self, *left_out: str, **changed: Any) -> str:
        """The command as it can be typed in a shell, with some parameters left out and some changed. No secrets."""
        given = {**self.given, **changed}
        arguments: list[str] = []
        options: list[str] = []
        for parameter in self.parameters:
            value = given[parameter.name]
            if parameter.name in _SECRET | {*left_out} or value is None or value == parameter.default:
                continue
            info = parameter.annotation.__metadata__[0]
            values = value if isinstance(value, list | tuple) else [value]
            if isinstance(info, typer.models.ArgumentInfo):
                arguments += map(str, values)
                continue
            named = (info.default, *(info.param_decls or ()))  # within Annotated its default is a name
            spelled = next((each for each in named if str(each).startswith("--")), option_of(parameter.name))
            yes, _, no = str(spelled).partition("/")
            for each in values:
                options += [yes if each else no] if isinstance(each, bool) else [yes, str(each)]
        return shlex.join([*self.name.split(), *arguments, *options])


CURRENT: ContextVar[Typed] = ContextVar("CURRENT")
"""The command that runs."""
