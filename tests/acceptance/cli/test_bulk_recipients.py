"""``clickasync bulk`` and its file of recipients: taken as it stands, or refused with help before anything is sent."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import pytest

from clickasync.simulator import Gateway

from .conftest import Cli

pytestmark = pytest.mark.usefixtures("account")

ANN, BEN, EVE = "27821234567", "27827654321", "27825555555"
RESULTS = Path("r.results.csv")


def write(content: str, encoding: str = "utf-8") -> None:
    Path("r.csv").write_text(content, encoding=encoding, newline="")


def read() -> list[dict[str, str]]:
    with RESULTS.open(encoding="utf-8", newline="") as file:
        return sorted(csv.DictReader(file), key=lambda row: int(row["row"]))


def sent_to(gateway: Gateway) -> Counter[str]:
    return Counter(message.to for message in gateway.messages)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (f'to,name\n{ANN},Ann\n{BEN},"Ben\n{EVE},Eve\n', "line 3: a quote is opened there and never closed"),
        (f'to,name\n{ANN},"A\nnn"\n', "if it is meant so, set --allow-line-breaks"),
        (f"to,name,Name\n{ANN},x,y\n", "line 1: 2 columns are called 'name'"),
        (f"{ANN}.0\n{BEN}\n", "line 1 is neither a header nor a recipient"),
        (f"id,cell_no,name\n10000001,{ANN},Ann\n", "say in which by --to-column"),
        (f"a;b,name\n{ANN};x,y\n", "say by which with --delimiter"),
        ("to,name\n", "no column 'nick'"),
    ],
)
def test_a_doubtful_file_is_refused_and_nothing_sent(cli: Cli, gateway: Gateway, content: str, words: str) -> None:
    write(content)
    text = "Hi {nick}" if "nick" in words else "Hi {name}"
    for more in ((), ("--dry-run",)):
        refused = cli("bulk", "r.csv", "--text", text, *more)
        assert refused.exit_code == 2
        assert words in refused.stderr
    assert gateway.messages == []
    assert [path.name for path in Path().iterdir()] == ["r.csv"]


def test_a_header_is_said(cli: Cli) -> None:
    write(f"to;name\n{ANN};Ann\n")
    said = "line 1 is taken for the header: to, name; cells are separated by semicolons"
    assert said in cli("bulk", "r.csv", "--text", "Hi", "--dry-run").stderr
    assert said in cli("bulk", "r.csv", "--text", "Hi", "--json").stderr
    assert cli("bulk", "r.csv", "--text", "Hi", "--force", "--quiet").stderr == ""


def test_what_is_doubtful_can_be_said(cli: Cli, gateway: Gateway) -> None:
    write(f'name;b,c;cell\nZoë;"1\n2";{ANN}\n', "cp1252")
    options = ("--to-column", "cell", "--delimiter", "semicolon", "--encoding", "cp1252", "--allow-line-breaks")
    run = cli("bulk", "r.csv", "--text", "Hi {name}", *options)
    assert run.exit_code == 0, run.stderr
    assert [(message.to, message.text) for message in gateway.messages] == [(ANN, "Hi Zoë")]


def test_a_line_break_goes_out_if_allowed(cli: Cli, gateway: Gateway) -> None:
    write(f'to,name\n{ANN},"A\nnn"\n')
    assert cli("bulk", "r.csv", "--text", "Hi {name}", "--allow-line-breaks").exit_code == 0
    assert [message.text for message in gateway.messages] == ["Hi A\nnn"]


@pytest.mark.parametrize(("name", "delimiter"), [("comma", ","), (",", ","), ("tab", "\t"), ("\\t", "\t")])
def test_a_delimiter_is_said_by_name_or_as_it_is(cli: Cli, gateway: Gateway, name: str, delimiter: str) -> None:
    write(f"to{delimiter}a;b\n{ANN}{delimiter}x;y\n")
    assert cli("bulk", "r.csv", "--text", "Hi", "--delimiter", name).exit_code == 0
    assert sent_to(gateway) == {ANN: 1}
    refused = cli("bulk", "r.csv", "--text", "Hi", "--force", "--delimiter", "bar")
    assert (refused.exit_code, "--delimiter must be" in refused.stderr) == (2, True)


def test_a_bad_row_is_told_with_options_as_typed(cli: Cli) -> None:
    write(f"to,text\n{ANN}.0,Hi\n{BEN},{'x' * 500}\n{EVE},Hi\n")
    run = cli("bulk", "r.csv")
    assert run.exit_code == 1
    assert "line 2: '27821234567.0' is not a phone number: this looks like a number that a spreadsheet" in run.stderr
    assert "line 3: the GSM text needs 4 parts, and --concat allows 3; it takes --concat 4" in run.stderr
    assert [row["result"] for row in read()] == ["rejected", "rejected", "accepted"]
    assert "--concat 4" in read()[1]["error"]


DUPLICATES = f"to,name\n{ANN},a\n{BEN},b\n+27 82 123 4567,c\n0027827654321,d\n{EVE},e\nnobody,f\n"


def test_numbers_given_twice_are_counted_and_sent_to_twice(cli: Cli, gateway: Gateway) -> None:
    write(DUPLICATES)
    assert "duplicates: 2" in cli("bulk", "r.csv", "--text", "Hi", "--dry-run").stdout
    estimate = json.loads(cli("bulk", "r.csv", "--text", "Hi", "--dry-run", "--json").stdout)
    assert (estimate["messages"], estimate["duplicates"]) == (5, 2)
    run = cli("bulk", "r.csv", "--text", "Hi")
    assert "5 accepted, 1 rejected; duplicates: 2" in run.stdout
    assert sent_to(gateway) == {ANN: 2, BEN: 2, EVE: 1}


def test_dedupe_sends_to_each_number_once(cli: Cli, gateway: Gateway) -> None:
    write(DUPLICATES)
    estimate = json.loads(cli("bulk", "r.csv", "--text", "Hi {name}", "--dry-run", "--dedupe", "--json").stdout)
    assert (estimate["messages"], estimate["duplicates"]) == (3, 2)
    summary = json.loads(cli("bulk", "r.csv", "--text", "Hi {name}", "--dedupe", "--json").stdout)
    assert sent_to(gateway) == {ANN: 1, BEN: 1, EVE: 1}
    counted = ("rows", "accepted", "rejected", "uncertain", "skipped", "not_told", "dropped", "duplicates")
    assert [summary[name] for name in counted] == [6, 3, 1, 0, 0, 0, 2, 2]
    kinds = ["accepted", "accepted", "duplicate", "duplicate", "accepted", "rejected"]
    assert [row["result"] for row in read()] == kinds
    assert "earlier line" in read()[2]["error"]


@pytest.mark.parametrize("more", [(), ("--dedupe",), ("--retry-rejected",)])
def test_a_resumed_run_does_not_send_to_duplicates(cli: Cli, gateway: Gateway, more: tuple[str, ...]) -> None:
    """Even if ``--dedupe`` was forgotten."""
    write(f"to\n{ANN}\n{BEN}\n{ANN}\n{BEN}\n{EVE}\n")
    run = cli("bulk", "r.csv", "--text", "Hi", "--dedupe")
    assert (run.exit_code, "3 accepted, 2 duplicate" in run.stdout) == (0, True)
    assert cli("bulk", "r.csv", "--text", "Hi", "--resume", RESULTS, *more).exit_code == 0
    assert sent_to(gateway) == {ANN: 1, BEN: 1, EVE: 1}


def test_a_resumed_run_knows_numbers_of_the_run_before(cli: Cli, gateway: Gateway) -> None:
    write(f"to\n{ANN}\n{BEN}\n{ANN}\n")
    gateway.account.credits *= 0
    assert cli("bulk", "r.csv", "--text", "Hi", "--dedupe", "--batch-size", "1", "--max-in-flight", "1").exit_code == 1
    gateway.account.credits += 10
    resumed = cli("bulk", "r.csv", "--text", "Hi", "--dedupe", "--resume", RESULTS, "--retry-rejected")
    assert resumed.exit_code == 0
    assert sent_to(gateway) == {ANN: 1, BEN: 1}


def test_columns_are_kept_on_demand(cli: Cli) -> None:
    write(f"name;to;error;\nAnn;{ANN};x;1\nBen;nobody;y;2\nEve;{EVE}\n")
    assert cli("bulk", "r.csv", "--text", "Hi {name}", "--keep-columns").exit_code == 1
    kept = ("name", "input_to", "input_error", "column_4")
    assert [tuple(row[name] for name in kept) for row in read()] == [
        ("Ann", ANN, "x", "1"),
        ("Ben", "nobody", "y", "2"),
        ("Eve", EVE, "", ""),
    ]
    assert [row["result"] for row in read()] == ["accepted", "rejected", "rejected"]
    run = ("bulk", "r.csv", "--text", "Hi {name}", "--resume", RESULTS)
    refused = cli(*run)
    assert (refused.exit_code, "give --keep-columns as before" in refused.stderr) == (2, True)
    assert cli(*run, "--keep-columns", "--retry-rejected").exit_code == 1
    assert len(read()) == 3


def test_columns_are_kept_in_json_lines(cli: Cli) -> None:
    write(f"to,name\n{ANN},Ann\n{EVE},Eve\n")
    run = ("bulk", "r.csv", "--text", "Hi", "--keep-columns")
    assert cli(*run, "-o", "out.jsonl").exit_code == 0
    lines = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert {(line["to"], line["name"], line["result"]) for line in lines} == {
        (ANN, "Ann", "accepted"),
        (EVE, "Eve", "accepted"),
    }
    assert cli(*run, "--resume", "out.jsonl").exit_code == 0


def test_columns_without_names_cannot_be_kept(cli: Cli) -> None:
    write(f"{ANN}\n")
    refused = cli("bulk", "r.csv", "--text", "Hi", "--keep-columns")
    assert (refused.exit_code, "header" in refused.stderr) == (2, True)


def test_a_text_may_come_from_standard_input(cli: Cli, gateway: Gateway) -> None:
    write(f"to,name\n{ANN},Ann\n")
    assert cli("bulk", "r.csv", "--text", "-", input="Hi {name},\nbye\r\n").exit_code == 0
    assert [message.text for message in gateway.messages] == ["Hi Ann,\nbye"]
    refused = cli("bulk", "-", "--text", "-", "-o", "x.csv", input=f"to\n{ANN}\n")
    assert (refused.exit_code, "only one of" in refused.stderr) == (2, True)
