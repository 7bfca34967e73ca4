"""The gateway that all tests of a process use, one after another, and the port on which callbacks reach their apps."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from decimal import Decimal
from types import TracebackType
from typing import Any, Final, Self

import pytest

from clickasync.simulator import Gateway, serving
from clickasync.testing.bridge import Bridge
from clickasync.testing.fixture import Clickatell

__all__ = ["Server"]

_LOGIN: Final = {"API_ID": "1", "USER": "demo", "PASSWORD": "demo"}
_CONNECT_TOKEN: Final = "00112233445566778899aabbccddeeff"  # noqa: S105 - the simulator takes any


class Server:
    """A gateway on a thread. Between two tests it forgets all."""

    def __init__(self) -> None:
        self._gateway = Gateway()
        self._stack = ExitStack()
        self._url = ""
        self._bridge = Bridge()

    def __enter__(self) -> Self:
        self._url = self._stack.enter_context(serving(self._gateway))
        self._stack.callback(self._bridge.close)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def environment(self) -> dict[str, str]:
        """The variables that clients read."""
        return {
            "CLICKATELL_BASE_URL": self._url,
            **{f"CLICKATELL_{name}": value for name, value in _LOGIN.items()},
            "CLICKATELL_CONNECT_BASE_URL": self._url,
            "CLICKATELL_CONNECT_TOKEN": _CONNECT_TOKEN,
        }

    def begin(self, **settings: Any) -> Clickatell:
        """A test begins; `settings` are those of its marker."""
        self.end()
        for name, value in settings.items():
            if name not in _SETTINGS:
                known = " and ".join(_SETTINGS)
                pytest.fail(f"the marker clickatell has no setting {name!r}; it has {known}", pytrace=False)
            _SETTINGS[name](self._gateway, value)
        return Clickatell(self._url, self._gateway, self._bridge)

    def end(self) -> None:
        """A test is over: nothing of it is left."""
        self._bridge.forget()
        gateway = self._gateway
        gateway.reset()
        gateway.latency = 0.0
        gateway.uncovered = ()
        _set_speed(gateway, 1.0)


def _set_credits(gateway: Gateway, credits: object) -> None:
    gateway.account.credits = Decimal(str(credits))


def _set_speed(gateway: Gateway, speed: Any) -> None:
    with gateway.world.lock:
        before = gateway.now()
        gateway.world.clock.speed = float(speed)
        gateway.world.clock.advance(before - gateway.now())  # or the clock would jump


_SETTINGS: Final[dict[str, Callable[[Gateway, Any], None]]] = {"credits": _set_credits, "speed": _set_speed}
