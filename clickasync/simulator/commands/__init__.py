"""The commands of the HTTP API: which path leads to which, and what each does to the world.

A path is found in any case, with ``.php`` or without, with a slash behind it or without: the vendor's own Java, C and
C++ libraries call ``/http/sendmsg.php`` and ``/utils/routecoverage.php``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from clickasync.simulator.commands import account, questions, sending
from clickasync.simulator.commands.call import Call, Command, authenticated
from clickasync.simulator.world.accounts import Account

__all__ = ["COMMANDS", "NAMES", "find_command"]


def _command(function: Callable[[Call, Account], str], name: str = "") -> Command:
    return Command(name or function.__name__, authenticated(function))


COMMANDS: Final[Mapping[str, Command]] = {
    "/http/auth": Command("auth", account.auth),
    "/http/ping": _command(account.ping),
    "/http/sendmsg": _command(sending.sendmsg),
    "/http/querymsg": _command(questions.querymsg),
    "/http/getmsgcharge": _command(questions.getmsgcharge),
    "/http/delmsg": _command(questions.delmsg),
    "/http/getbalance": _command(account.getbalance),
    "/http/token_pay": _command(account.token_pay),
    "/utils/routecoverage": _command(account.route_coverage, "routeCoverage"),
    "/http_batch/startbatch": _command(sending.startbatch),
    "/http_batch/senditem": _command(sending.senditem),
    "/http_batch/quicksend": _command(sending.quicksend),
    "/http_batch/endbatch": _command(sending.endbatch),
    "/mms/ind_push": _command(sending.ind_push),
    "/mms/si_push": _command(sending.si_push),
}
"""By path: in small letters, without ``.php`` and slash."""

NAMES: Final = frozenset(command.name for command in COMMANDS.values())
"""What the commands are called."""


def find_command(path: str) -> Command | None:
    """The command that a path leads to; None if there is none."""
    return COMMANDS.get(path) or COMMANDS.get(path.lower().removesuffix("/").removesuffix(".php"))
