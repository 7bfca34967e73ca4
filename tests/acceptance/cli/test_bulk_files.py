"""What a bulk run writes and where, without a gateway."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from pathlib import Path

import pytest

from clickasync.cli.bulk.display import Summary
from clickasync.cli.bulk.dry_run import prefix_of
from clickasync.cli.bulk.places import new_places, places_of
from clickasync.cli.bulk.projection import LeftOut, Tally
from clickasync.cli.bulk.results import COLUMNS, Csv, JsonLines, Line, ResultsFile, format_of
from clickasync.errors import ConfigurationError, InvalidOptionError
from clickasync.recipients import open_recipients

ANN, BEN = "27821234567", "27827654321"

LINES = [
    Line(1, ANN, "accepted", "a" * 32, "c1"),
    Line(2, '="x",\ny', "rejected", None, None, "114", 'Cannot route, "really"'),
    Line(3, BEN, "uncertain", None, "c2", None, "reset", False),
]


def nothing(folder: Path) -> None: ...


def test_csv_has_a_header_and_a_line_for_each() -> None:
    rows = list(csv.reader(io.StringIO(Csv().header + Csv().lines(LINES))))
    assert rows == [
        list(COLUMNS),
        ["1", ANN, "accepted", "a" * 32, "c1", "", "", ""],
        ["2", '="x", y', "rejected", "", "", "114", 'Cannot route, "really"', ""],
        ["3", BEN, "uncertain", "", "c2", "", "reset", "false"],
    ]


def test_json_lines_have_every_name() -> None:
    lines = [json.loads(line) for line in JsonLines().lines(LINES).splitlines()]
    assert [list(line) for line in lines] == [list(COLUMNS)] * 3
    assert (lines[1]["to"], lines[2]["known_to_gateway"]) == ('="x",\ny', False)


@pytest.mark.parametrize("format", [Csv(), JsonLines()])
def test_a_result_is_one_line_in_either_format(format: Csv | JsonLines) -> None:
    assert format.lines(LINES).count("\n") == 3


@pytest.mark.parametrize("format", [Csv(["name"]), JsonLines(["name"])])
def test_kept_cells_stand_beside(format: Csv | JsonLines) -> None:
    assert "Zoë" in format.lines([Line(1, ANN, "accepted", kept=["Zoë"])])
    assert "name" in format.header + format.lines([Line(1, ANN, "accepted", kept=["Zoë"])])


def test_the_format_is_that_of_the_name() -> None:
    assert isinstance(format_of(Path("r.CSV")), Csv)
    assert isinstance(format_of(Path("r.ndjson")), JsonLines)
    with pytest.raises(InvalidOptionError, match=r"r\.txt"):
        format_of(Path("r.txt"))


def test_results_are_put_in_their_place_in_one_step(tmp_path: Path) -> None:
    """Before that the old ones stand there; what comes later is handed to the system at once."""
    synced: list[Path] = []
    file = ResultsFile(tmp_path / "r.csv", Csv(), synced.append)
    file.path.write_text("old")
    file.begin()
    file.write("1\n")
    assert file.path.read_text() == "old"
    file.put_in_place()
    assert (file.path.read_text(), synced) == (Csv().header + "1\n", [tmp_path])
    file.write("2\n")
    assert file.path.read_text().endswith("1\n2\n")
    file.close()
    assert [path.name for path in tmp_path.iterdir()] == ["r.csv"]


def test_results_that_are_not_put_in_place_leave_no_trace(tmp_path: Path) -> None:
    file = ResultsFile(tmp_path / "r.csv", Csv(), nothing)
    file.begin()
    file.write("1\n")
    file.close()
    assert list(tmp_path.iterdir()) == []


def test_rows_that_are_left_out_are_found_again() -> None:
    recipients = open_recipients(io.BytesIO(f"{ANN}\nnobody\n{BEN}\n{ANN}\n{ANN}\n".encode()), "Hi", name="r.csv")
    left_out = LeftOut({2: "not a phone number"})
    for row in (4, 5):
        left_out.duplicate(row)
    found = [(row.row, row.to, result) for row, result, _ in left_out.find(recipients)]
    assert found == [(2, "nobody", "rejected"), (4, ANN, "duplicate"), (5, ANN, "duplicate")]


def test_the_store_of_a_run_is_beside_its_results(tmp_path: Path) -> None:
    places = new_places(None, str(tmp_path / "customers.csv"))
    assert (places.results, places.store) == (tmp_path / "customers.results.csv", tmp_path / "customers.results.db")
    with pytest.raises(ConfigurationError, match="the file of recipients itself"):
        new_places(tmp_path / "r.csv", str(tmp_path / "r.csv"))
    with pytest.raises(ConfigurationError, match="the file of recipients itself"):
        places_of(tmp_path / "r.csv", str(tmp_path / "r.csv"))
    with pytest.raises(ConfigurationError, match="nothing to resume"):
        places_of(tmp_path / "r.results.csv", str(tmp_path / "r.csv"))


def test_a_summary_adds_up(capsys: pytest.CaptureFixture[str]) -> None:
    """What may have been sent is not told as not sent."""
    tally = Tally(Counter(accepted=50, rejected=5), rows=100, under_way=20, duplicates=3)
    summary = Summary(tally, "r.results.csv", 1.0, None, "clickasync bulk ...")
    summary.show()
    shown = capsys.readouterr().out
    assert "100 rows in 1.0 s: 50 accepted, 5 rejected, 20 under way when it ended, 25 not sent yet" in shown
    assert "duplicates: 3" in shown
    fields = summary.as_fields()
    assert (fields["not_told"], fields["under_way"], fields["continue"]) == (45, 20, "clickasync bulk ...")


def test_prefixes_are_country_codes() -> None:
    numbers = (
        "27821234567",
        "12025550123",
        "79161234567",
        "263771234567",
        "447700900123",
        "0821234567",
        "8801712345678",
    )
    assert [prefix_of(number) for number in numbers] == ["27", "1", "7", "263", "44", "0", "880"]
