"""A gateway in this process, and the command line: in this process (`cli`), or as a process of its own (`start`)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from anyio.from_thread import start_blocking_portal
from typer.testing import CliRunner

from clickasync.cli.app import app
from clickasync.simulator import Gateway, serve

if TYPE_CHECKING:
    from click.testing import Result

VARIABLES = ("API_ID", "USER", "PASSWORD", "BASE_URL", "CONNECT_TOKEN", "CONNECT_BASE_URL")


class Cli(Protocol):
    """``cli("send", "27821234567", "Hi")``: gives exit_code, stdout and stderr."""

    def __call__(self, *arguments: str | Path, input: str | bytes | None = None) -> Result: ...


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def gateway() -> Gateway:
    return Gateway(credits=1_000_000)


@pytest.fixture
def url(gateway: Gateway) -> Iterator[str]:
    """Where `gateway` is served."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(serve(gateway)) as url:
        yield url


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment without credentials, in a folder of its own."""
    for name in VARIABLES:
        monkeypatch.delenv(f"CLICKATELL_{name}", raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def account(url: str, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """The credentials of the gateway's account in the environment."""
    given = {"API_ID": "1", "USER": "demo", "PASSWORD": "demo", "BASE_URL": url}
    given |= {"CONNECT_TOKEN": gateway.connect.token, "CONNECT_BASE_URL": url}
    for name, value in given.items():
        monkeypatch.setenv(f"CLICKATELL_{name}", value)


@pytest.fixture
def cli() -> Cli:
    def call(*arguments: str | Path, input: str | bytes | None = None) -> Any:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments], input=input)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert "Traceback" not in result.output
        return result

    return call


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts ``python -m clickasync.cli``, and sees that it ends."""
    processes: list[subprocess.Popen[str]] = []

    def run(*arguments: str | Path, **options: Any) -> subprocess.Popen[str]:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
        command = [sys.executable, "-m", "clickasync", *map(str, arguments)]
        process = subprocess.Popen(command, text=True, **{**pipes, **options})
        processes.append(process)
        return process

    yield run
    for process in processes:
        process.kill()
        process.communicate()
