"""No password, session ID or token is ever on screen, whatever a command does and however it fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from clickasync.simulator import Gateway

from .conftest import Cli

PASSWORD = "s3cretPassw0rd"
VOUCHER = "4444333322221111"


@pytest.fixture
def gateway() -> Gateway:
    return Gateway(password=PASSWORD, credits=100)


@pytest.fixture
def commands(tmp_path: Path) -> list[tuple[str, ...]]:
    """Every command that talks to a gateway."""
    (tmp_path / "r.csv").write_text("to\n27821234567\n9991141\nnobody\n")
    (tmp_path / "secret").write_text(PASSWORD)
    login = ("anna", "--password-file", "secret")
    return [
        ("send", "27821234567", "Hi"),
        ("send", "27821234567", "9991001", "--text", "Hi"),
        ("send", "9999011", "Hi"),
        ("status", "0" * 32),
        ("charge", "--climsgid", "x"),
        ("cancel", "0" * 32),
        ("balance",),
        ("coverage", "27821234567"),
        ("redeem", VOUCHER),
        ("bulk", "r.csv", "--text", "Hi", "--force", "--patience", "0.1"),
        ("bulk", "r.csv", "--text", "Hi", "--dry-run"),
        ("connect", "countries"),
        ("connect", "captcha", "picture.png"),
        ("connect", "authenticate", *login),
        ("connect", "activation", "status", *login),
        ("connect", "create-connection", *login),
        ("connect", "buy-credits-url", *login),
    ]


@pytest.fixture(params=["as it should be", "wrong password", "not there", "password as an option"])
def case(request: pytest.FixtureRequest, account: None, monkeypatch: pytest.MonkeyPatch) -> tuple[str, tuple[str, ...]]:
    """A state of the world, and options that go with it."""
    monkeypatch.setenv("CLICKATELL_PASSWORD", PASSWORD)
    more: tuple[str, ...] = ()
    match request.param:
        case "wrong password":
            monkeypatch.setenv("CLICKATELL_PASSWORD", PASSWORD + "x")
            monkeypatch.setenv("CLICKATELL_CONNECT_TOKEN", "ab" * 16)
        case "not there":
            more = ("--base-url", "http://127.0.0.1:9", "--retries", "0")
        case "password as an option":
            more = ("--password", PASSWORD)
    return request.param, more


def test_no_secret_is_on_screen(
    case: tuple[str, tuple[str, ...]], commands: list[tuple[str, ...]], cli: Cli, gateway: Gateway
) -> None:
    name, more = case
    for command in commands:
        options = () if command[0] == "connect" and "--password" in more else more
        shown = cli(*command, *options)
        secrets = [PASSWORD, gateway.connect.token, "ab" * 16, VOUCHER, *gateway.sessions._sessions]
        for secret in secrets:
            assert secret not in shown.output, (name, command)
        assert shown.output


def test_no_secret_is_in_the_files_of_a_bulk_run(cli: Cli, gateway: Gateway, account: None) -> None:
    Path("r.csv").write_text("to\n27821234567\n9991141\n")
    cli("bulk", "r.csv", "--text", "Hi", "--password", PASSWORD)
    written = Path("r.results.csv").read_bytes() + Path("r.results.db").read_bytes()
    for secret in (PASSWORD, *gateway.sessions._sessions):
        assert secret.encode() not in written


def test_help_shows_no_secret_of_the_environment(cli: Cli, account: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKATELL_PASSWORD", PASSWORD)
    for command in (["send"], ["bulk"], ["connect", "register"], ["simulator"]):
        assert PASSWORD not in cli(*command, "--help").output
