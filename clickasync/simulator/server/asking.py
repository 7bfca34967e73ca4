"""What the control interface answers to questions: a function for each of its endpoints that change nothing."""

from __future__ import annotations

from heapq import merge
from itertools import islice
from operator import attrgetter
from typing import Any, Final

from clickasync.simulator.gateway import Gateway
from clickasync.simulator.server import views
from clickasync.simulator.server.endpoints import Missing, Values

__all__ = ["callbacks", "faults", "inbound", "log", "message", "messages", "refused", "status"]

_MOST: Final = 1000
"""Entries of the log in one answer."""


def status(gateway: Gateway, values: Values) -> Any:
    world = gateway.world
    now = gateway.now()
    return {
        "run": world.journal.run,
        "credits": str(gateway.credits),
        "messages": len(gateway.messages),
        "sessions": len(world.sessions),
        "authentications": gateway.authentications,
        "requests": dict(gateway.requests),
        "pending_callbacks": gateway.pending_callbacks,
        "clock": views.clock(gateway),
        "accounts": [views.account(account) for account in gateway.accounts.values()],
        "open_sessions": [
            {
                "api_id": session.account.api_id,
                "user": session.account.user,
                "age": round(now - session.opened_at, 1),
                "expires_in": round(world.sessions.lifetime - (now - session.last_used), 1),
            }
            for session in world.sessions.live(now)
        ],
        "batches": [
            {"api_id": batch.api_id, "template": batch.template, "expires_in": round(batch.ends_at - now, 1)}
            for batch in world.batches.open(now)
        ],
        "opt_outs": [
            {"api_id": api_id, "handset": handset, "numbers": numbers}
            for api_id, handset, numbers in world.opt_outs.all()
        ],
        "connect": {"token": gateway.connect.token, "users": len(gateway.connect.users)},
    }


def log(gateway: Gateway, values: Values) -> Any:
    since = values.get("since", 0)
    journal, ledger = gateway.world.journal, gateway.world.ledger
    lists = (ledger.messages, journal.received, journal.refused, journal.hits, gateway.world.outgoing.attempts)
    newer = merge(
        *([entry for entry in entries if entry.number > since] for entries in lists), key=attrgetter("number")
    )
    found = list(islice(newer, values.get("limit", _MOST)))
    return {
        "entries": [views.entry(entry) for entry in found],
        "has_more": len(found) == values.get("limit", _MOST),
        "clock": views.clock(gateway),
        "run": journal.run,
    }


def messages(gateway: Gateway, values: Values) -> Any:
    since, to = values.get("since", 0), values.get("to")
    chosen = (m for m in gateway.messages if m.number > since and (to is None or m.to == to))
    return [views.message(message) for message in islice(chosen, values.get("limit"))]


def message(gateway: Gateway, values: Values) -> Any:
    message = gateway.world.ledger.get(values["id"])
    if message is None:
        raise Missing("there is no message with that ID")
    return views.message(message) | views.python(message)


def refused(gateway: Gateway, values: Values) -> Any:
    return [views.entry(refused) for refused in gateway.refused if refused.number > values.get("since", 0)]


def inbound(gateway: Gateway, values: Values) -> Any:
    received = gateway.world.journal.received
    return [views.entry(each) for each in received if each.number > values.get("since", 0)]


def callbacks(gateway: Gateway, values: Values) -> Any:
    waiting = gateway.world.outgoing.waiting
    return {
        "attempts": [views.entry(each) for each in gateway.callbacks if each.number > values.get("since", 0)],
        "waiting": [views.waiting(due, notification) for due, notification in islice(waiting, _MOST)],
    }


def faults(gateway: Gateway, values: Values) -> Any:
    return {
        "rules": [views.rule(rule) for rule in gateway.faults.rules],
        "hits": [views.entry(hit) for hit in gateway.hits[-_MOST:]],
    }
