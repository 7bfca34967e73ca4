"""An observer that remembers."""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field

from clickasync import CallEnded, CallStarted


@define(eq=False)
class Watcher:
    """Remembers what it is shown."""

    started: list[CallStarted] = field(factory=list)
    ended: list[tuple[CallStarted, CallEnded]] = field(factory=list)
    settlements: list[tuple[int, int, int]] = field(factory=list)

    def start(self, call: CallStarted) -> Callable[[CallEnded], None]:
        self.started.append(call)
        return lambda ended: self.ended.append((call, ended))

    def settled(self, accepted: int, rejected: int, uncertain: int) -> None:
        self.settlements.append((accepted, rejected, uncertain))

    def of(self, command: str) -> list[CallEnded]:
        """How the attempts of a command ended."""
        return [ended for call, ended in self.ended if call.command == command]

    def outcomes(self, command: str) -> list[str]:
        """The same in a word each."""
        return [ended.outcome for ended in self.of(command)]

    @property
    def totals(self) -> tuple[int, int, int]:
        """All recipients that were settled: accepted, rejected, uncertain."""
        accepted, rejected, uncertain = (
            [sum(each) for each in zip(*self.settlements, strict=True)] if self.settlements else [0, 0, 0]
        )
        return accepted, rejected, uncertain
