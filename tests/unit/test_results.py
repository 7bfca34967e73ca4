"""What calls give back."""

from __future__ import annotations

import copy
import pickle
from decimal import Decimal
from typing import Any, Final, get_args

import attrs
import pytest

from clickasync.codes import MessageStatus
from clickasync.errors import InvalidNumberError, OutcomeUnknownError, api_error
from clickasync.results import (
    Accepted,
    Coverage,
    MessageCharge,
    MessageState,
    Progress,
    Rejected,
    SendResult,
    Skipped,
    Uncertain,
)

ACCEPTED: Final = Accepted("+27 82", "aa", "bb")
REJECTED: Final = Rejected("+27 82", InvalidNumberError("no"))
UNCERTAIN: Final = Uncertain("+27 82", "bb", OutcomeUnknownError("reset"), None)
SKIPPED: Final = Skipped("+27 82", api_error("301", "No credit left"))
SEND_RESULTS: Final[list[SendResult]] = [ACCEPTED, REJECTED, UNCERTAIN, SKIPPED]
VALUES: Final[list[object]] = [
    *SEND_RESULTS,
    MessageState("aa", MessageStatus.OK),
    MessageCharge("aa", Decimal("1.5"), MessageStatus.OK),
    Coverage("27", True, Decimal(1), "supported"),
    Progress(9, 1, 2, 3, 1, 10, 1),
]


def what_became_of(result: SendResult) -> str:
    match result:
        case Accepted(to=to, id=id, climsgid=climsgid):
            return f"{to} accepted as {id} ({climsgid})"
        case Rejected(to=to, error=error):
            return f"{to} rejected: {type(error).__name__}"
        case Uncertain(to=to, climsgid=climsgid, error=error, known_to_gateway=known):
            return f"{to} uncertain ({climsgid}): {type(error).__name__}, {known}"
        case Skipped(to=to, reason=reason):
            return f"{to} skipped: {type(reason).__name__}"


def test_results_are_made_for_match() -> None:
    assert [what_became_of(result) for result in SEND_RESULTS] == [
        "+27 82 accepted as aa (bb)",
        "+27 82 rejected: InvalidNumberError",
        "+27 82 uncertain (bb): OutcomeUnknownError, None",
        "+27 82 skipped: CreditError",
    ]


def test_a_send_result_is_one_of_four() -> None:
    assert get_args(SendResult) == (Accepted, Rejected, Uncertain, Skipped)


def test_only_the_accepted_is_ok() -> None:
    assert [result.ok for result in SEND_RESULTS] == [True, False, False, False]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_is_frozen_and_has_slots(value: Any) -> None:
    assert not hasattr(value, "__dict__")
    name = attrs.fields(type(value))[0].name
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(value, name, "other")


@pytest.mark.parametrize("value", [VALUES[0], *VALUES[4:]], ids=lambda value: type(value).__name__)
def test_equal_values_are_equal(value: object) -> None:
    assert copy.copy(value) == value
    assert hash(copy.copy(value)) == hash(value)
    assert pickle.loads(pickle.dumps(value)) == value  # our own bytes


def test_done_counts_every_result() -> None:
    assert Progress(submitted=9, accepted=1, rejected=2, uncertain=3, skipped=1, total=10, in_flight=1).done == 7
