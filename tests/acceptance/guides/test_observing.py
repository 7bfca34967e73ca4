"""The guide to the log, hooks, traces and metrics: its examples run, and print what it shows."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator

import pytest
from anyio.from_thread import start_blocking_portal

from clickasync.simulator import Gateway, serve
from tests.support.guide import Guide

GUIDE = Guide("otel")


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    """A served simulator that the environment points to."""
    gateway = Gateway()
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(serve(gateway)) as url:
        for name, value in {"API_ID": "1", "USER": "demo", "PASSWORD": "demo", "BASE_URL": url}.items():
            monkeypatch.setenv(f"CLICKATELL_{name}", value)
        yield gateway


def test_every_block_is_an_example() -> None:
    GUIDE.check("log", "hooks", "otel")
    assert GUIDE.shown.keys() == {"log", "hooks"}


def test_the_log_reads_as_shown(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    level = logging.getLogger("clickasync").level
    try:
        GUIDE.run("log")
    finally:
        logging.getLogger("clickasync").setLevel(level)
    said = [f"{record.levelname} {record.getMessage()}\n" for record in caplog.records if record.name == "clickasync"]
    milliseconds = re.compile(r"[0-9.]+ ms")
    assert milliseconds.sub("… ms", "".join(said)) == milliseconds.sub("… ms", GUIDE.shown["log"])


def test_the_hooks_print_what_is_shown(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    GUIDE.run("hooks")
    assert [line.strip() for line in capsys.readouterr().out.splitlines()] == GUIDE.shown["hooks"].splitlines()


def test_the_traced_client_sends(gateway: Gateway) -> None:
    GUIDE.run("otel")
    assert [message.text for message in gateway.messages] == ["Your code is 4711"]
