"""``clickasync bulk`` and what may happen to it: nobody gets it twice, no row is lost, what nobody knows is said."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from random import Random

import pytest

from clickasync.simulator import Gateway
from tests.support.bulk_runs import LOG, RESULTS, STORE, judge, kinds, numbers, read, sent_to, wait_for, write
from tests.support.disks import small_disk, unwritable

from .conftest import Cli, Start

pytestmark = pytest.mark.usefixtures("account")

RUN = ("bulk", "r.csv", "--text", "Hi", "--batch-size", "50")
RESUME = (*RUN, "--resume")


def stop_halfway(cli: Cli, gateway: Gateway, *run: str, count: int = 400, sent: int = 100) -> None:
    """A run that ends in the middle, in good order: the credit is spent."""
    numbers(count)
    gateway.account.credits *= 0
    gateway.account.credits += sent
    assert cli(*(run or RUN), "--max-in-flight", "1").exit_code == 1
    assert len(gateway.messages) == sent
    gateway.account.credits += 1_000_000


def kill_halfway(start: Start, gateway: Gateway, *, written: int = 0) -> None:
    """A run over 1200 that is killed when the second eight calls have come to the gateway, and no reply to them yet."""
    numbers(1200)
    gateway.latency = 1.5 if written else 0.5
    process = start(*RUN)
    wait_for(lambda: len(gateway.messages) == 800 and (not written or len(read()) >= written))
    process.kill()
    process.wait(10)
    gateway.latency = 0
    assert len(gateway.messages) == 800


# -- kills


def sent_more_than(gateway: Gateway, count: int) -> bool:
    return len(gateway.messages) > count


def has_ended(process: subprocess.Popen[str]) -> bool:
    return process.poll() is not None


def any_of(*conditions: Callable[[], bool]) -> bool:
    return any(condition() for condition in conditions)


@pytest.mark.parametrize("seed", range(2))
def test_killed_again_and_again(start: Start, cli: Cli, gateway: Gateway, seed: int) -> None:
    """At any moment: while it loads, while it writes what it knows, while it sends."""
    dice = Random(seed)
    numbers(3000)
    gateway.latency = 0.02
    arguments: tuple[str, ...] = RUN
    for _ in range(3):
        has_sent = partial(sent_more_than, gateway, len(gateway.messages) + dice.randrange(1000))
        moments: list[Callable[[], bool]] = [STORE.exists, Path(f"{RESULTS}.new").exists, LOG.exists, has_sent]
        process = start(*arguments)
        wait_for(partial(any_of, dice.choice(moments), partial(has_ended, process)))
        process.kill()
        if process.wait(10) == 2:  # there was no run in the store yet
            assert gateway.messages == []
            arguments = (*RUN, "--force")
        elif STORE.exists():
            arguments = (*RESUME, str(RESULTS))
    gateway.latency = 0
    if cli(*arguments).exit_code == 2:
        assert gateway.messages == []
        cli(*RUN, "--force")
    assert judge(gateway, 3000)["accepted"] > 1000


def test_what_was_known_before_a_kill_is_in_the_results(start: Start, cli: Cli, gateway: Gateway) -> None:
    """As soon as it is known, and with the same IDs after the run went on."""
    kill_halfway(start, gateway, written=400)
    known = {row["row"]: row["id"] for row in read()}
    assert len(known) == 400
    resumed = cli(*RESUME, RESULTS, "--json")
    told = judge(gateway, 1200)
    assert {row["row"]: row["id"] for row in read()}.items() >= known.items()
    summary = json.loads(resumed.stdout)
    assert {kind: summary[kind] for kind in told} == told
    assert resumed.exit_code == (1 if told["uncertain"] else 0)


def test_killed_while_it_loads_it_begins_again(start: Start, cli: Cli, gateway: Gateway) -> None:
    numbers(300_000)
    process = start(*RUN)
    wait_for(lambda: LOG.exists() and LOG.stat().st_size > 1_000_000)
    process.kill()
    process.wait(10)
    assert gateway.messages == []
    numbers(100)  # nothing is known of those before: none of them was sent to
    assert cli(*RUN).exit_code == 2
    assert cli(*RESUME, RESULTS).exit_code == 0
    assert judge(gateway, 100) == {"accepted": 100}


def test_single_calls_of_a_killed_run_get_their_ids(start: Start, cli: Cli, gateway: Gateway) -> None:
    """The gateway knows a call to one recipient by its climsgid, and says its ID."""
    numbers(60)
    gateway.latency = 2
    process = start("bulk", "r.csv", "--text", "Hi", "--batch-size", "1")
    wait_for(lambda: len(gateway.messages) >= 8)
    process.kill()
    process.wait(10)
    gateway.latency = 0
    assert cli("bulk", "r.csv", "--text", "Hi", "--batch-size", "1", "--resume", RESULTS).exit_code == 0
    assert judge(gateway, 60) == {"accepted": 60}


# -- the results are a projection


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(lambda path: path.unlink(), id="deleted"),
        pytest.param(lambda path: os.truncate(path, 700), id="cut"),
        pytest.param(lambda path: path.write_text(path.read_text().replace("accepted", "rejected")), id="edited"),
        pytest.param(lambda path: path.write_text("to,name\n27821234567,Ann\n"), id="another file"),
        pytest.param(lambda path: path.write_text(path.read_text() * 2 + '7,"2'), id="doubled and torn"),
    ],
)
def test_results_are_written_anew(cli: Cli, gateway: Gateway, harm: Callable[[Path], object]) -> None:
    stop_halfway(cli, gateway)
    before = [row for row in read() if row["result"] == "accepted"]
    RESULTS.chmod(0o640)
    harm(RESULTS)
    assert cli(*RESUME, RESULTS).exit_code == 0
    assert judge(gateway, 400) == {"accepted": 400}
    assert [row for row in read() if row in before] == before
    assert sorted(path.name for path in Path().iterdir()) == ["r.csv", "r.results.csv", "r.results.db"]


def test_results_keep_who_may_read_them(cli: Cli, gateway: Gateway) -> None:
    """And the store is for its owner only."""
    stop_halfway(cli, gateway)
    assert STORE.stat().st_mode & 0o777 == 0o600
    RESULTS.chmod(0o640)
    assert cli(*RESUME, RESULTS).exit_code == 0
    assert RESULTS.stat().st_mode & 0o777 == 0o640


def test_a_row_told_twice_has_one_line_at_the_end(cli: Cli, gateway: Gateway) -> None:
    """What was rejected and is sent again has only its last word."""
    numbers(100)
    gateway.fail_next("sendmsg", error="121")
    assert cli(*RUN, "--max-in-flight", "1").exit_code == 1
    assert Counter(kinds()) == {"rejected": 50, "accepted": 50}
    assert cli(*RESUME, RESULTS, "--retry-rejected").exit_code == 0
    assert judge(gateway, 100) == {"accepted": 100}


# -- the store


def test_without_its_store_a_run_is_refused(cli: Cli, gateway: Gateway) -> None:
    stop_halfway(cli, gateway)
    STORE.rename("elsewhere.db")
    refused = cli(*RESUME, RESULTS)
    assert (refused.exit_code, "nothing else knows what was sent" in refused.stderr) == (2, True)
    assert cli(*RESUME, RESULTS, "--dry-run").exit_code == 2
    assert not STORE.exists()
    assert len(gateway.messages) == 100


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(lambda path: os.truncate(path, 0), id="empty"),
        pytest.param(lambda path: os.truncate(path, 5000), id="cut in the beginning"),
        pytest.param(lambda path: os.truncate(path, path.stat().st_size - 20_000), id="cut at the end"),
        pytest.param(lambda path: path.write_bytes(b"this is no database" * 1000), id="junk"),
    ],
)
def test_a_damaged_store_is_refused(cli: Cli, gateway: Gateway, harm: Callable[[Path], object]) -> None:
    stop_halfway(cli, gateway)
    harm(STORE)
    refused = cli(*RESUME, RESULTS)
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1), refused.stderr
    assert len(gateway.messages) == 100


def test_what_is_no_store_of_a_run_is_not_overwritten(cli: Cli, gateway: Gateway) -> None:
    """Neither a database of campaigns, nor one of somebody else; not with --force either."""
    numbers(10)
    assert cli("campaign", "create", "spring", "r.csv", "--text", "Hi", "--database", "campaigns.db").exit_code == 0
    with closing(sqlite3.connect("other.db")) as other, other:
        other.execute("CREATE TABLE people (name)")
    for name in ("campaigns", "other"):
        before = Path(f"{name}.db").read_bytes()
        for more in ((), ("--force",), ("--resume", f"{name}.csv")):
            output = () if "--resume" in more else ("-o", f"{name}.csv")
            assert cli(*RUN, *output, *more).exit_code == 2
        assert Path(f"{name}.db").read_bytes() == before
    assert gateway.messages == []


def test_two_runs_at_once(start: Start, cli: Cli, gateway: Gateway, tmp_path: Path) -> None:
    """The second is refused, by whatever name it finds the store: its own, a link, or a copy."""
    numbers(400)
    process = start("bulk", "r.csv", "--text", "Hi", "--batch-size", "10", "--rate-limit", "10")
    wait_for(lambda: gateway.messages)
    Path("link.csv").symlink_to(RESULTS)
    Path("hard.csv").hardlink_to(RESULTS)
    Path("hard.db").hardlink_to(STORE)
    shutil.copy(STORE, "copy.db")
    shutil.copy(LOG, "copy.db-wal")
    for more in ("--force", "--resume=r.results.csv", "--resume=link.csv", "--resume=hard.csv", "--resume=copy.csv"):
        refused = cli(*RUN, more)
        assert (refused.exit_code, "another run is under way" in refused.stderr) == (2, True), more
    assert cli(*RUN).exit_code == 2
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 1
    assert cli(*RESUME, RESULTS).exit_code == 0
    assert judge(gateway, 400) == {"accepted": 400}


# -- moved, linked, copied


def moved(folder: Path) -> Path:
    for path in (RESULTS, STORE, LOG):
        if path.exists():
            path.rename(folder / path.name)
    return folder / RESULTS


def linked(folder: Path) -> Path:
    (folder / "mine.csv").symlink_to(RESULTS.resolve())
    return folder / "mine.csv"


def linked_both(folder: Path) -> Path:
    (folder / STORE).symlink_to(STORE.resolve())
    return folder / RESULTS


def linked_hard(folder: Path) -> Path:
    for path in (RESULTS, STORE):
        (folder / path.name).hardlink_to(path)
    return folder / RESULTS


def copied(folder: Path) -> Path:
    for path in (RESULTS, STORE, LOG):
        if path.exists():
            shutil.copy(path, folder / path.name)
    return folder / RESULTS


@pytest.mark.parametrize("is_killed", [False, True])
@pytest.mark.parametrize("to", [moved, linked, linked_both, linked_hard, copied])
def test_a_run_goes_on_wherever_it_is(
    start: Start, cli: Cli, gateway: Gateway, tmp_path: Path, to: Callable[[Path], Path], is_killed: bool
) -> None:
    if is_killed:
        kill_halfway(start, gateway)
    else:
        stop_halfway(cli, gateway)
    count = 1200 if is_killed else 400
    (tmp_path / "elsewhere").mkdir()
    results = to(tmp_path / "elsewhere")
    resumed = cli(*RESUME, results)
    told = judge(gateway, count, results)
    assert resumed.exit_code == (1 if told["uncertain"] else 0)
    assert ("the gateway was asked" in resumed.stderr) == (to is copied)
    if to is copied:  # and whoever goes on with the original finds out that it is behind
        again = cli(*RESUME, RESULTS)
        assert "the gateway was asked" in again.stderr
        assert judge(gateway, count)["uncertain"] > 0


def test_a_store_that_lost_its_log(start: Start, cli: Cli, gateway: Gateway) -> None:
    """Carried away without it, it has forgotten what was begun; the gateway is asked, and what it knows is not sent."""
    kill_halfway(start, gateway)
    assert LOG.stat().st_size > 0
    LOG.unlink()
    resumed = cli(*RESUME, RESULTS)
    assert resumed.exit_code == 1
    assert "may have forgotten what was sent; nobody else can be sending from it" in resumed.stderr
    assert judge(gateway, 1200)["uncertain"] > 0


def test_a_copy_from_another_machine_waits(start: Start, cli: Cli, gateway: Gateway) -> None:
    """Where a run may still be alive, nothing is sent before two minutes have passed."""
    stop_halfway(cli, gateway)
    with closing(sqlite3.connect(STORE)) as store, store:
        store.execute("UPDATE ca_meta SET value = ? WHERE key = 'place'", (json.dumps(["mars", "/r.results.db"]),))
    shutil.copy(STORE, "copy.db")
    process = start(*RESUME, "copy.csv")
    assert process.stderr is not None
    assert "it was used on mars before, so this waits for 120 s first" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode == 130
    assert len(gateway.messages) == 100


# -- what must be as it was


def test_what_is_not_as_it_was_is_refused(cli: Cli, gateway: Gateway) -> None:
    """And it is said what differs."""
    stop_halfway(cli, gateway, count=200, sent=50)
    told = Path("r.csv").read_text()
    resume = ("--resume", str(RESULTS))
    for words, arguments in {
        "another account: demo": ("r.csv", "--text", "Hi", "--user", "ann"),
        "another text": ("r.csv", "--text", "Hello"),
        "other options": ("r.csv", "--text", "Hi", "--concat", "2"),
        "the run was begun without --dedupe": ("r.csv", "--text", "Hi", "--dedupe"),
        "other kept columns": ("r.csv", "--text", "Hi", "--keep-columns"),
    }.items():
        if words.startswith("other kept"):
            write("to\n" + told)
        refused = cli("bulk", *arguments, *resume)
        assert (refused.exit_code, words in refused.stderr) == (2, True), refused.stderr
        Path("r.csv").write_text(told)
    lines = told.splitlines()
    for words, changed in {
        "line 3: row 3 had another number": [*lines[:2], "27821234567", *lines[3:]],
        "line 199: row 199 had another number": [*lines[:198], lines[199]],
        "there are 199 rows, and the run began with 200": lines[:199],
        "line 201: row 201 was not sent to": [*lines, "27821234567"],
    }.items():
        write("\n".join(changed) + "\n")
        refused = cli(*RESUME, RESULTS)
        assert (refused.exit_code, words in refused.stderr) == (2, True), refused.stderr
        assert cli(*RESUME, RESULTS, "--dry-run").exit_code == 2
    assert len(gateway.messages) == 50
    Path("r.csv").write_text(told)
    assert cli(*RESUME, RESULTS).exit_code == 0
    assert judge(gateway, 200) == {"accepted": 200}


def test_another_text_of_one_row_is_refused(cli: Cli, gateway: Gateway) -> None:
    write("to,text\n27821234567,a\n27827654321,b\n")
    gateway.account.credits *= 0
    assert cli("bulk", "r.csv").exit_code == 1
    write("to,text\n27821234567,a\n27827654321,c\n")
    refused = cli("bulk", "r.csv", "--resume", RESULTS)
    assert (refused.exit_code, "another text of a row" in refused.stderr) == (2, True)
    assert gateway.messages == []


# -- disks


def test_full_disks(start: Start, cli: Cli, gateway: Gateway, tmp_path: Path) -> None:
    """What was sent is asked about once there is room again; where nothing could be loaded, nothing is left."""
    sizes = (60, 200, 400, 700)
    with ExitStack() as stack:
        disks = [stack.enter_context(small_disk(tmp_path / f"disk{size}", size)) for size in sizes]
        commands = []
        for size, disk in zip(sizes, disks, strict=True):
            file = numbers(3000, f"{size}.csv", first=size * 10_000)
            commands.append(("bulk", str(file), "--text", "Hi", "--batch-size", "50", "-o", str(disk.folder / RESULTS)))
        runs = [start(*command, **disk.options()) for command, disk in zip(commands, disks, strict=True)]
        for disk, command, run in zip(disks, commands, runs, strict=True):
            out, err = run.communicate(timeout=60)
            assert (run.returncode, "Traceback" in out + err) == (2, False), err
            assert "r.results.db: the database cannot be written" in err
            disk.grow()
            if (disk.folder / STORE).exists():
                assert cli(*command[:-2], "--resume", command[-1]).exit_code in (0, 1)
            else:
                assert list(disk.folder.iterdir()) == []
                assert cli(*command).exit_code == 0
            assert judge(gateway, 3000, disk.folder / RESULTS)["accepted"] > 2000


def test_a_disk_that_was_full_for_a_moment(start: Start, cli: Cli, gateway: Gateway, tmp_path: Path) -> None:
    """What was out is written once there is room, so nothing is uncertain."""
    with small_disk(tmp_path / "disk", 500) as disk:
        results = disk.folder / RESULTS
        numbers(3000)
        process = start(*RUN, "-o", results, "--verbose", **disk.options())
        assert process.stderr is not None
        assert any("the database cannot be written" in line and "it is tried for" in line for line in process.stderr)
        disk.grow(process)
        out, err = process.communicate(timeout=30)
        assert (process.returncode, "Traceback" in out + err, "under way" in out) == (2, False, False), err
        assert {row["to"] for row in read(results)} == sent_to(gateway).keys()
        assert cli(*RESUME, results).exit_code == 0
        assert judge(gateway, 3000, results) == {"accepted": 3000}


def test_a_folder_that_cannot_be_written(cli: Cli, gateway: Gateway, tmp_path: Path) -> None:
    stop_halfway(cli, gateway)
    with unwritable(tmp_path / "readonly", Path("r.csv"), RESULTS, STORE) as folder:
        for arguments in (("-o", folder / "new.csv"), ("--resume", folder / RESULTS), ("-o", "gone/new.csv")):
            refused = cli(*RUN, *arguments)
            assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1), refused.stderr
    assert len(gateway.messages) == 100


def test_what_is_written_is_on_the_disk(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data before the name, then the name: a loss of power leaves the old results or the new ones, and the store."""
    synced: list[str] = []
    sync, replace = os.fsync, os.replace

    def note(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        sync(descriptor)

    def rename(source: Path, target: Path) -> None:
        synced.append(f"{source.name} becomes {target.name}")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", note)
    monkeypatch.setattr(os, "replace", rename)
    numbers(10)
    folder = Path.cwd().name
    assert cli(*RUN).exit_code == 0
    assert synced == [
        folder,  # the store is there
        "r.results.csv.new",
        "r.results.csv.new becomes r.results.csv",
        folder,
        "r.results.csv",  # at the end
    ]
