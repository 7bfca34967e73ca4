"""How a function becomes a command: groups of options, async, and every error told in one line with its exit status."""

from __future__ import annotations

import functools
import inspect
import os
import sys
import typing
from collections.abc import Callable, Coroutine
from enum import IntEnum
from typing import Any, Final, NoReturn

import anyio
import attrs
import typer

from clickasync.cli.screen import complain
from clickasync.errors import (
    AuthenticationError,
    ClickatellError,
    ConfigurationError,
    ConnectError,
    InvalidNumberError,
    InvalidOptionError,
    ProtocolError,
    TransportError,
)

__all__ = ["Status", "add_command", "new_app", "status_of"]


class Status(IntEnum):
    """Exit statuses."""

    OK = 0
    NOT_ALL = 1
    """Something was rejected or is uncertain, or the answer to a question was an error."""
    USAGE = 2
    """Wrong usage or credentials."""
    NOT_REACHED = 3
    """The gateway was not reached, or what it said could not be read."""
    INTERRUPTED = 130


_USAGE: Final = (ConfigurationError, InvalidOptionError, InvalidNumberError, AuthenticationError)
_NOT_REACHED: Final = (TransportError, ProtocolError, TimeoutError)
_CONNECT_CREDENTIALS: Final = frozenset({"005", "404", "405", "440"})


def new_app(help: str) -> typer.Typer:
    """An empty set of commands. A bug is told by Python's own traceback, which shows no values."""
    return typer.Typer(
        help=help,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        pretty_exceptions_show_locals=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def status_of(error: Exception) -> Status:
    """The exit status for what went wrong."""
    if isinstance(error, ConnectError):
        return Status.USAGE if _CONNECT_CREDENTIALS & {*map(str, error.codes)} else Status.NOT_ALL
    if isinstance(error, _USAGE):
        return Status.USAGE
    if isinstance(error, _NOT_REACHED):
        return Status.NOT_REACHED
    # Files that cannot be read or written, ports that are taken, extras that are not installed.
    return Status.USAGE if isinstance(error, OSError | ModuleNotFoundError) else Status.NOT_ALL


def add_command(app: typer.Typer, function: Callable[..., Any], name: str | None = None) -> None:
    """Make `function`, async or not, a command of `app`; it may return an exit status.

    A parameter whose type is an attrs class stands for a group of options, one for each of its fields.
    """
    app.command(name or function.__name__.rstrip("_").replace("_", "-"))(_guarded(_flattened(function)))


def _flattened(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` with each group replaced by its fields, in the place where the group stood."""
    groups: dict[str, tuple[type, list[str]]] = {}
    flat: list[inspect.Parameter] = []
    for parameter in inspect.signature(function, eval_str=True).parameters.values():
        if not attrs.has(parameter.annotation):
            flat.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
            continue
        fields = _fields(parameter.annotation)
        groups[parameter.name] = parameter.annotation, [field.name for field in fields]
        flat += fields

    def call(**given: Any) -> Any:
        for name, (group, fields) in groups.items():
            given[name] = group(**{field: given.pop(field) for field in fields})
        return function(**given)

    call.__signature__ = inspect.Signature(flat)  # type: ignore[attr-defined]
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in flat}
    call.__name__, call.__doc__ = function.__name__, function.__doc__
    return call


def _fields(group: type) -> list[inspect.Parameter]:
    hints = typing.get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is attrs.NOTHING else field.default,
            annotation=hints[field.name],
        )
        for field in attrs.fields(group)
    ]


def _guarded(function: Callable[..., Any]) -> Callable[..., None]:
    """`function`, run to its end; what it raises becomes one line on stderr and an exit status."""

    @functools.wraps(function)
    def run(**given: Any) -> None:
        try:
            status = function(**given)
            if inspect.iscoroutine(status):
                status = anyio.run(_await, status)
        except (KeyboardInterrupt, typer.Abort):
            complain("interrupted")
            raise typer.Exit(int(Status.INTERRUPTED)) from None
        except BrokenPipeError:  # whoever read our output has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(int(Status.NOT_ALL)) from None
        except (ClickatellError, OSError, ModuleNotFoundError, ExceptionGroup) as error:
            _fail(error)
        raise typer.Exit(int(status or 0))

    del run.__wrapped__  # typer must see the flat signature
    run.__signature__ = function.__signature__  # type: ignore[attr-defined]
    return run


async def _await(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return await coroutine


def _fail(error: Exception) -> NoReturn:
    while isinstance(error, ExceptionGroup):  # a task group wraps what one of its tasks raised
        error = error.exceptions[0]
    if not isinstance(error, ClickatellError | OSError | ModuleNotFoundError):
        raise error
    complain(_words(error))
    raise typer.Exit(int(status_of(error))) from None


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error) or type(error).__name__
