"""The error codes of the Connect API."""

from __future__ import annotations

import pickle

import pytest

from clickasync.codes import captcha_required
from clickasync.connect import Captcha, ConnectErrorCode


def test_every_documented_code_is_there_with_its_description() -> None:
    documented = {f"{n:03}" for n in (*range(1, 10), *range(100, 110), *range(400, 441), 999)}
    assert {code.value for code in ConnectErrorCode} == documented
    assert all(code.description for code in ConnectErrorCode)


@pytest.mark.parametrize(
    ("code", "description", "comment"),
    [
        ("004", "Source IP address blocked", "If a specific source IP address has been blocked by Clickatell."),
        ("007", "Command not allowed", "If the specific command has been disabled at a global/API level."),
        ("008", "Connect API established", "If the API has been disabled (no commands allowed)."),
        (
            "009",
            "HTTP protocol not allowed, require HTTPS",
            "If the API call is performed via HTTP (and not HTTPS-SSL).",
        ),
        ("999", "Unknown error", "An unknown error has occurred. Please contact the support department."),
    ],
)
def test_the_vendors_comments_stand_word_for_word(code: str, description: str, comment: str) -> None:
    """Where the vendor's page has a comment, it stands word for word."""
    assert ConnectErrorCode(code).description == description
    assert ConnectErrorCode(code).comment == comment


def test_both_meanings_of_004_and_008_are_documented() -> None:
    documentation = ConnectErrorCode.__doc__ or ""
    for words in (
        "Source IP address blocked",
        "Max user auth attempts exceeded, captcha required",
        "Connect API established",
        "Connect API disabled",
    ):
        assert words in " ".join(documentation.split())


def test_an_unknown_code_survives() -> None:
    assert ConnectErrorCode("777") == "777"
    assert not ConnectErrorCode("777").is_known
    assert ConnectErrorCode("404").is_known


@pytest.mark.parametrize("code", ["003", "400", "401", "402", "403"])
def test_these_codes_require_a_captcha(code: str) -> None:
    """A captcha is required by these codes whatever the description."""
    assert captcha_required([code], [""])
    assert captcha_required(["404", code], ["", ""])


def test_a_bare_004_requires_a_captcha_where_it_says_so() -> None:
    """A bare 004 asks for a captcha only where its own description says so."""
    assert captcha_required(["004"], ["Max user auth attempts exceeded, CAPTCHA required"])
    assert not captcha_required(["004"], ["Source IP address blocked"])
    assert not captcha_required(["004"], [""])
    assert not captcha_required(["004", "404"], ["", "captcha"])


def test_no_other_code_asks_for_a_captcha() -> None:
    others = [code for code in ConnectErrorCode if code not in ("003", "004", "400", "401", "402", "403")]
    assert not captcha_required(others, ["captcha"] * len(others))


def test_a_captcha_does_not_show_its_image_in_its_repr() -> None:
    captcha = Captcha("id", b"\x89PNG" * 1000)
    assert repr(captcha) == "Captcha(id='id', image=<4000 bytes>)"
    assert pickle.loads(pickle.dumps(captcha)) == captcha
