"""Errors in words for the log: ours alone."""

from __future__ import annotations

import pytest

from clickasync.codes import ConnectErrorCode
from clickasync.core.words import code_of, in_short
from clickasync.errors import (
    ApiError,
    ClosedError,
    ConnectError,
    OutcomeUnknownError,
    ProtocolError,
    TransportError,
    api_error,
)

NUMBER = "27821234567"
UNREADABLE = ProtocolError("the reply cannot be read", f"<html>{NUMBER}")


@pytest.mark.parametrize(
    ("error", "words", "code"),
    [
        (api_error("301", f"{NUMBER} has no credit"), "301 No credit left", "301"),
        (api_error("999", f"{NUMBER} is odd"), "999", "999"),
        (api_error(NUMBER, "is odd"), "an unknown code", None),
        (ApiError(None, NUMBER), "ApiError", None),
        (TransportError(f"HTTP 503 {NUMBER}"), "HTTP 503", None),
        (
            TransportError(f"could not authenticate: {UNREADABLE}"),
            "could not authenticate: the reply cannot be read",
            None,
        ),
        (OutcomeUnknownError(str(UNREADABLE), NUMBER, "mine"), "the reply cannot be read", None),
        (UNREADABLE, "the reply cannot be read", None),
        (ConnectError((ConnectErrorCode("404"), ConnectErrorCode(NUMBER)), (NUMBER, "")), "404 an unknown code", "404"),
        (ConnectError((ConnectErrorCode(NUMBER),), ("",)), "an unknown code", None),
        (ConnectError((), ()), "ConnectError", None),
        (ClosedError(NUMBER), "ClosedError", None),
        (KeyError(NUMBER), "KeyError", None),
    ],
)
def test_an_error_is_told_in_words_of_ours(error: BaseException, words: str, code: str | None) -> None:
    assert in_short(error) == words
    assert code_of(error) == code
