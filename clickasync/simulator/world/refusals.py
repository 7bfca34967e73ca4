"""How the gateway says no."""

from __future__ import annotations

from clickasync.codes import ErrorCode

__all__ = ["Refusal"]


class Refusal(Exception):  # the gateway is in order, it only says no
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
