"""The parameters of the Connect API: what is checked before anything is sent."""

from __future__ import annotations

import pytest

from clickasync.connect.actions import ACTIONS, check
from clickasync.errors import InvalidOptionError

VALID: dict[str, object] = {
    "user": "anna1",
    "password": "secret123",
    "fname": "Anna",
    "sname": "Ångström",
    "email_address": "anna@example.com",
    "country_id": 27,
    "mobile_number": "27821234567",
    "accept_terms": True,
    "captcha_id": "c" * 32,
    "captcha_code": "aB3",
    "sms_activation_code": "A1B2",
}


def test_there_are_sixteen_actions() -> None:
    assert len(ACTIONS) == 16


def test_only_lists_and_questions_may_be_repeated() -> None:
    assert {name for name, action in ACTIONS.items() if not action.repeatable} == {
        "register",
        "resend_email_activation",
        "authenticate_user",
        "forgot_password",
        "send_activation_sms",
        "validate_activation_sms",
        "create_connection",
    }


@pytest.mark.parametrize(
    ("action", "name"), [(action, name) for action, known in ACTIONS.items() for name in known.required]
)
@pytest.mark.parametrize("missing", [None, ""])
def test_a_required_parameter_that_is_missing_or_empty_is_named(action: str, name: str, missing: object) -> None:
    with pytest.raises(InvalidOptionError, match=f"^{action} needs {name}$"):
        check(action, VALID | {name: missing})


def test_optional_parameters_that_are_none_or_empty_are_left_out() -> None:
    given = VALID | {"connection_id": None, "api_description": "", "callback_type_id": 0, "Dial_prefix": "27"}
    assert check("create_connection", given) == [
        ("user", "anna1"),
        ("password", "secret123"),
        ("Dial_prefix", "27"),
        ("callback_type_id", "0"),
        ("captcha_id", "c" * 32),
        ("captcha_code", "aB3"),
    ]


ACCEPTED = [
    ("user", "x" * 128, None),
    ("password", "x" * 6, None),
    ("password", "0" * 32, None),
    ("fname", "é" * 80, None),
    ("sname", "O'Hara & <sons>", None),
    ("email_address", "a@b", None),
    ("email_address", "a" * 58 + "@b.com", None),
    ("mobile_number", "1" * 30, None),
    ("mobile_number", "0", None),
    ("country_id", 0, "0"),
    ("country_id", "27", "27"),
    ("accept_terms", False, "0"),
    ("accept_terms", 1, "1"),
    ("test_mode", "0", "0"),
    ("email_format", 2, "2"),
    ("activation_redirect", "https://example.com/welcome?x=1&y=2#z", None),
    ("company", "x" * 80, None),
    ("captcha_code", "123456", None),
    ("coupon_code", "FREE 10", None),
]


@pytest.mark.parametrize(("name", "value", "text"), ACCEPTED)
def test_what_keeps_the_rule_goes_out_as_it_is(name: str, value: object, text: str | None) -> None:
    assert dict(check("register", VALID | {name: value}))[name] == (text or value)


REFUSED: list[tuple[str, str, list[object]]] = [
    ("user", "1 to 128 letters and digits", ["x" * 129, "anna b", "anna@b", "änna", 7, "x\n"]),
    ("password", "6 to 32 letters and digits", ["short", "x" * 33, "secret 123", "pässword", b"secret123"]),
    ("fname", "at most 80 characters", ["x" * 81, 1]),
    ("sname", "at most 80 characters", ["x" * 81, 1]),
    ("company", "at most 80 characters", ["x" * 81]),
    ("email_address", "one @", ["anna", "@b", "a@", "a@b@c", "a" * 59 + "@b.com", 1]),
    ("mobile_number", "1 to 30 digits", ["+27821234567", "27 82", "1" * 31, 27821234567, "٢٧"]),
    ("country_id", "whole number", [-1, 1.5, True, "x", "+1", 10**9, 10**5000]),
    ("account_id", "whole number", ["International", -1]),
    ("accept_terms", "True or False", [2, -1, "yes", "true", 1.0]),
    ("weekly_update", "True or False", [2]),
    ("force_create", "True or False", [2]),
    ("test_mode", "True or False", [2]),
    ("email_format", "1 \\(text\\) or 2 \\(HTML\\)", [0, 3, "html", True]),
    ("activation_redirect", "http", ["example.com", "ftp://example.com", "javascript:x", "http://a b/"]),
    ("activation_redirect", "http", ["http://a:99999/", "http://[::1", "http://a/\n", 1]),
    ("captcha_code", "1 to 6 letters and digits", ["1234567", "a b", "ä"]),
    ("captcha_id", "str", [7]),
    ("coupon_code", "str", [7]),
]


@pytest.mark.parametrize(("name", "rule", "values"), REFUSED)
def test_what_breaks_a_rule_is_refused_by_name_and_rule(name: str, rule: str, values: list[object]) -> None:
    """What breaks a rule is refused by name and rule and never repeated."""
    for value in values:
        with pytest.raises(InvalidOptionError, match=f"^{name} must be .*{rule}") as caught:
            check("register", VALID | {name: value})
        assert isinstance(value, int | float) or str(value) not in str(caught.value)
        assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("name", "rule", "good", "bad"),
    [
        ("ftp_password", "at most 10", ["x" * 10, "a b&<"], ["x" * 11]),
        ("callback_username", "at most 64", ["x" * 64], ["x" * 65]),
        ("callback_password", "at most 64", ["x" * 64], ["x" * 65]),
        ("callback_url", "http", ["http://u:p@example.com:8080/x", "HTTPS://[::1]/"], ["example.com", "mailto:a@b"]),
        ("callback_type_id", "whole number", [0, 6], [-1, "SOAP"]),
        ("connection_id", "whole number", [2, 13], [-1, "HTTP"]),
        ("ip_address", "IPv4 or IPv6", ["1.2.3.4", "1.2.3.4,::1"], ["1.2.3", "1.2.3.4,", "1.2.3.4, ::1", "fe80::1%0"]),
        ("api_description", "str", ["my & your API"], [1]),
        ("Dial_prefix", "str", ["27"], [27]),
    ],
)
def test_the_parameters_of_a_connection_keep_their_rules(
    name: str, rule: str, good: list[object], bad: list[object]
) -> None:
    for value in good:
        assert dict(check("create_connection", VALID | {name: value}))[name] == str(value)
    for value in bad:
        with pytest.raises(InvalidOptionError, match=f"^{name} must be .*{rule}"):
            check("create_connection", VALID | {name: value})


def test_an_activation_code_has_at_most_eleven_characters() -> None:
    assert dict(check("validate_activation_sms", VALID | {"sms_activation_code": "x" * 11}))
    with pytest.raises(InvalidOptionError, match="sms_activation_code must be a str of at most 11 characters"):
        check("validate_activation_sms", VALID | {"sms_activation_code": "x" * 12})


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_the_terms_take_an_address_of_either_kind(address: str) -> None:
    assert check("get_list_terms", {"client_ip_address": address}) == [("client_ip_address", address)]


@pytest.mark.parametrize("address", ["192.0.2.256", "2001:db8::g", "localhost", "1.2.3.4,5.6.7.8", 1])
def test_the_terms_refuse_what_is_no_address(address: object) -> None:
    with pytest.raises(InvalidOptionError, match="client_ip_address must be an IPv4 or IPv6 address"):
        check("get_list_terms", {"client_ip_address": address})
