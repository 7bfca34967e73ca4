"""Faults on command: what is to go wrong, how often, and when.

==================  =====================  ==========================================================
a rule              becomes                by
==================  =====================  ==========================================================
on                  on, with one hit more  a call of its command, if its dice say so
on                  gone                   the last of its `times`, or `Faults.heal`
on                  off, and back          `Rule.is_on`
==================  =====================  ==========================================================

The first rule that fits decides. Those of `fail_next` come before those of `fail`, each kind in the order of making.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from random import Random
from typing import Final

from attrs import define, field

from clickasync.simulator.faults.effects import Fault

__all__ = ["ANY", "Faults", "Rule"]

MOST: Final = 200
"""Rules in force at one time."""
ANY: Final = "*"
"""In the place of a command: whichever is called."""


@define(eq=False)
class Rule:
    """What goes wrong, with which command, and how often."""

    id: int
    command: str
    """``*`` stands for every command."""
    fault: Fault
    times: int | None
    """How many calls it still befalls; None: as many as there are."""
    probability: float
    seed: int
    """Of the dice, so that a run can be repeated."""
    is_on: bool = True
    hits: int = 0
    """How many calls it has befallen."""
    _dice: Random = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._dice = Random(self.seed)  # noqa: S311  it decides nothing secret

    def befalls(self, command: str) -> bool:
        """Whether a call of `command` is hit; if so, that is counted."""
        if not self.is_on or self.command not in (command, ANY) or self._dice.random() >= self.probability:
            return False
        self.hits += 1
        if self.times is not None:
            self.times -= 1
        return True

    def delay(self) -> float:
        """Seconds that the reply to the call just hit is held back."""
        return self.fault.delay(self._dice)


class Faults:
    """The rules in force.

    Args:
        commands: the names that a rule may have.
    """

    def __init__(self, commands: Collection[str]) -> None:
        self._commands = commands
        self.rules: list[Rule] = []
        self._made = 0

    def add(
        self, command: str, fault: Fault, *, times: int | None = None, probability: float = 1.0, seed: int | None = None
    ) -> Rule:
        """Put a rule in force.

        Raises:
            ValueError: there is no such command, or `times` or `probability` cannot be.
        """
        if command != ANY and command not in self._commands:
            names = ", ".join(sorted(self._commands))
            raise ValueError(f"there is no command {command!r}; there are {names}, and * for all of them")
        if times is not None and (isinstance(times, bool) or not isinstance(times, int) or times < 1):
            raise ValueError("times is a whole number from 1")
        if isinstance(probability, bool) or not isinstance(probability, int | float) or not 0 < probability <= 1:
            raise ValueError("probability is above 0 and at most 1")
        if len(self.rules) >= MOST:
            raise ValueError(f"{MOST} faults are in force: heal some first")
        self._made += 1
        rule = Rule(self._made, command, fault, times, probability, secrets.randbelow(10**9) if seed is None else seed)
        self.rules.append(rule)
        self.rules.sort(key=lambda rule: rule.times is None)
        return rule

    def choose(self, command: str) -> Rule | None:
        """The rule that befalls a call of `command`, if any does."""
        rule = next((rule for rule in self.rules if rule.befalls(command)), None)
        if rule is not None and rule.times == 0:
            self.rules.remove(rule)
        return rule

    def find(self, id: int) -> Rule | None:
        """The rule with that ID, if it is in force."""
        return next((rule for rule in self.rules if rule.id == id), None)

    def remove(self, rule: Rule) -> None:
        """Take a rule out of force."""
        self.rules.remove(rule)

    def heal(self) -> None:
        """Take all rules out of force."""
        self.rules.clear()
