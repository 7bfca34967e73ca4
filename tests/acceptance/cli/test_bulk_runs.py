"""``clickasync bulk`` against the simulator: what is sent, what is written down, how it ends."""

from __future__ import annotations

import io
import json
import re
import shlex
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from clickasync.cli.bulk.display import progress_bar
from clickasync.cli.bulk.projection import Tally
from clickasync.simulator import Gateway
from tests.support.bulk_runs import kinds, numbers, read, sent_to, wait_for, write

from .conftest import Cli, Start

pytestmark = pytest.mark.usefixtures("account")

ANN, BEN, EVE = "27821234567", "27827654321", "27825555555"


def test_a_template_is_filled_and_every_row_accounted_for(cli: Cli, gateway: Gateway) -> None:
    write(f"to,name\n{ANN},Ann\n9991141,Ben\nnobody,Eve\n{EVE},Eve\n")
    run = cli("bulk", "r.csv", "--text", "Hi {name}", "--from", "27600000001", "--json")
    assert run.exit_code == 1
    assert {message.to: message.text for message in gateway.messages} == {ANN: "Hi Ann", EVE: "Hi Eve"}
    assert {message.sender for message in gateway.messages} == {"27600000001"}
    assert kinds() == ["accepted", "rejected", "rejected", "accepted"]
    by_row = {row["row"]: row for row in read()}
    assert by_row["1"]["id"] == gateway.messages[0].id or by_row["1"]["id"] == gateway.messages[1].id
    assert {message.climsgid for message in gateway.messages} == {by_row["1"]["climsgid"], by_row["4"]["climsgid"]}
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


def test_rows_with_equal_texts_travel_together(cli: Cli, gateway: Gateway) -> None:
    """Also where the text has columns in it."""
    write("to,city\n" + "".join(f"2782{n:07},{('Cairo', 'Lagos')[n % 2]}\n" for n in range(100)))
    assert cli("bulk", "r.csv", "--text", "Greetings from {city}").exit_code == 0
    assert gateway.requests["sendmsg"] == 2


def test_stdin_and_json_lines(cli: Cli, gateway: Gateway) -> None:
    given = f"text;msisdn\nHi Ann;{ANN}\nHi Ben;{BEN}\n"
    assert cli("bulk", "-", "--quiet", input=given).exit_code == 2
    run = cli("bulk", "-", "-o", "out.jsonl", "--quiet", input=given)
    assert (run.exit_code, run.output) == (0, "")
    lines = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert {(line["row"], line["to"], line["result"]) for line in lines} == {(1, ANN, "accepted"), (2, BEN, "accepted")}
    assert cli("bulk", "-", "--resume", "out.jsonl", "--quiet", input=given).exit_code == 0
    assert sent_to(gateway) == {ANN: 1, BEN: 1}


def test_a_payload_needs_no_text(cli: Cli, gateway: Gateway) -> None:
    numbers(2)
    assert cli("bulk", "r.csv", "--data", "0102").exit_code == 0
    assert [message.data for message in gateway.messages] == ["0102", "0102"]


def test_a_number_stands_in_the_results_as_it_was_written(cli: Cli, gateway: Gateway) -> None:
    write(f"to\n+27 82 123 4567\n{BEN}\n")
    assert cli("bulk", "r.csv", "--text", "Hi").exit_code == 0
    assert {row["to"] for row in read()} == {"+27 82 123 4567", BEN}
    assert sent_to(gateway) == {ANN: 1, BEN: 1}


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
    Path("r.results.csv").unlink()
    assert cli("bulk", "r.csv", "--text", "Hi").exit_code == 2  # the store alone is enough
    write("27821112222\n", "s.csv")
    assert cli("bulk", "s.csv", "--text", "Hi", "-o", "r.results.jsonl").exit_code == 2


def test_resume_sends_what_was_not_sent_and_nothing_else(cli: Cli, gateway: Gateway) -> None:
    write(f"to\n{ANN}\n9991141\nnobody\n{BEN}\n")
    resume = ("bulk", "r.csv", "--text", "Hi", "--resume", "r.results.csv")
    assert cli(*resume).exit_code == 2  # there is nothing yet
    gateway.account.credits *= 0
    run = cli("bulk", "r.csv", "--text", "Hi", "--batch-size", "1", "--max-in-flight", "1")
    assert (run.exit_code, "no credit: ERR 301" in run.stdout) == (1, True)
    # No credit: nothing was sent. What is no number never can be.
    assert kinds() == ["skipped", "skipped", "rejected", "skipped"]
    gateway.account.credits += 10
    assert cli(*resume).exit_code == 1
    assert kinds() == ["accepted", "rejected", "rejected", "accepted"]
    assert cli(*resume).exit_code == 1
    assert sent_to(gateway) == {ANN: 1, BEN: 1}
    gateway.fail_next("sendmsg", error="121")
    assert cli(*resume, "--retry-rejected").exit_code == 1
    assert {row["row"]: row["error_code"] for row in read()}["2"] == "121"
    assert cli(*resume).exit_code == 1
    assert {row["row"]: row["error_code"] for row in read()}["2"] == "121"  # not tried again unasked
    assert sent_to(gateway) == {ANN: 1, BEN: 1}


def test_resume_with_another_rate(cli: Cli, gateway: Gateway) -> None:
    """The rate is that of the run that goes on, not of the one that began."""
    numbers(40)
    gateway.account.credits *= 0
    run = ("bulk", "r.csv", "--text", "Hi", "--batch-size", "10")
    assert cli(*run, "--rate-limit", "10").exit_code == 1
    gateway.account.credits += 100
    started = time.monotonic()
    assert cli(*run, "--resume", "r.results.csv").exit_code == 0
    assert time.monotonic() - started < 3.0
    assert len(gateway.messages) == 40


def test_after_ctrl_c_the_rest_can_be_resumed(start: Start, cli: Cli, gateway: Gateway) -> None:
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
    assert set(told) == {"accepted"}  # what was under way was finished
    assert told["accepted"] == len(gateway.messages)
    summary, hint = out.splitlines()
    counts = {kind: int(count.replace(",", "")) for count, kind in re.findall(r"([0-9,]+) ([a-z]{3,})", summary)}
    assert counts.pop("rows") == sum(counts.values()) == 3000
    assert {kind: counts[kind] for kind in told} == told
    assert counts["not"] > 0  # sent yet
    gateway.latency = 0
    again = shlex.split(hint.removeprefix("To continue: clickasync "))
    assert again == ["bulk", "r.csv", "--text", "Hi", "--resume", "r.results.csv", *run[4:]]
    assert cli(*again).exit_code == 0
    rows = read()
    assert max(sent_to(gateway).values()) == 1
    assert len(rows) == len({row["row"] for row in rows}) == len(sent_to(gateway)) == 3000


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_asked_twice_it_ends_at_once(start: Start, cli: Cli, gateway: Gateway, first: signal.Signals) -> None:
    """What is under way is uncertain then, and is not sent again."""
    numbers(300)
    gateway.latency = 5
    process = start("bulk", "r.csv", "--text", "Hi", "--batch-size", "50", "--max-in-flight", "4")
    wait_for(lambda: len(gateway.messages) >= 200)
    process.send_signal(first)
    assert process.stderr is not None
    assert "interrupted" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=15)
    assert (process.returncode, "Traceback" in out + err) == (130, False)
    assert Counter(kinds()) == {"uncertain": 200}
    gateway.latency = 0
    assert cli("bulk", "r.csv", "--text", "Hi", "--resume", "r.results.csv").exit_code == 1
    assert Counter(kinds()) == {"uncertain": 200, "accepted": 100}
    assert (len(gateway.messages), max(sent_to(gateway).values())) == (300, 1)


def test_a_term_signal_finishes_what_is_under_way(start: Start, gateway: Gateway) -> None:
    numbers(3000)
    gateway.latency = 0.05
    process = start("bulk", "r.csv", "--text", "Hi", "--batch-size", "10", "--max-in-flight", "4")
    wait_for(lambda: len(gateway.messages) > 100)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 1
    assert Counter(kinds()) == {"accepted": len(gateway.messages)}


def test_interrupted_while_it_reads_it_leaves_nothing(start: Start) -> None:
    """There is nothing to be resumed yet."""
    write("to\n" + "27821234567\n" * 400_000)
    process = start("bulk", "r.csv", "--text", "Hi")
    wait_for(Path("r.results.db").exists)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, "Traceback" in out + err) == (130, False)
    assert [path.name for path in Path().iterdir()] == ["r.csv"]


def test_a_bar_shows_how_far_it_is_where_somebody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for visible, away in ((True, False), (False, False), (True, True)):
        screen = Terminal()
        monkeypatch.setattr("sys.stderr", screen)
        tally = Tally(rows=4)
        with progress_bar(tally, visible=visible, is_away=lambda away=away: away):  # type: ignore[misc]
            tally.counts.update(accepted=2, rejected=1)
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
    assert (summary["rows"], summary["rejected"], summary["skipped"]) == (3, 0, 3)
    assert "no credit" in summary["stopped_by"]
    again = shlex.split(summary["continue"])
    assert "demo" not in again
    assert again[:3] == ["clickasync", "bulk", "r s.csv"]
    gateway.account.credits += 10
    resumed = cli(*again[1:])
    assert resumed.exit_code == 0, resumed.stderr
    assert sent_to(gateway) == {ANN: 1, BEN: 1, EVE: 1}
    assert json.loads(cli(*again[1:], "--json").stdout)["continue"] is None


def test_refused_credentials_and_a_gateway_that_is_not_there(cli: Cli, gateway: Gateway) -> None:
    numbers(3)
    refused = cli("bulk", "r.csv", "--text", "Hi", "--user", "nobody")
    assert refused.exit_code == 2
    assert kinds() == ["skipped"] * 3
    gateway.fail("sendmsg", reset="before")
    gateway.fail("auth", http=503)
    lost = cli("bulk", "r.csv", "--text", "Hi", "--force", "--patience", "0.2", "--retries", "0")
    assert lost.exit_code == 3
    assert kinds() == ["skipped"] * 3  # what the gateway never saw needs no --retry-rejected
    gateway.heal()
    assert cli("bulk", "r.csv", "--text", "Hi", "--resume", "r.results.csv").exit_code == 0
    assert max(sent_to(gateway).values()) == 1


def test_a_slip_leaves_nothing_behind(cli: Cli, gateway: Gateway) -> None:
    write(f"to,name\n{ANN},Ann\n")
    assert cli("bulk", "r.csv", "--text", "Hi {nick}").exit_code == 2
    write(f'to,name\n{ANN},Ann\n{BEN},"Ben\n')
    assert cli("bulk", "r.csv", "--text", "Hi {name}").exit_code == 2
    write(f"to\n{ANN}\n")
    assert cli("bulk", "r.csv", "--text", "Hi", "--deliv-time", "99999").exit_code == 2
    assert cli("bulk", "r.csv", "--text", "").exit_code == 2
    assert [path.name for path in Path().iterdir()] == ["r.csv"]
    assert gateway.messages == []


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
    write(f"to\n{ANN}\n9991211\n{BEN}\n")
    gateway.account.credits -= gateway.account.credits - 1
    assert cli("bulk", "r.csv", "--text", "Hi", "--batch-size", "1", "--max-in-flight", "1").exit_code == 1
    dry = ("bulk", "r.csv", "--text", "Hi", "--dry-run", "--json", "--resume", "r.results.csv")
    assert json.loads(cli(*dry).stdout)["messages"] == 1
    assert json.loads(cli(*dry, "--retry-rejected").stdout)["messages"] == 2
    write(f"to\n{ANN}\n9991211\n{EVE}\n")
    changed = cli(*dry)
    assert (changed.exit_code, "line 4: row 3 had another number" in changed.stderr) == (2, True)


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
    resumed = cli("bulk", "r.csv", "--text", "Hi", "--resume", "r.results.csv")
    assert (resumed.exit_code, resumed.stderr.count("\n")) == (1, 1)  # they were told before
    assert kinds() == ["rejected"] * 50
