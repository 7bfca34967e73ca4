"""The exception tree: what each says, and that it can travel."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

import clickasync
from clickasync.codes import ErrorCode
from clickasync.connect import ConnectErrorCode
from clickasync.errors import (
    ApiError,
    AuthenticationError,
    CallbackError,
    ClickatellError,
    ConfigurationError,
    ConnectError,
    CreditError,
    GatewayError,
    InvalidNumberError,
    InvalidOptionError,
    InvalidRequestError,
    OutcomeUnknownError,
    ProtocolError,
    QuotaExceededError,
    SessionExpiredError,
    TransportError,
    UnknownMessageError,
    UnreachableError,
    api_error,
)

PARENTS: Final[dict[type[ClickatellError], type[Exception]]] = {
    ClickatellError: Exception,
    ConfigurationError: ClickatellError,
    InvalidOptionError: ClickatellError,
    InvalidNumberError: ClickatellError,
    ApiError: ClickatellError,
    AuthenticationError: ApiError,
    SessionExpiredError: ApiError,
    InvalidRequestError: ApiError,
    UnknownMessageError: ApiError,
    UnreachableError: ApiError,
    QuotaExceededError: ApiError,
    CreditError: ApiError,
    GatewayError: ApiError,
    TransportError: ClickatellError,
    OutcomeUnknownError: ClickatellError,
    ProtocolError: ClickatellError,
    ConnectError: ClickatellError,
    CallbackError: ClickatellError,
}

CLASSES: Final[dict[type[ApiError], str]] = {
    AuthenticationError: "001 002 004 007 108",
    SessionExpiredError: "003 005",
    InvalidRequestError: "100 101 102 105 106 107 109 110 111 112 113 116 120 123 201 202",
    UnknownMessageError: "103 104",
    UnreachableError: "114 115 121 122 128",
    QuotaExceededError: "130",
    CreditError: "301 302",
    GatewayError: "901",
}

EACH: Final[list[ClickatellError]] = [
    ClickatellError("what"),
    ConfigurationError("missing user"),
    InvalidOptionError("queue must be one of 1, 2, 3"),
    InvalidNumberError("'x' is not a phone number"),
    api_error(None, "No code here"),
    api_error("777", "New", "27821234567"),
    *(api_error(code.value, code.description, "27821234567") for code in ErrorCode),
    TransportError("refused", 2.5),
    OutcomeUnknownError("reset", "27821234567", "abc", False, 3.0),
    ProtocolError("the reply cannot be read", "<html>"),
    ConnectError((ConnectErrorCode("404"), ConnectErrorCode("777")), ("One", "Two"), True),
    CallbackError("status is missing"),
]


def told(error: ClickatellError) -> tuple[object, ...]:
    return type(error), str(error), repr(error), vars(error)


@pytest.mark.parametrize(("error", "parent"), PARENTS.items())
def test_the_tree_is_as_documented(error: type[ClickatellError], parent: type[Exception]) -> None:
    assert parent in error.__bases__
    assert getattr(clickasync, error.__name__) is error


@pytest.mark.parametrize("error", [InvalidOptionError, InvalidNumberError, CallbackError])
def test_what_is_wrong_in_itself_is_a_value_error_too(error: type[ClickatellError]) -> None:
    assert issubclass(error, ValueError)


def test_an_unknown_outcome_is_no_transport_error() -> None:
    assert not issubclass(OutcomeUnknownError, TransportError)
    assert not issubclass(ProtocolError, TransportError)


@pytest.mark.parametrize(
    ("code", "error"), [(code, error) for error, codes in CLASSES.items() for code in codes.split()]
)
def test_the_code_chooses_the_class(code: str, error: type[ApiError]) -> None:
    made = api_error(code, "as the gateway says", "27821234567")
    assert type(made) is error
    assert made.code is ErrorCode(code)
    assert (made.description, made.to) == ("as the gateway says", "27821234567")


PLAIN = {"124", "125", "126", "127", "606", "607"}


def test_every_code_of_the_table_has_a_class() -> None:
    """Those of one-time passwords and vouchers are an `ApiError` and no more."""
    classes = {code for codes in CLASSES.values() for code in codes.split()}
    assert {code.value for code in ErrorCode} == classes | PLAIN
    assert {type(api_error(code, "")) for code in PLAIN} == {ApiError}


@pytest.mark.parametrize("code", ["777", "013", "", "abc"])
def test_a_code_that_no_table_lists_is_a_plain_api_error(code: str) -> None:
    error = api_error(code, "New")
    assert type(error) is ApiError
    assert error.code == code


def test_an_err_without_a_code_is_a_plain_api_error() -> None:
    error = api_error(None, "This prefix is not currently supported.")
    assert type(error) is ApiError
    assert error.code is None
    assert error.to is None


@pytest.mark.parametrize("error", EACH, ids=repr)
@pytest.mark.parametrize("protocol", [2, pickle.HIGHEST_PROTOCOL])
def test_it_can_be_pickled(error: ClickatellError, protocol: int) -> None:
    assert told(pickle.loads(pickle.dumps(error, protocol))) == told(error)  # our own bytes


@pytest.mark.parametrize("error", EACH, ids=repr)
@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, ClickatellError.fresh])
def test_it_can_be_copied(error: ClickatellError, duplicate: Callable[[ClickatellError], ClickatellError]) -> None:
    assert duplicate(error) is not error
    assert told(duplicate(error)) == told(error)


def test_a_fresh_copy_has_neither_traceback_nor_causes() -> None:
    try:
        try:
            raise KeyError("inner")
        except KeyError as inner:
            raise TransportError("refused") from inner
    except TransportError as raised:
        error = raised
    assert error.__traceback__ is not None
    fresh = error.fresh()
    assert (fresh.__traceback__, fresh.__cause__, fresh.__context__) == (None, None, None)


@pytest.mark.parametrize("code", [None, "777", *ErrorCode])
def test_an_api_error_says_what_failed(code: str | None) -> None:
    """An API error says what failed for whom and that nothing was sent."""
    words = str(api_error(code, "Spoken: by the gateway, today", "27821234567"))
    assert "Spoken: by the gateway, today" in words
    assert "27821234567" in words
    assert "nothing was sent" in words
    assert code is None or code in words


@pytest.mark.parametrize("error_class", CLASSES)
def test_an_api_error_says_what_to_do_next(error_class: type[ApiError]) -> None:
    assert str(error_class(None, "")).endswith(error_class.advice)


def test_an_api_error_is_described_by_its_code() -> None:
    """An API error without a description is described by its code."""
    assert "No credit left" in str(api_error("301", ""))
    assert "no description" in str(api_error(None, ""))


def test_an_api_error_can_be_told_of_one_recipient() -> None:
    error = api_error("130", "Maximum MT limit exceeded until 1218007814").about(to="+27 82 123 4567")
    assert isinstance(error, QuotaExceededError)
    assert error.to == "+27 82 123 4567"
    assert error.until is not None


@pytest.mark.parametrize(
    ("description", "until"),
    [
        ("Maximum MT limit exceeded until 1218007814", datetime(2008, 8, 6, 7, 30, 14, tzinfo=UTC)),
        ("Maximum MT limit exceeded until 1218007814.", datetime(2008, 8, 6, 7, 30, 14, tzinfo=UTC)),
        ("Maximum MT limit exceeded until", None),
        ("Maximum MT limit exceeded until 12:30", None),
        ("", None),
    ],
)
def test_a_quota_error_says_until_when(description: str, until: datetime | None) -> None:
    error = api_error("130", description)
    assert isinstance(error, QuotaExceededError)
    assert error.until == until


@given(st.text() | st.from_regex(r"[0-9 ]{1,40}"))
def test_until_never_raises(description: str) -> None:
    until = QuotaExceededError(ErrorCode("130"), description).until
    assert until is None or until.tzinfo is UTC


def test_a_transport_error_says_that_nothing_was_sent() -> None:
    """A transport error says that nothing was sent and how long to wait."""
    error = TransportError("HTTP 429", 12.0)
    assert error.retry_after == 12.0
    assert "HTTP 429" in str(error)
    assert "12 s" in str(error)
    assert "nothing was sent" in str(error)
    assert "wait" not in str(TransportError("connection refused"))


@pytest.mark.parametrize(
    ("known", "words"),
    [(True, "knows climsgid abc"), (False, "does not know climsgid abc"), (None, "ask later by climsgid abc")],
)
def test_an_unknown_outcome_says_what_the_gateway_said(known: bool | None, words: str) -> None:
    """An unknown outcome says for whom and what the gateway said."""
    error = OutcomeUnknownError("read timeout", "27821234567", "abc", known)
    assert (error.to, error.climsgid, error.known_to_gateway) == ("27821234567", "abc", known)
    for part in ("read timeout", "27821234567", "outcome is unknown", words):
        assert part in str(error)
    assert "nothing was sent" not in str(error)


def test_what_cannot_be_asked_about_names_no_climsgid() -> None:
    """An unknown outcome of what cannot be asked about names no climsgid."""
    assert "climsgid" not in str(OutcomeUnknownError("reset"))


def test_a_protocol_error_shows_the_beginning_of_the_reply() -> None:
    error = ProtocolError("the reply cannot be read", "<html>")
    assert error.reply == "<html>"
    assert "the reply cannot be read" in str(error)
    assert "<html>" in str(error)
    assert str(ProtocolError("the reply is empty")) == "the reply is empty"


def test_a_connect_error_says_every_code() -> None:
    """A Connect error says every code and whether a captcha is asked for."""
    error = ConnectError((ConnectErrorCode("404"), ConnectErrorCode("439")), ("One", "Two"), True)
    for part in ("404 One", "439 Two", "captcha"):
        assert part in str(error)
    assert "captcha" not in str(ConnectError((ConnectErrorCode("404"),), ("One",)))
    assert "without a code" in str(ConnectError((), ()))
