"""Every command of the HTTP API: its path, its fields, what it does to the world, and how its reply is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any, Final, Generic, Literal, TypeVar

from attrs import field, frozen

from clickasync.errors import ApiError, InvalidOptionError
from clickasync.law import Believed, Effect, Reply
from clickasync.options import check_climsgid
from clickasync.protocol import replies
from clickasync.protocol.lines import Lines, read_line, read_lines
from clickasync.redaction import Secret, SecretBytes
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

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

SiAction = Literal["signal-none", "signal-low", "signal-medium", "signal-high", "delete"]
_SI_ACTIONS: Final = ("signal-none", "signal-low", "signal-medium", "signal-high", "delete")
_MMS_CLASSES: Final = (80, 81, 82, 83)


@frozen
class Command(Generic[T_co]):
    """One call of the API as data."""

    name: str
    """What the API's documents call it."""
    path: str
    fields: Mapping[str, str] = field(repr=False)
    read: Callable[[Reply], Believed[T_co | ApiError]]
    """Reads the reply; gives or raises the `ApiError` that it is, and raises `ProtocolError`."""
    effect: Effect = Effect.NONE
    to: Sequence[str] = ()
    """The recipients, as digits; they become the field ``to``."""
    parts: int = 0
    """How many messages it costs each of them, at the least; 0 where that is not known."""

    @property
    def secrets(self) -> list[str]:
        """What of the fields must reach no log and no error."""
        return [self.fields[name] for name in ("password", "token") if name in self.fields]


def encode(command: Command[Any], session_id: str | None) -> SecretBytes:
    """The form of a command. `session_id` is None only for auth, which brings its own credentials."""
    pairs = [] if session_id is None else [f"session_id={_quoted(session_id)}"]
    pairs += [f"{name}={_quoted(value)}" for name, value in command.fields.items()]
    if command.to:
        pairs.append(f"to={','.join(command.to)}")
    return SecretBytes("&".join(pairs).encode("ascii"))


_HALF_PAIR: Final = re.compile("[\ud800-\udfff]")  # no form can hold it
_UNSAFE: Final = re.compile(r"[^0-9A-Za-z_.~ -]")


def _quoted(text: str) -> str:
    """`text` as a value of a form: what `urllib.parse.quote_plus` gives, at a fifth of the cost for a usual text."""
    return _UNSAFE.sub(_quoted_character, text).replace(" ", "+")


@lru_cache(maxsize=1024)
def _quote(character: str) -> str:
    from urllib.parse import quote_plus  # it takes 3 ms to import

    return quote_plus(character)


def _quoted_character(found: re.Match[str]) -> str:
    return _quote(found[0])


def _in_step(read: Callable[[Reply], T]) -> Callable[[Reply], Believed[T]]:
    """A reader whose reply is about nobody in particular, so that it can be about nobody else."""
    return lambda reply: Believed(read(reply))


def auth(api_id: str, user: str, password: str) -> Command[str]:
    """``auth``: gives the session ID."""
    fields = {"api_id": api_id, "user": user, "password": Secret(password)}
    return Command("auth", "/http/auth", fields, _in_step(replies.read_session))


def ping() -> Command[None]:
    """``ping``: keeps the session alive for another 15 minutes."""
    return Command("ping", "/http/ping", {}, _in_step(replies.read_done))


def sendmsg(to: Sequence[str], fields: Mapping[str, str], climsgid: str, parts: int = 0) -> Command[Lines]:
    """``sendmsg``: one message to each of `to`; gives a line for each, in their order."""
    read = partial(read_lines, numbers=to)
    return Command("sendmsg", "/http/sendmsg", {**fields, "climsgid": climsgid}, read, Effect.SENDS, to, parts)


def querymsg(id: str | None = None, *, climsgid: str | None = None) -> Command[MessageState]:
    """``querymsg``: the status of a message."""
    return Command("querymsg", "/http/querymsg", _message_id(id, climsgid), _in_step(replies.read_state))


def getmsgcharge(id: str | None = None, *, climsgid: str | None = None) -> Command[MessageCharge]:
    """``getmsgcharge``: charge and status of a message."""
    return Command("getmsgcharge", "/http/getmsgcharge", _message_id(id, climsgid), _in_step(replies.read_charge))


def delmsg(id: str | None = None, *, climsgid: str | None = None) -> Command[MessageState]:
    """``delmsg``: stops a message that is still queued."""
    return Command("delmsg", "/http/delmsg", _message_id(id, climsgid), _in_step(replies.read_state))


def getbalance() -> Command[Decimal]:
    """``getbalance``: the account's credits."""
    return Command("getbalance", "/http/getbalance", {}, _in_step(replies.read_balance))


def token_pay(token: str) -> Command[str]:
    """``token_pay``: redeems a voucher of 16 digits.

    Raises:
        InvalidOptionError: not 16 digits. The token is not repeated: it is money.
    """
    digits = Secret("".join(token.split()).replace("-", "") if isinstance(token, str) else "")
    if not (len(digits) == 16 and digits.isascii() and digits.isdigit()):
        raise InvalidOptionError("token must be the 16 digits of a voucher")
    return Command("token_pay", "/http/token_pay", {"token": digits}, _in_step(replies.read_voucher), Effect.SPENDS)


def route_coverage(msisdn: str) -> Command[Coverage]:
    """``routeCoverage``: whether the gateway routes to a number's prefix."""
    return Command(
        "routeCoverage",
        "/utils/routeCoverage.php",
        {"msisdn": msisdn},
        _in_step(partial(replies.read_coverage, msisdn=msisdn)),
    )


def startbatch(template: str, fields: Mapping[str, str]) -> Command[str]:
    """``startbatch``: gives the batch ID."""
    return Command(
        "startbatch", "/http_batch/startbatch", {**fields, "template": template}, _in_step(replies.read_batch_id)
    )


def senditem(batch_id: str, to: str, values: Sequence[str]) -> Command[str]:
    """``senditem``: one personalised message of a batch; gives its apimsgid."""
    fields = {"batch_id": batch_id} | {f"field{number}": value for number, value in enumerate(values, 1)}
    return Command("senditem", "/http_batch/senditem", fields, partial(read_line, number=to), Effect.SPENDS, [to])


def quicksend(batch_id: str, to: Sequence[str]) -> Command[Lines]:
    """``quicksend``: the batch's text to each of `to`; gives a line for each, in their order."""
    read = partial(read_lines, numbers=to)
    return Command("quicksend", "/http_batch/quicksend", {"batch_id": batch_id}, read, Effect.SPENDS, to)


def endbatch(batch_id: str) -> Command[None]:
    """``endbatch``: ends a batch before its 24 hours are over."""
    return Command("endbatch", "/http_batch/endbatch", {"batch_id": batch_id}, _in_step(replies.read_done))


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
    return Command("ind_push", "/mms/ind_push.php", fields, partial(read_line, number=to), Effect.SPENDS, [to])


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
    return Command("si_push", "/mms/si_push", fields, partial(read_line, number=to), Effect.SPENDS, [to])


def _message_id(id: str | None, climsgid: str | None) -> dict[str, str]:
    if (id is None) == (climsgid is None):
        raise InvalidOptionError("give either id (the gateway's apimsgid) or climsgid")
    if climsgid is not None:
        return {"climsgid": check_climsgid(climsgid)}
    if not isinstance(id, str) or not id.strip() or not id.strip().isprintable():
        raise InvalidOptionError(f"id must be an apimsgid, as `send` gives it, not {id!r}")
    return {"apimsgid": id.strip()}


def _check_text(**values: object) -> None:
    for name, value in values.items():
        if not isinstance(value, str) or not value.strip() or _HALF_PAIR.search(value):
            raise InvalidOptionError(f"{name} must be a text that is not empty, and valid Unicode, not {value!r}")


def _check_url(**values: object) -> None:
    for name, value in values.items():
        is_url = isinstance(value, str) and value.startswith(("http://", "https://"))
        if not is_url or " " in str(value) or _HALF_PAIR.search(str(value)):
            raise InvalidOptionError(f"{name} must be an http:// or https:// URL, not {value!r}")


def _utc(name: str, moment: datetime) -> str:
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise InvalidOptionError(f"{name} must be an aware datetime (with tzinfo), not {moment!r}")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
