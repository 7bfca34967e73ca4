"""Rows of a file: read as they stand, or refused with the line that is wrong."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickasync.errors import InvalidNumberError, InvalidOptionError
from clickasync.recipients import BadRow, PlainRows, Recipients, Row, open_recipients

ANN, BEN, EVE = "27821234567", "27827654321", "27825555555"


def opened(content: str | bytes, text: str | None = "Hi", **options: Any) -> Recipients:
    data = content if isinstance(content, bytes) else content.encode()
    return open_recipients(io.BytesIO(data), text, name="r.csv", **options)


def sent(content: str | bytes, text: str | None = "Hi", **options: Any) -> list[tuple[str, str | None]]:
    """Who would be sent what."""
    recipients = opened(content, text, **options)
    return [(row.number, recipients.text_of(row)) for row in recipients if isinstance(row, Row)]


def bad(content: str, text: str | None = "Hi", **options: Any) -> dict[int, str]:
    """What is wrong, by line."""
    return {row.line: str(row.error) for row in opened(content, text, **options) if isinstance(row, BadRow)}


def refusal(content: str | bytes, text: str | None = "Hi", **options: Any) -> str:
    """Why the whole file is refused, by the end of the first reading at the latest."""
    with pytest.raises(InvalidOptionError) as caught:
        list(opened(content, text, **options))
    return str(caught.value)


# -- what stands where


def test_a_header_names_the_columns() -> None:
    recipients = opened(f"name;to\r\nAnn;{ANN}\r\n\r\nBen;+27 82 765-4321\r\n", "Hi {Name}")
    assert list(recipients) == [
        Row(1, 2, ANN, ANN, ["Ann", ANN]),
        Row(2, 4, "+27 82 765-4321", BEN, ["Ben", "+27 82 765-4321"]),
    ]
    assert [recipients.text_of(row) for row in recipients if isinstance(row, Row)] == ["Hi Ann", "Hi Ben"]
    assert recipients.columns == ["name", "to"]
    assert recipients.text_columns == [0]
    assert recipients.find(" TO ") == 1


def test_a_number_a_line_needs_no_header() -> None:
    recipients = opened(f"\n{ANN}\n  \n+27 82 765-4321\n")
    assert list(recipients) == [Row(1, 2, ANN, ANN, [ANN]), Row(2, 4, "+27 82 765-4321", BEN, ["+27 82 765-4321"])]
    assert recipients.header_notice is None
    assert recipients.columns == ()


@pytest.mark.parametrize("header", ["msisdn", "Number", " TO ", "phone"])
def test_numbers_are_in_the_column_of_that_name(header: str) -> None:
    assert sent(f"{header},name\n{ANN},Ann\n") == [(ANN, "Hi")]


def test_to_column_chooses_another() -> None:
    assert sent(f"to,mobile\n{ANN},{BEN}\n", to_column="Mobile") == [(BEN, "Hi")]


def test_a_header_may_look_like_a_number_elsewhere() -> None:
    assert sent(f"to,2024\n{ANN},x\n") == [(ANN, "Hi")]


def test_a_text_column_is_the_text() -> None:
    assert sent(f'to,text\n{ANN},"Hi, ""Ann"""\n', text=None) == [(ANN, 'Hi, "Ann"')]


def test_a_payload_needs_no_text() -> None:
    assert sent(f"{ANN}\n", text=None, needs_text=False) == [(ANN, None)]


@pytest.mark.parametrize(
    ("content", "text", "to_column", "words"),
    [
        (f"to,name\n{ANN},Ann\n", "Hi {nick}", None, "no column 'nick' (the columns are to, name)"),
        (f"to,name\n{ANN},Ann\n", "Hi", "mobile", "no column 'mobile' (the columns are to, name)"),
        (f"{ANN}\n", "Hi {name}", None, "no column 'name' (the file has no header line)"),
        (f"{ANN}\n", "Hi", "mobile", "no column 'mobile' (the file has no header line)"),
        (f"to,name\n{ANN},Ann\n", None, None, "there is no text"),
        (f"to,name\n{ANN},Ann\n", "Hi {", None, "no template"),
    ],
)
def test_a_missing_column_is_named(content: str, text: str | None, to_column: str | None, words: str) -> None:
    assert words in refusal(content, text, to_column=to_column)


@pytest.mark.parametrize("header", ["to,name,NAME", "to,to", "to, name ,name"])
def test_two_columns_of_one_name_are_refused(header: str) -> None:
    assert "line 1: 2 columns are called" in refusal(f"{header}\n{ANN},x,y\n")


def test_columns_without_a_name_are_not_of_one_name() -> None:
    assert sent(f"to,,\n{ANN},,\n") == [(ANN, "Hi")]


@pytest.mark.parametrize("content", ["", "\n\n", "to,name\n", ";;\n"])
def test_an_empty_file_has_no_rows(content: str) -> None:
    assert sent(content) == []


def test_it_can_be_read_again_and_from_a_path(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text(f"to\n{ANN}\n{BEN}\n")
    for recipients in (open_recipients(path, "Hi"), open_recipients(str(path), "Hi"), opened(path.read_bytes())):
        assert len(list(recipients)) == len(list(recipients)) == 2
    iterator = iter(recipients)
    next(iterator)
    del iterator
    assert [row.to for row in recipients] == [ANN, BEN]


def test_a_file_that_is_not_there_is_an_oserror(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_recipients(tmp_path / "nothing.csv", "Hi")


# -- bad rows


def test_a_bad_row_is_told_by_its_line_and_stops_nothing() -> None:
    content = f"to,name\n{ANN},Ann\n,Ben\n{BEN}\n{BEN},Ben,x\nnobody,Eve\n,\n{BEN},Ben\n"
    recipients = list(opened(content, "Hi {name}"))
    assert [type(row) for row in recipients] == [Row, BadRow, BadRow, BadRow, BadRow, Row]
    assert [(row.row, row.line) for row in recipients] == [(1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (6, 8)]
    assert bad(content, "Hi {name}") == {
        3: "the row has no number",
        4: "the row has 1 cells, and the header 2",
        5: "the row has 3 cells, and the header 2",
        6: "'nobody' is not a phone number: it holds letters; write it in international format, as in 27821234567",
    }


def test_the_error_is_the_one_that_the_client_would_raise() -> None:
    errors = [row.error for row in opened(f"to,name\n{ANN}.0,x\n{ANN}\n") if isinstance(row, BadRow)]
    assert [type(error) for error in errors] == [InvalidNumberError, InvalidOptionError]


def test_without_a_header_all_rows_are_as_wide_as_the_first() -> None:
    content = f"{ANN},x\n{BEN}\n{EVE},y\n"
    assert sent(content) == [(ANN, "Hi"), (EVE, "Hi")]
    assert bad(content) == {2: "the row has 1 cells, and the first row 2"}
    assert "two numbers" in bad(f"{ANN}\n{BEN};{EVE}\n")[2]


# -- the first line


def test_a_header_is_said() -> None:
    notice = opened(f"\nto;name\n{ANN};Ann\n").header_notice
    cells = "cells are separated by semicolons, and the numbers are in column 'to'"
    assert notice == f"line 2 is taken for the header: to, name; {cells}"
    assert opened(f"to\n{ANN}\n").header_notice == "line 1 is taken for the header: to"
    assert "line 1 is taken for the first recipient: cells are separated by tabs" in str(
        opened(f"{ANN}\tAnn\n").header_notice
    )


@pytest.mark.parametrize(
    "first", [f"{ANN}.0", "2.78E+10", f"{ANN}/{BEN}", "phone2", "082-call", f"{ANN}.0,Ann", "x,٢٧٨٢"]
)
def test_a_number_that_cannot_be_read_is_no_header(first: str) -> None:
    if first == "x,٢٧٨٢":  # no digits of ours, so a name like any other
        assert sent(f"{first}\n{ANN},x\n") == [(ANN, "Hi")]
        return
    width = first.count(",")
    words = refusal(f"{first}\n{ANN}{',' * width}\n")
    assert words.startswith("line 1 is neither a header nor a recipient: ")
    assert "is not a phone number" in words


@pytest.mark.parametrize("first", ["phone2", "Sales 2024-01-31,name"])
def test_a_column_that_is_asked_for_makes_a_header(first: str) -> None:
    width = first.count(",")
    assert sent(f"{first}\n{ANN}{',' * width}\n", to_column=first.split(",")[0]) == [(ANN, "Hi")]


@pytest.mark.parametrize("line", [f"{ANN},{BEN}", f"{ANN};{BEN};{EVE}", f"12345678\t{BEN}"])
def test_several_numbers_in_the_first_line_are_refused(line: str) -> None:
    assert "numbers; write one number a line" in refusal(f"{line}\n")


def test_two_columns_that_may_hold_the_numbers_are_refused() -> None:
    words = refusal(f"id,cell_no\n10000001,{ANN}\n")
    assert words == "line 2: the numbers may be in column 'id' or 'cell_no'; say in which by to_column"
    assert sent(f"id,cell_no\n10000001,{ANN}\n", to_column="cell_no") == [(ANN, "Hi")]
    assert sent(f"phone,account\n{ANN},10000001\n") == [(ANN, "Hi")]
    assert sent(f"id,number\n10000001,{ANN}\n") == [(ANN, "Hi")]


# -- delimiters


@pytest.mark.parametrize(
    ("first", "delimiter"),
    [
        ("to,name", ","),
        ("to;name", ";"),
        ("to\tname", "\t"),
        ("to;name, first", ";"),
        ("name, first;to", ";"),
        ('"a;b;c",to', ","),
        ("a;b;c,d", ";"),
        (f"{ANN};Doe, Ann", ";"),
        (f"Doe, Ann\t{ANN}", "\t"),
    ],
)
def test_the_delimiter_is_that_of_the_first_line(first: str, delimiter: str) -> None:
    assert opened(f"{first}\n").delimiter == delimiter


def test_a_delimiter_that_may_be_either_is_refused() -> None:
    content = f"a;b,c\n{ANN};x,y\n"
    assert refusal(content) == "line 1: cells may be separated by commas or by semicolons; say by which with delimiter"
    assert sent(content, delimiter=";") == [(ANN, "Hi")]
    assert bad(content, delimiter=",").keys() == {2}


def test_other_delimiters_are_refused() -> None:
    assert "a comma, a semicolon or a tab, not '|'" in refusal(f"to|name\n{ANN}|Ann\n", delimiter="|")


# -- quotes


UNCLOSED: Final = {
    f'to,name\n{ANN},Ann\n{BEN},"Ben\n{EVE},Eve\n': 3,
    f'to,name\n{ANN},"Ann\n{BEN},Ben\n{EVE},"Eve"\n': 2,
    f'"to,name\n{ANN},Ann\n': 1,
    f'to,name\n{ANN},"two\nlines"\n{BEN},"Ben\n': 4,
    f'to,a,b\n{ANN},"x\ny","z\n{BEN},1,2\n': 3,
    f'to,a,b\r\n{ANN},"x\r\ny","""z\r\n{BEN},1,2\r\n': 3,
    f'{ANN}\n"{BEN}\n{EVE}\n': 2,
    f'to,name\n{ANN},"Ann ""the man\n{BEN},Ben\n': 2,
}


@pytest.mark.parametrize(("content", "line"), UNCLOSED.items())
def test_an_unclosed_quote_is_told_by_the_line_where_it_opens(content: str, line: int) -> None:
    words = refusal(content, allow_line_breaks=True)
    assert words.startswith(f"line {line}: ")
    assert "quote" in words
    assert "opened there" in words


def test_a_cell_that_goes_on_after_its_quote_is_refused() -> None:
    assert refusal(f'to,name\n{ANN},"Ann" the man\n') == (
        "line 2: a cell goes on after its closing quote; write the quotes within it twice"
    )


def test_a_cell_without_an_end_is_refused() -> None:
    rows = f"{BEN},Ben\n" * 10_000
    words = refusal(f'to,name\n{ANN},"Ann\n{rows}')
    assert words.startswith("line 2: a cell that begins there is longer than")
    assert "is a quote open?" in words


def test_quotes_within_a_cell_are_taken_as_they_stand() -> None:
    assert sent(f'to,name\n{ANN},5" pipe\n', "{name}") == [(ANN, '5" pipe')]


def test_a_line_break_goes_into_a_text_only_if_allowed() -> None:
    content = f'to,name\n{BEN},Ben\n{ANN},"A\r\nnn"\n{EVE},Eve\n'
    words = refusal(content, "Hi {name}")
    assert words.startswith("line 3: the cell in column 'name' that begins with 'A' has a line break")
    assert "set allow_line_breaks" in words
    allowed = sent(content, "Hi {name}", allow_line_breaks=True)
    assert allowed == [(BEN, "Hi Ben"), (ANN, "Hi A\r\nnn"), (EVE, "Hi Eve")]
    assert "line 2" in refusal(f'to,text\n{ANN},"A\nnn"\n', None)


def test_a_line_break_elsewhere_does_no_harm() -> None:
    assert sent(f'to,address\n{ANN},"1 Main St\nCape Town, 8001"\n{BEN},x\n') == [(ANN, "Hi"), (BEN, "Hi")]


def test_a_cell_that_swallowed_rows_is_refused_wherever_it_is() -> None:
    content = f'to,address\n{ANN},"1 Main St\n{BEN},2 Main St\n{EVE},3 Main St"\n'
    words = refusal(content)
    assert words.startswith("line 2: ")
    assert "looks like another row" in words
    assert sent(content, allow_line_breaks=True) == [(ANN, "Hi")]


# -- encodings


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("asked", [False, True])
def test_byte_order_marks_are_understood(encoding: str, asked: bool) -> None:
    content = f"to\tname\n{ANN}\tZoë 你\n".encode(encoding)
    assert sent(content, "Hi {name}", encoding=encoding if asked else None) == [(ANN, "Hi Zoë 你")]


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "utf-16-le", "UTF8"])
def test_an_encoding_can_be_asked_for(encoding: str) -> None:
    content = f"to,name\n{ANN},Zoë\n".encode(encoding)
    assert sent(content, "Hi {name}", encoding=encoding) == [(ANN, "Hi Zoë")]


def test_what_is_not_utf_8_is_refused_by_its_line() -> None:
    rows = "".join(f"278{n:08},x\n" for n in range(5000))
    content = f"to,name\n{rows}{ANN},Zoë\n".encode("latin-1")
    words = refusal(content)
    assert words == "line 5002 of r.csv is not UTF-8; save it as UTF-8, or give encoding, such as cp1252"
    assert refusal("to\n".encode("utf-16") + b"\x00", encoding="utf-16").startswith("r.csv is not UTF-16")


@pytest.mark.parametrize("encoding", ["utf-9", "hex", "undefined", ""])
def test_an_encoding_that_is_none_is_refused(encoding: str) -> None:
    assert "encoding must be one such as utf-8" in refusal("to\n", encoding=encoding)


def test_a_mark_that_says_otherwise_is_refused() -> None:
    assert "mark of UTF-8, and is not cp1252" in refusal("to\n".encode("utf-8-sig"), encoding="cp1252")
    assert "mark of UTF-16, and is not utf-8" in refusal("to\n".encode("utf-16"), encoding="utf-8")


def test_utf_16_without_a_mark_is_refused() -> None:
    assert "utf-16-le" in refusal(f"to\n{ANN}\n".encode("utf-16-le"))


# -- whatever a program writes is read back

cells = st.text(st.sampled_from('ab,;\t" 1\n%{}€'), max_size=8)


@given(st.lists(st.tuples(cells, cells), max_size=6), st.sampled_from(",;\t"), st.sampled_from(["\n", "\r\n"]))
def test_what_was_written_is_read(rows: list[tuple[str, str]], delimiter: str, line_end: str) -> None:
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter, lineterminator=line_end)
    writer.writerows([("to", "a", "b"), *((ANN, *row) for row in rows)])
    found = list(opened(file.getvalue(), "{a}{b}", allow_line_breaks=True))
    assert [row.cells for row in found] == [[ANN, *row] for row in rows]
    lines = file.getvalue().encode().splitlines()
    assert all(lines[row.line - 1].startswith(ANN.encode()) for row in found)


@given(st.text(st.sampled_from('ab,;"\n\r12\x00é'), max_size=60))
def test_any_file_is_read_or_refused(content: str) -> None:
    try:
        rows = list(opened(content))
    except InvalidOptionError:
        return
    assert [row.row for row in rows] == list(range(1, len(rows) + 1))
    assert len(rows) <= len([line for line in content.splitlines() if line.strip()])


_CELLS = st.sampled_from(
    ["27821234567", "+27 82 123 4567", " 27827654321", "nobody", "", '"27821234567"', '"a\nb"', "0"]
)
_RECORDS = st.lists(st.lists(_CELLS, min_size=0, max_size=3).map(",".join), max_size=12)


@given(_RECORDS, st.integers(1, 5))
def test_chunks_are_the_rows_many_at_a_time(lines: list[str], size: int) -> None:
    """However they are cut; a chunk of plain rows says their numbers."""
    recipients = opened("to,name\n27825555555,Ann\n" + "".join(f"{line}\n" for line in lines), None, needs_text=False)
    try:
        wanted = list(recipients)
    except InvalidOptionError as error:
        with pytest.raises(InvalidOptionError, match=re.escape(str(error))):
            list(recipients.chunks(size))
        return
    found: list[tuple[int, str, type]] = []
    for chunk in recipients.chunks(size):
        if isinstance(chunk, PlainRows):
            found += [(row, number, Row) for row, number in enumerate(chunk.numbers, chunk.row)]
        else:
            assert chunk
            found += [(each.row, each.number if isinstance(each, Row) else each.to, type(each)) for each in chunk]
    assert found == [(each.row, each.number if isinstance(each, Row) else each.to, type(each)) for each in wanted]
