"""How a function becomes a command: groups of options, async, and every error as one line with its exit status."""

from __future__ import annotations

import contextlib
import copy
import functools
import inspect
import logging
import os
import sys
import typing
from collections.abc import Callable, Coroutine, Iterator
from enum import IntEnum
from typing import Annotated, Any, Final, NoReturn

import anyio
import attrs
import typer

from clickasync.cli.panels import OUTPUT, PanelCommand
from clickasync.cli.screen import complain
from clickasync.cli.typed import CURRENT, Typed, words
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


def new_app(help: str, *, completion: bool = False) -> typer.Typer:
    """An empty set of commands. A bug shows Python's own traceback, which has no values."""
    return typer.Typer(
        help=help,
        no_args_is_help=True,
        add_completion=completion,
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


def add_command(
    app: typer.Typer, function: Callable[..., Any], name: str | None = None, *, sends: bool = False
) -> None:
    """Make `function`, async or not, a command of `app`; it may return an exit status.

    A parameter whose type is an attrs class stands for a group of options, one for each of its fields. Their help
    stands under the ``PANEL`` of that class, where it has one. Every command takes ``--verbose``.

    Args:
        sends: whether it sends messages, so that an error has to say that nothing was sent.
    """
    name = name or function.__name__.rstrip("_").replace("_", "-")
    app.command(name, cls=PanelCommand)(_guarded(_flattened(function, name), sends=sends))


_VERBOSE: Final = inspect.Parameter(
    "verbose",
    inspect.Parameter.KEYWORD_ONLY,
    default=False,
    annotation=Annotated[
        bool, typer.Option("--verbose", "-v", help="Log what happens on stderr.", rich_help_panel=OUTPUT)
    ],
)


def _flattened(function: Callable[..., Any], name: str) -> Callable[..., Any]:
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
    is_ours = all(parameter.name != _VERBOSE.name for parameter in flat)
    if is_ours:
        flat.append(_VERBOSE)

    def call(**given: Any) -> Any:
        CURRENT.set(Typed(f"clickasync {name}", flat, dict(given)))
        if is_ours:
            del given[_VERBOSE.name]
        for group_name, (group, fields) in groups.items():
            given[group_name] = group(**{field: given.pop(field) for field in fields})
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
            annotation=_under(getattr(group, "PANEL", None), hints[field.name]),
        )
        for field in attrs.fields(group)
    ]


def _under(panel: str | None, hint: Any) -> Any:
    """The annotation of an option whose help stands under `panel`, unless it says otherwise itself."""
    info = copy.copy(hint.__metadata__[0])
    info.rich_help_panel = info.rich_help_panel or panel
    return Annotated[hint.__origin__, info]


def _guarded(function: Callable[..., Any], *, sends: bool) -> Callable[..., None]:
    """`function`, run to its end; what it raises becomes one line on stderr and an exit status."""

    @functools.wraps(function)
    def run(**given: Any) -> None:
        try:
            with _log(everything=bool(given.get(_VERBOSE.name))):
                status = function(**given)
                if inspect.iscoroutine(status):
                    status = anyio.run(_await, status)
        except (KeyboardInterrupt, typer.Abort):
            complain("interrupted")
            raise typer.Exit(int(Status.INTERRUPTED)) from None
        except BrokenPipeError:  # the reader of our output has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(int(Status.NOT_ALL)) from None
        except (ClickatellError, OSError, ModuleNotFoundError, ExceptionGroup) as error:
            _fail(error, sends=sends)
        raise typer.Exit(int(status or 0))

    del run.__wrapped__  # typer must see the flat signature
    run.__signature__ = function.__signature__  # type: ignore[attr-defined]
    return run


@contextlib.contextmanager
def _log(*, everything: bool) -> Iterator[None]:
    """What the package logs, on stderr, as long as the block lasts: everything, or errors only.

    Neither numbers nor texts nor secrets are ever logged. Warnings would stand between the lines of the screens, which
    say the same. Errors are shown always: one is what became of a call that could not be recorded, which nobody else
    knows.
    """
    logger = logging.getLogger("clickasync")
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(logging.DEBUG if everything else logging.ERROR)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    level = logger.level
    logger.addHandler(handler)
    if everything:
        logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)


async def _await(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return await coroutine


def _fail(error: Exception, *, sends: bool) -> NoReturn:
    while isinstance(error, ExceptionGroup):  # a task group wraps what one of its tasks raised
        error = error.exceptions[0]
    if not isinstance(error, ClickatellError | OSError | ModuleNotFoundError):
        raise error
    complain(words(error, sends=sends))
    raise typer.Exit(int(status_of(error))) from None
