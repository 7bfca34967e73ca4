"""Chapter three: the gateway calls back, with reports of a message and with a reply to it, which is answered."""

from __future__ import annotations

from typing import Final

from attrs import define, field

from clickasync.callbacks import DeliveryReport, InboundMessage
from clickasync.cli.demo.stage import Stage, expect, until
from clickasync.client import Client
from clickasync.codes import Callback
from clickasync.simulator import Gateway

__all__ = ["Hook", "play"]

_BEN: Final = "27827654321"
_OURS: Final = "27600000001"
_QUESTION: Final = "Which floor?"
_ANSWER: Final = "The third."


@define
class Hook:
    """The handlers of a `receiver`: notes reports, and answers people who write."""

    client: Client | None = None
    reports: list[DeliveryReport] = field(factory=list)
    messages: list[InboundMessage] = field(factory=list)

    async def on_report(self, report: DeliveryReport) -> None:
        """A status has changed."""
        self.reports.append(report)

    async def on_message(self, message: InboundMessage) -> None:
        """Somebody wrote."""
        self.messages.append(message)
        if self.client is not None:
            await self.client.send(message.from_, _ANSWER, from_=message.to)


async def play(stage: Stage, client: Client, gateway: Gateway, hook: Hook) -> None:
    """Play it; the gateway's callbacks reach `hook`.

    Raises:
        Surprise: something was not as it should be.
    """
    stage.chapter("Callbacks")
    hook.client = client
    every = Callback.INTERMEDIATE | Callback.FINAL | Callback.ERROR
    sent = await client.send(_BEN, "The meeting is at noon", from_=_OURS, mo=True, callback=every)
    call = f'await client.send("{_BEN}", "The meeting is at noon", from_="{_OURS}", mo=True, callback={int(every)})'
    stage.say(f"A message with callback={int(every)}", f"accepted as {sent.id}", call=call)
    await until(lambda: len(hook.reports) >= 2, "two reports")
    expect([report.status.value for report in hook.reports] == ["003", "004"], "the reports 003 and 004")
    expect({report.id for report in hook.reports} == {sent.id}, "the reports to be about that message")
    for report in hook.reports:
        shown = f"{report.status.value} {report.status.description}"
        stage.say("The gateway reports", shown, call="async def on_report(report): ...")
    before = len(gateway.messages)
    gateway.inject(_BEN, _OURS, _QUESTION)
    await until(lambda: len(gateway.messages) > before, "an answer")
    answer = gateway.messages[-1]
    expect([message.text for message in hook.messages] == [_QUESTION], "the reply to arrive once, as it was written")
    expect((answer.to, answer.text, answer.sender) == (_BEN, _ANSWER, _OURS), "the reply to be answered")
    stage.say(f"{_BEN} replies", _QUESTION, call="async def on_message(message): ...")
    call = f'await client.send(message.from_, "{_ANSWER}", from_=message.to)'
    stage.say("… and is answered", _ANSWER, call=call)
