"""``clickasync connect`` against the simulator: the calls that a person would make by hand."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest

from clickasync.simulator import Gateway
from clickasync.simulator.connect import Email, Sms

from .conftest import Cli

pytestmark = pytest.mark.usefixtures("account")

PASSWORD = "Hj38skw9"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(f"{PASSWORD}\n")
    return path


def follow(link: str) -> None:
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(link, timeout=5).close()


def test_the_lists_are_tables_or_json(cli: Cli) -> None:
    for command, word in {
        "countries": "South Africa",
        "prefixes": "27",
        "accounts": "International",
        "callbacks": "SOAP POST",
        "connections": "HTTP API",
    }.items():
        shown = cli("connect", command)
        assert (shown.exit_code, word in shown.stdout) == (0, True)
        assert len(json.loads(cli("connect", command, "--json").stdout)) >= 2
    assert cli("connect", "terms", "--country-id", "173").stdout.startswith("http")
    assert cli("connect", "terms").exit_code == 1  # 429: neither country nor address


def test_from_registration_to_a_message(cli: Cli, gateway: Gateway, secret: Path, url: str) -> None:
    def call(*arguments: str, status: int = 0) -> str:
        result = cli("connect", *arguments)
        assert result.exit_code == status, result.stderr
        assert PASSWORD not in result.output
        return str(result.stdout)

    captcha = json.loads(call("captcha", "picture.png", "--json"))
    assert Path("picture.png").read_bytes().startswith(b"\x89PNG")
    solved = ["--captcha-id", captcha["captcha_id"]]
    solved += ("--captcha-code", gateway.connect.captchas[captcha["captcha_id"]].code)
    person = ["--user", "anna", "--fname", "Anna", "--sname", "Example", "--email-address", "anna@example.com"]
    person += ("--country-id", "173", "--mobile-number", "27821112222", "--accept-terms")
    assert "activation link" in call("register", *person, *solved, "--password-file", str(secret))
    login = ("anna", "--password-file", str(secret))
    call("authenticate", *login, status=1)  # 103: not activated by e-mail
    call("resend-email", *login)
    letter = gateway.connect.outbox[-1]
    assert isinstance(letter, Email)
    follow(letter.link)
    assert "user number 1000001" in call("authenticate", *login)
    assert "not activated" in call("activation", "status", *login, status=1)
    call("activation", "send", *login)
    letter = gateway.connect.outbox[-1]
    assert isinstance(letter, Sms)
    call("activation", "validate", *login, letter.code)
    assert json.loads(call("activation", "status", *login, "--json"))["mobile_number"] == "27821112222"
    api_id = call("create-connection", *login, "--connection-id", "2", "--api-description", "mine").strip()
    sent = cli("send", "27821112222", "Hi", "--api-id", api_id, "--user", "anna", "--password-file", secret)
    assert sent.exit_code == 0
    assert gateway.messages[0].api_id == api_id
    assert call("buy-credits-url", *login).startswith("http")


def test_wrong_credentials_and_missing_ones_are_2(cli: Cli, secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    login = ("anna", "--password-file", str(secret))
    wrong = cli("connect", "authenticate", *login)
    assert (wrong.exit_code, wrong.stderr.count("\n")) == (2, 1)
    assert cli("connect", "authenticate", "anna").exit_code == 2
    assert "USER" in cli("connect", "authenticate").stderr
    missing = cli("connect", "register")
    assert (missing.exit_code, "--email-address" in missing.stderr) == (2, True)
    half = cli("connect", "authenticate", *login, "--captcha-id", "x")
    assert (half.exit_code, "go together" in half.stderr) == (2, True)
    monkeypatch.setenv("CLICKATELL_CONNECT_TOKEN", "f" * 32)
    refused = cli("connect", "countries")
    assert (refused.exit_code, "f" * 32 in refused.output) == (2, False)
    monkeypatch.delenv("CLICKATELL_CONNECT_TOKEN")
    nobody = cli("connect", "countries")
    assert (nobody.exit_code, "CLICKATELL_CONNECT_TOKEN" in nobody.stderr) == (2, True)


def test_a_token_comes_from_a_file_too(cli: Cli, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLICKATELL_CONNECT_TOKEN")
    Path("token").write_text(gateway.connect.token + "\n")
    assert cli("connect", "accounts", "--token-file", "token").exit_code == 0


def test_a_gateway_that_is_not_there_is_3(cli: Cli) -> None:
    assert cli("connect", "accounts", "--base-url", "http://127.0.0.1:9").exit_code == 3
