"""A pytest plugin: the fixture `clickatell`, a gateway of your own for each test, and no real SMS by accident.

It is active wherever the package is installed beside pytest. Nothing is imported or started until a test asks for the
fixture. See the guide beside this file.

.. include:: README.md
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clickasync.testing.fixture import Clickatell

__all__ = ["Clickatell"]


def __getattr__(name: str) -> object:
    if name == "Clickatell":
        from clickasync.testing.fixture import Clickatell  # and with it the simulator

        return Clickatell
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
