"""What takes a process of its own: signals, prompts, the demo, a missing extra."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
import urllib.request
from typing import IO

import pytest

from .conftest import Start


def first_line(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.readline()


def get(url: str) -> bytes:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=10) as reply:
        content: bytes = reply.read()
    return content


def test_the_simulator_listens_until_ctrl_c(start: Start) -> None:
    """The simulator says where it listens and ends with Ctrl-C."""
    process = start("simulator", "--port", "0", "--credits", "7", "--user", "ann", "--password", "secret")
    line = first_line(process.stdout)
    assert line.startswith("Listening on http://127.0.0.1:")
    url = line.split()[-1]
    assert get(f"{url}/http/getbalance?api_id=1&user=ann&password=secret").startswith(b"Credit: 7")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert process.returncode in (0, 130)
    assert "Traceback" not in out + err


def test_a_taken_port_is_told_in_one_line(start: Start) -> None:
    port = first_line(start("simulator", "--port", "0").stdout).rsplit(":", 1)[-1].strip()
    second = start("simulator", "--port", port)
    _, err = second.communicate(timeout=10)
    assert second.returncode == 2
    assert err.count("\n") == 1
    assert f"127.0.0.1:{port}" in err


def test_the_demo_shows_everything_and_ends_with_0(start: Start) -> None:
    process = start("demo")
    out, err = process.communicate(timeout=100)
    assert (process.returncode, err) == (0, "")
    for word in ("Sending", "rejected", "User cancelled", "pings:", "Callbacks", "Which floor?", "Connect", "api_id"):
        assert word in out
    for word in ("A lost reply", "uncertain", "Settled by asking", "none of them twice"):
        assert word in out
    for word in ("a test number: status 007", "a test number: error 114", ">>> await client.balance()"):
        assert word in out


def test_listen_prints_what_arrives(start: Start) -> None:
    process = start("listen", "--port", "0", "--json", "--auth", "hook:secret")
    url = first_line(process.stderr).split()[-1]
    with pytest.raises(OSError, match="401"):
        get(f"{url}/?apiMsgId=1")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    basic = {"Authorization": "Basic aG9vazpzZWNyZXQ="}
    for query in (
        "apiMsgId=996f&cliMsgId=&to=27821234567&timestamp=1218007814&status=004&charge=0.3&api_id=1",
        "moMsgId=b2aee337&from=27827654321&to=27600000001&timestamp=2008-08-06+09:43:50&text=Hi%1B[31m&api_id=1",
    ):
        request = urllib.request.Request(f"{url}/?{query}", headers=basic)
        opener.open(request, timeout=10).close()
    report, message = (json.loads(first_line(process.stdout)) for _ in range(2))
    assert (report["kind"], report["id"], report["status"], report["charge"]) == ("report", "996f", "004", 0.3)
    assert (message["kind"], message["from"], message["text"]) == ("message", "27827654321", "Hi\x1b[31m")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert process.returncode in (0, 130)
    assert "Traceback" not in out + err


def test_listen_prints_a_table_that_cannot_steer_the_terminal(start: Start) -> None:
    process = start("listen", "--port", "0")
    url = first_line(process.stdout).split()[-1]
    get(f"{url}/?moMsgId=b2&from=27827654321&to=27600000001&timestamp=2008-08-06+09:43:50&text=STOP&api_id=1")
    get(f"{url}/?moMsgId=b3&from=27827654321&to=27600000001&timestamp=2008-08-06+09:43:51&text=Hi%1B[31m&api_id=1")
    header, stop, steering = (first_line(process.stdout) for _ in range(3))
    assert header.split()[:2] == ["time", "(UTC)"]
    assert "STOP (opts out)" in stop
    assert "Hi\\x1b[31m" in steering


@pytest.mark.usefixtures("account")
def test_a_missing_password_is_asked_for_without_echo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLICKATELL_PASSWORD")
    terminal, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "clickasync", "balance"],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    shown = b""
    while b"Password" not in shown:
        shown += os.read(terminal, 1024)
    time.sleep(0.2)  # the prompt is written a moment before echoing is off
    os.write(terminal, b"demo\n")
    while b"credits" not in shown:
        shown += os.read(terminal, 1024)
    assert process.wait(10) == 0
    os.close(terminal)
    assert b"demo" not in shown


def test_a_reader_who_has_seen_enough_ends_it_quietly(start: Start) -> None:
    process = start("codes", "--json")
    assert process.stdout is not None
    process.stdout.close()
    process.wait(10)
    assert process.stderr is not None
    assert process.stderr.read() == ""


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_the_extra_it_says_what_to_install(missing: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; from clickasync.cli import main; main()"
    command = [sys.executable, "-c", code]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode == 2
    assert "pip install 'clickasync[cli]'" in process.stderr
    assert process.stderr.count("\n") == 1
