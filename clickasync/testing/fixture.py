"""`Clickatell`: what the fixture gives to a test."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, Unpack

import anyio

from clickasync.numbers import normalise
from clickasync.simulator import Attempt, CallbackType, Gateway, Message
from clickasync.simulator.faults.effects import FaultOptions
from clickasync.simulator.world.events import Target
from clickasync.testing.bridge import in_event_loop

if TYPE_CHECKING:
    from clickasync.testing.bridge import App, Bridge, WebClient

__all__ = ["Clickatell"]

_MOST_LISTED: Final = 20
_OWN_NUMBER: Final = "27820000000"


class Clickatell:
    """A Clickatell gateway of one test's own: what arrived there, and what is to happen next.

    Whatever a test does with it, the next one finds it fresh.

    Args:
        url: where it listens; CLICKATELL_BASE_URL says the same.
        gateway: the simulator behind it, for all that is not here.
        bridge: hands callbacks to apps.
    """

    def __init__(self, url: str, gateway: Gateway, bridge: Bridge) -> None:
        self.url = url
        """Where it listens."""
        self.gateway = gateway
        """The simulator behind it."""
        self._bridge = bridge

    def __repr__(self) -> str:
        return f"<clickatell at {self.url}, {len(self.gateway.messages)} messages>"

    # -- what arrived

    @property
    def messages(self) -> list[Message]:
        """The messages that were accepted, in order: each with its `to`, `text`, `sender`, `parts`, `status` …"""
        with self.gateway.world.lock:
            return list(self.gateway.messages)

    @property
    def last(self) -> Message:
        """The newest message.

        Raises:
            AssertionError: nothing was sent.
        """
        __tracebackhide__ = True
        messages = self.messages
        if not messages:
            raise AssertionError(_report("a message was expected", messages, self.gateway))
        return messages[-1]

    def sent_to(self, number: str) -> list[Message]:
        """The messages to a number, which may be written as for `clickasync.Client.send`."""
        return self._matching(number, None)

    def assert_sent(
        self, *, to: str | None = None, text: str | re.Pattern[str] | None = None, count: int = 1
    ) -> list[Message]:
        """Check that so many messages were sent, to this number and with this text where they are given.

        A `text` must be the whole text; a compiled pattern is searched for in it. Gives the messages.

        Raises:
            AssertionError: it lists what did arrive.
        """
        __tracebackhide__ = True
        found = self._matching(to, text)
        if len(found) != count:
            raise AssertionError(self._missing(to, text, count, len(found)))
        return found

    def assert_nothing_sent(self) -> None:
        """Check that no message was sent.

        Raises:
            AssertionError: it lists what did arrive.
        """
        __tracebackhide__ = True
        messages = self.messages
        if messages:
            raise AssertionError(_report("nothing should have been sent", messages, self.gateway))

    def wait_for(
        self,
        *,
        to: str | None = None,
        text: str | re.Pattern[str] | None = None,
        count: int = 1,
        timeout: float = 5,
    ) -> Message:
        """Wait until at least so many messages match, as `assert_sent` has it; gives the newest of them.

        This blocks the thread. In an async test, whose event loop must go on turning, use `await_for`.

        Args:
            to, text, count: as for `assert_sent`.
            timeout: seconds, real ones.

        Raises:
            AssertionError: they did not come in time; it lists what did arrive.
        """
        __tracebackhide__ = True
        until = time.monotonic() + timeout
        with self.gateway.subscribe() as events:
            while len(found := self._matching(to, text)) < count:
                left = until - time.monotonic()
                if left <= 0:
                    hint = "The event loop of the test stood still meanwhile: use await_for." if in_event_loop() else ""
                    raise AssertionError(self._missing(to, text, count, len(found), timeout, hint))
                events.wait(left)
        return found[-1]

    async def await_for(
        self,
        *,
        to: str | None = None,
        text: str | re.Pattern[str] | None = None,
        count: int = 1,
        timeout: float = 5,
    ) -> Message:
        """`wait_for` in an event loop, asyncio's or trio's, which goes on turning in the meantime."""
        __tracebackhide__ = True
        with self.gateway.subscribe() as events, anyio.move_on_after(timeout):
            while len(found := self._matching(to, text)) < count:
                await events.ready()
                events.poll()
            return found[-1]
        raise AssertionError(self._missing(to, text, count, len(self._matching(to, text)), timeout))

    def code(self, to: str | None = None) -> str:
        """The code in the newest text, to this number where one is given: the longest run of digits in it.

        Raises:
            AssertionError: there is no text, or no digit in it.
        """
        __tracebackhide__ = True
        messages = self._matching(to, None)
        found = re.findall("[0-9]+", messages[-1].text) if messages else []
        if not found:
            what = f"a code was expected{'' if to is None else f' to {to}'}"
            raise AssertionError(_report(what, self.messages, self.gateway))
        return str(max(found, key=len))

    # -- what happens next

    def reply(self, from_: str, text: str, *, to: str | None = None) -> None:
        """Let a handset write to you. The callback goes where `report_to` says.

        Args:
            from_: the handset's number.
            text: what it writes. STOP and its like opt it out: further messages to it are refused.
            to: your number; by default the sender of the newest message to the handset, if that is a number.
        """
        number = normalise(from_)
        sender = next((message.sender for message in reversed(self._matching(number, None))), "")
        self.gateway.inject(number, to or (sender if sender.isdigit() else _OWN_NUMBER), text)
        self._settle()

    def advance(self, seconds: float) -> None:
        """Let so much time pass for the gateway, at once: messages are delivered, reports made, sessions die."""
        self.gateway.advance(seconds)
        self._settle()

    def deliver_all(self) -> None:
        """Let as much time pass as it takes until the status of every message is final, deferred ones included."""
        with self.gateway.world.lock:
            ends = [message.changes()[-1][0] for message in self.gateway.messages if not message.is_cancelled]
            passed = max([0.0, *(end - self.gateway.now() for end in ends)])
        self.advance(passed)

    @property
    def callbacks(self) -> list[Attempt]:
        """The callbacks that were made, the newest last: each with its `event`, `url`, `status`, `seconds`."""
        return self.gateway.callbacks

    def report_to(
        self,
        url_or_app: str | App | WebClient,
        auth: tuple[str, str] | None = None,
        *,
        path: str = "/",
        type: CallbackType | int = CallbackType.HTTP_POST,
    ) -> None:
        """Make the account's callbacks to a URL, or into an app without a port.

        In a sync test, `reply`, `advance` and `deliver_all` return when the callbacks that are due have been made. In
        an async one they return at once; the app is called while the test awaits something, such as
        `await_callbacks`. An app's lifespan is not run.

        Args:
            url_or_app: an ASGI app, called in the event loop of the test, if it has one; or a test client of
                Starlette's or FastAPI's, which calls it in the loop where its lifespan runs.
            auth: user name and password, for HTTP Basic.
            path: of the app.
            type: the transport.
        """
        url = url_or_app if isinstance(url_or_app, str) else self._bridge.lead_to(url_or_app) + path
        with self.gateway.world.lock:
            self.gateway.account.target = Target(url, CallbackType(type), auth)

    async def await_callbacks(self, *, timeout: float = 5) -> None:
        """Wait, in an event loop, until the callbacks that are due have been made.

        Raises:
            AssertionError: they were not, within `timeout` real seconds.
        """
        __tracebackhide__ = True
        with self.gateway.subscribe() as events, anyio.move_on_after(timeout):
            while self.gateway.is_calling_back:
                await events.ready()
                events.poll()
            return
        raise AssertionError(f"callbacks are still under way after {timeout:g} s")

    def fail_next(self, command: str = "sendmsg", *, times: int = 1, **fault: Unpack[FaultOptions]) -> None:
        """Let the next calls of a command go wrong: see `clickasync.simulator.Gateway.fail_next`."""
        self.gateway.fail_next(command, times=times, **fault)

    def expire_sessions(self) -> None:
        """Let all sessions die: the next call of each client is answered with 003."""
        self.gateway.forget_sessions()

    # -- inside

    def _settle(self) -> None:
        """Wait for the callbacks that are due, unless that would stop the event loop in which they are handled."""
        __tracebackhide__ = True
        if in_event_loop():
            return
        seconds = 5.0
        until = time.monotonic() + seconds
        with self.gateway.subscribe() as events:
            while self.gateway.is_calling_back:
                if (left := until - time.monotonic()) <= 0:
                    raise AssertionError(f"callbacks are still under way after {seconds:g} s")
                events.wait(left)

    def _matching(self, to: str | None, text: str | re.Pattern[str] | None) -> list[Message]:
        fits: list[Callable[[Message], bool]] = []
        if to is not None:
            number = self._as_sent(to)
            fits.append(lambda message: message.to == number)
        if isinstance(text, str):
            fits.append(lambda message: message.text == text)
        elif text is not None:
            pattern = text
            fits.append(lambda message: pattern.search(message.text) is not None)
        return [message for message in self.messages if all(fit(message) for fit in fits)]

    def _as_sent(self, number: str) -> str:
        """A number as it stands in the ledger, where a leading zero is the country code."""
        digits = normalise(number)
        return self.gateway.account.default_prefix + digits[1:] if digits.startswith("0") else digits

    def _missing(
        self,
        to: str | None,
        text: str | re.Pattern[str] | None,
        count: int,
        found: int,
        seconds: float | None = None,
        hint: str = "",
    ) -> str:
        what = f"{count} {'message' if count == 1 else 'messages'}"
        if to is not None:
            what += f" to {to}"
        if isinstance(text, str):
            what += f" with the text {text!r}"
        elif text is not None:
            what += f" in which {text.pattern!r} is found"
        within = "" if seconds is None else f" within {seconds:g} s"
        report = _report(f"expected {what}{within}, and there {_are(found)}", self.messages, self.gateway)
        return f"{report}\n{hint}" if hint else report


def _are(count: int) -> str:
    return f"is {count}" if count == 1 else f"are {count or 'none'}"


def _report(what: str, messages: Sequence[Message], gateway: Gateway) -> str:
    """A sentence, and beneath it what did arrive."""
    lines = [f"{what}.", "Accepted:" if messages else "Nothing was accepted."]
    lines += [f"  to {message.to}: {message.text!r}" for message in messages[:_MOST_LISTED]]
    if len(messages) > _MOST_LISTED:
        lines.append(f"  … and {len(messages) - _MOST_LISTED} more")
    if refused := gateway.refused[-_MOST_LISTED:]:
        lines.append("Refused:")
        lines += [
            f"  {each.command}{f' to {each.to}' if each.to else ''}: {each.error.value} {each.description}"
            for each in refused
        ]
    return "\n".join(lines)
