"""The commands about single messages and the account, against the simulator over HTTP."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from pathlib import Path

import pytest

from clickasync.codes import ErrorCode, MessageStatus
from clickasync.simulator import VOUCHER, Gateway

from .conftest import Cli

ANN, BEN = "27821234567", "27827654321"

online = pytest.mark.usefixtures("account")


@online
def test_send_tells_the_id(cli: Cli, gateway: Gateway) -> None:
    sent = cli("send", ANN, "Your code is 4711")
    assert (sent.exit_code, sent.stderr) == (0, "")
    [message] = gateway.messages
    assert (message.to, message.text) == (ANN, "Your code is 4711")
    assert message.id in sent.stdout


@online
def test_send_to_several_gives_a_result_for_each_in_order(cli: Cli, gateway: Gateway) -> None:
    sent = cli("send", ANN, "9991141", BEN, "--text", "Hi", "--json")
    assert sent.exit_code == 1
    results = json.loads(sent.stdout)
    assert [(each["to"], each["result"], each["error_code"]) for each in results] == [
        (ANN, "accepted", None),
        ("9991141", "rejected", "114"),
        (BEN, "accepted", None),
    ]
    assert [each["id"] for each in results if each["id"]] == [message.id for message in gateway.messages]


@online
def test_every_option_of_a_message_reaches_the_gateway(cli: Cli, gateway: Gateway) -> None:
    options = {
        "--from": "27600000001",
        "--callback": "7",
        "--concat": "2",
        "--deliv-time": "60",
        "--max-credits": "2.5",
        "--req-feat": "8240",
        "--queue": "1",
        "--validity": "90",
        "--msg-type": "SMS_FLASH",
        "--climsgid": "mine1",
    }
    flags = ("--mo", "--unicode", "--escalate", "--deliv-ack", "--no-binary")
    sent = cli("send", ANN, "Hi", *(each for option in options.items() for each in option), *flags)
    assert sent.exit_code == 0, sent.stderr
    expected = {name.lstrip("-").replace("-", "_"): value for name, value in options.items()}
    expected |= {"mo": "1", "unicode": "1", "escalate": "1", "deliv_ack": "1", "binary": "0"}
    assert dict(gateway.messages[0].options) == expected


@online
def test_a_payload_goes_without_a_text(cli: Cli, gateway: Gateway) -> None:
    assert cli("send", ANN, "--data", "0102ff", "--udh", "0605040B8423F0").exit_code == 0
    assert gateway.messages[0].data == "0102FF"


@online
@pytest.mark.parametrize("iso", [True, False])
def test_a_scheduled_time_is_iso_or_unix(cli: Cli, gateway: Gateway, iso: bool) -> None:
    at = int(time.time()) + 3600
    written = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)) if iso else str(at)
    assert cli("send", ANN, "Hi", "--scheduled-time", written).exit_code == 0
    assert gateway.messages[0].options["scheduled_time"] == str(at)


@online
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((ANN,), "the text is missing"),
        ((ANN, BEN), "the text is missing"),
        ((ANN, "Hi", "there"), "'Hi' is not a phone number"),
        ((ANN, "Hi", "--deliv-time", "99999"), "--deliv-time must be 0 to 10080"),
        ((ANN, "Hi", "--scheduled-time", "soon"), "--scheduled-time must be ISO 8601"),
        ((ANN, BEN, "--text", "Hi", "--climsgid", "x"), "one --climsgid cannot stand"),
        ((ANN, "Hi", "--no-such-option"), "--no-such-option"),
    ],
)
def test_wrong_usage_sends_nothing(cli: Cli, gateway: Gateway, arguments: tuple[str, ...], words: str) -> None:
    refused = cli("send", *arguments)
    assert refused.exit_code == 2
    assert words in refused.stderr
    assert gateway.messages == []


@online
def test_a_message_can_be_asked_about_charged_and_stopped(cli: Cli, gateway: Gateway) -> None:
    [sent] = json.loads(cli("send", ANN, "Hi", "--deliv-time", "10", "--climsgid", "mine", "--json").stdout)
    waiting = json.loads(cli("status", "--climsgid", "mine", "--json").stdout)
    assert (waiting["id"], waiting["status"], waiting["is_final"]) == (sent["id"], "011", False)
    assert json.loads(cli("charge", sent["id"], "--json").stdout)["charge"] == 1
    assert "006" in cli("cancel", sent["id"]).stdout
    waited = cli("status", sent["id"], "--wait", "5")
    assert (waited.exit_code, "User cancelled" in waited.stdout) == (0, True)


@online
def test_an_unknown_message_is_told_in_one_line(cli: Cli) -> None:
    asked = cli("status", "0" * 32)
    assert (asked.exit_code, asked.stdout) == (1, "")
    assert asked.stderr.startswith("clickasync: ERR 103 ")
    assert asked.stderr.count("\n") == 1
    assert cli("status").exit_code == 2


@online
def test_balance_coverage_and_voucher(cli: Cli, gateway: Gateway) -> None:
    gateway.uncovered = ("88",)
    assert cli("balance").stdout == "1000000.0 credits\n"
    assert json.loads(cli("balance", "--json").stdout) == {"balance": 1000000}
    asked = cli("coverage", ANN, "88123456", "--json")
    assert asked.exit_code == 1
    assert [(each["msisdn"], each["covered"]) for each in json.loads(asked.stdout)] == [
        (ANN, True),
        ("88123456", False),
    ]
    redeemed = cli("redeem", "--json", input=f"{VOUCHER}\n")
    assert json.loads(redeemed.stdout) == {"answer": "605", "balance": 1000100}
    assert gateway.credits == Decimal(1000100)


def test_missing_credentials_are_named(cli: Cli) -> None:
    refused = cli("balance")
    assert refused.exit_code == 2
    assert "CLICKATELL_API_ID" in refused.stderr


def test_credentials_come_from_options_and_a_file(cli: Cli, url: str, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("\ufeffdemo\n", encoding="utf-8")
    login = ("--api-id", "1", "--user", "demo", "--base-url", url)
    assert cli("balance", *login, "--password-file", secret).exit_code == 0
    secret.write_text("wrong\n")
    refused = cli("balance", *login, "--password-file", secret)
    assert refused.exit_code == 2
    assert "ERR 001" in refused.stderr
    missing = cli("balance", *login, "--password-file", tmp_path / "nothing")
    assert (missing.exit_code, "No such file" in missing.stderr) == (2, True)


@online
def test_a_gateway_that_is_not_there_is_3(cli: Cli) -> None:
    nowhere = ("--base-url", "http://127.0.0.1:9", "--retries", "0")
    assert cli("balance", *nowhere).exit_code == 3
    assert cli("send", ANN, "Hi", *nowhere).exit_code == 3
    assert cli("send", ANN, BEN, "--text", "Hi", *nowhere).exit_code == 3


@online
def test_plain_http_to_another_machine_is_refused(cli: Cli) -> None:
    refused = cli("balance", "--base-url", "http://gateway.example")
    assert (refused.exit_code, "unencrypted" in refused.stderr) == (2, True)


def test_codes_prints_every_table(cli: Cli) -> None:
    tables = json.loads(cli("codes", "--json").stdout)
    assert [each["code"] for each in tables["statuses"]] == [status.value for status in MessageStatus]
    assert [each["code"] for each in tables["errors"]] == [code.value for code in ErrorCode]
    assert tables["callbacks"][7] == {"value": 7, "statuses": ["003", "004", "005", "007", "009", "010", "012"]}
    assert {"code": "439", "description": "Username is unavailable", "comment": ""} in tables["connect"]
    shown = cli("codes").stdout
    assert "Received by recipient" in shown
    assert "Invalid unique URL" in shown
    assert "Routing error" not in cli("codes", "errors").stdout


def test_help_and_version_are_there_for_all(cli: Cli) -> None:
    overview = cli("--help")
    commands = ["send", "bulk", "text", "status", "charge", "cancel", "balance", "coverage", "redeem"]
    commands += ["codes", "simulator", "demo", "connect", "listen"]
    assert overview.exit_code == 0
    for command in commands:
        assert f"  {command} " in overview.stdout
        assert cli(command, "--help").exit_code == 0
    assert cli("--version").stdout.startswith("clickasync ")
    assert cli("nothing").exit_code == 2
