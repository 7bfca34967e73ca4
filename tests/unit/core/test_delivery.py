"""Waiting for a delivery: questions with growing pauses, and reports that cut them short."""

from __future__ import annotations

import anyio
import pytest
from attrs import frozen

from clickasync.codes import MessageStatus
from clickasync.core.delivery import DeliveryWatch
from clickasync.results import MessageState
from tests.support.virtual import on_virtual_time

pytestmark = pytest.mark.anyio

QUEUED, DELIVERED = MessageStatus("002"), MessageStatus("004")


@frozen
class Report:
    id: str
    status: MessageStatus


class Asked:
    """Gives the states of a message, one after another, and the last one for ever."""

    def __init__(self, *statuses: MessageStatus) -> None:
        self.statuses = list(statuses)
        self.times: list[float] = []

    async def __call__(self) -> MessageState:
        self.times.append(anyio.current_time())
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return MessageState("m", status)


@on_virtual_time
async def test_it_is_asked_at_once() -> None:
    """A message that is delivered already needs no wait."""
    start = anyio.current_time()
    assert await DeliveryWatch().wait("m", Asked(DELIVERED)) == MessageState("m", DELIVERED)
    assert anyio.current_time() == start


@on_virtual_time
async def test_the_pauses_between_questions_grow() -> None:
    """From half a second to half a minute."""
    asked = Asked(*[QUEUED] * 9, DELIVERED)
    await DeliveryWatch().wait("m", asked)
    pauses = [later - earlier for earlier, later in zip(asked.times, asked.times[1:], strict=False)]
    assert pauses == pytest.approx([0.5, 1, 2, 4, 8, 16, 30, 30, 30])


@on_virtual_time
async def test_a_report_makes_it_sooner() -> None:
    """Only a final one, and only one about this message."""
    watch, asked = DeliveryWatch(), Asked(QUEUED)
    start = anyio.current_time()

    async def reports() -> None:
        await anyio.sleep(5)
        watch.report(Report("m", MessageStatus("003")))
        watch.report(Report("other", DELIVERED))
        await anyio.sleep(5)
        watch.report(Report("m", DELIVERED))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(reports)
        assert await watch.wait("m", asked) == MessageState("m", DELIVERED)
        assert anyio.current_time() - start == pytest.approx(10)


@on_virtual_time
async def test_reports_do_not_stop_the_questions() -> None:
    """One may be lost, or go to another process."""
    watch, asked = DeliveryWatch(), Asked(QUEUED, QUEUED, QUEUED, DELIVERED)
    watch.report(Report("other", DELIVERED))
    await watch.wait("m", asked)
    assert len(asked.times) == 4


@on_virtual_time
async def test_a_report_that_came_before_is_remembered() -> None:
    """For those who ask a little later."""
    watch, asked = DeliveryWatch(), Asked(QUEUED)
    watch.report(Report("m", DELIVERED))
    assert await watch.wait("m", asked) == MessageState("m", DELIVERED)
    assert not asked.times


@on_virtual_time
async def test_all_who_wait_for_one_message_are_woken() -> None:
    """And only they."""
    watch = DeliveryWatch()
    done: list[str] = []

    async def wait(id: str) -> None:
        await watch.wait(id, Asked(QUEUED))
        done.append(id)

    async with anyio.create_task_group() as tasks:
        for id in ("m", "m", "other"):
            tasks.start_soon(wait, id)
        await anyio.sleep(0.1)
        watch.report(Report("m", DELIVERED))
        await anyio.sleep(0.1)
        assert done == ["m", "m"]
        tasks.cancel_scope.cancel()


@on_virtual_time
async def test_ten_thousand_reports_are_remembered() -> None:
    """And the oldest forgotten, so that memory does not grow with the months."""
    watch = DeliveryWatch()
    for number in range(10_001):
        watch.report(Report(str(number), DELIVERED))
    assert (await watch.wait("1", Asked(QUEUED))).status is DELIVERED
    assert (await watch.wait("10000", Asked(QUEUED))).status is DELIVERED
    asked = Asked(MessageStatus("007"))
    assert (await watch.wait("0", asked)).status == "007"
    assert len(asked.times) == 1


@on_virtual_time
async def test_those_who_wait_no_more_are_forgotten() -> None:
    """Whether they got their answer, or were cancelled."""
    watch = DeliveryWatch()
    for _ in range(3):
        with anyio.move_on_after(1):
            await watch.wait("m", Asked(QUEUED))
        await watch.wait("m", Asked(DELIVERED))
    assert not watch.waiting
