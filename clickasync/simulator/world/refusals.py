"""The lines of which replies are made, and the refusal that becomes one of them."""

from __future__ import annotations

from decimal import Decimal

from clickasync.codes import ErrorCode

__all__ = ["Refusal", "credits_text"]


class Refusal(Exception):  # noqa: N818  the gateway is in order, it only says no
    """The gateway says no: to a whole call where it is raised, to one recipient where it is written out.

    >>> Refusal("105").line()
    'ERR: 105, Invalid destination address'
    """

    def __init__(self, code: str, detail: object = "") -> None:
        self.code = ErrorCode(code)
        self.description = f"{self.code.description or 'Unlisted error'} {detail}".rstrip()
        super().__init__(self.line())

    def line(self) -> str:
        """The refusal as the gateway writes it."""
        return f"ERR: {self.code}, {self.description}"


def credits_text(amount: Decimal) -> str:
    """Credits as the gateway writes them, with one decimal at the least.

    >>> credits_text(Decimal(1000)), credits_text(Decimal("0.330"))
    ('1000.0', '0.33')
    """
    text = f"{amount:f}"
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction.rstrip('0') or '0'}"
