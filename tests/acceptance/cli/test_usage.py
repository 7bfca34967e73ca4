"""How the command line explains itself: help in groups, completion, messages that speak of options as typed."""

from __future__ import annotations

import inspect
import json
import logging
import os
import re
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from clickasync.cli.command import add_command, new_app
from clickasync.cli.message import MessageArguments
from clickasync.cli.typed import words
from clickasync.encoding import inspect_text
from clickasync.errors import InvalidOptionError, TransportError
from clickasync.options import OPTIONS, MessageOptions, compile_message
from clickasync.simulator import Gateway

from .conftest import Cli

ANN, BEN = "27821234567", "27827654321"

online = pytest.mark.usefixtures("account")


def one_line(text: str) -> str:
    return " ".join(text.split())


# -- help


@pytest.mark.parametrize(
    ("command", "sections"),
    [
        ("send", ["Arguments", "What is sent", "How it is sent", "Output", "Options", "Login"]),
        ("bulk", ["Arguments", "What is sent", "Who it is sent to", "How it is sent", "Output", "Options", "Login"]),
        ("status", ["Arguments", "Output", "Options", "Login"]),
    ],
)
def test_options_stand_in_groups(cli: Cli, command: str, sections: list[str]) -> None:
    assert re.findall(r"^(\w.*):$", cli(command, "--help").stdout, re.MULTILINE) == sections


@pytest.mark.parametrize("command", ["send", "bulk"])
def test_help_says_of_options_what_the_table_says(cli: Cli, command: str) -> None:
    """With other options as they are typed."""
    shown = one_line(cli(command, "--help").stdout)
    for name in MessageOptions.__optional_keys__:
        option = OPTIONS[name]
        typed = "--" + option.field.replace("_", "-")
        meaning = re.sub(r"``(\w+)``", lambda found: "--" + found[1].replace("_", "-"), option.meaning)
        assert re.search(rf"{typed}[ /]", shown)
        assert meaning in shown
        assert option.low is None or option.range in shown


def test_the_command_line_has_every_option_of_a_message() -> None:
    assert inspect.signature(MessageArguments).parameters.keys() == MessageOptions.__optional_keys__


def test_help_says_that_an_api_key_takes_the_place_of_the_api_id(cli: Cli) -> None:
    assert "for an account of the vendor's new portal the API key" in one_line(cli("send", "--help").stdout)


def completed(*typed: str) -> list[str]:
    """What bash offers after this was typed."""
    environment = {"COMP_WORDS": " ".join(["clickasync", *typed]), "COMP_CWORD": str(len(typed))}
    environment |= {"_CLICKASYNC_COMPLETE": "complete_bash"}
    command = [sys.executable, "-m", "clickasync"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **environment})
    return done.stdout.split()


def test_the_shell_completes_commands_options_and_values() -> None:
    assert completed("st") == ["status"]
    assert {"--text", "--timeout"} <= set(completed("send", "--t"))
    assert "SMS_FLASH" in completed("send", "--msg-type", "SMS_F")


def test_completion_can_be_installed(cli: Cli) -> None:
    assert "--install-completion" in cli("--help").stdout
    assert "--install-completion" not in cli("connect", "--help").stdout


# -- messages


@online
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--from", "much too long"), "--from must be a number of 1 to 16 digits"),
        (("--deliv-time", "10", "--scheduled-time", "2"), "--deliv-time and --scheduled-time do not go together"),
        (("--concat", "1"), "--concat allows 1"),
        (
            ("--no-unicode", "--concat", "3"),
            "--no-unicode, but 'Ж' is not in GSM 03.38; without --no-unicode it goes out",
        ),
        (("--queue", "4"), "--queue must be one of 1, 2, 3"),
        (("--req-feat", "64"), "--req-feat must be"),
        (("--udh", "00"), "--udh goes with --data"),
        (("--max-credits", "-1"), "--max-credits must be a positive number"),
        (("--climsgid", "a-b"), "--climsgid must be"),
        (("--msg-type", "from_"), "--msg-type must be one of SMS_TEXT"),
    ],
)
def test_messages_speak_of_options_as_typed(cli: Cli, gateway: Gateway, arguments: tuple[str, ...], words: str) -> None:
    refused = cli("send", ANN, "Ж" * 100, *arguments)
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
    assert words in refused.stderr
    assert not re.search(r"(?<!')\b[a-z]+_(?:[a-z]+\b)?", refused.stderr)
    assert gateway.messages == []


def test_a_value_that_looks_like_an_option_stays_as_it_is() -> None:
    with pytest.raises(InvalidOptionError) as caught:
        compile_message("Hi", {"from_": "from_ from_"}, 0)
    assert words(caught.value).startswith("--from must be a number of 1 to 16 digits")
    assert words(caught.value).endswith("not 'from_ from_'")


@online
@pytest.mark.parametrize("option", ["--timeout", "--patience", "--rate-limit"])
@pytest.mark.parametrize("value", ["nan", "-1", "0", "inf", "soon"])
def test_numbers_that_are_none_are_refused(cli: Cli, option: str, value: str) -> None:
    refused = cli("bulk", "r.csv", "--text", "Hi", option, value)
    assert refused.exit_code == 2
    assert option in refused.stderr
    assert f"must be a number above 0, not '{value}'" in refused.stderr


@online
@pytest.mark.parametrize(
    ("option", "value"), [("--retries", "-1"), ("--batch-size", "601"), ("--batch-size", "0"), ("--max-in-flight", "0")]
)
def test_counts_that_are_none_are_refused(cli: Cli, option: str, value: str) -> None:
    refused = cli("bulk", "r.csv", "--text", "Hi", option, value)
    assert (refused.exit_code, option in refused.stderr) == (2, True)
    assert cli("status", "0" * 32, "--wait", "nan").exit_code == 2


@online
@pytest.mark.parametrize(
    "command",
    [
        ("status", "0" * 32),
        ("charge", "0" * 32),
        ("cancel", "0" * 32),
        ("balance",),
        ("coverage", ANN),
        ("redeem", "1" * 16),
    ],
)
@pytest.mark.parametrize("more", [(), ("--base-url", "http://127.0.0.1:9", "--retries", "0"), ("--user", "nobody")])
def test_a_question_never_says_that_nothing_was_sent(cli: Cli, command: tuple[str, ...], more: tuple[str, ...]) -> None:
    assert "nothing was sent" not in cli(*command, *more).output


@online
def test_a_message_that_was_not_sent_says_so(cli: Cli) -> None:
    lost = cli("send", ANN, "Hi", "--base-url", "http://127.0.0.1:9", "--retries", "0")
    assert (lost.exit_code, "nothing was sent" in lost.stderr) == (3, True)
    assert words(TransportError("reset", 3)) == "reset; asked to wait 3 s; nothing was sent; it is safe to try again"


# -- logging


def test_verbose_logs_what_the_package_logs() -> None:
    app = new_app("for a test")

    def work() -> None:
        """Work."""
        logging.getLogger("clickasync.anything").debug("it works")

    add_command(app, work)
    add_command(app, work, "idle")
    for typed, shown in ((["work", "-v"], True), (["work", "--verbose"], True), (["work"], False)):
        result = CliRunner().invoke(app, typed)
        assert result.exit_code == 0
        assert ("DEBUG clickasync.anything: it works" in result.stderr) == shown
    assert logging.getLogger("clickasync").handlers == []


def test_a_command_may_have_a_verbose_of_its_own() -> None:
    app = new_app("for a test")
    seen = []

    def work(verbose: bool = False) -> None:
        """Work."""
        seen.append(verbose)

    add_command(app, work)
    add_command(app, work, "idle")
    assert CliRunner().invoke(app, ["work", "--verbose"]).exit_code == 0
    assert seen == [True]


# -- texts


def test_text_says_what_a_text_takes(cli: Cli) -> None:
    shown = cli("text", "Don’t " * 20)
    assert shown.exit_code == 0
    assert re.search(r"parts +│ 2", shown.stdout)
    assert "U+2019 RIGHT SINGLE QUOTATION MARK" in shown.stdout
    assert "With characters of GSM 03.38 in their place it would take 1 part." in shown.stdout
    plain = cli("text", "Don't")
    assert "GSM" in plain.stdout
    assert "Unicode" not in plain.stdout


@pytest.mark.parametrize("text", ["Hi", "Don’t", "😀", "a\nb\n", ""])
def test_text_in_json_and_from_standard_input(cli: Cli, text: str) -> None:
    expected = inspect_text(text)
    for shown in (cli("text", "--json", "--", text), cli("text", "-", "--json", input=f"{text}\n")):
        found = json.loads(shown.stdout)
        assert found.pop("unicode_because") == list(expected.unicode_because)
        assert found == {name: getattr(expected, name) for name in found}
        assert len(found) == 5


def test_text_takes_no_half_of_a_pair(cli: Cli) -> None:
    refused = cli("text", "\ud83d")
    assert (refused.exit_code, "surrogate" in refused.stderr) == (2, True)
    refused = cli("text", "-", input=b"\xff")
    assert (refused.exit_code, "not UTF-8" in refused.stderr) == (2, True)


@online
def test_send_takes_its_text_from_standard_input(cli: Cli, gateway: Gateway) -> None:
    assert cli("send", ANN, BEN, "--text", "-", input="Hi,\nyou\n").exit_code == 0
    assert [message.text for message in gateway.messages] == ["Hi,\nyou"] * 2


# -- accounts of the new portal

API_KEY = "Ab3-xYz_9Q=="


class TestApiKey:
    @pytest.fixture
    def gateway(self) -> Gateway:
        return Gateway(api_id=API_KEY)

    def test_it_takes_the_place_of_an_api_id(
        self, cli: Cli, monkeypatch: pytest.MonkeyPatch, url: str, gateway: Gateway
    ) -> None:
        login = ("--user", "demo", "--password", "demo", "--base-url", url)
        assert cli("send", ANN, "Hi", "--api-id", API_KEY, *login).exit_code == 0
        assert cli("send", ANN, "Hi", f"--api-id={API_KEY}", *login).exit_code == 0
        monkeypatch.setenv("CLICKATELL_API_ID", API_KEY)
        assert cli("balance", *login).exit_code == 0
        assert [message.api_id for message in gateway.messages] == [API_KEY] * 2
        refused = cli("send", ANN, "Hi", "--api-id", API_KEY.rstrip("="), *login)
        assert (refused.exit_code, "ERR 108" in refused.stderr) == (2, True)


@pytest.mark.parametrize("value", ["abc", "nan", "-1", "inf", ""])
def test_credits_of_the_simulator_are_a_number(cli: Cli, value: str) -> None:
    refused = cli("simulator", "--credits", value)
    assert refused.exit_code == 2
    assert f"it must be a number of credits, such as 1000 or 0.5, not '{value}'" in refused.stderr


@pytest.mark.parametrize("option", ["--speed", "--latency", "--session-lifetime"])
def test_seconds_of_the_simulator_are_a_number(cli: Cli, option: str) -> None:
    refused = cli("simulator", option, "nan")
    assert refused.exit_code == 2
    assert option in refused.stderr
