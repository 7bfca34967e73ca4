"""Every command of the HTTP API: its path, its fields, what it does to the world, and how its reply is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any, Final, Generic, Literal, TypeVar
from urllib.parse import quote_plus

from attrs import field, frozen

from clickasync.errors import InvalidOptionError
from clickasync.law import Effect
from clickasync.options import check_climsgid
from clickasync.protocol import replies
from clickasync.protocol.replies import Line
from clickasync.results import Coverage, MessageCharge, MessageState

__all__ = [
    "Command",
    "auth",
    "delmsg",
    "encode",
    "endbatch",
    "getbalance",
    "getmsgcharge",
    "ind_push",
    "ping",
    "querymsg",
    "quicksend",
    "route_coverage",
    "senditem",
    "sendmsg",
    "si_push",
    "startbatch",
    "token_pay",
]

T_co = TypeVar("T_co", covariant=True)

SiAction = Literal["signal-none", "signal-low", "signal-medium", "signal-high", "delete"]
_SI_ACTIONS: Final = ("signal-none", "signal-low", "signal-medium", "signal-high", "delete")
_MMS_CLASSES: Final = (80, 81, 82, 83)


@frozen
class Command(Generic[T_co]):
    """One call to be made."""

    path: str
    fields: Mapping[str, str] = field(repr=False)
    read: Callable[[str], T_co]
    """Reads the reply; raises `ApiError` or `ProtocolError`."""
    effect: Effect = Effect.NONE
    to: Sequence[str] = ()
    """The recipients, as digits; they become the field ``to``."""

    @property
    def secrets(self) -> list[str]:
        """What of the fields must reach no log and no error."""
        return [self.fields[name] for name in ("password", "token") if name in self.fields]


def encode(command: Command[Any], session_id: str | None) -> bytes:
    """The form body of a call. `session_id` is None only for auth, which brings its own credentials."""
    fields = command.fields if session_id is None else {"session_id": session_id, **command.fields}
    pairs = [f"{_quoted(name)}={_quoted(value)}" for name, value in fields.items()]
    if command.to:
        pairs.append(f"to={','.join(command.to)}")
    return "&".join(pairs).encode("ascii")


def _quoted(text: str) -> str:
    return text if _IS_SAFE(text) else quote_plus(text)


_IS_SAFE: Final = re.compile(r"[0-9A-Za-z_.~-]*").fullmatch  # a fifth of what it costs to quote


def auth(api_id: str, user: str, password: str) -> Command[str]:
    """``auth``: gives the session ID."""
    fields = {"api_id": api_id, "user": user, "password": password}
    return Command("/http/auth", fields, replies.read_session)


def ping() -> Command[None]:
    """``ping``: keeps the session alive for another 15 minutes."""
    return Command("/http/ping", {}, replies.read_done)


def sendmsg(to: Sequence[str], fields: Mapping[str, str], climsgid: str) -> Command[list[Line]]:
    """``sendmsg``: one message to each of `to`; gives a line for each, in their order."""
    read = partial(replies.read_lines, numbers=to)
    return Command("/http/sendmsg", {**fields, "climsgid": climsgid}, read, Effect.SENDS, to)


def querymsg(id: str | None = None, *, climsgid: str | None = None) -> Command[MessageState]:
    """``querymsg``: the status of a message."""
    return Command("/http/querymsg", _message_id(id, climsgid), replies.read_state)


def getmsgcharge(id: str | None = None, *, climsgid: str | None = None) -> Command[MessageCharge]:
    """``getmsgcharge``: charge and status of a message."""
    return Command("/http/getmsgcharge", _message_id(id, climsgid), replies.read_charge)


def delmsg(id: str | None = None, *, climsgid: str | None = None) -> Command[MessageState]:
    """``delmsg``: stops a message that is still queued."""
    return Command("/http/delmsg", _message_id(id, climsgid), replies.read_state)


def getbalance() -> Command[Decimal]:
    """``getbalance``: the account's credits."""
    return Command("/http/getbalance", {}, replies.read_balance)


def token_pay(token: str) -> Command[str]:
    """``token_pay``: redeems a voucher of 16 digits.

    Raises:
        InvalidOptionError: not 16 digits. The token is not repeated: it is money.
    """
    digits = "".join(token.split()).replace("-", "") if isinstance(token, str) else ""
    if not (len(digits) == 16 and digits.isascii() and digits.isdigit()):
        raise InvalidOptionError("token must be the 16 digits of a voucher")
    return Command("/http/token_pay", {"token": digits}, replies.read_voucher, Effect.SPENDS)


def route_coverage(msisdn: str) -> Command[Coverage]:
    """``routeCoverage``: whether the gateway routes to a number's prefix."""
    return Command("/utils/routeCoverage.php", {"msisdn": msisdn}, partial(replies.read_coverage, msisdn=msisdn))


def startbatch(template: str, fields: Mapping[str, str]) -> Command[str]:
    """``startbatch``: gives the batch ID."""
    return Command("/http_batch/startbatch", {**fields, "template": template}, replies.read_id)


def senditem(batch_id: str, to: str, values: Sequence[str]) -> Command[str]:
    """``senditem``: one personalised message of a batch; gives its apimsgid."""
    fields = {"batch_id": batch_id} | {f"field{number}": value for number, value in enumerate(values, 1)}
    return Command("/http_batch/senditem", fields, replies.read_id, Effect.SPENDS, [to])


def quicksend(batch_id: str, to: Sequence[str]) -> Command[list[Line]]:
    """``quicksend``: the batch's text to each of `to`; gives a line for each, in their order."""
    read = partial(replies.read_lines, numbers=to)
    return Command("/http_batch/quicksend", {"batch_id": batch_id}, read, Effect.SPENDS, to)


def endbatch(batch_id: str) -> Command[None]:
    """``endbatch``: ends a batch before its 24 hours are over."""
    return Command("/http_batch/endbatch", {"batch_id": batch_id}, replies.read_done)


def ind_push(
    to: str, *, mms_subject: str, mms_class: int, mms_expire: int, mms_from: str, mms_url: str
) -> Command[str]:
    """``ind_push``: an MMS notification; gives its apimsgid."""
    _check_text(mms_subject=mms_subject, mms_from=mms_from)
    _check_url(mms_url=mms_url)
    if mms_class not in _MMS_CLASSES:
        raise InvalidOptionError(f"mms_class must be one of {', '.join(map(str, _MMS_CLASSES))}, not {mms_class!r}")
    if isinstance(mms_expire, bool) or not isinstance(mms_expire, int) or mms_expire <= 0:
        raise InvalidOptionError(f"mms_expire must be a positive number of seconds, not {mms_expire!r}")
    fields = {
        "mms_subject": mms_subject,
        "mms_class": str(int(mms_class)),
        "mms_expire": str(mms_expire),
        "mms_from": mms_from,
        "mms_url": mms_url,
    }
    return Command("/mms/ind_push.php", fields, replies.read_id, Effect.SPENDS, [to])


def si_push(
    to: str,
    *,
    si_id: str,
    si_url: str,
    si_text: str,
    si_created: datetime | None = None,
    si_expires: datetime | None = None,
    si_action: SiAction | None = None,
) -> Command[str]:
    """``si_push``: a WAP service indication; gives its apimsgid."""
    _check_text(si_id=si_id, si_text=si_text)
    _check_url(si_url=si_url)
    fields = {"si_id": si_id, "si_url": si_url, "si_text": si_text}
    for name, moment in {"si_created": si_created, "si_expires": si_expires}.items():
        if moment is not None:
            fields[name] = _utc(name, moment)
    if si_action is not None:
        if si_action not in _SI_ACTIONS:
            raise InvalidOptionError(f"si_action must be one of {', '.join(_SI_ACTIONS)}, not {si_action!r}")
        fields["si_action"] = si_action
    return Command("/mms/si_push", fields, replies.read_id, Effect.SPENDS, [to])


def _message_id(id: str | None, climsgid: str | None) -> dict[str, str]:
    if (id is None) == (climsgid is None):
        raise InvalidOptionError("give either id (the gateway's apimsgid) or climsgid")
    if climsgid is not None:
        return {"climsgid": check_climsgid(climsgid)}
    if not isinstance(id, str) or not id.strip():
        raise InvalidOptionError(f"id must be an apimsgid, as `send` gives it, not {id!r}")
    return {"apimsgid": id.strip()}


def _check_text(**values: object) -> None:
    for name, value in values.items():
        if not isinstance(value, str) or not value.strip():
            raise InvalidOptionError(f"{name} must be a text that is not empty, not {value!r}")


def _check_url(**values: object) -> None:
    for name, value in values.items():
        if not (isinstance(value, str) and value.startswith(("http://", "https://")) and " " not in value):
            raise InvalidOptionError(f"{name} must be an http:// or https:// URL, not {value!r}")


def _utc(name: str, moment: datetime) -> str:
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise InvalidOptionError(f"{name} must be an aware datetime (with tzinfo), not {moment!r}")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
