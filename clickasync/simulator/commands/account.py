"""The commands about the account: auth, ping, getbalance, token_pay, routeCoverage."""

from __future__ import annotations

from decimal import Decimal

from clickasync.simulator.commands.call import Call
from clickasync.simulator.commands.parameters import normalise
from clickasync.simulator.world.accounts import Account
from clickasync.simulator.world.refusals import Refusal

__all__ = ["auth", "credits_text", "getbalance", "ping", "route_coverage", "token_pay"]


def auth(call: Call) -> str:
    """Begin a session."""
    world = call.world
    return f"OK: {world.sessions.open(world.accounts.log_in(call.fields), world.clock.now())}"


def ping(call: Call, account: Account) -> str:
    """Keep a session alive: the one command that is of no use without it."""
    if not call.fields.get("session_id"):
        raise Refusal("005")
    return "OK: "


def getbalance(call: Call, account: Account) -> str:
    """The credits left."""
    return f"Credit: {credits_text(account.credits)}"


def token_pay(call: Call, account: Account) -> str:
    """Redeem a voucher."""
    account.credits += call.world.accounts.vouchers.redeem(call.fields.get("token", ""))
    return "OK: 605"


def route_coverage(call: Call, account: Account) -> str:
    """Whether a number can be reached. "No" is an answer: an ERR that has no code."""
    call.need("msisdn")
    number = normalise(call.fields["msisdn"].strip(), account.default_prefix)
    if number is None or not call.world.network.routes(number):
        return (
            "ERR: This prefix is not currently supported. Messages sent to this prefix will fail. "
            "Please contact support for assistance."
        )
    return "OK: This prefix is currently supported. Messages sent to this prefix will be routed. Charge: 1"


def credits_text(amount: Decimal) -> str:
    """Credits as the gateway writes them, with one decimal at the least.

    >>> credits_text(Decimal(1000)), credits_text(Decimal("0.330"))
    ('1000.0', '0.33')
    """
    text = f"{amount:f}"
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction.rstrip('0') or '0'}"
