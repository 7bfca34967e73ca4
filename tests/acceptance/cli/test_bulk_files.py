"""Results and journal: the files of a bulk run, without a gateway."""

from __future__ import annotations

from pathlib import Path

import pytest

from clickasync.cli.bulk.dry_run import prefix_of
from clickasync.cli.bulk.journal import Entry, Journal, fingerprint
from clickasync.cli.bulk.results import Csv, JsonLines, ResultLine, Results, cut_half_line
from clickasync.cli.bulk.standing import Stand, Standing
from clickasync.errors import ConfigurationError

ANN, BEN = "27821234567", "27827654321"


LINES = [
    ResultLine(1, ANN, "accepted", "a" * 32, "c1"),
    ResultLine(2, '="x",\ny', "rejected", None, None, "114", 'Cannot route, "really"'),
    ResultLine(3, BEN, "uncertain", None, "c2", None, "reset", False),
]


@pytest.mark.parametrize("name", ["r.csv", "r.jsonl"])
class TestResults:
    def test_lines_are_read_as_they_were_written(self, name: str, tmp_path: Path) -> None:
        results = Results(tmp_path / name)
        results.open()
        for line in LINES:
            results.write(line)
            assert results.path.read_text().count("\n") == line.row + (name == "r.csv")
        results.close()
        read = list(results)
        assert [(line.row, line.result, line.climsgid, line.known_to_gateway) for line in read] == [
            (line.row, line.result, line.climsgid, line.known_to_gateway) for line in LINES
        ]
        assert read[1].error == 'Cannot route, "really"'

    def test_a_half_written_line_is_taken_out(self, name: str, tmp_path: Path) -> None:
        results = Results(tmp_path / name)
        for _ in range(2):
            results.open()
            results.write(LINES[0])
            results.close()
            with results.path.open("a") as file:
                file.write('2,"278')
        assert [line.row for line in results] == [1, 1]

    def test_only_last_lines_are_kept_at_the_end(self, name: str, tmp_path: Path) -> None:
        results = Results(tmp_path / name)
        results.open()
        for row, result in ((1, "skipped"), (2, "accepted"), (1, "rejected"), (1, "accepted")):
            results.write(ResultLine(row, ANN, result))
        results.keep_last_lines()
        assert [(line.row, line.result) for line in results] == [(2, "accepted"), (1, "accepted")]
        assert [path.name for path in tmp_path.iterdir()] == [name]

    def test_another_file_is_no_results_file(self, name: str, tmp_path: Path) -> None:
        path = tmp_path / name
        path.write_text("to,name\n27821234567,Ann\n")
        with pytest.raises(ConfigurationError, match="line"):
            list(Results(path))


def test_a_result_is_one_line_in_either_format() -> None:
    for format in (Csv(), JsonLines()):
        assert format.write(LINES[1]).count("\n") == 1


def test_a_long_half_line_is_cut_as_well(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    for whole in (b"", b"one\n"):
        path.write_bytes(whole + b"x" * 200_000)
        cut_half_line(path)
        assert path.read_bytes() == whole


def entry(climsgid: str, *numbered: int) -> Entry:
    return Entry(1.5, climsgid, "f", list(numbered), [ANN for _ in numbered])


class TestJournal:
    def test_entries_are_read_as_they_were_written(self, tmp_path: Path) -> None:
        journal = Journal(tmp_path / "r.csv")
        journal.open()
        journal.append(entry("c1", 1, 2))
        journal.append(entry("c2", 3))
        assert list(journal) == [entry("c1", 1, 2), entry("c2", 3)]
        journal.clear()
        journal.append(entry("c3", 3))
        assert list(journal) == [entry("c3", 3)]
        journal.close()

    def test_a_half_written_entry_was_never_sent(self, tmp_path: Path) -> None:
        journal = Journal(tmp_path / "r.csv")
        journal.path.write_text(entry("c1", 1).dump() + entry("c2", 2).dump()[:-9])
        assert list(journal) == [entry("c1", 1)]
        journal.open()
        journal.append(entry("c3", 2))
        assert [each.climsgid for each in journal] == ["c1", "c3"]
        journal.close()

    def test_one_run_at_a_time(self, tmp_path: Path) -> None:
        first, second = Journal(tmp_path / "r.csv"), Journal(tmp_path / "r.csv")
        first.open()
        with pytest.raises(ConfigurationError, match="another run"):
            second.open()
        first.close()
        second.open()
        second.close()

    @pytest.mark.parametrize(
        "line", ["x", "{}", "[]", '{"time": 1, "climsgid": "c", "text": "f", "rows": [1], "to": []}']
    )
    def test_anything_else_is_no_journal(self, tmp_path: Path, line: str) -> None:
        journal = Journal(tmp_path / "r.csv")
        journal.path.write_text(f"{line}\n")
        with pytest.raises(ConfigurationError, match="line 1"):
            list(journal)


class TestStanding:
    def test_a_row_without_a_result_is_open(self) -> None:
        standing = Standing()
        calls = [entry("c1", 1, 2), entry("c2", 3)]
        standing.load(calls, [ResultLine(1, ANN, "accepted", "id", "c1"), ResultLine(4, "x", "rejected")])
        assert [standing[row] for row in range(1, 6)] == [
            Stand.ACCEPTED,
            Stand.OPEN,
            Stand.OPEN,
            Stand.REJECTED,
            Stand.NEW,
        ]
        assert [standing.unsettled(call, n, ask_again=False) for n, call in enumerate(calls, 1)] == [[2], [3]]
        assert [row for row in range(1, 6) if standing.to_send(row, retry_rejected=False)] == [5]
        assert [row for row in range(1, 6) if standing.to_send(row, retry_rejected=True)] == [4, 5]

    def test_only_the_last_call_of_a_row_counts(self) -> None:
        standing = Standing()
        calls = [entry("c1", 1, 2), entry("c2", 2)]  # 2 was tried again after a 901, or in a later run
        standing.load(calls, [ResultLine(1, ANN, "accepted", "id", "c1"), ResultLine(2, ANN, "rejected", None, "c1")])
        assert standing[2] is Stand.OPEN
        assert [standing.unsettled(call, n, ask_again=False) for n, call in enumerate(calls, 1)] == [[], [2]]

    @pytest.mark.parametrize(("known", "asked", "asked_again"), [(None, [1], [1]), (False, [], [1]), (True, [], [])])
    def test_an_uncertain_row_is_asked_about_until_the_gateway_has_spoken(
        self, known: bool | None, asked: list[int], asked_again: list[int]
    ) -> None:
        standing = Standing()
        call = entry("c1", 1)
        standing.load([call], [ResultLine(1, ANN, "uncertain", None, "c1", None, "reset", known)])
        assert standing.unsettled(call, 1, ask_again=False) == asked
        assert standing.unsettled(call, 1, ask_again=True) == asked_again
        assert not standing.to_send(1, retry_rejected=True)

    def test_a_row_with_another_number_has_changed(self) -> None:
        standing = Standing()
        standing.load([entry("c1", 2)], [ResultLine(3, BEN, "rejected")])
        assert [standing.changed(row, ANN) for row in (1, 2, 3, 4)] == [False, False, True, False]


def test_a_fingerprint_is_of_text_and_options() -> None:
    prints = {fingerprint(text, options) for text in ("a", "b", None) for options in ({}, {"mo": True}, {"mo": False})}
    assert len(prints) == 9
    assert fingerprint("a", {"mo": True, "queue": 1}) == fingerprint("a", {"queue": 1, "mo": True})


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
