"""The table of the states of a call, row by row, on both databases; and that there is no other way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from clickasync.campaigns import changing
from clickasync.campaigns.errors import DatabaseForgotError
from clickasync.campaigns.functions import now
from clickasync.campaigns.heart import Heart
from clickasync.campaigns.moves import NOT_SENT, Asking, Begun, Claimed, Moves
from clickasync.campaigns.results import read_results
from clickasync.campaigns.sheet import Said, Sheet, Words
from clickasync.campaigns.states import Outcome, State
from clickasync.campaigns.store import Store
from tests.support.databases import (
    ME,
    SOMEBODY_ELSE,
    change,
    change_campaign,
    ids,
    kill,
    make,
    read,
    worker,
)

pytestmark = pytest.mark.anyio

NUMBERS = ["27821234567", "27827654321", "0821234567"]
ACCEPTED = {n: Said(Outcome.ACCEPTED, f"{n:032x}") for n in range(1, 3)} | {0: Said(Outcome.ACCEPTED, "a" * 32)}
UNCERTAIN = dict.fromkeys(range(3), Said(Outcome.UNCERTAIN, words=Words(None, "reset")))
MINE, OLD = 5, 4
BEGUN = Begun(bytes(3), 0, 0, is_first=True)


def hand(id: int, campaign: int, epoch: int) -> Claimed:
    return Claimed(id, campaign, epoch, bytes(12), False, NUMBERS, None, None)


Move = Callable[[Store, Moves, int, int], Awaitable[object]]


async def _claim(store: Store, me: Moves, id: int, epoch: int) -> object:
    row = await read(store, id)
    return await me.claim(row.campaign_id, 0)


async def _begin(store: Store, me: Moves, id: int, epoch: int) -> object:
    return await me.begin(hand(id, 1, epoch))


async def _give_back(store: Store, me: Moves, id: int, epoch: int) -> object:
    await me.give_back(hand(id, 1, epoch))
    return None


async def _release(store: Store, me: Moves, id: int, epoch: int) -> object:
    await me.release(hand(id, 1, epoch), BEGUN)
    return None


async def _finish(store: Store, me: Moves, id: int, epoch: int) -> object:
    await me.finish(hand(id, 1, epoch), BEGUN, ACCEPTED, (), again=False)
    return None


async def _take_over(store: Store, me: Moves, id: int, epoch: int) -> object:
    if epoch == MINE:
        await change(store, id, worker=None)
    return await me.take_over([])


async def _settle(store: Store, me: Moves, id: int, epoch: int) -> object:
    await me.settle(Asking(id, epoch, bytes(12), False, 0, bytes(3), 9.0), UNCERTAIN)
    return None


async def _retry(store: Store, me: Moves, id: int, epoch: int) -> object:
    if epoch == MINE:
        await change(store, id, sent_epoch=None)
    return await changing.retry(store, (await read(store, id)).campaign_id, None)


MOVES: dict[str, Move] = {
    "claim": _claim,
    "begin": _begin,
    "give back": _give_back,
    "release": _release,
    "finish": _finish,
    "take over": _take_over,
    "settle": _settle,
    "retry": _retry,
}
TABLE = {
    ("claim", State.READY, MINE): State.CLAIMED,
    ("claim", State.READY, OLD): State.CLAIMED,
    ("begin", State.CLAIMED, MINE): State.OUT,
    ("begin", State.OUT, MINE): State.OUT,
    ("give back", State.CLAIMED, MINE): State.READY,
    ("give back", State.OUT, MINE): State.READY,
    ("release", State.OUT, MINE): State.READY,
    ("release", State.ASKING, MINE): State.READY,
    ("release", State.SETTLED, MINE): State.SETTLED,
    ("finish", State.OUT, MINE): State.SETTLED,
    ("finish", State.ASKING, MINE): State.SETTLED,
    ("finish", State.SETTLED, MINE): State.SETTLED,
    ("take over", State.CLAIMED, MINE): State.READY,
    ("take over", State.OUT, MINE): State.ASKING,
    ("take over", State.ASKING, MINE): State.ASKING,
    ("settle", State.ASKING, MINE): State.SETTLED,
    ("retry", State.SETTLED, MINE): State.READY,
}
"""Move, state, and whether its condition (the epoch; no live worker; the sender has spoken) is met: where it leads."""


async def prepared(store: Store, me: Moves, state: State) -> int:
    """A call in a state, in the hand of `me`, whose epoch is MINE."""
    await make(store, NUMBERS)
    [id] = await ids(store)
    sheet = Sheet.blank(bytes(3))
    if state is State.SETTLED:
        sheet.say({0: UNCERTAIN[0], 1: Said(Outcome.REJECTED, words=Words("121", "blocked")), 2: UNCERTAIN[2]}, 0)
    sent = MINE if state in (State.OUT, State.ASKING, State.SETTLED) else None
    await change(store, id, state=state.value, epoch=MINE, sent_epoch=sent, worker=me.worker, **sheet.columns())
    if state is State.READY:
        await change(store, id, worker=None)
    return id


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("move", MOVES)
async def test_every_move_in_every_state(store: Store, move: str, state: State) -> None:
    """A move leads where the table says if its condition is met, and changes nothing otherwise."""
    for epoch in (MINE, OLD):
        me = await worker(store)
        await worker(store, SOMEBODY_ELSE)
        id = await prepared(store, me, state)
        expected = TABLE.get((move, state, epoch))
        before = await read(store, id)
        try:
            await MOVES[move](store, me, id, epoch)
        except DatabaseForgotError:
            assert expected is None
            assert move in ("release", "finish")
        after = await read(store, id)
        if expected is None:
            unchanged = {**before._mapping, **({"worker": None} if move == "take over" else {})}
            if move == "retry" and epoch == MINE:
                unchanged["sent_epoch"] = None
            if move == "take over" and epoch == OLD:
                unchanged["worker"] = before.worker
            if move == "take over" and state is State.READY:
                unchanged["worker"] = None
            assert after._mapping == unchanged
        else:
            assert State(after.state) is expected
            assert after.epoch == MINE + (move in ("claim", "take over"))
        await changing.cancel(store, before.campaign_id)
        await change(store, id, state=State.SETTLED.value, out_at=None)
        await changing.delete_campaign(store, before.campaign_id)


async def test_a_claim_and_what_follows(store: Store) -> None:
    """The usual way: claimed, begun, finished; the outcomes stand there."""
    campaign = await make(store, NUMBERS)
    me = await worker(store)
    call = await me.claim(campaign, 0)
    assert call is not None
    assert (list(call.numbers), call.epoch, call.is_block) == (NUMBERS, 1, False)
    begun = await me.begin(call)
    assert begun is not None
    assert (begun.open, begun.generation) == ([0, 1, 2], 0)
    await me.finish(call, begun, ACCEPTED, (), again=False)
    row = await read(store, call.id)
    assert (row.state, row.sent_epoch, row.said_epoch, row.worker, row.accepted) == (State.SETTLED, None, 1, None, 3)
    results = [result async for result in read_results(store, campaign)]
    assert [(each.to, each.result, each.id) for each in results] == [
        (number, "accepted", ACCEPTED[n].id) for n, number in enumerate(NUMBERS)
    ]


@pytest.mark.parametrize(
    "columns",
    [{"state": "paused"}, {"state": "cancelled"}, {"state": "loading"}, {"account": SOMEBODY_ELSE}],
    ids=lambda columns: next(iter(columns.values()))[:9],
)
async def test_what_may_not_be_claimed(store: Store, columns: dict[str, Any]) -> None:
    """Of a campaign that does not run, or of another account."""
    campaign = await make(store, NUMBERS)
    await change_campaign(store, campaign, **columns)
    assert await (await worker(store)).claim(campaign, 0) is None


async def test_a_worker_that_is_not_registered_claims_nothing(store: Store) -> None:
    """Nobody would look after its calls."""
    campaign = await make(store, NUMBERS)
    assert await Moves(store, "me").claim(campaign, 0) is None


async def test_what_is_held_back_is_not_claimed(store: Store) -> None:
    """Until somebody has looked at what went out first."""
    campaign = await make(store, NUMBERS, first=2)
    me = await worker(store)
    first = await me.claim(campaign, 0)
    assert first is not None
    assert len(first.numbers) == 2
    assert await me.claim(campaign, 0) is None
    await change_campaign(store, campaign, state="paused")
    await changing.resume(store, campaign)  # of what went out first, nobody can have seen what became of it
    assert await me.claim(campaign, 0) is None
    begun = await me.begin(first)
    assert begun is not None
    await me.finish(first, begun, {n: ACCEPTED[n] for n in range(2)}, (), again=False)
    await change_campaign(store, campaign, state="paused")
    await changing.resume(store, campaign)
    assert await me.claim(campaign, 0) is not None


@pytest.mark.parametrize(
    "columns",
    [
        {"state": "paused"},
        {"state": "cancelled"},
        {"opens_at": now() + 60, "closes_at": now() + 120},
        {"opens_at": now() - 60, "closes_at": now() - 1},
    ],
    ids=["paused", "cancelled", "not open yet", "closed"],
)
async def test_what_may_not_be_begun(store: Store, columns: dict[str, Any]) -> None:
    """Although it was claimed before."""
    campaign = await make(store, NUMBERS)
    me = await worker(store)
    call = await me.claim(campaign, 0)
    assert call is not None
    await change_campaign(store, campaign, **columns)
    assert await me.begin(call) is None
    await me.give_back(call)
    assert (await read(store, call.id)).state == State.READY


async def test_begin_again_gives_the_same(store: Store) -> None:
    """A worker that got no answer to it begins once more."""
    campaign = await make(store, NUMBERS)
    me = await worker(store)
    call = await me.claim(campaign, 0)
    assert call is not None
    assert await me.begin(call) == await me.begin(call)


async def test_only_calls_of_my_account_are_asked_about(store: Store) -> None:
    """Those that another account has begun are left to its workers; those that were only claimed are not."""
    me, other = await worker(store), await worker(store, SOMEBODY_ELSE)
    await make(store, NUMBERS, account=SOMEBODY_ELSE, name="theirs", batch_size=1)
    first, second, _ = await ids(store)
    await change(store, first, state=State.CLAIMED.value, worker=other.worker)
    await change(store, second, state=State.OUT.value, worker=other.worker)
    await kill(store, other)
    assert await me.take_over([]) == []
    assert (await read(store, first)).state == State.READY
    assert (await read(store, second)).state == State.OUT
    assert await (await worker(store, SOMEBODY_ELSE)).take_over([]) == [second]


async def test_what_i_lost_i_take_over_by_name(store: Store) -> None:
    """A claim whose answer was lost: I am alive, and none of my lanes has it in hand."""
    campaign = await make(store, NUMBERS)
    me = await worker(store)
    call = await me.claim(campaign, 0)
    assert call is not None
    assert await me.mine() == {(call.id, call.epoch)}
    await me.take_over([])
    assert (await read(store, call.id)).state == State.CLAIMED
    await me.take_over([call.id])
    assert (await read(store, call.id)).state == State.READY


async def test_a_late_release_is_not_sent(store: Store) -> None:
    """What was told as uncertain is never sent by itself: it is rejected, and waits for a person."""
    campaign = await make(store, NUMBERS)
    me = await worker(store)
    id = await prepared_out(store, me, campaign)
    await kill(store, me)
    successor = await worker(store)
    assert await successor.take_over([]) == [id]
    asked = await successor.asking(id)
    assert asked is not None
    await successor.settle(asked, UNCERTAIN)
    await me.release(hand(id, campaign, 1), BEGUN)
    row = await read(store, id)
    assert (row.state, row.rejected, row.sent_epoch) == (State.SETTLED, 3, None)
    assert Sheet.read(row).words_of(0) == NOT_SENT
    assert await changing.retry(store, campaign, None) == 3
    assert (await read(store, id)).gen == 1


async def prepared_out(store: Store, me: Moves, campaign: int) -> int:
    call = await me.claim(campaign, 0)
    assert call is not None
    assert await me.begin(call) is not None
    return call.id


async def test_the_senders_word_wins_whenever_it_comes(store: Store) -> None:
    """After a successor said uncertain: nobody else can have sent that call."""
    campaign = await make(store, NUMBERS)
    me = await worker(store)
    id = await prepared_out(store, me, campaign)
    await kill(store, me)
    successor = await worker(store)
    await successor.take_over([])
    asked = await successor.asking(id)
    assert asked is not None
    await successor.settle(asked, UNCERTAIN)
    assert (await read(store, id)).uncertain == 3
    await me.finish(hand(id, campaign, 1), BEGUN, ACCEPTED, (), again=False)
    row = await read(store, id)
    assert (row.state, row.accepted, row.uncertain) == (State.SETTLED, 3, 0)
    await me.finish(hand(id, campaign, 1), BEGUN, ACCEPTED, (), again=False)  # once more, for want of an answer


async def test_a_retry_waits_for_the_senders_word(store: Store) -> None:
    """Who has begun it and did not speak may still do so."""
    me = await worker(store)
    id = await prepared(store, me, State.SETTLED)
    campaign = (await read(store, id)).campaign_id
    assert await changing.retry(store, campaign, None) == 0
    await me.finish(hand(id, campaign, MINE), BEGUN, {}, (), again=False)
    assert await changing.retry(store, campaign, ["114"]) == 0
    assert await changing.retry(store, campaign, ["121"]) == 1
    row = await read(store, id)
    assert (row.state, row.gen, Sheet.read(row).open()) == (State.READY, 1, [1])


async def test_retried_twice_for_different_errors(store: Store) -> None:
    """Each retry is a try of its own for the gateway, and each result keeps that under which it came about."""
    campaign = await make(store, NUMBERS)
    me = await worker(store)

    async def send(said: dict[int, Said]) -> None:
        call = await me.claim(campaign, 0)
        assert call is not None
        begun = await me.begin(call)
        assert begun is not None
        assert begun.open == sorted(said)
        await me.finish(call, begun, said, (), again=False)

    blocked, unroutable = (Said(Outcome.REJECTED, words=Words(code, "no")) for code in ("121", "114"))
    await send({0: blocked, 1: unroutable, 2: ACCEPTED[2]})
    assert await changing.retry(store, campaign, ["121"]) == 1
    await send({0: ACCEPTED[0]})
    assert await changing.retry(store, campaign, ["114"]) == 1
    await send({1: unroutable})
    assert await changing.retry(store, campaign, ["114"]) == 1
    await send({1: ACCEPTED[1]})
    assert await changing.retry(store, campaign, None) == 0
    results = [result async for result in read_results(store, campaign)]
    assert [(each.result, (each.climsgid or "")[-4:]) for each in results] == [
        ("accepted", "0001"),
        ("accepted", "0003"),
        ("accepted", "0000"),
    ]


async def test_only_a_steady_worker_takes_over(store: Store) -> None:
    """After an outage all beats are old: whoever is back first must not take all others for dead."""
    me = await worker(store)
    heart = Heart(store, me, ME, None)
    await heart.start()
    assert not heart.is_steady


async def test_a_call_is_claimed_by_one_of_many(store: Store) -> None:
    """Each worker gets another one."""
    campaign = await make(store, [str(27820000000 + n) for n in range(20)], batch_size=1)
    workers = [await worker(store) for _ in range(4)]
    claimed = [await each.claim(campaign, 0) for _ in range(5) for each in workers]
    assert sorted(call.id for call in claimed if call is not None) == await ids(store)
    assert await workers[0].claim(campaign, 0) is None
