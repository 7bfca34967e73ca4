"""``clickasync bulk`` against the simulator: what is sent, what is written down, what is never sent twice."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clickasync.cli.bulk.display import progress_bar
from clickasync.cli.bulk.journal import Entry, Journal, fingerprint
from clickasync.cli.bulk.results import ResultLine
from clickasync.cli.bulk.standing import Standing
from clickasync.simulator import Gateway

from .conftest import Cli, Start

pytestmark = pytest.mark.usefixtures("account")

ANN, BEN, EVE = "27821234567", "27827654321", "27825555555"


def write(text: str, name: str = "r.csv") -> Path:
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return path


def numbers(count: int) -> Path:
    return write("".join(f"2782{n:07}\n" for n in range(count)))


def read(path: str = "r.results.csv") -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def kinds(path: str = "r.results.csv") -> list[str]:
    return [row["result"] for row in sorted(read(path), key=lambda row: int(row["row"]))]


def sent_to(gateway: Gateway) -> Counter[str]:
    return Counter(message.to for message in gateway.messages)


def edit_journal(change: Callable[[dict[str, Any]], object], name: str = "r.results.csv") -> None:
    journal = Path(f"{name}.journal")
    entries = [json.loads(line) for line in journal.read_text().splitlines()]
    for each in entries:
        change(each)
    journal.write_text("".join(json.dumps(each) + "\n" for each in entries))


def drop_results(*rows: int, name: str = "r.results.csv") -> None:
    """As if the run had been killed before it could write these."""
    path = Path(name)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if line.partition(",")[0] not in map(str, rows)) + "9,278")


def test_a_template_is_filled_and_every_row_accounted_for(cli: Cli, gateway: Gateway) -> None:
    write(f"to,name\n{ANN},Ann\n9991141,Ben\nnobody,Eve\n{EVE},Eve\n")
    run = cli("bulk", "r.csv", "--text", "Hi {name}", "--from", "27600000001", "--json")
    assert run.exit_code == 1
    assert {message.to: message.text for message in gateway.messages} == {ANN: "Hi Ann", EVE: "Hi Eve"}
    assert {message.sender for message in gateway.messages} == {"27600000001"}
    assert kinds() == ["accepted", "rejected", "rejected", "accepted"]
    by_row = {row["row"]: row for row in read()}
    assert by_row["1"]["id"] == gateway.messages[0].id or by_row["1"]["id"] == gateway.messages[1].id
    assert (by_row["2"]["error_code"], by_row["2"]["to"]) == ("114", "9991141")
    assert "not a phone number" in by_row["3"]["error"]
    assert "line 4: 'nobody' is not a phone number" in run.stderr
    summary = json.loads(run.stdout)
    assert (summary["rows"], summary["accepted"], summary["rejected"], summary["not_told"]) == (4, 2, 2, 0)


def test_all_accepted_is_0_and_one_text_travels_together(cli: Cli, gateway: Gateway) -> None:
    numbers(250)
    run = cli("bulk", "r.csv", "--text", "Hi", "--batch-size", "100")
    assert (run.exit_code, run.stderr) == (0, "")
    assert "250 accepted" in run.stdout
    assert gateway.requests["sendmsg"] == 3
    assert max(sent_to(gateway).values()) == 1


def test_stdin_and_json_lines(cli: Cli, gateway: Gateway) -> None:
    given = f"text;msisdn\nHi Ann;{ANN}\nHi Ben;{BEN}\n"
    assert cli("bulk", "-", "--quiet", input=given).exit_code == 2
    run = cli("bulk", "-", "-o", "out.jsonl", "--quiet", input=given)
    assert (run.exit_code, run.output) == (0, "")
    lines = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert {(line["row"], line["to"], line["result"]) for line in lines} == {(1, ANN, "accepted"), (2, BEN, "accepted")}


def test_a_payload_needs_no_text(cli: Cli, gateway: Gateway) -> None:
    numbers(2)
    assert cli("bulk", "r.csv", "--data", "0102").exit_code == 0
    assert [message.data for message in gateway.messages] == ["0102", "0102"]


def test_results_are_never_overwritten_unasked(cli: Cli, gateway: Gateway) -> None:
    numbers(2)
    assert cli("bulk", "r.csv", "--text", "Hi").exit_code == 0
    again = cli("bulk", "r.csv", "--text", "Hi")
    assert again.exit_code == 2
    assert "--resume" in again.stderr
    assert "--force" in again.stderr
    assert cli("bulk", "r.csv", "--text", "Hi {nobody}", "--force").exit_code == 2
    assert len(read()) == 2  # a slip costs nothing
    assert cli("bulk", "r.csv", "--text", "Hi", "-o", "r.csv", "--force").exit_code == 2
    assert len(gateway.messages) == 2
    assert cli("bulk", "r.csv", "--text", "Hi", "--force").exit_code == 0
    assert len(gateway.messages) == 4
    assert kinds() == ["accepted", "accepted"]


def test_resume_sends_what_was_not_sent_and_nothing_else(cli: Cli, gateway: Gateway) -> None:
    write(f"to\n{ANN}\n9991141\nnobody\n{BEN}\n")
    resume = ("bulk", "r.csv", "--text", "Hi", "--resume", "r.results.csv")
    assert cli(*resume).exit_code == 2  # there is nothing yet
    gateway.account.credits *= 0
    assert cli("bulk", "r.csv", "--text", "Hi", "--batch-size", "1", "--max-in-flight", "1").exit_code == 1
    # No credit: nothing is tried after the first. What is no number never can be.
    assert kinds() == ["rejected", "skipped", "rejected", "skipped"]
    gateway.account.credits += 10
    assert cli(*resume).exit_code == 1
    assert kinds() == ["rejected", "rejected", "rejected", "accepted"]
    assert cli(*resume).exit_code == 1
    assert sent_to(gateway) == {BEN: 1}
    assert cli(*resume, "--retry-rejected").exit_code == 1
    assert kinds() == ["accepted", "rejected", "rejected", "accepted"]
    assert sent_to(gateway) == {ANN: 1, BEN: 1}


def test_resume_refuses_recipients_that_have_changed(cli: Cli, gateway: Gateway) -> None:
    write(f"to\n{ANN}\n{BEN}\n")
    assert cli("bulk", "r.csv", "--text", "Hi").exit_code == 0
    for changed in (f"to\n{EVE}\n{ANN}\n{BEN}\n", f"to\n{ANN}\n"):
        write(changed)
        refused = cli("bulk", "r.csv", "--text", "Hi", "--resume", "r.results.csv")
        assert refused.exit_code == 2
        assert "recipients as they were" in refused.stderr
    write(f"to\n{ANN}\n{BEN}\n{EVE}\n")
    assert cli("bulk", "r.csv", "--text", "Hi", "--resume", "r.results.csv").exit_code == 0
    assert sent_to(gateway) == {ANN: 1, BEN: 1, EVE: 1}


def test_two_runs_cannot_write_to_one_file(cli: Cli, gateway: Gateway) -> None:
    numbers(1)
    journal = Journal(Path("r.results.csv"))
    journal.open()
    refused = cli("bulk", "r.csv", "--text", "Hi")
    journal.close()
    assert (refused.exit_code, "another run" in refused.stderr) == (2, True)
    assert gateway.messages == []


def test_after_a_kill_the_gateway_is_asked_about_calls_that_were_under_way(cli: Cli, gateway: Gateway) -> None:
    write(f"to,name\n{ANN},x\n{BEN},x\n{EVE},y\n")
    first = ("bulk", "r.csv", "--text", "Hi {name}")
    assert cli(*first).exit_code == 0
    drop_results(1, 2, 3)
    resumed = cli(*first, "--resume", "r.results.csv")
    assert resumed.exit_code == 1
    assert [(row["result"], row["known_to_gateway"]) for row in sorted(read(), key=lambda row: row["row"])] == [
        ("uncertain", "true"),
        ("uncertain", "true"),
        ("accepted", ""),  # alone in its call, so its ID is known
    ]
    assert sent_to(gateway) == {ANN: 1, BEN: 1, EVE: 1}
    assert cli(*first, "--resume", "r.results.csv", "--resend-unknown", "--retry-rejected").exit_code == 1
    assert sent_to(gateway) == {ANN: 1, BEN: 1, EVE: 1}


def test_what_the_gateway_does_not_know_is_sent_again_only_if_asked_and_as_the_same_call(
    cli: Cli, gateway: Gateway
) -> None:
    texts = ("young", "old", "ancient", "changed", "right", "right", "partly", "partly")
    write("to,name\n" + "".join(f"2782000000{row},{text}\n" for row, text in enumerate(texts, 1)))
    run = ("bulk", "r.csv", "--text", "Hi {name}")
    assert cli(*run).exit_code == 0
    gateway.messages.clear()
    gateway.ledger._by_climsgid.clear()  # as if nothing had reached it
    drop_results(1, 2, 3, 4, 5, 6, 7)
    ages = {"young": 30, "ancient": 15 * 24 * 3600}
    names = {fingerprint(f"Hi {text}", {}): text for text in texts}

    def grow_old(each: dict[str, Any]) -> None:
        name = names[each["text"]]
        each["time"] = time.time() - ages.get(name, 120)
        each["text"] = "other" if name == "changed" else each["text"]

    edit_journal(grow_old)
    told = cli(*run, "--resume", "r.results.csv")
    assert told.exit_code == 1
    assert "another text" in told.stderr
    assert kinds() == ["uncertain"] * 7 + ["accepted"]
    assert {row["known_to_gateway"] for row in read() if row["result"] == "uncertain"} == {"false"}
    assert gateway.messages == []

    again = cli(*run, "--resume", "r.results.csv", "--resend-unknown")
    assert again.exit_code == 1
    for reason in ("less than a minute", "older than 14 days", "changed", "have an answer"):
        assert reason in again.stderr
    outcome = dict(zip(texts, kinds(), strict=True))
    assert {text for text, result in outcome.items() if result == "accepted"} >= {"old", "right"}
    assert sent_to(gateway) == {"27820000002": 1, "27820000005": 1, "27820000006": 1}
    under = {row["to"]: row["climsgid"] for row in read()}
    assert {message.to: message.climsgid for message in gateway.messages} == {to: under[to] for to in sent_to(gateway)}
    assert len(read()) == len(texts)  # a line each, at the end


def test_ctrl_c_writes_down_what_is_known_and_the_rest_can_be_resumed(start: Start, cli: Cli, gateway: Gateway) -> None:
    numbers(3000)
    gateway.latency = 0.05
    run = ("bulk", "r.csv", "--text", "Hi", "--batch-size", "10", "--max-in-flight", "4")
    process = start(*run)
    wait_for(lambda: len(gateway.messages) > 300)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in out + err
    assert "interrupted" in err
    told = Counter(kinds())
    assert set(told) <= {"accepted", "uncertain", "skipped"}
    assert told["accepted"] > 0
    summary, hint = out.splitlines()
    counts = {kind: int(count.replace(",", "")) for count, kind in re.findall(r"([0-9,]+) ([a-z]{3,})", summary)}
    assert counts.pop("rows") == sum(counts.values()) == 3000
    assert {kind: counts[kind] for kind in told} == told
    assert counts["not"] > 0  # sent yet
    gateway.latency = 0
    again = shlex.split(hint.removeprefix("To continue: clickasync "))
    assert again == ["bulk", "r.csv", "--text", "Hi", "--resume", "r.results.csv", *run[4:]]
    assert cli(*again).exit_code == (1 if told["uncertain"] else 0)
    rows = read()
    assert max(sent_to(gateway).values()) == 1
    assert len(rows) == len({row["row"] for row in rows}) == 3000
    unknown = {row["to"] for row in rows if row["known_to_gateway"] == "false"}
    assert sent_to(gateway).keys() == {row["to"] for row in rows} - unknown


def test_a_killed_run_of_20000_is_resumed_to_the_end_and_nobody_gets_it_twice(
    start: Start, cli: Cli, gateway: Gateway
) -> None:
    numbers(20_000)
    gateway.latency = 0.02
    run = ("bulk", "r.csv", "--text", "Hi", "--batch-size", "50")
    process = start(*run)
    wait_for(lambda: len(gateway.messages) > 5000)
    process.kill()
    process.wait(10)
    assert len(gateway.messages) < 20_000
    answered = {row["row"]: row["id"] for row in read() if row["known_to_gateway"] is not None}
    assert len(answered) > 3000
    gateway.latency = 0
    resumed = cli(*run, "--resume", "r.results.csv", "--json")
    rows = read()
    assert sorted(int(row["row"]) for row in rows) == list(range(1, 20_001))
    assert all(row["id"] == answered[row["row"]] for row in rows if row["row"] in answered)
    ledger = sent_to(gateway)
    assert max(ledger.values()) == 1
    by_result = {kind: {row["to"] for row in rows if row["result"] == kind} for kind in ("accepted", "uncertain")}
    assert len(by_result["accepted"]) + len(by_result["uncertain"]) == 20_000
    assert by_result["accepted"] <= ledger.keys()
    known = {row["to"] for row in rows if row["known_to_gateway"] == "true"}
    assert known <= ledger.keys()
    assert ledger.keys() - known == by_result["accepted"]
    summary = json.loads(resumed.stdout)
    assert (summary["accepted"], summary["uncertain"]) == tuple(map(len, by_result.values()))
    assert resumed.exit_code == (1 if by_result["uncertain"] else 0)


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_full_disk_ends_the_run_and_nobody_gets_it_twice(
    cli: Cli, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers(100)
    append, room = Journal.append, iter(range(4))

    def append_while_there_is_room(journal: Journal, entry: Entry) -> None:
        if next(room, None) is None:
            raise OSError(28, "No space left on device")
        append(journal, entry)

    monkeypatch.setattr(Journal, "append", append_while_there_is_room)
    full = cli("bulk", "r.csv", "--text", "Hi", "--batch-size", "5", "--max-in-flight", "2")
    assert (full.exit_code, "No space left on device" in full.stderr) == (2, True)
    monkeypatch.setattr(Journal, "append", append)
    assert cli("bulk", "r.csv", "--text", "Hi", "--resume", "r.results.csv").exit_code in (0, 1)
    assert len(sent_to(gateway)) + kinds().count("uncertain") >= 100
    assert max(sent_to(gateway).values()) == 1
    assert sorted(int(row["row"]) for row in read()) == list(range(1, 101))


def test_a_bar_shows_how_far_it_is_where_somebody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for visible, away in ((True, False), (False, False), (True, True)):
        screen = Terminal()
        monkeypatch.setattr("sys.stderr", screen)
        standing = Standing()
        with progress_bar(standing, 4, visible=visible, is_away=lambda away=away: away):  # type: ignore[misc]
            for row in (1, 2, 3):
                standing.record(ResultLine(row, ANN, "rejected" if row == 2 else "accepted"))
        shown = screen.getvalue()
        assert ("3/4" in shown, "2 accepted, 1 rejected" in shown) == (visible, visible)
        assert ("sending" in shown) == (visible and not away)
        assert (re.search(r"the gateway cannot be reached since \d\d:\d\d:\d\d", shown) is not None) == away


def test_a_stopped_run_says_how_to_continue(cli: Cli, gateway: Gateway) -> None:
    write(f"to,name\n{ANN},Ann\n{BEN},it's Ben\n{EVE},Eve\n", "r s.csv")
    gateway.account.credits *= 0
    options = ("--batch-size", "1", "--max-in-flight", "1", "--no-unicode", "--keep-columns", "--password", "demo")
    run = cli("bulk", "r s.csv", "--text", "Don't {name}", "-o", "out.csv", *options, "--json")
    summary = json.loads(run.stdout)
    assert (summary["rows"], summary["rejected"], summary["skipped"]) == (3, 1, 2)
    again = shlex.split(summary["continue"])
    assert "demo" not in again
    assert again[:3] == ["clickasync", "bulk", "r s.csv"]
    gateway.account.credits += 10
    assert "--retry-rejected" in again  # the first one was refused for want of credit
    resumed = cli(*again[1:])
    assert resumed.exit_code == 0, resumed.stderr
    assert sent_to(gateway) == {ANN: 1, BEN: 1, EVE: 1}
    assert json.loads(cli(*again[1:]).stdout)["continue"] is None


def test_refused_credentials_and_a_gateway_that_is_not_there(cli: Cli, gateway: Gateway) -> None:
    numbers(3)
    refused = cli("bulk", "r.csv", "--text", "Hi", "--user", "nobody")
    assert refused.exit_code == 2
    assert kinds() == ["skipped"] * 3
    lost = cli("bulk", "r.csv", "--text", "Hi", "--force", "--base-url", "http://127.0.0.1:9", "--patience", "0.2")
    assert lost.exit_code == 3
    assert kinds() == ["skipped"] * len(kinds())  # what the gateway never saw needs no --retry-rejected
    assert cli("bulk", "r.csv", "--text", "Hi", "--resume", "r.results.csv").exit_code == 0
    assert max(sent_to(gateway).values()) == 1


def test_a_slip_leaves_nothing_behind(cli: Cli, gateway: Gateway) -> None:
    write(f"to,name\n{ANN},Ann\n")
    assert cli("bulk", "r.csv", "--text", "Hi {nick}").exit_code == 2
    assert [path.name for path in Path().iterdir()] == ["r.csv"]


def test_a_dry_run_says_what_it_would_cost_and_sends_nothing(cli: Cli, gateway: Gateway) -> None:
    gateway.uncovered = ("44",)
    write(f"to,name\n{ANN},{'x' * 200}\n{BEN},b\n447700900123,c\nnobody,d\n{EVE},{'x' * 900}\n")
    run = cli("bulk", "r.csv", "--text", "Hi {name}", "--dry-run", "--json")
    assert run.exit_code == 1
    found = json.loads(run.stdout)
    assert (found["messages"], found["parts"], found["bad"], found["credits"]) == (3, 4, 2, 3)
    assert found["prefixes"] == [
        {"prefix": "27", "parts": 3, "covered": True, "charge": 1},
        {"prefix": "44", "parts": 1, "covered": False, "charge": None},
    ]
    assert re.search(r"line 5: .*phone number", run.stderr)
    assert re.search(r"line 6: .*parts", run.stderr)
    assert "3 messages, 4 parts, 2 bad rows: 3" in cli("bulk", "r.csv", "--text", "Hi {name}", "--dry-run").stdout
    assert gateway.messages == []
    assert [path.name for path in Path().iterdir()] == ["r.csv"]


def test_a_dry_run_of_a_resumed_run_counts_only_what_is_left(cli: Cli, gateway: Gateway) -> None:
    write(f"to\n{ANN}\n")
    assert cli("bulk", "r.csv", "--text", "Hi").exit_code == 0
    write(f"to\n{ANN}\n{BEN}\n")
    run = cli("bulk", "r.csv", "--text", "Hi", "--dry-run", "--resume", "r.results.csv", "--json")
    assert json.loads(run.stdout)["messages"] == 1


def test_without_credentials_a_dry_run_still_checks(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLICKATELL_PASSWORD")
    numbers(2)
    run = cli("bulk", "r.csv", "--text", "Hi", "--dry-run")
    assert (run.exit_code, "credits unknown" in run.stdout) == (0, True)


def test_many_bad_rows_do_not_flood_the_screen(cli: Cli) -> None:
    write("to\n" + "nobody\n" * 50)
    run = cli("bulk", "r.csv", "--text", "Hi")
    assert run.exit_code == 1
    assert run.stderr.count("\n") == 22  # the header, twenty bad rows, and how many more
    assert "and 30 more" in run.stderr
    assert kinds() == ["rejected"] * 50
