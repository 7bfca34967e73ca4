"""What the gateway answers to a call, as a value: text, and what the server is to do beside sending it."""

from __future__ import annotations

from attrs import frozen

from clickasync.simulator.faults.wire import WireFault

__all__ = ["Answer", "WireError"]


@frozen
class Answer:
    """An answer. Most are a text with status 200; the rest is for faults."""

    text: str
    status: int = 200
    media_type: str = "text/plain"
    headers: tuple[tuple[str, str], ...] = ()
    delay: float = 0.0
    """Seconds, real ones, that the server holds it back."""
    wire: WireFault | None = None
    """What befalls the connection in the place of the answer."""


class WireError(ConnectionError):
    """A fault that a text cannot show, for those who call `Gateway.handle` without a server.

    `Gateway.answer` gives it as a value, and a server acts upon it.
    """

    def __init__(self, answer: Answer) -> None:
        what = answer.wire.describe() if answer.wire is not None else f"HTTP {answer.status}"
        super().__init__(f"the simulator makes a fault: {what}")
        self.answer = answer
