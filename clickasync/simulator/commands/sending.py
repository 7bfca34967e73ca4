"""The commands of the HTTP API. `COMMANDS` says which path leads to which; each is a function from call to reply."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final

from attrs import evolve, frozen

from clickasync.simulator.accounts import Account, check_credentials
from clickasync.simulator.messages import Message, refusal_of
from clickasync.simulator.replies import Refusal, credits_text
from clickasync.simulator.validation import Order, normalise, read_order, recipients

if TYPE_CHECKING:
    from clickasync.simulator.gateway import Gateway

__all__ = ["COMMANDS", "Call", "Command"]


@frozen
class Call:
    """One call on its way through the gateway."""

    gateway: Gateway
    fields: Mapping[str, str]
    method: str

    def need(self, *names: str) -> None:
        """Refuse with 101 unless all these parameters have a value."""
        if not all(map(self.fields.get, names)):
            raise Refusal("101")


@frozen
class Command:
    """A command's name, as `Gateway.requests` counts it, and what it does."""

    name: str
    run: Callable[[Call], str]


def _authenticated(command: Callable[[Call, Account], str]) -> Callable[[Call], str]:
    """Give a command the account that calls; a session that calls with success lives on."""

    def run(call: Call) -> str:
        gateway, fields = call.gateway, call.fields
        session_id = fields.get("session_id")
        if session_id:
            account = gateway.sessions.find(session_id, gateway.now())
            reply = command(call, account)
            gateway.sessions.extend(session_id, gateway.now())
            return reply
        if not (fields.get("user") and fields.get("password")):
            raise Refusal("005")
        return command(call, check_credentials(gateway.accounts, fields))

    return run


# -- the account ------------------------------------------------------------------------------------------------------


def auth(call: Call) -> str:
    """Begin a session."""
    gateway = call.gateway
    session_id = gateway.sessions.open(check_credentials(gateway.accounts, call.fields), gateway.now())
    gateway.authentications += 1
    return f"OK: {session_id}"


def ping(call: Call, account: Account) -> str:
    """Keep a session alive: the one call that is of no use without it."""
    if not call.fields.get("session_id"):
        raise Refusal("005")
    return "OK: "


def getbalance(call: Call, account: Account) -> str:
    """The credits left."""
    return f"Credit: {credits_text(account.credits)}"


def token_pay(call: Call, account: Account) -> str:
    """Redeem a voucher. Its failure is two lines, the second without a code."""
    worth = call.gateway.vouchers.pop(call.fields.get("token", ""), None)
    if worth is None:
        return f"{Refusal('101').line()}\nERR: The voucher is not valid or was redeemed already"
    account.credits += worth
    return "OK: 605"


def route_coverage(call: Call, account: Account) -> str:
    """Whether a number can be reached. "No" is an answer: an ERR that has no code."""
    call.need("msisdn")
    number = normalise(call.fields["msisdn"].strip(), account.default_prefix)
    if number is None or not _routed(call.gateway, number):
        return (
            "ERR: This prefix is not currently supported. Messages sent to this prefix will fail. "
            "Please contact support for assistance."
        )
    return "OK: This prefix is currently supported. Messages sent to this prefix will be routed. Charge: 1"


def _routed(gateway: Gateway, number: str) -> bool:
    refusal = refusal_of(number, until=0)
    if refusal is not None and refusal.code == "114":
        return False
    return not number.startswith(gateway.uncovered)


# -- messages that were sent ------------------------------------------------------------------------------------------


def querymsg(call: Call, account: Account) -> str:
    """What became of a message."""
    message = call.gateway.ledger.find(account.api_id, call.fields)
    return _status_line(message)


def getmsgcharge(call: Call, account: Account) -> str:
    """What a message cost, in the words of the real gateway and not of its documents."""
    message = call.gateway.ledger.find(account.api_id, call.fields)
    return f"apiMsgId: {message.id} charge: {credits_text(message.charge)} status: {message.status}"


def delmsg(call: Call, account: Account) -> str:
    """Stop a message that is still queued; of any other, tell the status that it has."""
    message = call.gateway.ledger.find(account.api_id, call.fields)
    call.gateway.cancel(account, message)
    return _status_line(message)


def _status_line(message: Message) -> str:
    return f"ID: {message.id} Status: {message.status}"


# -- sending ----------------------------------------------------------------------------------------------------------


@frozen
class _Sending:
    """One order to many recipients, line by line."""

    call: Call
    account: Account
    order: Order
    command: str

    def lines(self, numbers: Iterable[str]) -> Iterable[tuple[str, Message | Refusal]]:
        """Each recipient as the reply will name it, and what was decided."""
        for given in numbers:
            number = normalise(given, self.account.default_prefix)
            try:
                if number is None:
                    raise Refusal("105")
                yield number, self._accept(number)
            except Refusal as refusal:
                yield number or given, refusal

    def _accept(self, number: str) -> Message:
        gateway = self.call.gateway
        refusal = refusal_of(number, until=int(gateway.calendar()) + 3600)
        if refusal is not None:
            raise refusal
        if not _routed(gateway, number):
            raise Refusal("114")
        if gateway.opt_outs.refuses(self.account.api_id, number, self.order.sender):
            raise Refusal("122")
        return gateway.accept(self.account, number, self.order, self.command)


def _send(sending: _Sending, numbers: list[str], *, name_all: bool = False) -> str:
    """Send, and tell what became of each recipient.

    One recipient's line does not name it, unless `name_all`; its refusal is a refusal of the call. So it is when
    nothing at all can be paid.
    """
    lines = list(sending.lines(numbers))
    if len(lines) == 1:
        number, outcome = lines[0]
        if isinstance(outcome, Refusal):
            raise outcome
        return f"ID: {outcome.id} To: {number}" if name_all else f"ID: {outcome.id}"
    refusals = [outcome.code for _, outcome in lines if isinstance(outcome, Refusal)]
    if "301" in refusals and len(refusals) == len(lines) and sending.account.credits < sending.order.price:
        raise Refusal("301")
    return "\n".join(
        f"{outcome.line()} To: {number}" if isinstance(outcome, Refusal) else f"ID: {outcome.id} To: {number}"
        for number, outcome in lines
    )


def sendmsg(call: Call, account: Account) -> str:
    """Send a message to one recipient or several."""
    numbers = recipients(call.fields, call.method)
    order = read_order(call.fields, unix_now=call.gateway.calendar())
    return _send(_Sending(call, account, order, "sendmsg"), numbers)


def ind_push(call: Call, account: Account) -> str:
    """Tell a handset to fetch an MMS."""
    call.need("mms_subject", "mms_class", "mms_expire", "mms_from", "mms_url")
    return _push(call, account, "ind_push", "mms_subject", "mms_url")


def si_push(call: Call, account: Account) -> str:
    """Send a WAP service indication."""
    call.need("si_id", "si_url", "si_text")
    return _push(call, account, "si_push", "si_text", "si_url")


def _push(call: Call, account: Account, command: str, title: str, url: str) -> str:
    numbers = recipients(call.fields, call.method)
    # A notification is one binary message whatever it says, so its text is neither counted nor decoded.
    fields = {**call.fields, "text": "-", "unicode": "", "data": ""}
    order = read_order(fields, unix_now=call.gateway.calendar())
    order = evolve(order, text=f"{call.fields[title]} {call.fields[url]}")
    return _send(_Sending(call, account, order, command), numbers, name_all=True)


# -- batches ----------------------------------------------------------------------------------------------------------


def startbatch(call: Call, account: Account) -> str:
    """Begin a batch; what is wrong with its parameters is told now, not with the first item."""
    gateway = call.gateway
    batch = gateway.batches.start(account.api_id, call.fields, gateway.now())
    try:
        read_order({**batch.shared, "concat": "255", "text": batch.template}, unix_now=gateway.calendar())
    except Refusal:
        gateway.batches.end(batch)
        raise
    return f"ID: {batch.id}"


def senditem(call: Call, account: Account) -> str:
    """Fill the template for one recipient."""
    return _batch_send(call, account, "senditem", name_all=False, most=1)


def quicksend(call: Call, account: Account) -> str:
    """Send the template as it is to many; holes, if there are any, are filled alike for all."""
    return _batch_send(call, account, "quicksend", name_all=True)


def _batch_send(call: Call, account: Account, command: str, *, name_all: bool, most: int | None = None) -> str:
    gateway = call.gateway
    batch = gateway.batches.find(account.api_id, call.fields, gateway.now())
    numbers = recipients(call.fields, call.method)
    if most is not None and len(numbers) > most:
        raise Refusal("105")
    order = read_order(batch.message(call.fields), unix_now=gateway.calendar())
    return _send(_Sending(call, account, order, command), numbers, name_all=name_all)


def endbatch(call: Call, account: Account) -> str:
    """End a batch."""
    gateway = call.gateway
    gateway.batches.end(gateway.batches.find(account.api_id, call.fields, gateway.now()))
    return "OK: "


def _command(function: Callable[[Call, Account], str], name: str = "") -> Command:
    return Command(name or function.__name__, _authenticated(function))


_COVERAGE: Final = _command(route_coverage, "routeCoverage")
_IND_PUSH: Final = _command(ind_push)
_SI_PUSH: Final = _command(si_push)

COMMANDS: Final[Mapping[str, Command]] = {
    "/http/auth": Command("auth", auth),
    "/http/ping": _command(ping),
    "/http/sendmsg": _command(sendmsg),
    "/http/querymsg": _command(querymsg),
    "/http/getmsgcharge": _command(getmsgcharge),
    "/http/delmsg": _command(delmsg),
    "/http/getbalance": _command(getbalance),
    "/http/token_pay": _command(token_pay),
    "/utils/routeCoverage.php": _COVERAGE,
    "/utils/routeCoverage": _COVERAGE,
    "/http_batch/startbatch": _command(startbatch),
    "/http_batch/senditem": _command(senditem),
    "/http_batch/quicksend": _command(quicksend),
    "/http_batch/endbatch": _command(endbatch),
    "/mms/ind_push.php": _IND_PUSH,
    "/mms/ind_push": _IND_PUSH,
    "/mms/si_push.php": _SI_PUSH,
    "/mms/si_push": _SI_PUSH,
}
