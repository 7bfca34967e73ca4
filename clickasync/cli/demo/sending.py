"""Chapter one: send, ask, stop, pay, stay connected."""

from __future__ import annotations

from typing import Final

import anyio

from clickasync.cli.demo.stage import Stage, expect, until
from clickasync.cli.outcome import as_fields
from clickasync.client import Client
from clickasync.codes import MessageStatus
from clickasync.results import Accepted, MessageState
from clickasync.simulator import Gateway

__all__ = ["play"]

_ANN: Final = "27821234567"
_LONG: Final = "This text is longer than the 160 characters of one message, so it travels in two parts. " * 2
_DOZEN: Final = {
    "27827654321": "004",
    "+27 (82) 555-0101": "004",
    "0027825550102": "004",
    "447700900123": "004",
    "999004 1": "004",
    "9990071": "007",
    "9990091": "009",
    "9990101": "010",
    "9991141": "ERR 114",
    "9991211": "ERR 121",
    "9991281": "ERR 128",
    "a friend": "not a phone number",
}
"""Recipients, and what becomes of each: 999 and a code is a test number of the simulator."""


async def play(stage: Stage, client: Client, gateway: Gateway) -> None:
    """Play it.

    Raises:
        Surprise: something was not as it should be.
    """
    stage.chapter("Sending")
    before = await client.balance()
    stage.say("Balance", f"{before} credits", call="await client.balance()")
    sent = await client.send(_ANN, "Your code is 4711")
    call = f'await client.send("{_ANN}", "Your code is 4711")'
    stage.say(f"A message to {_ANN}", f"accepted as {sent.id}", call=call)
    await _send_a_dozen(stage, client)
    await _stop_one(stage, client)
    await _show_charges(stage, client, sent)
    await _stay_connected(stage, gateway)
    after = await client.balance()
    expect(after == gateway.credits, "the client and the gateway to agree on the balance")
    expect(before - after == sum(message.charge for message in gateway.messages), "every credit to be accounted for")
    stage.say("Balance at the end", f"{after} credits: {before - after} for {len(gateway.messages)} messages")


async def _send_a_dozen(stage: Stage, client: Client) -> None:
    results = await client.send_many(_DOZEN, "Doors open at 8")
    rows = []
    for result, outcome in zip(results, _DOZEN.values(), strict=True):
        fields = as_fields(result)
        expect(result.ok == outcome.isdigit() and outcome in (fields["error"] or outcome), f"{outcome} for {result.to}")
        rows.append((result.to, _kind(result.to), fields["result"], fields["id"] or fields["error"]))
    stage.say("A dozen recipients", "one text, a result for each; 999 and a code make a test number of the simulator")
    call = 'results = await client.send_many(numbers, "Doors open at 8")'
    stage.show(("to", "which is", "result", "id, or why not"), rows, call=call)
    accepted = [result for result in results if isinstance(result, Accepted)]
    first: dict[str, MessageState] = {}
    last: dict[str, MessageState] = {}

    async def follow(message: Accepted) -> None:
        first[message.to] = await client.status(message.id)
        last[message.to] = await client.wait_for_delivery(message.id, timeout=10)

    async with anyio.create_task_group() as tasks:
        for message in accepted:
            tasks.start_soon(follow, message)
    expect(all(last[message.to].status == _DOZEN[message.to] for message in accepted), "the statuses asked for")
    shown = [
        (message.to, first[message.to].status.description, final.status.value, final.status.description)
        for message in accepted
        for final in (last[message.to],)
    ]
    call = "await client.status(id); await client.wait_for_delivery(id, timeout=10)"
    stage.show(("to", "at first", "at last", "which means"), shown, call=call)


def _kind(to: str) -> str:
    """What a recipient is."""
    if not to.startswith("999"):
        return "any number" if to[-1].isdigit() else ""
    return f"a test number: {'error' if to[3] != '0' else 'status'} {to[3:6]}"


async def _stop_one(stage: Stage, client: Client) -> None:
    deferred = await client.send(_ANN, "Not now", deliv_time=60)
    waiting = (await client.status(deferred.id)).status
    stopped = (await client.cancel(deferred.id)).status
    expect((waiting, stopped) == (MessageStatus("011"), MessageStatus("006")), "the deferred message to be stopped")
    call = f'await client.send("{_ANN}", "Not now", deliv_time=60)'
    stage.say("A message for in an hour", f"{waiting.value} {waiting.description}", call=call)
    stage.say("… stopped", f"{stopped.value} {stopped.description}", call="await client.cancel(deferred.id)")


async def _show_charges(stage: Stage, client: Client, short: Accepted) -> None:
    long = await client.send(_ANN, _LONG)
    for what, message, credits in (
        ("The charge of the first message", short, 1),
        ("… and of one in two parts", long, 2),
    ):
        cost = await client.charge(message.id)
        expect(cost.charge == credits, f"a charge of {credits}")
        shown = f"{cost.charge:f} credits, status {cost.status.value} {cost.status.description}"
        stage.say(what, shown, call="await client.charge(sent.id)")


async def _stay_connected(stage: Stage, gateway: Gateway) -> None:
    await until(lambda: gateway.requests["ping"] > 0, "a ping")
    expect(gateway.authentications == 1, "one authentication for everything")
    pings = gateway.requests["ping"]
    stage.say("The session, kept alive while nobody called", f"pings: {pings}; authentications for all calls: 1")
