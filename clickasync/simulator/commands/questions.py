"""The commands about messages that were sent: querymsg, getmsgcharge, delmsg."""

from __future__ import annotations

from clickasync.simulator.commands.account import credits_text
from clickasync.simulator.commands.call import Call
from clickasync.simulator.world.accounts import Account
from clickasync.simulator.world.messages import Message

__all__ = ["delmsg", "getmsgcharge", "querymsg"]


def querymsg(call: Call, account: Account) -> str:
    """What became of a message."""
    return _status_line(call.world.ledger.find(account.api_id, call.fields))


def getmsgcharge(call: Call, account: Account) -> str:
    """What a message cost, in the words of the real gateway and not of its documents."""
    message = call.world.ledger.find(account.api_id, call.fields)
    return f"apiMsgId: {message.id} charge: {credits_text(message.charge)} status: {message.status}"


def delmsg(call: Call, account: Account) -> str:
    """Stop a message that is still queued; of any other, give the status that it has."""
    message = call.world.ledger.find(account.api_id, call.fields)
    call.world.cancel(message)
    return _status_line(message)


def _status_line(message: Message) -> str:
    return f"ID: {message.id} Status: {message.status}"
