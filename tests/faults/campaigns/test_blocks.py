"""Blocks of personal texts that are cut off in the middle, and what may leave at all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from attrs import define, evolve, field

from clickasync import ErrorCode, GatewayError, Message, OutcomeUnknownError, TransportError, UnreachableError
from clickasync.campaigns.heart import Heart
from clickasync.campaigns.lane import Lane
from clickasync.campaigns.moves import Moves
from clickasync.campaigns.outages import Outages
from clickasync.campaigns.states import State
from clickasync.campaigns.store import Store
from clickasync.campaigns.texts import Texts
from clickasync.core.watching import Watch
from clickasync.errors import ApiError, CreditError
from clickasync.law import Sending
from clickasync.protocol import Lines
from clickasync.results import MessageState
from tests.support.campaigning import scene
from tests.support.databases import ME, campaign_of, ids, make, read

pytestmark = pytest.mark.anyio

NUMBERS = [str(27820000000 + n) for n in range(25)]
PERSONAL = [Message(number, f"Hi {number}") for number in NUMBERS]
Answer = Callable[[list[str]], list[str | ApiError | None] | Exception | Awaitable[None]]


@define
class Session:
    async def live(self) -> None: ...


@define
class Gateway:
    """What a lane sends with: answers as told, and notes what left."""

    answer: Any
    left: list[str] = field(factory=list)
    climsgids: list[str] = field(factory=list)
    session: Session = field(factory=Session)
    watch: Watch = field(factory=Watch)

    async def send(self, numbers: list[str], message: object, climsgid: str, *, sending: Sending) -> Lines:
        sending.mark_sent()
        self.left += numbers
        self.climsgids.append(climsgid)
        answer = self.answer(numbers)
        if asyncio.iscoroutine(answer):
            answer = await answer
        sending.maybe_sent = isinstance(answer, OutcomeUnknownError)
        if isinstance(answer, Exception):
            raise answer
        return Lines(answer)

    async def ask_outcome(self, climsgid: str, *, chosen: bool, patient: bool = False) -> MessageState | bool | None:
        return False


@define
class Cast:
    lane: Lane
    moves: Moves
    heart: Heart
    gateway: Gateway
    campaign: int
    id: int

    async def carry(self) -> None:
        call = await self.moves.claim(self.campaign, 0)
        assert call is not None
        await self.lane.carry(call, self.heart.sendable[self.campaign])


async def prepared(store: Store, source: list[Any], answer: Any) -> Cast:
    campaign = await make(store, source)
    moves = Moves(store, ME)
    heart = Heart(store, moves, ME, None)
    await heart.start()
    gateway = Gateway(answer)
    lane = Lane(moves, heart, gateway, Outages(None), Texts(), lambda campaign, n: None)  # type: ignore[arg-type]
    return Cast(lane, moves, heart, gateway, campaign, (await ids(store))[0])


def good(numbers: list[str]) -> list[str]:
    return [f"{int(number):032x}" for number in numbers]


def failing_at(position: int, failure: Any) -> Callable[[list[str]], Any]:
    return lambda numbers: failure(numbers) if numbers[0] == NUMBERS[position] else good(numbers)


async def outcomes(store: Store, cast: Cast) -> tuple[int, int, int, int, int]:
    row = await read(store, cast.id)
    return row.state, row.accepted, row.rejected, row.uncertain, row.gen


async def test_refused_in_the_middle(store: Store) -> None:
    """A recipient is rejected, and the rest goes on."""
    error = UnreachableError(ErrorCode("121"), "blocked")
    cast = await prepared(store, PERSONAL, failing_at(9, lambda _: error))
    await cast.carry()
    assert await outcomes(store, cast) == (State.SETTLED, 24, 1, 0, 0)
    assert len(set(cast.gateway.climsgids)) == 25


async def test_no_credit_in_the_middle(store: Store) -> None:
    """Nothing more leaves; who did not get it is sent to once it goes on, under the same climsgid."""
    cast = await prepared(store, PERSONAL, failing_at(9, lambda _: CreditError(ErrorCode("301"), "No credit left")))
    await cast.carry()
    assert await outcomes(store, cast) == (State.READY, 9, 0, 0, 0)
    assert (await campaign_of(store, cast.campaign)).state == "paused"
    assert cast.gateway.left == NUMBERS[:10]


async def test_unknown_in_the_middle(store: Store) -> None:
    """One is uncertain, and the rest goes on."""
    cast = await prepared(store, PERSONAL, failing_at(9, lambda _: OutcomeUnknownError("reset")))
    await cast.carry()
    assert await outcomes(store, cast) == (State.SETTLED, 24, 0, 1, 0)


async def test_not_reached_in_the_middle(store: Store) -> None:
    """What was not sent is sent later, and what was accepted is kept."""
    cast = await prepared(store, PERSONAL, failing_at(9, lambda _: TransportError("refused")))
    await cast.carry()
    assert await outcomes(store, cast) == (State.READY, 9, 0, 0, 0)
    cast.gateway.answer, cast.gateway.left = good, []
    await cast.carry()
    assert await outcomes(store, cast) == (State.SETTLED, 25, 0, 0, 0)
    assert cast.gateway.left == NUMBERS[9:]


async def test_asked_for_a_retry_in_the_middle(store: Store) -> None:
    """901 up to three times, each under another climsgid; then it is rejected."""
    cast = await prepared(store, PERSONAL, failing_at(9, lambda _: GatewayError(ErrorCode("901"), "Internal error")))
    for generation in range(1, 4):
        await cast.carry()
        assert await outcomes(store, cast) == (State.READY, 24, 0, 0, generation)
    await cast.carry()
    assert await outcomes(store, cast) == (State.SETTLED, 24, 1, 0, 3)
    assert len(set(cast.gateway.climsgids)) == 28


async def test_ended_in_the_middle(store: Store) -> None:
    """The one that is under way is uncertain; what did not leave is sent by whoever comes next."""
    reached = asyncio.Event()

    async def hang() -> None:
        reached.set()
        await asyncio.sleep(60)

    cast = await prepared(store, PERSONAL, failing_at(9, lambda _: hang()))
    task = asyncio.create_task(cast.carry())
    await reached.wait()
    task.cancel()
    await asyncio.wait([task])
    assert await outcomes(store, cast) == (State.READY, 9, 0, 1, 0)
    cast.gateway.answer, cast.gateway.left = good, []
    await cast.carry()
    assert cast.gateway.left == NUMBERS[10:]
    assert await outcomes(store, cast) == (State.SETTLED, 24, 0, 1, 0)


async def test_killed_in_the_middle(store: Store) -> None:
    """The gateway is asked about each by itself: none of what may have left is sent again."""
    cast = await prepared(store, PERSONAL, good)
    call = await cast.moves.claim(cast.campaign, 0)
    assert call is not None
    await cast.moves.begin(call)
    await cast.moves.take_over([call.id])
    asked = await cast.moves.asking(call.id)
    assert asked is not None
    assert len(asked.questions()) == 25
    assert all(question.is_alone for question in asked.questions())


@pytest.mark.parametrize("clock", ["monotonic", "wall"])
async def test_what_was_begun_long_ago_does_not_leave(store: Store, clock: str) -> None:
    """A machine that was suspended between `begin` and the request: by either clock."""
    cast = await prepared(store, [*NUMBERS], good)
    times = iter([(0.0, 0.0), (21.0, 0.5) if clock == "monotonic" else (0.5, 21.0)])
    cast.lane.clocks = lambda: next(times)
    await cast.carry()
    assert cast.gateway.left == []
    assert (await read(store, cast.id)).state == State.READY


async def test_what_was_paused_meanwhile_does_not_leave(store: Store) -> None:
    """As the heart has seen it, also between a request and its repeat."""
    cast = await prepared(store, PERSONAL, good)
    cast.gateway.answer = partial(_pausing, cast)
    await cast.carry()
    assert cast.gateway.left == NUMBERS[:3]
    assert await outcomes(store, cast) == (State.READY, 3, 0, 0, 0)


async def _pausing(cast: Cast, numbers: list[str]) -> list[str]:
    if numbers == [NUMBERS[2]]:
        await cast.heart.pause(cast.campaign, "look")
    return good(numbers)


async def test_a_time_that_has_passed_pauses(store: Store, tmp_path: Path) -> None:
    """An option that became wrong while the campaign waited."""
    cast = await prepared(store, [*NUMBERS], good)
    campaign = cast.heart.sendable[cast.campaign]
    cast.heart.sendable[cast.campaign] = evolve(campaign, options='{"scheduled_time": 1000000000}')
    await cast.carry()
    row = await campaign_of(store, cast.campaign)
    assert row.state == "paused"
    assert "scheduled_time" in row.reason
    assert cast.gateway.left == []


async def test_personal_texts_end_to_end(database: str, tmp_path: Path) -> None:
    """Through resets before and after acceptance, everybody gets the text that is theirs, once."""
    async with scene(database, tmp_path, seed=4, reset_before=0.05, reset_after=0.05, retry=0.05) as stage:
        campaign = await stage.campaigns.create("spring", [Message(each, f"Hi {each}") for each in NUMBERS * 1])
        await stage.campaigns.work(until_done=True)
        verdict = await stage.verdict(campaign)
        assert verdict.is_clean, verdict
        assert all(entry.text == f"Hi {entry.number}" for entry in stage.gateway.entries())
