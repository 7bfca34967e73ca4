"""What the control interface shows of each thing, as JSON. No secret is among it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit, urlunsplit

from clickasync.simulator.callbacks.transports import request_of
from clickasync.simulator.faults import Rule
from clickasync.simulator.gateway import Gateway
from clickasync.simulator.server.python_code import as_python
from clickasync.simulator.world.accounts import Account
from clickasync.simulator.world.events import Attempt, CallbackEvent, Notification, Report, Target
from clickasync.simulator.world.journal import Hit, Received, Refused
from clickasync.simulator.world.messages import Message

__all__ = ["Json", "account", "attempt", "clock", "entry", "kind_of", "message", "rule", "waiting"]

Json: TypeAlias = dict[str, Any]


def message(message: Message) -> Json:
    """An accepted message. Its life is on the gateway's clock, so a reader who knows that clock knows the status."""
    return {
        "number": message.number,
        "id": message.id,
        "climsgid": message.climsgid,
        "api_id": message.api_id,
        "command": message.command,
        "to": message.to,
        "from": message.sender,
        "text": message.text,
        "data": message.data,
        "unicode": message.unicode,
        "parts": message.parts,
        "charge": str(message.charge),
        "callback": int(message.callback),
        "accepted_at": message.accepted_at,
        "leaves_at": message.leaves_at,
        "life": [[at, status.value] for at, status in message.changes()],
        "is_cancelled": message.is_cancelled,
        "status": message.status.value,
        "description": message.status.description,
        "options": dict(message.options),
    }


def python(found: Message) -> Json:
    """The same in Python."""
    return {"python": as_python(found)}


def received(received: Received) -> Json:
    """What a handset wrote."""
    first = received.parts[0]
    return {
        "number": received.number,
        "at": received.at,
        "api_id": first.api_id,
        "from": first.sender,
        "to": first.to,
        "text": received.text,
        "charset": first.charset,
        "ids": [part.id for part in received.parts],
        "parts": [{"id": part.id, "udh": part.udh.hex().upper(), "text": part.text} for part in received.parts],
    }


def refused(refused: Refused) -> Json:
    """A refusal."""
    return {
        "number": refused.number,
        "at": refused.at,
        "api_id": refused.api_id,
        "command": refused.command,
        "error": refused.error.value,
        "description": refused.description,
        "comment": refused.error.comment,
        "to": refused.to,
        "fields": dict(refused.fields),
    }


def hit(hit: Hit) -> Json:
    """A fault that was made."""
    return {
        "number": hit.number,
        "at": hit.at,
        "api_id": hit.api_id,
        "command": hit.command,
        "fault": hit.fault,
        "taken": hit.taken,
        "to": hit.to,
        "fields": dict(hit.fields),
    }


def attempt(attempt: Attempt) -> Json:
    """A callback that was tried."""
    return {
        "number": attempt.number,
        "at": attempt.at,
        **_notification(attempt.notification),
        "status": attempt.status,
        "answer": attempt.outcome.answer,
        "problem": attempt.outcome.problem,
        "seconds": round(attempt.seconds, 4),
        "is_success": attempt.outcome.is_success,
        "next_at": attempt.next_at,
    }


def waiting(due: float, notification: Notification) -> Json:
    """A callback that waits."""
    return {"due": due, **_notification(notification)}


def _notification(notification: Notification) -> Json:
    request = request_of(notification)
    return {
        "url": _shown(notification.target.url),
        "transport": notification.target.type.label,
        "method": request.method,
        "content_type": request.content_type,
        "try": notification.attempt + 1,
        "by_hand": notification.by_hand,
        "event": _event(notification.event),
    }


def _event(event: CallbackEvent) -> Json:
    kind = "report" if isinstance(event, Report) else "message"
    return {"kind": kind, "id": event.id, "fields": event.fields()}


def _shown(url: str) -> str:
    """A URL without a password that somebody wrote into it."""
    parts = urlsplit(url) if url.isascii() and "[" not in url else None
    if parts is None or "@" not in parts.netloc:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def account(account: Account) -> Json:
    """An account, without its password."""
    return {
        "api_id": account.api_id,
        "user": account.user,
        "credits": str(account.credits),
        "default_prefix": account.default_prefix,
        "callbacks": None if account.target is None else _target(account.target),
    }


def _target(target: Target) -> Json:
    user = target.auth[0] if target.auth else None
    return {"url": _shown(target.url), "type": int(target.type), "transport": target.type.label, "user": user}


def rule(rule: Rule) -> Json:
    """A fault in force."""
    return {
        "id": rule.id,
        "command": rule.command,
        "fault": rule.fault.describe(),
        "times": rule.times,
        "probability": rule.probability,
        "seed": rule.seed,
        "is_on": rule.is_on,
        "hits": rule.hits,
    }


def clock(gateway: Gateway) -> Json:
    """The clock: what it says, how fast it goes, and what makes a time of day of it."""
    clock = gateway.world.clock
    return {"now": clock.now(), "speed": clock.speed, "epoch": clock.epoch}


_VIEWS: Final[Mapping[type, tuple[str, Callable[[Any], Json]]]] = {
    Message: ("message", message),
    Received: ("inbound", received),
    Refused: ("refused", refused),
    Hit: ("fault", hit),
    Attempt: ("callback", attempt),
}


def kind_of(thing: object) -> str:
    """What kind of event brought it."""
    return _VIEWS[type(thing)][0]


def entry(thing: object) -> Json:
    """Anything that happened, with its kind."""
    kind, view = _VIEWS[type(thing)]
    return {"kind": kind, **view(thing)}
