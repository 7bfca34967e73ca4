"""Recipients, templates, results and journal: the files of a bulk run, without a gateway."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from clickasync.cli.bulk.dry_run import prefix_of
from clickasync.cli.bulk.journal import Entry, Journal, fingerprint
from clickasync.cli.bulk.recipients import BadRow, Item, Recipients, Row, parse
from clickasync.cli.bulk.results import Csv, JsonLines, ResultLine, Results, cut_half_line
from clickasync.cli.bulk.standing import Stand, Standing
from clickasync.cli.bulk.template import Template
from clickasync.errors import ConfigurationError, InvalidOptionError

ANN, BEN = "27821234567", "27827654321"


def rows(text: str, template: str | None = "Hi", to_column: str | None = None) -> list[Item]:
    given = None if template is None else Template(template)
    return list(parse(io.StringIO(text, newline=""), to_column=to_column, template=given))


class TestTemplate:
    def test_it_is_filled_from_columns(self) -> None:
        template = Template("{{Hi}} {First Name}, {code}!")
        assert template.columns == ("first name", "code")
        assert template.fill({"first name": "Ann", "code": "{x}"}) == "{Hi} Ann, {x}!"

    @pytest.mark.parametrize(
        "text", ["{}", "{0}", "{name.upper}", "{name[0]}", "{name!r}", "{name:>9}", "{", "}", "{a"]
    )
    def test_it_reaches_no_further_than_column_names(self, text: str) -> None:
        with pytest.raises(InvalidOptionError, match="braces"):
            Template(text)


class TestRecipients:
    def test_a_header_names_the_columns(self) -> None:
        assert rows(f"name;to\r\nAnn;{ANN}\r\n\r\nBen;{BEN}\r\n", "Hi {Name}") == [
            Row(1, 2, ANN, "Hi Ann"),
            Row(2, 4, BEN, "Hi Ben"),
        ]

    def test_a_number_a_line_needs_no_header(self) -> None:
        assert rows(f"{ANN}\n+27 82 765-4321\n") == [Row(1, 1, ANN, "Hi"), Row(2, 2, "+27 82 765-4321", "Hi")]

    @pytest.mark.parametrize("header", ["msisdn", "Number", " TO ", "phone"])
    def test_the_numbers_are_in_the_column_of_that_name_or_the_first(self, header: str) -> None:
        assert rows(f"{header},name\n{ANN},Ann\n") == [Row(1, 2, ANN, "Hi")]

    def test_to_column_chooses_another(self) -> None:
        assert rows(f"to,mobile\n{ANN},{BEN}\n", to_column="Mobile") == [Row(1, 2, BEN, "Hi")]

    def test_a_header_may_look_like_a_number_elsewhere(self) -> None:
        assert rows(f"to,2024\n{ANN},x\n") == [Row(1, 2, ANN, "Hi")]

    def test_a_text_column_is_the_text(self) -> None:
        assert rows(f'to,text\n{ANN},"Hi, Ann"\n', template=None) == [Row(1, 2, ANN, "Hi, Ann")]

    @pytest.mark.parametrize(
        ("text", "template", "to_column", "words"),
        [
            (f"to,name\n{ANN},Ann\n", "Hi {nick}", None, "no column 'nick' .the columns are to, name"),
            (f"to,name\n{ANN},Ann\n", "Hi", "mobile", "no column 'mobile'"),
            (f"{ANN}\n", "Hi {name}", None, "no column 'name' .the file has no header"),
            (f"to,name\n{ANN},Ann\n", None, None, "there is no text"),
        ],
    )
    def test_a_missing_column_is_named(
        self, text: str, template: str | None, to_column: str | None, words: str
    ) -> None:
        with pytest.raises(InvalidOptionError, match=words):
            rows(text, template, to_column)

    def test_a_bad_row_is_told_by_its_line_and_stops_nothing(self) -> None:
        found = rows(f'to,name\n{ANN},"A\nnn"\n,Ben\n{BEN}\n{BEN},Ben,x\n{BEN},Ben\n', "Hi {name}")
        assert [type(row) for row in found] == [Row, BadRow, BadRow, BadRow, Row]
        assert [(row.number, row.line) for row in found] == [(1, 3), (2, 4), (3, 5), (4, 6), (5, 7)]

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
    def test_byte_order_marks_are_understood(self, encoding: str) -> None:
        source = io.BytesIO(f"to\tname\n{ANN}\tZoë 你\n".encode(encoding))
        recipients = Recipients(source, "r.csv", text="Hi {name}")
        assert list(recipients) == list(recipients) == [Row(1, 2, ANN, "Hi Zoë 你")]

    def test_what_is_not_utf_8_is_refused(self) -> None:
        with pytest.raises(InvalidOptionError, match="not UTF-8"):
            list(Recipients(io.BytesIO(f"to,name\n{ANN},Zoë\n".encode("latin-1")), "r.csv", text="Hi"))

    def test_an_empty_file_has_no_rows(self) -> None:
        assert rows("") == rows("\n\n") == rows("to,name\n") == []


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
