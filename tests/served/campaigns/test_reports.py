"""Delivery reports and opt-outs: in every state of a call, in any order, twice, and through a receiver."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from clickasync import MessageStatus
from clickasync.callbacks import DeliveryReport, InboundMessage, receiver
from clickasync.campaigns.moves import Moves
from clickasync.campaigns.optouts import OptOuts
from clickasync.campaigns.reports import fold
from clickasync.campaigns.results import read_results
from clickasync.campaigns.sheet import Said, Sheet, Words
from clickasync.campaigns.states import Outcome, State, climsgid_of
from clickasync.campaigns.status import read_status
from clickasync.campaigns.store import Store
from tests.support.campaigning import scene
from tests.support.databases import campaign_of, change, ids, kill, make, read, worker

pytestmark = pytest.mark.anyio

NUMBERS = ["27821234567", "0827654321", "27831112222"]
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def report(
    climsgid: str, to: str, status: str = "004", *, id: str = "", after: float = 0, charge: str | None = None
) -> DeliveryReport:
    """A report of the first of NUMBERS and so on; its ID is made of its number."""
    at = NOON + timedelta(seconds=after)
    cost = None if charge is None else Decimal(charge)
    return DeliveryReport(id or f"{int(to):032x}", climsgid, to, "", MessageStatus(status), cost, at, "1")


async def folded(store: Store, reports: Sequence[DeliveryReport]) -> list[bool]:
    return await store.change(lambda connection: fold(connection, reports))


async def reported(store: Store, id: int, position: int, status: str = "004", **more: Any) -> list[bool]:
    row = await read(store, id)
    climsgid = climsgid_of(row.key, position if row.kind else 0, row.gen)
    return await folded(store, [report(climsgid, NUMBERS[position], status, **more)])


async def begun(store: Store, me: Moves) -> int:
    campaign = await make(store, NUMBERS)
    call = await me.claim(campaign, 0)
    assert call is not None
    assert await me.begin(call) is not None
    return call.id


@pytest.mark.parametrize("state", [State.OUT, State.ASKING, State.SETTLED])
@pytest.mark.parametrize("outcome", [Outcome.OPEN, Outcome.REJECTED, Outcome.UNCERTAIN, Outcome.ACCEPTED])
async def test_a_report_is_evidence(store: Store, state: State, outcome: Outcome) -> None:
    """Whatever stood there: its recipient is accepted, under the report's ID."""
    if (state is State.SETTLED) == (outcome is Outcome.OPEN):
        return
    id = await begun(store, await worker(store))
    sheet = Sheet.blank(bytes(3))
    sheet.say({0: Said(outcome)}, 0)
    await change(store, id, state=state.value, **sheet.columns())
    assert await reported(store, id, 0, charge="0.5") == [True]
    row = await read(store, id)
    after = Sheet.read(row)
    assert (after.kind(0), after.ids[0]) == (Outcome.ACCEPTED, f"{int(NUMBERS[0]):032x}")
    assert (row.state, row.accepted, row.delivered, row.charge) == (state, 1, 1, 500_000)
    assert (await campaign_of(store, row.campaign_id)).state == "running"


@pytest.mark.parametrize("state", [State.READY, State.CLAIMED])
async def test_a_report_of_what_was_never_begun(store: Store, state: State) -> None:
    """Proves that the database forgot: it is not sent again, and the campaign pauses."""
    campaign = await make(store, NUMBERS)
    [id] = await ids(store)
    me = await worker(store)
    if state is State.CLAIMED:
        await me.claim(campaign, 0)
    await reported(store, id, 2)
    row = await campaign_of(store, campaign)
    assert (row.state, row.reason) == ("paused", "reconcile")
    assert Sheet.read(await read(store, id)).open() == [0, 1]


async def test_a_report_of_an_earlier_try(store: Store) -> None:
    """Of a call that was reopened: what was accepted then is delivered now, and nothing was forgotten."""
    id = await begun(store, await worker(store))
    sheet = Sheet.blank(bytes(3))
    sheet.say({0: Said(Outcome.ACCEPTED, f"{int(NUMBERS[0]):032x}")}, 0)
    await change(store, id, state=State.READY.value, gen=1, **sheet.columns())
    row = await read(store, id)
    await folded(store, [report(climsgid_of(row.key, 0, 0), NUMBERS[0])])
    assert (await campaign_of(store, row.campaign_id)).state == "running"
    assert (await read(store, id)).delivered == 1


async def test_reports_before_the_senders_word(store: Store) -> None:
    """Before `finish`, and before a takeover: what it proved stays, and the rest is as the sender says."""
    me = await worker(store)
    campaign = await make(store, NUMBERS)
    call = await me.claim(campaign, 0)
    assert call is not None
    start = await me.begin(call)
    assert start is not None
    await reported(store, call.id, 0)
    await kill(store, me)
    successor = await worker(store)
    assert await successor.take_over([]) == [call.id]
    asked = await successor.asking(call.id)
    assert asked is not None
    assert [(each.climsgid, each.positions) for each in asked.questions()] == [(climsgid_of(call.key, 0, 0), [1, 2])]
    await reported(store, call.id, 1, "003")
    reset = Said(Outcome.UNCERTAIN, words=Words(None, "reset"))
    await me.finish(call, start, {0: reset, 1: reset, 2: Said(Outcome.ACCEPTED, "c" * 32)}, (), again=False)
    row = await read(store, call.id)
    assert (row.state, row.accepted, row.uncertain, row.delivered) == (State.SETTLED, 3, 0, 1)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=lambda order: "".join(map(str, order)))
async def test_reports_in_any_order_and_twice(store: Store, order: tuple[int, ...]) -> None:
    """End with the same status, and the charge is counted once."""
    id = await begun(store, await worker(store))
    news = [("003", 1, "0.3"), ("004", 5, "0.8"), ("003", 2, "0.3")]
    for index in (*order, *order):
        status, after, charge = news[index]
        await reported(store, id, 0, status, after=after, charge=charge)
    row = await read(store, id)
    assert (row.delivered, row.failed, row.charge) == (1, 0, 800_000)
    [first, *_] = [result async for result in read_results(store, row.campaign_id)]
    assert (first.delivery, first.delivered_at) == ("004", NOON + timedelta(seconds=5))


async def test_failed_deliveries_and_the_sum_of_charges(store: Store) -> None:
    """As the status shows them."""
    id = await begun(store, await worker(store))
    for position, code in enumerate(["004", "007", "003"]):
        await reported(store, id, position, code, charge="0.25")
    status = await store.read(lambda connection: read_status(connection, "spring"))
    assert status is not None
    assert (status.accepted, status.delivered, status.failed, status.charge) == (3, 1, 1, Decimal("0.75"))


async def test_a_number_as_the_gateway_writes_it(store: Store) -> None:
    """The leading zero replaced by a country's code: whose report it is, is told as a reply's lines are."""
    id = await begun(store, await worker(store))
    row = await read(store, id)
    await folded(store, [report(climsgid_of(row.key, 0, 0), "27827654321")])
    assert Sheet.read(await read(store, id)).kind(1) is Outcome.ACCEPTED


async def test_reports_that_fit_nobody(store: Store) -> None:
    """Of our call, but no recipient of it; and of calls of others."""
    id = await begun(store, await worker(store))
    row = await read(store, id)
    others = [report(climsgid_of(bytes(12), 0, 0), NUMBERS[0]), report("mine", NUMBERS[0])]
    assert await folded(store, [report(climsgid_of(row.key, 0, 0), "447700900123"), *others]) == [True, False, False]
    assert (await read(store, id)).accepted == 0


def message(text: str, after: float, number: str = NUMBERS[0]) -> InboundMessage:
    return InboundMessage("id", "27600000001", number, text, NOON + timedelta(seconds=after), "", b"", "1")


async def listed(optouts: OptOuts) -> list[tuple[str, str]]:
    return [(entry.number, entry.source) async for entry in optouts.list()]


async def test_a_stop_and_what_lifts_it(store: Store) -> None:
    """A later message does; an earlier one that comes again does not."""
    optouts = OptOuts(store)
    await optouts.heard(message("Hello", 1))
    await optouts.heard(message("stop", 5))
    await optouts.heard(message("Hello", 1))
    assert await listed(optouts) == [(NUMBERS[0], "stop")]
    await optouts.heard(message("I am back", 9))
    assert await listed(optouts) == []
    await optouts.heard(message("stop", 5))
    assert await listed(optouts) == []


async def test_what_was_entered_is_lifted_by_command_only(store: Store) -> None:
    """Whatever the handset says."""
    optouts = OptOuts(store)
    assert await optouts.add([f"+{NUMBERS[0]}", NUMBERS[1]], source="import") == 2
    far = 60 * 60 * 24 * 365 * 50
    await optouts.heard(message("stop", far))
    await optouts.heard(message("hello", far + 1))
    assert await listed(optouts) == [(NUMBERS[1], "import"), (NUMBERS[0], "import")]
    assert await optouts.remove(NUMBERS[0])
    assert not await optouts.remove(NUMBERS[0])
    assert await listed(optouts) == [(NUMBERS[1], "import")]


async def test_through_a_receiver(database: str, tmp_path: Path) -> None:
    """Answered with 200 only once it is stored; what is about no campaign goes to the user's own handler."""
    mine: list[str] = []

    async def on_report(each: DeliveryReport) -> None:
        mine.append(each.id)

    async with scene(database, tmp_path) as stage:
        campaign = await stage.campaigns.create("spring", NUMBERS, "Hi")
        await stage.campaigns.work(until_done=True)
        app = receiver(**stage.campaigns.receiver_hooks(on_report=on_report))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://hooks") as gateway:
            for entry in [*stage.gateway.entries(), None]:
                fields = {
                    "apiMsgId": "f" * 32,
                    "cliMsgId": "other",
                    "to": "1",
                    "status": "004",
                    "timestamp": "1700000000",
                }
                if entry is not None:
                    fields |= {"apiMsgId": entry.id, "cliMsgId": entry.climsgid, "to": entry.number, "charge": "0.5"}
                assert (await gateway.get("/", params=fields)).status_code == 200
            stop = {
                "moMsgId": "1",
                "from": NUMBERS[0],
                "to": "27600000001",
                "text": "STOP",
                "timestamp": "2026-01-01 12:00:00",
            }
            assert (await gateway.get("/", params=stop)).status_code == 200
        status = await campaign.status()
        assert (status.delivered, status.charge) == (3, Decimal("1.5"))
        assert mine == ["f" * 32]
        assert await listed(stage.campaigns.optouts) == [(NUMBERS[0], "stop")]
