"""What the control interface does on request: a function for each of its endpoints that change something."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from clickasync.simulator.faults.effects import make_fault
from clickasync.simulator.gateway import Gateway
from clickasync.simulator.server import views
from clickasync.simulator.server.endpoints import Missing, Values
from clickasync.simulator.world.accounts import Account
from clickasync.simulator.world.events import CallbackType, Target

__all__ = [
    "add_fault",
    "advance",
    "credits",
    "delete",
    "delete_all",
    "forget",
    "heal",
    "mo",
    "opt_in",
    "redeliver",
    "remove_fault",
    "reset",
    "switch_fault",
    "target",
]


def mo(gateway: Gateway, values: Values) -> Any:
    ids = gateway.inject(
        values["from"],
        values["to"],
        values["text"],
        charset=values.get("charset") or "UTF-8",
        parts=values.get("parts"),
        api_id=values.get("api_id"),
    )
    return {"ids": ids}


def advance(gateway: Gateway, values: Values) -> Any:
    if ("seconds" in values) == ("until" in values):
        raise ValueError("seconds or until: say one of them")
    gateway.advance(values["seconds"] if "seconds" in values else _seconds_until(gateway, values["until"]))
    return {"now": gateway.now()}


def _seconds_until(gateway: Gateway, what: str) -> float:
    """From now to the next event, or to the last change of any message."""
    now = gateway.now()
    to_come = [
        at for message in gateway.messages if not message.is_cancelled for at, _ in message.changes() if at > now
    ]
    if what == "next":
        to_come += [due for due, _ in gateway.world.outgoing.waiting if due > now]
    chosen = (min if what == "next" else max)(to_come, default=now)
    return max(0.0, chosen - now)


def forget(gateway: Gateway, values: Values) -> Any:
    gateway.forget_sessions()
    return {}


def reset(gateway: Gateway, values: Values) -> Any:
    gateway.reset()
    return {}


def _account(gateway: Gateway, values: Values) -> Account:
    account = gateway.accounts.get(values["api_id"]) if "api_id" in values else gateway.account
    if account is None:
        raise Missing("there is no account with that api_id")
    return account


def credits(gateway: Gateway, values: Values) -> Any:
    account = _account(gateway, values)
    account.credits = Decimal(str(values["credits"]))
    gateway.world.journal.feed.publish("changed", "accounts")
    return views.account(account)


def opt_in(gateway: Gateway, values: Values) -> Any:
    gateway.world.opt_outs.lift(_account(gateway, values).api_id, values["handset"])
    gateway.world.journal.feed.publish("changed", "accounts")
    return {}


def target(gateway: Gateway, values: Values) -> Any:
    account = _account(gateway, values)
    url = values.get("url", "")
    if url and not _is_url(url):
        raise ValueError("url must be an http:// or https:// address without a user name; empty for no callbacks")
    user, password = values.get("user", ""), values.get("password", "")
    if ":" in user:
        raise ValueError("user cannot hold a colon: HTTP Basic ends it there")
    kind = CallbackType(values.get("type", 0))
    account.target = Target(url, kind, (user, password) if user else None) if url else None
    gateway.world.journal.feed.publish("changed", "accounts")
    return views.account(account)


def _is_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
        )
    except ValueError:
        return False


def redeliver(gateway: Gateway, values: Values) -> Any:
    attempt = next((each for each in gateway.callbacks if each.number == values["number"]), None)
    if attempt is None:
        raise Missing("there is no attempt with that number")
    gateway.redeliver(attempt)
    return {}


def add_fault(gateway: Gateway, values: Values) -> Any:
    command = values.pop("command", "sendmsg")
    times, probability, seed = (values.pop(name, None) for name in ("times", "probability", "seed"))
    make_fault(**values)  # refuses what cannot be before anything else is looked at
    if probability is None and seed is None:
        rule = gateway.fail_next(command, times=1 if times is None else times, **values)
    elif times is not None:
        raise ValueError("times goes with the next calls, probability with all that follow: not both")
    else:
        rule = gateway.fail(command, probability=1.0 if probability is None else probability, seed=seed, **values)
    return views.rule(rule)


def switch_fault(gateway: Gateway, values: Values) -> Any:
    rule = gateway.faults.find(values["id"])
    if rule is None:
        raise Missing("there is no fault with that ID in force")
    rule.is_on = values["on"]
    gateway.world.journal.feed.publish("changed", "faults")
    return views.rule(rule)


def remove_fault(gateway: Gateway, values: Values) -> Any:
    rule = gateway.faults.find(values["id"])
    if rule is None:
        raise Missing("there is no fault with that ID in force")
    gateway.faults.remove(rule)
    gateway.world.journal.feed.publish("changed", "faults")
    return {}


def heal(gateway: Gateway, values: Values) -> Any:
    gateway.heal()
    return {}


def delete(gateway: Gateway, values: Values) -> Any:
    if not gateway.delete(values["id"]):
        raise Missing("there is no message with that ID")
    return {}


def delete_all(gateway: Gateway, values: Values) -> Any:
    gateway.forget_messages()
    return {}
