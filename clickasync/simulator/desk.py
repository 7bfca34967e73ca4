"""Where calls are answered: from a path and fields to an `Answer`, with what a fault does to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from attrs import evolve

from clickasync.simulator.answer import Answer
from clickasync.simulator.commands import find_command
from clickasync.simulator.commands.call import Call, Command
from clickasync.simulator.faults import Faults
from clickasync.simulator.faults.effects import JUNK, Expire, Fault, Junk, Late, Refuse, Status
from clickasync.simulator.faults.recipients import MARK, call_fault
from clickasync.simulator.faults.wire import WireFault
from clickasync.simulator.world import World
from clickasync.simulator.world.journal import Hit, without_secrets
from clickasync.simulator.world.refusals import Refusal

__all__ = ["Desk"]


class Desk:
    """Answers calls.

    Args:
        world: what the commands change.
        faults: what is to go wrong.
        latency: seconds, real ones, that every answer is held back.
    """

    def __init__(self, world: World, faults: Faults, latency: float) -> None:
        self.requests: Counter[str] = Counter()
        """Calls by command, refused ones included."""
        self.latency = latency
        self._world = world
        self._faults = faults

    def answer(self, path: str, fields: Mapping[str, str], method: str) -> Answer | None:
        """The answer to a call as a value, with what a fault does to it; None if there is no such path."""
        command = find_command(path)
        if command is None:
            return None
        if "cliMsgId" in fields:
            # Some of the vendor's documents spell it so.
            fields = dict(fields)
            other = fields.pop("cliMsgId")
            fields["climsgid"] = fields.get("climsgid") or other
        with self._world.lock:
            self._world.settle()
            self.requests[command.name] += 1
            call = Call(self._world, command.name, fields, method)
            fault, delay = None, self.latency
            if self._faults.rules and (rule := self._faults.choose(command.name)) is not None:
                fault, delay = rule.fault, delay + rule.delay()
                self._world.journal.feed.publish("changed", "faults")
            elif MARK in fields.get("to", ""):
                fault = call_fault(fields)
            if fault is not None:
                return evolve(self._fail(command, call, fault), delay=delay)
            return Answer(self._reply(command, call), delay=delay)

    def _reply(self, command: Command, call: Call) -> str:
        try:
            return command.run(call)
        except Refusal as refusal:
            call.note(refusal)
            return refusal.line()

    def _fail(self, command: Command, call: Call, fault: Fault) -> Answer:
        effect = fault.effect
        if isinstance(effect, Expire):
            self._world.sessions.end(call.fields.get("session_id", ""))
        text = self._reply(command, call) if fault.taken else ""
        if not isinstance(effect, Late):
            self._note(call, fault)
        match effect:
            case Refuse(code):
                refusal = Refusal(code, int(self._world.clock.calendar()) + 3600 if code == "130" else "")
                call.note(refusal)
                return Answer(refusal.line())
            case Status(code, retry_after):
                headers = () if retry_after is None else (("Retry-After", str(retry_after)),)
                return Answer(f"HTTP {code}, made by the simulator\n", code, headers=headers)
            case Junk():
                return Answer(JUNK, media_type="text/html")
            case WireFault():
                return Answer(text, wire=effect)
            case _:
                return Answer(text)

    def _note(self, call: Call, fault: Fault) -> None:
        journal = self._world.journal
        hit = Hit(
            number=journal.next_number(),
            command=call.command,
            fault=fault.describe(),
            to=call.fields.get("to") or None,
            at=self._world.clock.now(),
            api_id=call.fields.get("api_id", ""),
            taken=fault.taken,
            fields=without_secrets(call.fields),
        )
        journal.hits.append(hit)
        journal.feed.publish("fault", hit)
