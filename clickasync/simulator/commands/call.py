"""What a command of the HTTP API gets and gives, and how it knows who calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from attrs import frozen

from clickasync.simulator.world import World
from clickasync.simulator.world.accounts import Account
from clickasync.simulator.world.journal import Refused, without_secrets
from clickasync.simulator.world.refusals import Refusal

__all__ = ["Call", "Command", "authenticated"]


@frozen
class Call:
    """One request on its way through the gateway."""

    world: World
    command: str
    fields: Mapping[str, str]
    method: str

    def need(self, *names: str) -> None:
        """Refuse with 101 unless all these parameters have a value."""
        if not all(map(self.fields.get, names)):
            raise Refusal("101")

    def note(self, refusal: Refusal, to: str | None = None, account: Account | None = None) -> None:
        """Keep a refusal, so that a person can ask about it."""
        world, fields = self.world, self.fields
        refused = Refused(
            number=world.journal.next_number(),
            command=self.command,
            error=refusal.code,
            description=refusal.description,
            to=to or fields.get("to") or fields.get("msisdn"),
            at=world.clock.now(),
            api_id=account.api_id if account else fields.get("api_id", ""),
            fields=without_secrets(fields),
        )
        world.journal.refused.append(refused)
        world.journal.feed.publish("refused", refused)


Run: TypeAlias = Callable[[Call], str]


@frozen
class Command:
    """A command's name, as `Gateway.requests` counts it, and what it does."""

    name: str
    run: Run


def authenticated(command: Callable[[Call, Account], str]) -> Run:
    """Give a command the account that calls; a session that calls with success lives on."""

    def run(call: Call) -> str:
        world, fields = call.world, call.fields
        session_id = fields.get("session_id")
        if session_id:
            account = world.sessions.find(session_id, world.clock.now())
            reply = command(call, account)
            world.sessions.extend(session_id, world.clock.now())
            return reply
        if not (fields.get("user") and fields.get("password")):
            raise Refusal("005")
        return command(call, world.accounts.log_in(fields))

    return run
