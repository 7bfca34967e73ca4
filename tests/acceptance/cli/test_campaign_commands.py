"""``clickasync campaign``: every command, as a user types it."""

from __future__ import annotations

import csv
import json
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from clickasync.simulator import Gateway
from tests.acceptance.cli.conftest import Cli, Start

if TYPE_CHECKING:
    from click.testing import Result

pytestmark = pytest.mark.usefixtures("account")

ANN, BEN = "27821234567", "27827654321"


@pytest.fixture
def customers(tmp_path: Path) -> Path:
    """Three who can be sent to, one who cannot, and one twice."""
    file = tmp_path / "customers.csv"
    file.write_text(f"to,name,key\n{ANN},Ann,a\n{BEN},Ben,b\nnobody,Zoe,c\n{ANN},Ann,d\n9991211,Eve,e\n")
    return file


def shown(result: Result) -> Any:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_from_create_to_delete(cli: Cli, gateway: Gateway, customers: Path) -> None:
    """Created, sent, looked at, written out; deleted once nobody can still speak."""
    made = cli("campaign", "create", "spring", customers, "--text", "Hi {name}", "--tag-column", "key", "--json")
    assert shown(made) == {"name": "spring", "recipients": 3, "bad_rows": 1, "duplicates": 1}
    assert "row 3: " in made.stderr
    before = shown(cli("campaign", "status", "spring", "--json"))
    assert (before["state"], before["ready"], before["waits_for"][:21]) == ("running", 3, "no worker for account")
    run = cli("campaign", "run", "spring")
    assert (run.exit_code, run.stderr) == (1, "spring: 2 accepted, 1 rejected, 0 uncertain, 0 left\n")
    after = shown(cli("campaign", "status", "spring", "--json"))
    assert (after["state"], after["accepted"], after["rejected"], after["errors"]) == ("done", 2, 1, {"121": 1})
    assert [(message.to, message.text) for message in gateway.messages] == [(ANN, "Hi Ann"), (BEN, "Hi Ben")]
    written = cli("campaign", "results", "spring")
    rows = list(csv.DictReader(written.stdout.splitlines()))
    assert list(rows[0]) == ["row", "to", "tag", "result", "id", "climsgid", "error", "delivery", "delivered_at"]
    assert [(row["row"], row["to"], row["tag"], row["result"]) for row in rows] == [
        ("1", ANN, "a", "accepted"),
        ("2", BEN, "b", "accepted"),
        ("5", "9991211", "e", "rejected"),
    ]
    assert rows[2]["error"].startswith("121 ")
    refused = cli("campaign", "delete", "spring", "--yes")
    assert (refused.exit_code, "something of campaign 'spring' is under way, or" in refused.stderr) == (2, True)
    assert shown(cli("campaign", "status", "spring", "--json"))["state"] == "done"
    assert shown(cli("campaign", "list", "--json")) == ["spring"]


def test_results_into_a_file(cli: Cli, customers: Path, tmp_path: Path) -> None:
    """JSON lines by its name, only some of them, and never over another file unasked."""
    cli("campaign", "create", "spring", customers, "--text", "Hi {name}")
    cli("campaign", "run", "spring")
    file = tmp_path / "out.jsonl"
    assert cli("campaign", "results", "spring", "--output", file, "--only", "rejected").exit_code == 0
    [line] = map(json.loads, file.read_text().splitlines())
    assert (line["row"], line["result"], line["delivery"]) == (5, "rejected", None)
    again = cli("campaign", "results", "spring", "--output", file)
    assert (again.exit_code, "--force" in again.stderr) == (2, True)
    assert cli("campaign", "results", "spring", "--output", file, "--force").exit_code == 0
    assert len(file.read_text().splitlines()) == 3
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix in (".jsonl", "")) == ["out.jsonl"]
    wrong = cli("campaign", "results", "spring", "--only", "lost")
    assert (wrong.exit_code, "only must be one of" in wrong.stderr) == (2, True)


def test_a_screen_for_people(cli: Cli, customers: Path) -> None:
    """Progress, outcomes, errors, and why nothing moves."""
    cli("campaign", "create", "spring", customers, "--text", "Hi {name}")
    still = cli("campaign", "status", "spring").stdout
    assert "0 of 3" in still
    assert "Nothing moves: no worker for account demo (api_id 1) is running" in still
    cli("campaign", "run", "spring")
    done = cli("campaign", "status", "spring").stdout
    assert "3 of 3" in done
    assert "2 accepted, 1 rejected" in done
    assert "1 bad rows, 1 numbers that came before" in done
    assert "121" in done
    listed = cli("campaign", "status").stdout
    assert "spring" in listed
    assert [each["name"] for each in shown(cli("campaign", "status", "--json"))] == ["spring"]
    assert "[default: never]" not in cli("campaign", "run", "--help").stdout
    watched = cli("campaign", "status", "spring", "--watch")
    assert (watched.exit_code, "3 of 3" in watched.stderr) == (0, True)
    assert cli("campaign", "status", "spring", "--watch", "--json").exit_code == 2


def test_a_dry_run(cli: Cli, gateway: Gateway, customers: Path, tmp_path: Path) -> None:
    """Checks every row, asks for prices, and stores and sends nothing."""
    result = cli("campaign", "create", "spring", customers, "--text", "Hi {name} " + "x" * 160, "--dry-run", "--json")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert (told["messages"], told["parts"], told["bad_rows"], told["duplicates"]) == (3, 6, 1, 1)
    assert told["credits"] == 6
    assert gateway.messages == []
    assert not (tmp_path / "campaigns.db").exists()
    assert (
        "3 messages, 6 parts"
        in cli("campaign", "create", "spring", customers, "--text", "Hi {name} " + "x" * 160, "--dry-run").stdout
    )


@pytest.mark.parametrize(
    ("arguments", "messages"), [([], 3), (["--no-dedupe"], 4), (["--exclude", "out.txt"], 2), (["--first", "1"], 3)]
)
def test_a_dry_run_counts_as_create(cli: Cli, customers: Path, arguments: list[str], messages: int) -> None:
    """Who would be left out costs nothing: a dry run has as many messages as the campaign has recipients."""
    customers.with_name("out.txt").write_text(f"{ANN}\n")
    create: list[str | Path] = ["campaign", "create", "spring", customers, "--text", "Hi {name}", "--json", *arguments]
    told = json.loads(cli(*create, "--dry-run").stdout)
    assert (told["messages"], shown(cli(*create))["recipients"]) == (messages, messages)


@pytest.mark.parametrize("dry", [["--dry-run"], []])
@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--window", "always", "a window must be days, times and a time zone"),
        ("--start", "tomorrow", "--start must be ISO 8601"),
        ("--stop-at-rejected", "150", "a percentage of at most 100"),
        ("--first", "0", "first must be a positive number"),
        ("--rate", "-1", "rate_limit must be a positive number"),
        ("--exclude", "none.txt", "none.txt: No such file"),
    ],
)
def test_options_that_are_wrong(cli: Cli, customers: Path, dry: list[str], option: str, value: str, said: str) -> None:
    """Are refused by their names, and a dry run says so before anything is made."""
    result = cli("campaign", "create", "x", customers, "--text", "Hi", option, value, *dry)
    assert (result.exit_code, said in result.stderr) == (2, True), result.stderr


def test_the_same_again_and_another_one(cli: Cli, customers: Path) -> None:
    """No harm; and refused, with what differs."""
    arguments = ("campaign", "create", "spring", customers, "--text")
    assert cli(*arguments, "Hi {name}").exit_code == 0
    assert cli(*arguments, "Hi {name}").exit_code == 0
    other = cli(*arguments, "Ho {name}")
    assert (other.exit_code, "there is a campaign 'spring' already" in other.stderr) == (2, True)


def test_the_first_then_the_rest_and_back(cli: Cli, gateway: Gateway, tmp_path: Path) -> None:
    """First a few; then paused, resumed, cancelled, retried."""
    numbers = tmp_path / "numbers.txt"
    numbers.write_text("".join(f"2782000{n:04}\n" for n in range(20)) + "9991211\n")
    skipped = tmp_path / "skip.txt"
    skipped.write_text("27820000003\n")
    made = cli("campaign", "create", "n", numbers, "--text", "Hi", "--first", "5", "--exclude", skipped)
    assert made.stdout == "n: 20 recipients, 0 bad rows, 0 duplicates\n"
    first = cli("campaign", "run", "n")
    assert (first.exit_code, len(gateway.messages)) == (1, 5)
    assert "paused: the first 5 are sent: look at them, then resume" in first.stderr
    assert cli("campaign", "resume", "n").exit_code == 0
    assert cli("campaign", "run", "n").exit_code == 1
    assert len(gateway.messages) == 19
    assert cli("campaign", "retry", "n", "--error", "121").stdout == "1 are sent to again\n"
    assert cli("campaign", "pause", "n").exit_code == 0
    assert shown(cli("campaign", "status", "n", "--json"))["state"] == "paused"
    assert cli("campaign", "cancel", "n").exit_code == 0
    status = shown(cli("campaign", "status", "n", "--json"))
    assert (status["state"], status["accepted"], status["skipped"]) == ("cancelled", 19, 1)
    assert cli("campaign", "resume", "n").exit_code == 2


def test_a_test_message(cli: Cli, gateway: Gateway, customers: Path) -> None:
    """Row 1 as it would look, to one's own phone."""
    cli("campaign", "create", "spring", customers, "--text", "Hi {name}", "--from", "Shop")
    result = cli("campaign", "test", "spring", "+447700900123")
    assert (result.exit_code, result.stdout.endswith(": Hi Ann\n")) == (0, True)
    [message] = gateway.messages
    assert (message.to, message.text, message.sender) == ("447700900123", "Hi Ann", "Shop")


def test_people(cli: Cli, gateway: Gateway, customers: Path, tmp_path: Path) -> None:
    """Found, opted out, erased."""
    cli("campaign", "create", "spring", customers, "--text", "Hi {name}")
    stops = tmp_path / "stops.txt"
    stops.write_text(f"+{BEN}\n")
    assert cli("campaign", "optouts", "import", stops).stdout == "1 numbers have opted out\n"
    assert cli("campaign", "optouts", "add", "447700900123").exit_code == 0
    assert [each["number"] for each in shown(cli("campaign", "optouts", "list", "--json"))] == [BEN, "447700900123"]
    assert cli("campaign", "optouts", "remove", "447700900123").exit_code == 0
    assert cli("campaign", "optouts", "remove", "447700900123").exit_code == 1
    cli("campaign", "run", "spring")
    assert [message.to for message in gateway.messages] == [ANN]
    [found] = shown(cli("campaign", "find", f"+{BEN}", "--json"))
    assert (found["campaign"], found["row"], found["result"]) == ("spring", 2, "suppressed")
    assert cli("campaign", "erase", ANN).stdout == "erased in 1 calls\n"
    assert cli("campaign", "find", ANN).exit_code == 1
    assert cli("campaign", "delete", "--older-than", "90d", "--yes").stdout == "deleted: nothing\n"
    assert cli("campaign", "delete", "--older-than", "soon", "--yes").exit_code == 2
    for name in ("a", "b"):
        cli("campaign", "create", name, customers, "--text", "Hi")
    gone = cli("campaign", "delete", "--older-than", "0d", "--yes")
    assert (gone.exit_code, gone.stdout) == (2, "")
    assert "campaign 'spring'" in gone.stderr
    assert cli("campaign", "delete", "a", "--yes").stdout == "deleted: a\n"
    assert cli("campaign", "reconcile", "--yes").stdout.startswith("0 were sent")
    assert cli("campaign", "upgrade").stdout == "the tables are of version 1: up to date\n"


def test_what_is_refused(cli: Cli, customers: Path, tmp_path: Path) -> None:
    """In one line, with status 2."""
    nothing = cli("campaign", "status")
    assert (nothing.exit_code, nothing.stderr[:38]) == (2, "clickasync: there is no database campa")
    secret = cli("campaign", "list", "--database", "postgresql://me:s3cret@localhost/x")
    assert (secret.exit_code, "s3cret" in secret.stderr) == (2, False)
    assert cli("campaign", "create", "x", tmp_path / "none.csv", "--text", "Hi").exit_code == 2
    assert cli("campaign", "create", "x", customers, "--text", "Hi", "--window", "always").exit_code == 2
    cli("campaign", "create", "spring", customers, "--text", "Hi")
    for arguments in (("status", "x"), ("run", "x"), ("delete", "x", "--yes"), ("delete",), ("reconcile",)):
        assert cli("campaign", *arguments).exit_code == 2


def test_a_gateway_that_is_not_reached(cli: Cli, customers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is lost; the exit status says so."""
    monkeypatch.setenv("CLICKATELL_BASE_URL", "http://127.0.0.1:1")
    cli("campaign", "create", "spring", customers, "--text", "Hi")
    result = cli("campaign", "run", "spring", "--patience", "0.2", "--retries", "0")
    assert result.exit_code == 3
    assert shown(cli("campaign", "status", "spring", "--json"))["ready"] == 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_is_asked_to_end(start: Start, cli: Cli, gateway: Gateway, tmp_path: Path, number: int) -> None:
    """It finishes what is under way, gives back the rest, and says so by its status."""
    numbers = tmp_path / "numbers.txt"
    numbers.write_text("".join(f"2782000{n:04}\n" for n in range(2000)))
    cli("campaign", "create", "n", numbers, "--text", "Hi", "--rate", "50", "--batch-size", "5")
    worker = start("campaign", "work", "--in-flight", "3", env={**os.environ})
    deadline = time.monotonic() + 20
    while not gateway.messages and time.monotonic() < deadline:
        time.sleep(0.05)
    worker.send_signal(number)
    assert worker.wait(15) == (0 if number == signal.SIGTERM else 130)
    status = shown(cli("campaign", "status", "n", "--json"))
    assert status["accepted"] == len(gateway.messages) > 0
    assert (status["out"], status["workers"], status["accepted"] + status["ready"]) == (0, [], 2000)
