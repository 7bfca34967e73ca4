"""Accidents, made: each rule of campaigns that names one has a test that makes it."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from sqlalchemy import insert, text, update

from clickasync import Client, ConfigurationError
from clickasync.campaigns import Campaigns, DatabaseForgotError, DatabaseFullError, changing, upkeep
from clickasync.campaigns.functions import now
from clickasync.campaigns.heart import Heart
from clickasync.campaigns.lane import Lane
from clickasync.campaigns.loading import Loader, find
from clickasync.campaigns.moves import Begun, Claimed, Moves
from clickasync.campaigns.optouts import OptOuts
from clickasync.campaigns.outages import Outages
from clickasync.campaigns.packing import Item, Packer, Rules
from clickasync.campaigns.schema import calls, campaigns, meta, optouts, rates, workers
from clickasync.campaigns.sheet import Said
from clickasync.campaigns.states import Outcome, State
from clickasync.campaigns.store import Store
from clickasync.campaigns.texts import Texts
from clickasync.core.watching import Watch
from clickasync.protocol import Lines
from clickasync.simulator import Gateway
from tests.support.campaigning import Scene, scene, until
from tests.support.databases import ME, campaign_of, ids, make, opened, read, shared_server, worker
from tests.support.dropping_proxy import dropping_proxy
from tests.support.ledger import ledger
from tests.support.virtual import answer, client_of

pytestmark = pytest.mark.anyio

NUMBERS = [str(27820000000 + n) for n in range(100)]


def accepted(call: Claimed) -> dict[int, Said]:
    return {n: Said(Outcome.ACCEPTED, f"{n:032x}") for n in range(len(call.numbers))}


# -- answers of the database that are lost


@pytest.mark.parametrize("passed", [0, 1], ids=["asked", "carried out"])
async def test_lost_answers_of_each_step(passed: int) -> None:
    """Carried out or not: the step is repeated, and finds its own work done, or does it."""
    server = shared_server()
    url = server.new_database()
    async with opened(url) as direct, dropping_proxy(server.port) as proxy:
        campaign = await make(direct, NUMBERS[:40], batch_size=10)
        me = await worker(direct)
        async with opened(url.replace(str(server.port), str(proxy.port)), pool_size=1) as store:

            async def arm() -> None:
                await store.version()  # there is a connection: the first answer is to the statement's text
                proxy.drop, proxy.skip = 1, passed

            mine = await worker(store)
            mine.worker = me.worker
            await arm()
            call = await mine.claim(campaign, 0)
            assert call is not None
            lost = [each for each in await mine.mine() if each[0] != call.id]
            assert len(lost) == passed  # a claim that was carried out: the repeated one gives another call
            await arm()
            begun = await mine.begin(call)
            assert begun is not None
            await arm()
            await mine.finish(call, begun, accepted(call), (), again=False)
            row = await read(direct, call.id)
            assert (row.state, row.accepted, row.sent_epoch) == (State.SETTLED, 10, None)
            call = await mine.claim(campaign, 0)
            assert call is not None
            begun = await mine.begin(call)
            assert begun is not None
            await arm()
            await mine.release(call, begun)
            assert (await read(direct, call.id)).state == State.READY
            assert proxy.dropped == 4


async def test_a_worker_behind_a_wire_that_drops_answers(tmp_path: Path) -> None:
    """Everybody is sent to once, whatever gets lost; a claim that nobody heard of is found again."""
    server = shared_server()
    url = server.new_database()
    async with dropping_proxy(server.port) as proxy, scene(url, tmp_path, seed=1, latency=0.01) as direct:
        campaign = await direct.campaigns.create("spring", NUMBERS, "Hi", rate_limit=200)
        async with Campaigns(url.replace(str(server.port), str(proxy.port)), client=direct.client) as sending:
            proxy.every = 17
            await sending.work(until_done=True, in_flight=3)
            proxy.every = 0
        verdict = await direct.verdict(campaign)
        assert proxy.dropped > 2
        assert (verdict.is_clean, verdict.accepted) == (True, 100), verdict


# -- loading


def packed(numbers: list[str]) -> tuple[Packer, list[dict[str, object]]]:
    keys = iter(range(10**6))
    packer = Packer(Rules(10, lambda: next(keys).to_bytes(12), lambda text, options: None))
    return packer, [*packer.add([Item(n, number) for n, number in enumerate(numbers, 1)]), *packer.flush()]


COLUMNS = {"account": ME, "text": "Hi", "options": "{}", "windows": "[]"}


async def test_a_loader_that_stalls_writes_nothing_more(store: Store) -> None:
    """Another one has taken its campaign, deleted what it had stored, and loaded everything itself."""
    stalled = Loader(store, "spring")
    await stalled.start(dict(COLUMNS), None)
    packer, calls = packed(NUMBERS)
    await stalled.put(calls[:5], packer, last=True)
    assert len(await ids(store)) == 5
    existing = await find(store, "spring")
    assert existing is not None
    assert existing.is_being_loaded
    with pytest.raises(ConfigurationError, match="taken over"):
        await Loader(store, "spring").start(dict(COLUMNS), existing)
    await store.step(update(campaigns).values(loader_beat=now() - 60))
    existing = await find(store, "spring")
    assert existing is not None
    assert not existing.is_being_loaded
    second = Loader(store, "spring")
    await second.start(dict(COLUMNS), existing)
    assert await ids(store) == []
    packer, calls = packed(NUMBERS)
    await second.put(calls, packer, last=True)
    await second.finish(packer, "f", "running", None)
    for attempt in (stalled.put(calls[5:], packer, last=True), stalled.finish(packer, "f", "running", None)):
        with pytest.raises(ConfigurationError, match="taken over"):
            await attempt
    assert len(await ids(store)) == 10


async def test_two_who_create_the_same_at_once(database: str, tmp_path: Path) -> None:
    """One loads; the other is told so, or finds it there. Nobody is loaded twice."""
    async with scene(database, tmp_path) as stage, Campaigns(database, client=stage.client) as others:
        numbers = [str(27820000000 + n) for n in range(9000)]
        made = await asyncio.gather(
            stage.campaigns.create("spring", numbers, "Hi"),
            others.create("spring", numbers, "Hi"),
            return_exceptions=True,
        )
        refused = [each for each in made if isinstance(each, BaseException)]
        assert len(refused) <= 1
        assert all(isinstance(each, ConfigurationError) for each in refused)
        campaign = await stage.campaigns.create("spring", numbers, "Hi")
        assert (await campaign.status()).recipients == 9000
        assert len({result.to async for result in campaign.results()}) == 9000


# -- clocks, rates, pauses


async def test_the_clock_jumps(tmp_path: Path) -> None:
    """Ten minutes back and forward: workers are taken for dead or not, and everybody is sent to once."""
    for jump in (-600.0, 600.0):
        offset = 0.0
        database = str(tmp_path / f"{jump}.db")
        async with scene(database, tmp_path, seed=1, latency=0.05) as stage:
            campaign = await stage.campaigns.create("spring", NUMBERS, "Hi", rate_limit=60)
            async with Campaigns(database, client=stage.client, clock=lambda: time.time() + offset) as sending:  # noqa: B023
                work = asyncio.create_task(sending.work(until_done=True, in_flight=2))
                await until(campaign, lambda status: status.accepted)
                offset = jump
                await asyncio.wait_for(work, 60)
            verdict = await stage.verdict(campaign)
            assert (verdict.is_clean, verdict.accepted) == (True, 100), verdict


async def test_a_worker_from_the_future_is_dead(store: Store) -> None:
    """A clock that was set back must not keep its calls from everybody for ten minutes; nor a rate."""
    campaign = await make(store, NUMBERS, rate_limit=10)
    me, successor = await worker(store), await worker(store)
    call = await me.claim(campaign, 0)
    assert call is not None
    await store.step(update(workers).where(workers.c.id == me.worker).values(beat=now() + 600))
    await store.step(update(rates).values(free_at=now() + 600))
    await successor.take_over([])
    assert (await read(store, call.id)).state == State.READY
    [reserved] = await store.step(upkeep.RESERVE, b_scope=f"campaign:{campaign}", b_n=10)
    assert reserved.wait == pytest.approx(0.0, abs=0.5)
    [reserved] = await store.step(upkeep.RESERVE, b_scope=f"campaign:{campaign}", b_n=10)
    assert reserved.wait == pytest.approx(1.0, abs=0.5)
    await store.step(upkeep.RESERVE, b_scope=f"campaign:{campaign}", b_n=10)
    assert await store.step(upkeep.RESERVE, b_scope=f"campaign:{campaign}", b_n=10) == []


async def _play_rate(database: str, folder: Path) -> float:
    """Three workers on one rate; how many a second they sent, over five seconds."""
    async with scene(database, folder, seed=1, client={"batch_size": 5}) as stage, AsyncExitStack() as stack:
        numbers = [str(27820000000 + n) for n in range(1000)]
        await stage.campaigns.create("spring", numbers, "Hi", rate_limit=120)
        more = [await stack.enter_async_context(Campaigns(database, client=stage.client)) for _ in range(2)]
        works = [asyncio.create_task(each.work(in_flight=3)) for each in (stage.campaigns, *more)]
        try:
            async with asyncio.timeout(40):
                while not (entries := stage.gateway.entries()) or entries[-1].at - entries[0].at < 6.2:
                    await asyncio.sleep(0.2)
        finally:
            for work in works:
                work.cancel()
            await asyncio.wait(works)
        start = entries[0].at + 1.0
        return sum(start <= entry.at < start + 5.0 for entry in entries) / 5.0


@pytest.mark.alone
async def test_one_rate_for_three_workers(tmp_path: Path) -> None:
    """Two percent more or less, on both databases."""
    measured = await asyncio.gather(
        _play_rate(str(tmp_path / "rate.db"), tmp_path), _play_rate(shared_server().new_database(), tmp_path)
    )
    assert list(measured) == [pytest.approx(120, rel=0.02)] * 2


async def _play_pause(stage: Scene, how: str) -> float:
    """How long after a pause, or the end of a window, something still left."""
    campaign = await stage.campaigns.create("spring", NUMBERS, "Hi", rate_limit=20)
    work = asyncio.create_task(stage.campaigns.work(in_flight=4))
    await until(campaign, lambda status: status.accepted)
    stopped = time.time()
    if how == "pause":
        await campaign.pause()
    else:
        window = {"opens_at": stopped - 60, "closes_at": stopped, "windows": '["00:00-00:01 UTC"]'}
        await campaign._store.step(update(campaigns).values(window))
    await asyncio.sleep(3.0)
    work.cancel()
    await asyncio.wait([work])
    return max(entry.at for entry in stage.gateway.entries()) - stopped


@pytest.mark.alone
@pytest.mark.parametrize("how", ["pause", "window"])
async def test_nothing_leaves_two_seconds_later(tmp_path: Path, how: str) -> None:
    """After a pause, or the end of a window; on both databases."""
    (tmp_path / "a").mkdir()
    async with (
        scene(str(tmp_path / "pause.db"), tmp_path, seed=1, latency=0.3, client={"batch_size": 2}) as one,
        scene(shared_server().new_database(), tmp_path / "a", seed=2, latency=0.3, client={"batch_size": 2}) as other,
    ):
        late = await asyncio.gather(_play_pause(one, how), _play_pause(other, how))
    assert max(late) < 2.0


# -- a database that forgot


async def test_a_failover_to_a_server_that_lags(tmp_path: Path) -> None:
    """What was begun is forgotten: nothing is sent before somebody has asked the gateway; then the rest is."""
    server = shared_server()
    url = server.new_database()
    async with scene(url, tmp_path, seed=1) as stage:
        await stage.campaigns.create("spring", NUMBERS, "Hi")
        copy = server.replica()
        try:
            copy.start()
            await stage.campaigns.work(until_done=True)  # of which the copy knows nothing
            copy.promote()
            async with Campaigns(copy.url(url.rpartition("/")[2]), client=stage.client) as there:
                forgotten = await there.get("spring")
                status = await forgotten.status()
                assert (status.state, status.reason, status.ready) == ("paused", "reconcile", 100)
                assert status.waits_for is not None
                assert "reconcile" in status.waits_for
                await there.work(until_done=True)
                with pytest.raises(ConfigurationError, match="reconcile"):
                    await forgotten.resume()
                assert stage.gateway.counts() == dict.fromkeys(NUMBERS, 1)
                done = await there.reconcile(settle=0.0)
                assert (done.uncertain, done.to_send) == (100, 0)
                await there.work(until_done=True)
                assert stage.gateway.counts() == dict.fromkeys(NUMBERS, 1)
                assert (await forgotten.status()).state == "done"
        finally:
            copy.remove()


async def test_workers_that_run_through_a_failover(store: Store) -> None:
    """`begin` itself compares: whoever claimed before does not begin after."""
    campaign = await make(store, NUMBERS)
    me = await worker(store)
    call = await me.claim(campaign, 0)
    assert call is not None
    await store.step(update(meta).where(meta.c.key == "identity").values(value="another"))
    assert await me.begin(call) is None
    assert await store.look_whether_it_forgot()
    assert not await store.look_whether_it_forgot()
    row = await campaign_of(store, campaign)
    assert (row.state, row.reason, row.before) == ("paused", "reconcile", "running")


async def test_a_worker_whose_begin_was_forgotten_says_so(store: Store) -> None:
    """It does not keep to itself that what it was told is gone."""
    campaign = await make(store, NUMBERS)
    me = await worker(store)
    call = await me.claim(campaign, 0)
    assert call is not None
    begun = Begun(bytes(100), 0, 0, is_first=True)
    with pytest.raises(DatabaseForgotError, match="reconcile"):
        await me.finish(call, begun, accepted(call), (), again=False)
    with pytest.raises(DatabaseForgotError, match="reconcile"):
        await me.release(call, begun)


class Session:
    """One that is there."""

    async def live(self) -> None: ...


WORK = """
import asyncio, os, sys
from clickasync import Client
from clickasync.campaigns import Campaigns
async def main():
    client = Client(api_id=1, user="demo", password="demo", base_url=sys.argv[2], batch_size=20)
    async with client, Campaigns(sys.argv[1], client=client) as campaigns:
        await campaigns.work(until_done=True)
        os._exit(9)  # as kill -9 does: nothing is left in order
asyncio.run(main())
"""


async def _left_by_kill(tmp_path: Path) -> Path:
    """A file whose worker was killed when it was done, and not with all of it."""
    database = tmp_path / "campaigns.db"
    with ledger(tmp_path) as gateway:
        async with (
            Client(api_id=1, user="demo", password="demo", base_url=gateway.url) as client,
            Campaigns(database, client=client) as there,
        ):
            await there.create("spring", NUMBERS, "Hi", first=40)
        arguments = [sys.executable, "-c", WORK, str(database), gateway.url]
        assert await asyncio.to_thread(lambda: subprocess.run(arguments, check=False).returncode) == 9
    return database


async def _status_of(path: Path) -> tuple[str, str | None, int]:
    async with Campaigns(path) as there:
        status = await (await there.get("spring")).status()
        return status.state, status.reason, status.ready


async def test_a_file_that_lost_its_log(tmp_path: Path) -> None:
    """Carried away without its -wal, or copied with it, while the other one may go on: it may have forgotten."""
    database = await _left_by_kill(tmp_path)
    log = database.with_name("campaigns.db-wal")
    for name in ("copied", "without"):
        (tmp_path / name).mkdir()
    copied = tmp_path / "copied" / "campaigns.db"
    shutil.copy(database, copied)
    shutil.copy(log, copied.with_name(log.name))
    without = database.rename(tmp_path / "without" / "campaigns.db")
    assert await _status_of(copied) == ("paused", "reconcile", 60)
    assert (await _status_of(without))[:2] == ("paused", "reconcile")


async def test_a_file_that_was_moved_with_its_log(tmp_path: Path) -> None:
    """It remembers: it is the same file, whatever its name is. A look at it leaves it in order."""
    database = await _left_by_kill(tmp_path)
    moved = database.rename(tmp_path / "moved.db")
    (tmp_path / "campaigns.db-wal").rename(tmp_path / "moved.db-wal")
    for _ in range(2):
        state, reason, ready = await _status_of(moved)
        assert (state, ready) == ("paused", 60)
        assert reason != "reconcile"


# -- opt-outs and numbers


async def test_who_opts_out_between_load_and_begin(store: Store) -> None:
    """Is not sent to, and counted as suppressed."""
    campaign = await make(store, [*NUMBERS[:3], "0821234567"])
    me = await worker(store)
    call = await me.claim(campaign, 0)
    assert call is not None
    await OptOuts(store).add([NUMBERS[1], "27821234567"])
    begun = await me.begin(call)
    assert begun is not None
    assert begun.open == [0, 2, 3]
    answers = {n: Said(Outcome.ACCEPTED, f"{n:032x}") for n in begun.open}
    await me.finish(call, begun, answers, (), again=False)
    row = await read(store, call.id)
    assert (row.accepted, row.suppressed, row.state) == (3, 1, State.SETTLED)
    assert await changing.retry(store, campaign, None) == 0


async def test_calls_of_whom_all_have_opted_out(database: str, tmp_path: Path) -> None:
    """Are done, and nothing leaves."""
    async with scene(database, tmp_path) as stage:
        await stage.campaigns.optouts.add(NUMBERS)
        campaign = await stage.campaigns.create("spring", NUMBERS, "Hi")
        await stage.campaigns.work(until_done=True)
        assert (await campaign.status()).suppressed == 100
        assert stage.gateway.entries() == []


# -- disks


async def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """Is refused in one line."""
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"file/campaigns\.db: "):
        async with Campaigns(tmp_path / "file" / "campaigns.db"):
            pass
    (tmp_path / "junk.db").write_text(
        "this is no database, though it is as long as the header of one is: 100 bytes. " * 3
    )
    with pytest.raises(ConfigurationError, match="not a database"):
        async with Campaigns(tmp_path / "junk.db"):
            pass


READ_ONLY = """
import asyncio, os, sys
from pathlib import Path
from clickasync import ConfigurationError
from clickasync.campaigns import Campaigns

async def look(path):
    try:
        async with Campaigns(path) as campaigns:
            print(len(await campaigns.list()))
    except ConfigurationError as error:
        print(error)

folder = Path(sys.argv[1])
asyncio.run(look(folder / "campaigns.db"))
folder.chmod(0o555)
if os.geteuid() == 0:  # who may write anywhere
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
asyncio.run(look(folder / "new.db"))
asyncio.run(look(folder / "campaigns.db"))
print(sorted(os.listdir(folder)))
"""


def test_a_read_only_folder() -> None:
    """Nothing is made in it, and an old file in it is refused: it could not keep what was begun."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        command = [sys.executable, "-c", READ_ONLY, folder]
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/")
        Path(folder).chmod(0o755)
    said = done.stdout.replace(folder, "folder").splitlines()
    assert said == [
        "0",
        "folder/new.db: Permission denied",
        "folder/campaigns.db cannot be used as a database: unable to open database file",
        "['campaigns.db']",
    ], done.stderr


async def test_a_full_disk(tmp_path: Path) -> None:
    """What is not precious fails in time; the outcome of a call is tried until there is room."""
    async with opened(str(tmp_path / "full.db")) as store:
        await store.mark_dirty()
        campaign = await make(store, [str(27820000000 + n) for n in range(3000)])
        me = await worker(store)
        call = await me.claim(campaign, 0)
        assert call is not None
        begun = await me.begin(call)
        assert begun is not None

        async def allow(pages: int) -> None:
            pragma = text(f"PRAGMA max_page_count={pages}")
            await store.read(lambda connection: connection.execute(pragma).all())

        await allow(1)  # which means: no more than there are
        many = [{"number": f"{n:016}", "last_at": 1.0, "is_out": True, "source": "x" * 500} for n in range(1000)]
        with pytest.raises(DatabaseFullError, match="full"):
            await store.change(lambda connection: connection.execute(insert(optouts), many), patience=0.2)
        finishing = asyncio.create_task(
            me.finish(call, begun, {n: Said(Outcome.ACCEPTED, f"{n:032x}") for n in range(300)}, (), again=False)
        )
        await allow(1_000_000)
        await asyncio.wait_for(finishing, 20)
        assert (await read(store, call.id)).accepted == 300


async def test_an_outcome_that_cannot_be_written_is_told(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody else knows it; and no number is in it."""
    campaign = await make(store, NUMBERS[:2])
    me = Moves(store, ME)
    heart = Heart(store, me, ME, None)
    await heart.start()

    class Forgetful:
        session = Session()
        watch = Watch()

        async def send(self, numbers: list[str], *_: object, **__: object) -> Lines:
            await store.step(update(calls).values(sent_epoch=None))  # as if `begin` had been lost
            return Lines(["a" * 32, "b" * 32])

    call = await me.claim(campaign, 0)
    assert call is not None
    lane = Lane(me, heart, Forgetful(), Outages(None), Texts(), lambda campaign, n: None)  # type: ignore[arg-type]
    with pytest.raises(DatabaseForgotError):
        await lane.carry(call, heart.sendable[campaign])
    told = [record.getMessage() for record in caplog.records if "could not be recorded" in record.getMessage()]
    assert [line[-34:] for line in told] == ["d " + "a" * 32, "d " + "b" * 32]
    assert not any(number in line for line in told for number in NUMBERS)


async def test_a_call_that_goes_from_one_lane_to_another(database: str) -> None:
    """A worker seemed dead for a moment: what a lane had claimed was freed, and another lane claims it."""
    gateway, answers = Gateway(), asyncio.Event()

    async def answer_late(request: httpx.Request) -> httpx.Response:
        await answers.wait()
        return answer(gateway, request)

    async with (
        client_of(gateway, answer_late) as client,
        Campaigns(database, client=client) as sending,
        opened(database) as store,
        asyncio.timeout(40),
    ):
        await sending.create("spring", NUMBERS[:5], "Hi")
        [id] = await ids(store)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(sending.work(until_done=True, in_flight=2))
            while (await read(store, id)).state != State.CLAIMED:
                await asyncio.sleep(0.01)
            await store.step(update(calls).values(state=State.READY.value, worker=None, epoch=calls.c.epoch + 1))
            while (await read(store, id)).state != State.CLAIMED:
                await asyncio.sleep(0.01)
            answers.set()
        assert [message.to for message in gateway.messages] == NUMBERS[:5]
