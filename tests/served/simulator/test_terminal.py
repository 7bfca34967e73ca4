"""``clickasync simulator`` on a terminal and in a pipe."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx
import pytest

from clickasync.simulator import Gateway, serving
from tests.support.simulator import LOGIN

ANN = "27821234567"
COMMAND = [sys.executable, "-m", "clickasync", "simulator", "--port", "0"]


@contextmanager
def started(*options: str, stdout: int = subprocess.PIPE, **environment: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*COMMAND, *options], stdout=stdout, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )
    with process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(20)
            finally:
                process.kill()


def url_in(stream: IO[str] | None) -> str:
    assert stream is not None
    first = stream.readline()
    assert first.startswith("Listening on http://127.0.0.1:")
    return first.split()[-1]


def send(url: str, text: str = "Your code is 4711", to: str = ANN) -> str:
    answer = httpx.post(f"{url}/http/sendmsg", data={**LOGIN, "to": to, "text": text}, timeout=20, trust_env=False)
    return answer.text


def test_on_a_terminal_each_message_is_a_line() -> None:
    ours, theirs = pty.openpty()
    with started(stdout=theirs) as process, os.fdopen(ours, "rb", buffering=0) as terminal:
        os.close(theirs)
        shown = b""
        while b"token" not in shown:
            shown += terminal.read(4096)
        url = shown.split()[2].decode()
        id = send(url, "Hi \x1b[31m there").removeprefix("ID: ")
        send(url, to="nobody")
        while b"nobody" not in shown:
            shown += terminal.read(4096)
    lines = shown.decode().splitlines()
    assert f"to   {ANN}" in lines[2]
    assert lines[2].endswith(id)
    assert "\x1b" not in lines[2]
    assert lines[3].endswith("sendmsg refused: 105 Invalid destination address")
    assert process.returncode in (0, 130)


@pytest.mark.parametrize(("options", "expected"), [([], False), (["--verbose"], True)])
def test_in_a_pipe_lines_are_printed_only_on_request(options: list[str], expected: bool) -> None:
    with started(*options) as process:
        url = url_in(process.stdout)
        send(url)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert ("4711" in out) == expected
    assert (err, process.returncode) == ("", 0)


def test_a_pipe_that_nobody_reads_blocks_no_call() -> None:
    """A pipe takes 64 KiB; then writes to it wait for ever."""
    with started("--verbose", "--credits", "100000") as process:
        url = url_in(process.stdout)
        with httpx.Client(trust_env=False, timeout=20) as client:
            numbers = ",".join(f"2782{n:07}" for n in range(600))
            for _ in range(5):
                fields = {**LOGIN, "to": numbers, "text": "a" * 100}
                assert client.post(f"{url}/http/sendmsg", data=fields).text.count("ID: ") == 600
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_it_ends_by_sigterm_too() -> None:
    """As containers are stopped."""
    with started() as process:
        url_in(process.stdout)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_quiet_and_verbose_exclude_each_other() -> None:
    done = subprocess.run([*COMMAND, "--quiet", "--verbose"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_the_inbox_opens_in_the_browser(tmp_path: Path) -> None:
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}.part\nmv {opened}.part {opened}\n')
    browser.chmod(0o755)
    with started("--open", BROWSER=f"{browser} %s") as process:
        url = url_in(process.stdout)
        while not opened.exists():
            send(url)
        assert opened.read_text().strip() == url


def test_a_name_is_allowed_on_the_command_line() -> None:
    with started("--allow-host", "sms", "--keep", "2") as process:
        url = url_in(process.stdout)
        for _ in range(3):
            send(url)
        answer = httpx.get(f"{url}/simulator/messages", headers={"Host": "sms"}, trust_env=False)
        assert len(answer.json()) == 2


def test_sync_code_is_served_without_an_event_loop() -> None:
    gateway = Gateway(credits=10)
    with serving(gateway) as url:
        assert send(url).startswith("ID: ")
    assert gateway.credits == 9
