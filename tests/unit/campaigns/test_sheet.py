"""What may overwrite what, in the outcomes of a call."""

from __future__ import annotations

from decimal import Decimal

from clickasync.campaigns.blocks import Delivery
from clickasync.campaigns.sheet import Said, Sheet, Words
from clickasync.campaigns.states import Outcome

REFUSED = Said(Outcome.REJECTED, words=Words("121", "blocked"))
UNKNOWN = Said(Outcome.UNCERTAIN, words=Words(None, "reset"))


class Columns:
    """A row of the table, as the sheet reads it."""

    def __init__(self, sheet: Sheet, n: int) -> None:
        columns = sheet.columns()
        self.n, self.delivery = n, sheet.packed_deliveries()
        self.outcome, self.ids, self.codes, self.errors = (columns[x] for x in ("outcome", "ids", "codes", "errors"))


def test_a_sheet_is_read_as_it_was_written() -> None:
    """With outcomes, generations, IDs, words and reports."""
    sheet = Sheet.blank(bytes(4))
    sheet.say({0: Said(Outcome.ACCEPTED, "id"), 1: REFUSED, 2: UNKNOWN}, 3)
    sheet.report(0, "id", Delivery("004", 7, Decimal("0.5")), 3)
    again = Sheet.read(Columns(sheet, 4))
    assert again == sheet
    assert [again.kind(n) for n in range(4)] == [Outcome.ACCEPTED, Outcome.REJECTED, Outcome.UNCERTAIN, Outcome.OPEN]
    assert (again.generation(1), again.words_of(1), again.words_of(0)) == (3, Words("121", "blocked"), None)
    assert again.open() == [3]


def test_the_senders_word_replaces_what_a_successor_made_of_it() -> None:
    """Nobody else can have sent that call."""
    sheet = Sheet.blank(bytes(2))
    sheet.settle({0: UNKNOWN, 1: UNKNOWN}, 0)
    sheet.say({0: Said(Outcome.ACCEPTED, "a"), 1: REFUSED}, 0)
    assert [sheet.kind(n) for n in range(2)] == [Outcome.ACCEPTED, Outcome.REJECTED]


def test_nothing_takes_back_that_a_recipient_was_accepted() -> None:
    """A report is proof."""
    sheet = Sheet.blank(bytes(1))
    sheet.report(0, "a", Delivery("003", 1, None), 0)
    sheet.settle({0: UNKNOWN}, 0)
    sheet.say({0: REFUSED}, 0)
    assert (sheet.kind(0), sheet.ids) == (Outcome.ACCEPTED, ["a"])


def test_a_successor_settles_only_what_is_open() -> None:
    """What was said stands."""
    sheet = Sheet.blank(bytes(2))
    sheet.say({0: REFUSED}, 0)
    sheet.settle({0: UNKNOWN, 1: UNKNOWN}, 0)
    assert [sheet.kind(n) for n in range(2)] == [Outcome.REJECTED, Outcome.UNCERTAIN]


def test_charges_are_summed_by_their_differences() -> None:
    """A report that comes twice costs once."""
    sheet = Sheet.blank(bytes(1))
    changes = [
        sheet.report(0, "a", Delivery(status, at, charge), 0)
        for status, at, charge in [("003", 1, Decimal("0.3")), ("004", 2, Decimal("0.5")), ("004", 2, Decimal("0.5"))]
    ]
    assert changes == [300_000, 200_000, 0]


def test_reopened_positions_are_sent_again_by_the_next_begin() -> None:
    """And only those."""
    sheet = Sheet.blank(bytes(2))
    sheet.say({0: REFUSED, 1: Said(Outcome.ACCEPTED, "a")}, 0)
    sheet.reopen([0])
    assert sheet.open() == [0]
    counts = sheet.columns()
    assert (counts["accepted"], counts["rejected"], counts["uncertain"]) == (1, 0, 0)


def test_more_reasons_than_a_byte_counts() -> None:
    """The last ones share words."""
    sheet = Sheet.blank(bytes(400))
    sheet.say({n: Said(Outcome.REJECTED, words=Words("105", f"reason {n}")) for n in range(400)}, 0)
    assert sheet.words_of(10) == Words("105", "reason 10")
    assert sheet.words_of(399) == Words("105", "reason 0")
