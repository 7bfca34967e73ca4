"""The commands that send: sendmsg, the pushes, and the items of a batch.

Each of them comes down to an `Order` and recipients. Every recipient gets a line of the reply, unless its number is a
test number whose fault concerns the line itself (`clickasync.simulator.faults.recipients` has the table).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from attrs import evolve

from clickasync.simulator.commands.call import Call
from clickasync.simulator.commands.parameters import normalise, read_order, recipients
from clickasync.simulator.faults.recipients import is_refused_once, line_fault
from clickasync.simulator.world.accounts import Account
from clickasync.simulator.world.messages import Message, Order
from clickasync.simulator.world.refusals import Refusal

__all__ = ["endbatch", "ind_push", "quicksend", "senditem", "sendmsg", "si_push", "startbatch"]

_LONGEST_PUSH: Final = 2000
"""Characters of a title and a URL that are kept."""

_Outcome: TypeAlias = tuple[str, Message | Refusal]
"""A recipient as the reply names it, and what was decided."""


def sendmsg(call: Call, account: Account) -> str:
    """Send a message to one recipient or several."""
    numbers = recipients(call.fields, call.method)
    order = read_order(call.fields, unix_now=call.world.clock.calendar())
    return _send(call, account, order, numbers)


def ind_push(call: Call, account: Account) -> str:
    """Ask a handset to fetch an MMS."""
    call.need("mms_subject", "mms_class", "mms_expire", "mms_from", "mms_url")
    return _push(call, account, "mms_subject", "mms_url")


def si_push(call: Call, account: Account) -> str:
    """Send a WAP service indication."""
    call.need("si_id", "si_url", "si_text")
    return _push(call, account, "si_text", "si_url")


def _push(call: Call, account: Account, title: str, url: str) -> str:
    numbers = recipients(call.fields, call.method)
    # A notification is one binary message whatever it says, so its text is neither counted nor decoded.
    fields = {**call.fields, "text": "-", "unicode": "", "data": ""}
    order = read_order(fields, unix_now=call.world.clock.calendar())
    order = evolve(order, text=f"{call.fields[title]} {call.fields[url]}"[:_LONGEST_PUSH])
    return _send(call, account, order, numbers, name_all=True)


# -- batches ----------------------------------------------------------------------------------------------------------


def startbatch(call: Call, account: Account) -> str:
    """Begin a batch; what is wrong with its parameters is refused now, not with the first item."""
    world = call.world
    batch = world.batches.start(account.api_id, call.fields, world.clock.now())
    try:
        read_order({**batch.shared, "concat": "255", "text": batch.template}, unix_now=world.clock.calendar())
    except Refusal:
        world.batches.end(batch)
        raise
    return f"ID: {batch.id}"


def senditem(call: Call, account: Account) -> str:
    """Fill the template for one recipient."""
    return _send_from_batch(call, account, name_all=False, most=1)


def quicksend(call: Call, account: Account) -> str:
    """Send the template to many; holes, if there are any, are filled alike for all."""
    return _send_from_batch(call, account, name_all=True)


def _send_from_batch(call: Call, account: Account, *, name_all: bool, most: int | None = None) -> str:
    world = call.world
    batch = world.batches.find(account.api_id, call.fields, world.clock.now())
    numbers = recipients(call.fields, call.method)
    if most is not None and len(numbers) > most:
        raise Refusal("105")
    order = read_order(batch.message(call.fields), unix_now=world.clock.calendar())
    return _send(call, account, order, numbers, name_all=name_all)


def endbatch(call: Call, account: Account) -> str:
    """End a batch."""
    world = call.world
    world.batches.end(world.batches.find(account.api_id, call.fields, world.clock.now()))
    return "OK: "


# -- one order to many ------------------------------------------------------------------------------------------------


def _send(call: Call, account: Account, order: Order, numbers: list[str], *, name_all: bool = False) -> str:
    """Send, and say what became of each recipient.

    One recipient's line does not name it, unless `name_all`; its refusal is a refusal of the command. So it is when
    nothing at all can be paid.
    """
    outcomes = list(_outcomes(call, account, order, numbers))
    if len(outcomes) == 1:
        number, outcome = outcomes[0]
        if isinstance(outcome, Refusal):
            raise outcome
        return line_fault(number, _line(number, outcome) if name_all else f"ID: {outcome.id}")
    if _nothing_can_be_paid(outcomes, account, order):
        raise Refusal("301")
    for number, outcome in outcomes:
        if isinstance(outcome, Refusal):
            call.note(outcome, number, account)
    return "\n".join(line for outcome in outcomes if (line := line_fault(outcome[0], _line(*outcome))))


def _outcomes(call: Call, account: Account, order: Order, numbers: Sequence[str]) -> Iterator[_Outcome]:
    for given in numbers:
        number = normalise(given, account.default_prefix)
        try:
            if number is None:
                raise Refusal("105")
            yield number, _accept(call, account, order, number)
        except Refusal as refusal:
            yield number or given, refusal


def _accept(call: Call, account: Account, order: Order, number: str) -> Message:
    world = call.world
    refusal = world.network.refusal(number, until=world.clock.calendar() + 3600)
    if refusal is not None:
        raise refusal
    if is_refused_once(number) and world.network.is_new(number):
        raise Refusal("901")
    if world.opt_outs.refuses(account.api_id, number, order.sender):
        raise Refusal("122")
    return world.accept(account, number, order, call.command)


def _nothing_can_be_paid(outcomes: list[_Outcome], account: Account, order: Order) -> bool:
    if account.credits >= order.price:
        return False
    refusals = [outcome.code for _, outcome in outcomes if isinstance(outcome, Refusal)]
    return "301" in refusals and len(refusals) == len(outcomes)


def _line(number: str, outcome: Message | Refusal) -> str:
    head = outcome.line() if isinstance(outcome, Refusal) else f"ID: {outcome.id}"
    return f"{head} To: {number}"
