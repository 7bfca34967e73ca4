"""How a campaign could be made to lie: by what a gateway knows, by late words, lost answers, pauses and forks."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from attrs import evolve, frozen
from sqlalchemy import text, update

from clickasync import Client
from clickasync.campaigns import Campaigns, DatabaseFullError, changing
from clickasync.campaigns.heart import Heart
from clickasync.campaigns.lane import Lane
from clickasync.campaigns.moves import Begun, Claimed, Moves
from clickasync.campaigns.outages import Outages
from clickasync.campaigns.reports import fold
from clickasync.campaigns.schema import workers
from clickasync.campaigns.sheet import Said, Sheet, Words
from clickasync.campaigns.states import Outcome, State, climsgid_of
from clickasync.campaigns.store import Store
from clickasync.campaigns.texts import Texts
from clickasync.options import compile_message
from clickasync.protocol import Lines
from tests.support.campaigning import Scene, scene, until
from tests.support.chaos import report
from tests.support.databases import campaign_of, change_campaign, kill, make, read, worker
from tests.support.ledger import Entry, ledger

pytestmark = pytest.mark.anyio

NUMBERS = ["27821234567", "27827654321", "0821234567"]


@frozen
class Sent:
    """A call that was sent by somebody who died before the answer was written down."""

    stage: Scene
    store: Store
    campaign: int
    call: Claimed
    entries: list[Entry]


@asynccontextmanager
async def sent(database: str, folder: Path, numbers: list[str]) -> AsyncIterator[Sent]:
    async with scene(database, folder) as stage:
        campaign = await stage.campaigns.create("spring", numbers, "Hi")
        store = campaign._store
        await store.mark_dirty()
        dead = Moves(store, (await campaign_of(store, campaign.id)).account)
        dead.worker = (await worker(store, dead._account)).worker
        call = await dead.claim(campaign.id, 0)
        assert call is not None
        assert await dead.begin(call) is not None
        message = compile_message("Hi", {}, 0.0)
        answer = await stage.client.executor.send(numbers, message, climsgid_of(call.key, 0, 0))
        assert isinstance(answer, Lines)
        await kill(store, dead)
        yield Sent(stage, store, campaign.id, call, stage.gateway.entries())


# -- what the gateway knows


@pytest.mark.parametrize("left", range(3))
async def test_who_is_left_of_a_call_of_many(database: str, tmp_path: Path, left: int) -> None:
    """All others were reported. The gateway gives one ID for a call of many, and it need not be the last one's."""
    async with sent(database, tmp_path, NUMBERS) as scene:
        known = [report(entry) for entry in scene.entries if entry.number != NUMBERS[left]]
        await scene.store.change(lambda connection: fold(connection, known))
        await scene.stage.campaigns.work(until_done=True, settle_after=0.1)
        campaign = await scene.stage.campaigns.get("spring")
        assert (await scene.stage.verdict(campaign)).misreported == 0
        status = await campaign.status()
        assert (status.accepted, status.uncertain) == (2, 1)


async def test_a_call_of_one_that_the_gateway_knows(database: str, tmp_path: Path) -> None:
    """Its ID is that one's."""
    async with sent(database, tmp_path, NUMBERS[:1]) as scene:
        await scene.stage.campaigns.work(until_done=True, settle_after=0.1)
        verdict = await scene.stage.verdict(await scene.stage.campaigns.get("spring"))
        assert (verdict.misreported, verdict.accepted) == (0, 1)


async def test_who_was_reopened_alone(store: Store) -> None:
    """Of a call of three: the request of its generation carried nobody else, so the gateway's ID is its own."""
    campaign = await make(store, NUMBERS)
    me = await worker(store)
    call = await me.claim(campaign, 0)
    assert call is not None
    begun = await me.begin(call)
    assert begun is not None
    said = {0: Said(Outcome.ACCEPTED, "a" * 32), 1: Said(Outcome.ACCEPTED, "b" * 32)}
    await me.finish(call, begun, said, [2], again=True)
    call = await me.claim(campaign, 0)
    assert call is not None
    assert await me.begin(call) is not None
    await me.take_over([call.id])
    asked = await me.asking(call.id)
    assert asked is not None
    [question] = asked.questions()
    assert (question.climsgid, question.positions, question.is_alone) == (climsgid_of(call.key, 0, 1), [2], True)
    [question] = evolve(asked, generation=0).questions()
    assert not question.is_alone


async def test_reconciled_who_is_left_of_a_call(database: str, tmp_path: Path) -> None:
    """Likewise, where the database forgot that it was begun: reports came, and the rest is asked about."""
    async with sent(database, tmp_path, NUMBERS) as scene:
        await scene.store.step(text("UPDATE ca_calls SET state = 0, sent_epoch = NULL, worker = NULL"))
        await scene.store.step(update(workers).values(beat=0.0))
        known = [report(entry) for entry in scene.entries[:0:-1]]
        await scene.store.change(lambda connection: fold(connection, known))
        assert (await campaign_of(scene.store, scene.campaign)).reason == "reconcile"
        await scene.stage.campaigns.reconcile(settle=0.0)
        verdict = await scene.stage.verdict(await scene.stage.campaigns.get("spring"))
        assert (verdict.misreported, verdict.accepted, verdict.uncertain) == (0, 2, 1)


# -- words that come late


async def settled_as(store: Store, known: bool | None) -> tuple[int, Moves, Claimed, Begun]:
    """A call that a successor has settled, and whose sender is about to speak."""
    campaign = await make(store, NUMBERS)
    me = await worker(store)
    call = await me.claim(campaign, 0)
    assert call is not None
    begun = await me.begin(call)
    assert begun is not None
    await kill(store, me)
    successor = await worker(store)
    await successor.take_over([])
    asked = await successor.asking(call.id)
    assert asked is not None
    uncertain = Said(Outcome.uncertain(known), words=Words(None, "gone"))
    await successor.settle(asked, dict.fromkeys(range(3), uncertain))
    return campaign, me, call, begun


async def test_not_sent_says_the_sender_and_the_gateway_knows(store: Store) -> None:
    """Two who contradict each other: it stays uncertain, and no retry sends it."""
    campaign, me, call, begun = await settled_as(store, known=True)
    await me.release(call, begun)
    row = await read(store, call.id)
    assert (row.state, row.rejected, row.uncertain) == (State.SETTLED, 0, 3)
    assert await changing.retry(store, campaign, None) == 0


async def test_the_answer_to_finish_is_lost_for_long(store: Store) -> None:
    """Meanwhile what it reopened was sent by another: the worker finds its own work done, and accuses nobody."""
    campaign = await make(store, NUMBERS)
    me, other = await worker(store), await worker(store)
    call = await me.claim(campaign, 0)
    assert call is not None
    begun = await me.begin(call)
    assert begun is not None
    said = {0: Said(Outcome.ACCEPTED, "a" * 32), 1: Said(Outcome.ACCEPTED, "b" * 32)}
    await me.finish(call, begun, said, [2], again=True)
    theirs = await other.claim(campaign, 0)
    assert theirs is not None
    restart = await other.begin(theirs)
    assert restart is not None
    await me.finish(call, begun, said, [2], again=True)  # it is under way again
    await other.finish(theirs, restart, {2: Said(Outcome.ACCEPTED, "c" * 32)}, (), again=False)
    before = await read(store, call.id)
    await me.finish(call, begun, said, [2], again=True)  # it is settled
    await me.release(call, begun)
    assert await read(store, call.id) == before
    assert before.accepted == 3


async def test_a_report_of_a_try_that_nobody_remembers(store: Store) -> None:
    """Its generation is newer than the call's: the database forgot a retry, and others may be open to send."""
    campaign = await make(store, NUMBERS)
    me = await worker(store)
    call = await me.claim(campaign, 0)
    assert call is not None
    begun = await me.begin(call)
    assert begun is not None
    blocked = Said(Outcome.REJECTED, words=Words("121", "blocked"))
    await me.finish(call, begun, dict.fromkeys(range(3), blocked), (), again=False)
    entry = Entry(climsgid_of(call.key, 0, 1), NUMBERS[0], "a" * 32, 0.0, "Hi")
    await store.change(lambda connection: fold(connection, [report(entry)]))
    row = await campaign_of(store, campaign)
    assert (row.state, row.reason) == ("paused", "reconcile")
    assert Sheet.read(await read(store, call.id)).kind(0) is Outcome.ACCEPTED


@pytest.mark.parametrize("is_known", [True, False])
async def test_a_retry_that_the_database_forgot(database: str, tmp_path: Path, is_known: bool) -> None:
    """Who was rejected may have been sent to since: reconcile asks, so that no second retry doubles them."""
    async with scene(database, tmp_path) as stage:
        campaign = await stage.campaigns.create("spring", NUMBERS, "Hi")
        store = campaign._store
        me = await worker(store, (await campaign_of(store, campaign.id)).account)
        await store.mark_dirty()
        call = await me.claim(campaign.id, 0)
        assert call is not None
        begun = await me.begin(call)
        assert begun is not None
        blocked = Said(Outcome.REJECTED, words=Words("121", "blocked"))
        await me.finish(
            call, begun, dict.fromkeys((0, 1), blocked) | {2: Said(Outcome.ACCEPTED, "c" * 32)}, (), again=False
        )
        if is_known:
            message = compile_message("Hi", {}, 0.0)
            await stage.client.executor.send(NUMBERS[:2], message, climsgid_of(call.key, 0, 1))
        await change_campaign(store, campaign.id, state="paused", reason="reconcile", before="running", paused_at=0.0)
        await store.step(update(workers).values(beat=0.0))
        await stage.campaigns.reconcile(settle=0.0)
        status = await campaign.status()
        assert (status.accepted, status.rejected, status.uncertain) == ((1, 0, 2) if is_known else (1, 2, 0))
        await campaign.retry()
        await stage.campaigns.work(until_done=True)
        assert stage.gateway.counts() == dict.fromkeys(NUMBERS[:2], 1)


# -- people


async def test_a_pause_among_the_first_ones(database: str, tmp_path: Path) -> None:
    """To go on after it does not mean that somebody has looked at them: the rest still waits."""
    async with scene(database, tmp_path) as stage:
        campaign = await stage.campaigns.create("spring", [f"2782000{n:04}" for n in range(100)], "Hi", first=40)
        await campaign.pause()
        await campaign.resume()
        await stage.campaigns.work(until_done=True)
        status = await campaign.status()
        assert (status.state, status.accepted, status.ready) == ("paused", 40, 60)
        await campaign.resume()
        await stage.campaigns.work(until_done=True)
        assert (await campaign.status()).accepted == 100


async def test_a_client_that_is_slower_than_its_calls(tmp_path: Path) -> None:
    """A call that must wait for the client's own limit waits before it is begun, and not until it is held back."""
    with ledger(tmp_path) as gateway:
        account = {"api_id": 1, "user": "demo", "password": "demo", "base_url": gateway.url}
        async with (
            Client(**account, rate_limit=0.01, batch_size=1) as client,  # type: ignore[arg-type]
            Campaigns(tmp_path / "slow.db", client=client) as campaigns,
        ):
            campaign = await campaigns.create("spring", NUMBERS, "Hi")
            stop = asyncio.Event()
            work = asyncio.create_task(campaigns.work(in_flight=3, stop=stop))
            status = await until(campaign, lambda status: status.accepted)
            assert (status.out, status.ready) == (0, 2)  # both are waited for, and neither is begun
            stop.set()
            await asyncio.wait_for(work, 10)  # which does not wait for the limit
            assert (await campaign.status()).ready == 2


async def test_no_credit_and_a_full_disk(tmp_path: Path) -> None:
    """That the campaign cannot be paused must not cost what the reply said of those that were accepted."""
    numbers = [str(27820000000 + n) for n in range(1000)]
    async with scene(str(tmp_path / "full.db"), tmp_path, no_credit=0.05, seed=2, client={"batch_size": 100}) as stage:
        campaign = await stage.campaigns.create("spring", numbers, "Hi")
        store = campaign._store
        await store.mark_dirty()
        me = Moves(store, (await campaign_of(store, campaign.id)).account)
        heart = Heart(store, me, me._account, None)
        await heart.start()
        call = await me.claim(campaign.id, 0)
        assert call is not None
        executor = stage.client.executor
        lane = Lane(me, heart, executor, Outages(None), Texts(), lambda campaign, n: None)

        async def pause(campaign: int, reason: str) -> None:
            raise DatabaseFullError("the database cannot be written")

        heart.pause = pause  # type: ignore[method-assign]
        with pytest.raises(DatabaseFullError):
            await lane.carry(call, heart.sendable[campaign.id])
        row = await read(store, call.id)
        assert (row.state, row.accepted) == (State.READY, len(stage.gateway.entries()))
        assert 0 < row.accepted < 100


# -- processes


async def test_a_database_that_was_opened_before_a_fork(database: str) -> None:
    """The child must not speak on its parent's connections; the parent goes on."""
    command = [sys.executable, "-W", "ignore", "-c", FORKS, database]
    done = await asyncio.to_thread(subprocess.run, command, check=False, capture_output=True, text=True, timeout=20)
    assert done.stdout.splitlines() == [
        "child: the database was opened in another process; after a fork, open it again",
        "child, closed",
        "parent: []",
    ], done.stderr


FORKS = """
import asyncio, os, sys, threading
from clickasync.campaigns import Campaigns

async def use(campaigns):
    try:
        await campaigns.list()
    except RuntimeError as error:
        print(f"child: {error}", flush=True)
    await campaigns.aclose()
    print("child, closed", flush=True)

async def main():
    async with Campaigns(sys.argv[1]) as campaigns:
        await campaigns.list()
        if (child := os.fork()) == 0:
            thread = threading.Thread(target=lambda: asyncio.run(use(campaigns)))
            thread.start()
            thread.join()
            os._exit(0)
        await asyncio.to_thread(os.waitpid, child, 0)
        print("parent:", await campaigns.list(), flush=True)

asyncio.run(main())
"""
