"""Campaigns as users hold them, on both databases, against a gateway with a ledger."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from attrs import asdict

from clickasync import Callback, Client, ConfigurationError, InvalidOptionError, Message
from clickasync.campaigns import Campaigns
from clickasync.campaigns.blocks import pack_numbers
from clickasync.simulator import Gateway, serve
from tests.support.campaigning import scene, until
from tests.support.databases import shared_server

pytestmark = pytest.mark.anyio

NUMBERS = [str(27820000000 + n) for n in range(100)]


async def test_a_campaign_from_beginning_to_end(database: str, tmp_path: Path) -> None:
    """Created, sent, and everybody has a result."""
    async with scene(database, tmp_path) as stage:
        campaign = await stage.campaigns.create("spring", NUMBERS, "Doors open at 8")
        before = await campaign.status()
        assert (before.state, before.recipients, before.ready, before.workers) == ("running", 100, 100, [])
        assert before.waits_for == "no worker for account demo (api_id 1) is running"
        await stage.campaigns.work(until_done=True)
        status = await campaign.wait()
        assert (status.state, status.accepted, status.ready, status.done) == ("done", 100, 0, 100)
        results = [result async for result in campaign.results()]
        assert [(result.row, result.to) for result in results] == list(enumerate(NUMBERS, 1))
        assert (await stage.verdict(campaign)).accepted == 100
        assert {entry.text for entry in stage.gateway.entries()} == {"Doors open at 8"}
        assert stage.gateway.counts() == dict.fromkeys(NUMBERS, 1)


async def test_a_file_with_a_template(database: str, tmp_path: Path) -> None:
    """Each gets a text; bad rows and duplicates are counted; the tag comes back."""
    file = tmp_path / "customers.csv"
    file.write_text("to,name,key\n+27 82 123 4567,Ann,a1\nnobody,Bob,b2\n27827654321,Zoë Ж,c3\n27821234567,Ann,d4\n")
    async with scene(database, tmp_path) as stage:
        campaign = await stage.campaigns.create("spring", str(file), "Hi {name}", tag_column="key")
        await stage.campaigns.work(until_done=True)
        status = await campaign.status()
        assert (status.accepted, status.bad_rows, status.duplicates) == (2, 1, 1)
        results = [result async for result in campaign.results()]
        assert [(each.row, each.to, each.tag) for each in results] == [
            (1, "27821234567", "a1"),
            (3, "27827654321", "c3"),
        ]
        assert [(bad.row, bad.to) async for bad in campaign.bad_rows()] == [(2, "nobody")]
        texts = {entry.number: entry.text for entry in stage.gateway.entries()}
        assert texts == {"27821234567": "Hi Ann", "27827654321": "Hi Zoë Ж".encode("utf-16-be").hex().upper()}


async def test_messages_with_texts_and_options_of_their_own(database: str, tmp_path: Path) -> None:
    """From an async iterable; a wrong one is a bad row, and the rest goes out."""

    async def source() -> AsyncIterator[Message]:
        for n in range(30):
            yield Message(NUMBERS[n], f"Hi {n % 2}", validity=timedelta(hours=1), callback=Callback.FINAL)
        yield Message(NUMBERS[30], "Hi", climsgid="mine")
        yield Message(NUMBERS[31])

    async with scene(database, tmp_path) as stage:
        campaign = await stage.campaigns.create("spring", source())
        await stage.campaigns.work(until_done=True)
        status = await campaign.status()
        assert (status.accepted, status.bad_rows) == (30, 2)
        assert {entry.number: entry.text for entry in stage.gateway.entries()} == {
            NUMBERS[n]: f"Hi {n % 2}" for n in range(30)
        }


async def test_the_same_again_is_the_same_campaign(database: str, tmp_path: Path) -> None:
    """Something else under its name is refused, and what differs is said."""
    async with scene(database, tmp_path) as stage:
        first = await stage.campaigns.create("spring", NUMBERS, "Hi", mo=True)
        assert (await stage.campaigns.create("spring", iter(NUMBERS), "Hi", mo=True)).id == first.id
        assert (await stage.campaigns.get("spring")).id == first.id
        for source, text, options, match in (
            (NUMBERS[1:], "Hi", {"mo": True}, "other recipients"),
            (NUMBERS, "Ho", {"mo": True}, "another text"),
            (NUMBERS, "Hi", {}, "other options"),
        ):
            with pytest.raises(ConfigurationError, match=match):
                await stage.campaigns.create("spring", source, text, **options)  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError, match="no campaign 'summer'"):
            await stage.campaigns.get("summer")
        assert [each.name for each in await stage.campaigns.list()] == ["spring"]


async def test_a_fingerprint_of_ones_own(database: str, tmp_path: Path) -> None:
    """The source is not read again."""
    async with scene(database, tmp_path) as stage:
        first = await stage.campaigns.create("spring", NUMBERS, "Hi", fingerprint="v1")
        assert (await stage.campaigns.create("spring", [], "Hi", fingerprint="v1")).id == first.id
        with pytest.raises(ConfigurationError, match="other recipients"):
            await stage.campaigns.create("spring", [], "Hi", fingerprint="v2")


async def test_twice_as_often_as_it_stands_there(database: str, tmp_path: Path) -> None:
    """With duplicates="each"; numbers to leave out are left out."""
    async with scene(database, tmp_path) as stage:
        source = [*NUMBERS[:3], NUMBERS[0], NUMBERS[0]]
        campaign = await stage.campaigns.create("spring", source, "Hi", duplicates="each", exclude=[f"+{NUMBERS[2]}"])
        await stage.campaigns.work(until_done=True)
        assert stage.gateway.counts() == {NUMBERS[0]: 3, NUMBERS[1]: 1}
        assert (await campaign.status()).duplicates == 2
        assert [each.row for each in await campaign.find(f"+{NUMBERS[0]}")] == [1, 4, 5]


async def test_what_is_wrong_is_refused_before_anything_is_stored(database: str, tmp_path: Path) -> None:
    """With the name of what is wrong."""
    async with scene(database, tmp_path) as stage:
        for arguments, match in (
            ({"text": ""}, "text is empty"),
            ({"text": "Hi", "rate_limit": -1}, "rate_limit"),
            ({"text": "Hi", "windows": ["always"]}, "window"),
            ({"text": "Hi", "windows": "08:00-10:00 UTC"}, "windows"),
            ({"text": "Hi", "starts_at": datetime(2026, 1, 1)}, "starts_at"),
            ({"text": "Hi", "duplicates": "never"}, "duplicates"),
            ({"text": "Hi", "validity": 0}, "validity"),
            ({"text": "Hi", "climsgid": "a"}, "climsgid"),
            ({"text": "Hi", "tag_column": "a"}, "tag_column"),
        ):
            with pytest.raises(InvalidOptionError, match=match):
                await stage.campaigns.create("spring", NUMBERS, **arguments)
        with pytest.raises(InvalidOptionError, match="name"):
            await stage.campaigns.create(" ", NUMBERS, "Hi")
        with pytest.raises(FileNotFoundError):
            await stage.campaigns.create("spring", tmp_path / "none.csv", "Hi")
        assert await stage.campaigns.list() == []


async def test_a_source_that_raises_leaves_nothing(database: str, tmp_path: Path) -> None:
    """The name is free again."""

    def source() -> Iterator[str]:
        yield from NUMBERS
        raise LookupError

    async with scene(database, tmp_path) as stage:
        with pytest.raises(LookupError):
            await stage.campaigns.create("spring", source(), "Hi")
        campaign = await stage.campaigns.create("spring", NUMBERS, "Hi")
        assert (await campaign.status()).recipients == 100


async def test_cancelled(database: str, tmp_path: Path) -> None:
    """What was not sent is skipped."""
    async with scene(database, tmp_path) as stage:
        campaign = await stage.campaigns.create("spring", NUMBERS, "Hi", first=40)
        await stage.campaigns.work(until_done=True)
        status = await until(campaign, lambda status: status.state == "paused")
        assert (status.accepted, status.ready) == (40, 60)
        assert status.reason == "the first 40 are sent: look at them, then resume"
        await campaign.cancel()
        await stage.campaigns.work(until_done=True)
        status = await campaign.wait()
        assert (status.state, status.accepted, status.skipped, status.ready) == ("cancelled", 40, 60, 0)
        assert len([result async for result in campaign.results("skipped")]) == 60
        with pytest.raises(ConfigurationError, match="cancelled"):
            await campaign.resume()
        with pytest.raises(ConfigurationError, match="cancelled"):
            await campaign.retry()


async def test_the_first_ones_then_the_rest(database: str, tmp_path: Path) -> None:
    """After somebody has looked."""
    async with scene(database, tmp_path) as stage:
        campaign = await stage.campaigns.create("spring", NUMBERS, "Hi", first=7)
        work = asyncio.create_task(stage.campaigns.work())
        await until(campaign, lambda status: status.state == "paused")
        assert sorted(stage.gateway.counts()) == NUMBERS[:7]
        await campaign.resume()
        await until(campaign, lambda status: status.state == "done")
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert stage.gateway.counts() == dict.fromkeys(NUMBERS, 1)
        assert (await campaign.status()).workers == []


async def test_too_many_rejected_pause_it(database: str, tmp_path: Path) -> None:
    """With stop_at_rejected."""
    async with scene(database, tmp_path, blocked=0.5, seed=3, latency=0.2) as stage:
        numbers = [str(27820000000 + n) for n in range(2000)]
        campaign = await stage.campaigns.create("spring", numbers, "Hi", stop_at_rejected=20)
        await stage.campaigns.work(until_done=True, in_flight=2)
        status = await campaign.status()
        assert status.state == "paused"
        assert status.reason is not None
        assert "percent of" in status.reason
        assert status.errors == {"121": status.rejected}


async def test_no_credit_pauses_for_everybody(database: str, tmp_path: Path) -> None:
    """With the reason; who was refused is sent to once it goes on."""
    async with scene(database, tmp_path, no_credit=0.02, seed=1) as stage:
        campaign = await stage.campaigns.create("spring", NUMBERS, "Hi")
        pauses = 0
        for _ in range(20):
            await stage.campaigns.work(until_done=True, in_flight=2)
            status = await campaign.status()
            if status.state == "done":
                break
            assert status.state == "paused"
            assert status.reason is not None
            assert status.reason.startswith("no credit: ERR 301")
            pauses += 1
            await campaign.resume()
        assert pauses
        assert stage.gateway.counts() == dict.fromkeys(NUMBERS, 1)


async def test_rejected_ones_are_retried(database: str, tmp_path: Path) -> None:
    """Twice, and under another climsgid each time; nobody else is sent to again."""
    async with scene(database, tmp_path, blocked=0.3, seed=5) as stage:
        campaign = await stage.campaigns.create("spring", NUMBERS, "Hi")
        await stage.campaigns.work(until_done=True)
        rejected = (await campaign.status()).rejected
        assert await campaign.retry(["999"]) == 0
        for _ in range(2):
            assert await campaign.retry(["121"]) == rejected
            await stage.campaigns.work(until_done=True)
            rejected = (await campaign.status()).rejected
        verdict = await stage.verdict(campaign)
        assert verdict.is_clean
        assert verdict.accepted + verdict.rejected == 100
        assert {entry.climsgid[-4:] for entry in stage.gateway.entries()} == {"0000", "0001", "0002"}


async def test_a_gateway_that_is_away_is_said(database: str) -> None:
    """The status says so while no worker reaches it, and no more once one does."""
    async with serve(Gateway()) as url:
        pass
    async with (
        Client(api_id=1, user="demo", password="demo", base_url=url, retries=0) as client,
        Campaigns(database, client=client) as campaigns,
    ):
        campaign = await campaigns.create("spring", NUMBERS, "Hi", rate_limit=30)
        work = asyncio.create_task(campaigns.work(until_done=True))
        status = await until(campaign, lambda status: "gateway" in str(status.waits_for))
        assert str(status.waits_for).startswith("the gateway is not reached: could not connect")
        async with serve(Gateway(credits=1000), port=int(url.rpartition(":")[2])):
            await until(campaign, lambda status: status.state == "running" and status.waits_for is None)
            work.cancel()
            await asyncio.wait([work])
    async with Campaigns(database) as campaigns:
        assert "no worker" in str((await (await campaigns.get("spring")).status()).waits_for)


async def test_windows_and_starts(database: str, tmp_path: Path) -> None:
    """Nothing leaves before; why is said."""
    soon = datetime.now(UTC) + timedelta(hours=2)
    async with scene(database, tmp_path) as stage:
        later = await stage.campaigns.create("later", NUMBERS, "Hi", starts_at=soon)
        window = f"{soon:%H:%M}-{soon + timedelta(hours=1):%H:%M} UTC"
        windowed = await stage.campaigns.create("windowed", NUMBERS, "Hi", windows=[window])
        work = asyncio.create_task(stage.campaigns.work())
        for campaign, what in ((later, "it starts"), (windowed, "its window opens")):
            status = await until(campaign, lambda status: status.workers)
            assert status.waits_for == f"{what} at {soon:%Y-%m-%d %H:%M} UTC"
        work.cancel()
        await asyncio.wait([work])
        assert stage.gateway.entries() == []


async def test_until_there_is_nothing_to_do(database: str, tmp_path: Path) -> None:
    """At this moment: a campaign that is not to begin yet is not waited for."""
    async with scene(database, tmp_path) as stage:
        await stage.campaigns.create("later", NUMBERS, "Hi", starts_at=datetime.now(UTC) + timedelta(hours=2))
        await stage.campaigns.create("now", NUMBERS, "Hi")
        await stage.campaigns.work(until_idle=True)
        assert stage.gateway.counts() == dict.fromkeys(NUMBERS, 1)


async def test_two_accounts_in_one_database(database: str, tmp_path: Path) -> None:
    """Each sends its own campaigns only, and neither takes the other's name."""
    async with scene(database, tmp_path) as mine, scene(database, tmp_path, seed=1) as theirs:
        await mine.campaigns.create("mine", NUMBERS[:50], "Hi")
        await theirs.campaigns.create("theirs", NUMBERS[50:], "Hi")
        with pytest.raises(ConfigurationError, match="another account"):
            await theirs.campaigns.create("mine", NUMBERS[:50], "Hi")
        await mine.campaigns.work(until_done=True)
        assert sorted(mine.gateway.counts()) == NUMBERS[:50]
        assert theirs.gateway.entries() == []
        await theirs.campaigns.work(until_done=True)
        assert sorted(theirs.gateway.counts()) == NUMBERS[50:]


async def test_deleted(database: str, tmp_path: Path) -> None:
    """Not while a sender may still speak; then nothing of it is left."""
    async with scene(database, tmp_path) as stage:
        campaign = await stage.campaigns.create("spring", NUMBERS, "Hi")
        other = await stage.campaigns.create("summer", NUMBERS, "Hi")
        await stage.campaigns.work(until_done=True, names=["spring"])
        with pytest.raises(ConfigurationError, match="less than an hour"):
            await campaign.delete()
        assert (await campaign.status()).state == "done"
        await other.delete()
        assert [each.name for each in await stage.campaigns.list()] == ["spring"]
        with pytest.raises(ConfigurationError, match="no campaign"):
            await other.status()


async def test_erased(database: str, tmp_path: Path) -> None:
    """Number, text and tag are gone, everywhere; who was not sent to yet is not sent to."""
    async with scene(database, tmp_path) as stage:
        await stage.campaigns.optouts.add([NUMBERS[1]])
        campaign = await stage.campaigns.create("spring", [Message(number, f"Hi {number}") for number in NUMBERS[:30]])
        assert await stage.campaigns.erase(f"+{NUMBERS[0]}") == 1
        await stage.campaigns.work(until_done=True)
        assert await stage.campaigns.erase(NUMBERS[1]) == 1
        results = {result.row: result async for result in campaign.results()}
        assert [(results[row].to, results[row].result) for row in (1, 2)] == [("", "suppressed"), ("", "suppressed")]
        assert sorted(stage.gateway.counts()) == NUMBERS[2:30]
        assert await campaign.find(NUMBERS[1]) == []
        assert [entry.number async for entry in stage.campaigns.optouts.list()] == [NUMBERS[1]]


async def test_a_status_as_json(database: str, tmp_path: Path) -> None:
    """Its attributes by their names."""
    async with scene(database, tmp_path) as stage:
        campaign = await stage.campaigns.create("spring", NUMBERS, "Hi")
        status = asdict(await campaign.status())
        assert json.loads(json.dumps(status, default=str))["charge"] == "0"
        names = "name state reason recipients ready out accepted rejected uncertain suppressed skipped delivered failed"
        assert {*names.split(), "bad_rows", "duplicates", "charge", "workers", "errors"} <= status.keys()
        assert status["charge"] == Decimal(0)


async def test_without_a_client_one_can_look(database: str) -> None:
    """But not create or work."""
    async with Campaigns(database) as campaigns:
        assert await campaigns.list() == []
        for attempt in (campaigns.create("spring", NUMBERS, "Hi"), campaigns.work(), campaigns.reconcile()):
            with pytest.raises(ConfigurationError, match="client="):
                await attempt


def _content(database: str) -> bytes:
    return b"".join(path.read_bytes() for path in Path(database).parent.glob("campaigns.db*"))


async def test_no_secret_is_in_any_table(database: str, tmp_path: Path) -> None:
    """Neither the password nor a session ID."""
    async with scene(database, tmp_path, client={"password": "s3cret"}) as stage:
        await stage.campaigns.create("spring", NUMBERS, "Hi")
        await stage.campaigns.work(until_done=True)
    if "://" not in database:
        assert b"s3cret" not in _content(database)
        assert os.stat(database).st_mode & 0o077 == 0  # noqa: PTH116


async def test_a_server_that_is_set_to_forget(tmp_path: Path) -> None:
    """Is refused, unless it is asked for."""
    url = shared_server().new_database()
    shared_server().run(f"ALTER DATABASE {url.rpartition('/')[2]} SET synchronous_commit = off")
    with pytest.raises(ConfigurationError, match="synchronous_commit = off"):
        async with Campaigns(url):
            pass
    async with Campaigns(url, allow_unsafe=True) as campaigns:
        assert await campaigns.list() == []


async def test_what_is_under_way_is_not_erased_or_deleted(database: str, tmp_path: Path) -> None:
    """Nor reconciled, while a worker lives."""
    async with scene(database, tmp_path, latency=3.0, client={"timeout": 30.0}) as stage:
        campaign = await stage.campaigns.create("spring", NUMBERS, "Hi")
        work = asyncio.create_task(stage.campaigns.work(until_done=True))
        await until(campaign, lambda status: status.out == 100)
        with pytest.raises(ConfigurationError, match="under way at this moment"):
            await stage.campaigns.erase(NUMBERS[0])
        with pytest.raises(ConfigurationError, match="still running"):
            await stage.campaigns.reconcile()
        with pytest.raises(ConfigurationError, match="under way"):
            await campaign.delete()
        await work
        assert (await campaign.status()).accepted == 100


async def test_nothing_of_an_erased_number_is_in_the_file(tmp_path: Path) -> None:
    """Neither as it is packed nor as it is written, also in what is free."""
    database = str(tmp_path / "campaigns.db")
    async with scene(database, tmp_path) as stage:
        tagged = [Message(number, tag=f"customer {number}") for number in NUMBERS]
        await stage.campaigns.create("spring", tagged, "Hi")
        await stage.campaigns.work(until_done=True)
        assert pack_numbers(NUMBERS[:1]) in _content(database)
        assert await stage.campaigns.erase(NUMBERS[0]) == 1
        content = _content(database)
        assert pack_numbers(NUMBERS[:1]) not in content
        assert NUMBERS[0].encode() not in content


async def test_the_name_of_a_user_is_no_password() -> None:
    """An address that sends the password through a network unencrypted is refused."""
    for address in ("postgresql://me:secret@db.example.com/x", "mysql://me@localhost/x"):
        with pytest.raises(ConfigurationError) as caught:
            async with Campaigns(address):
                pass
        assert "secret" not in str(caught.value)


async def test_wrong_arguments_of_work(database: str) -> None:
    """How many at once is a whole number."""
    async with (
        Client(api_id=1, user="demo", password="demo", base_url="http://127.0.0.1:1") as client,
        Campaigns(database, client=client) as campaigns,
    ):
        with pytest.raises(InvalidOptionError, match="in_flight"):
            await campaigns.work(in_flight=0)
