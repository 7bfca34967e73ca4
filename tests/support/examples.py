"""The examples of the README and of the guides, run as they stand there.

In a guide, three kinds of blocks are looked at:

- Python after ``<!-- example: name -->``. It is run as a file, or as ``python -m asyncio`` does where it awaits outside
  of functions.
- Any block after ``<!-- file: name -->``: a file that the examples and commands of the guide read.
- A ``console`` block: ``$`` and a command, then what it prints, with ``…`` for what differs from run to run.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import shlex
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, Final

import httpx
import pytest
import uvicorn
from typer.testing import CliRunner

import clickasync
from clickasync.cli.app import app
from clickasync.simulator import Gateway, serving
from tests.support.served import wait_until

__all__ = [
    "CONNECT_TOKEN",
    "GUIDES",
    "README",
    "check_commands",
    "examples_in",
    "run_example",
    "served",
    "simulated",
    "wait_until",
    "write_files",
]

README: Final = Path(__file__).parents[2] / "README.md"
GUIDES: Final = Path(clickasync.__file__).parent
CONNECT_TOKEN: Final = "00112233445566778899aabbccddeeff"


def examples_in(guide: Path) -> dict[str, str]:
    """The Python blocks of a guide, by their names."""
    text = guide.read_text(encoding="utf-8")
    found = re.findall(r"<!-- example: (\S+) -->\n```python\n(.*?)```", text, re.DOTALL)
    files = re.findall(r"<!-- file: (\S+) -->\n```python\n", text)
    named = len(dict(found)) + len(set(files))
    assert named == text.count("```python"), f"each Python block of {guide} needs a name of its own"
    return dict(found)


def run_example(guide: Path, name: str, **names: Any) -> dict[str, Any]:
    """Run an example as if it were pasted into a file, or into ``python -m asyncio``; gives its names."""
    module = ModuleType(f"example_{name}".replace("-", "_"))
    vars(module).update(names)
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code = compile(examples_in(guide)[name], f"{guide.name}: {name}", "exec", flags, dont_inherit=True)
    result = FunctionType(code, vars(module))()
    if inspect.iscoroutine(result):
        asyncio.run(result)
    return vars(module)


def write_files(guide: Path) -> None:
    """Write the files of a guide into the current folder."""
    text = guide.read_text(encoding="utf-8")
    for name, content in re.findall(r"<!-- file: (\S+) -->\n```\w*\n(.*?)```", text, re.DOTALL):
        Path(name).write_text(content, encoding="utf-8")


def check_commands(guide: Path) -> list[str]:
    """Run the commands of a guide in the current folder; gives them. Each must print what the guide says."""
    blocks = re.findall(r"```console\n(.*?)```", guide.read_text(encoding="utf-8"), re.DOTALL)
    commands = []
    for each in (each for block in blocks for each in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]):
        command, _, expected = each.partition("\n")
        commands.append(command)
        shown = _shown_by(command)
        assert re.fullmatch(re.escape(expected).replace("…", ".*"), shown, re.DOTALL), f"{command}\n{shown}"
    return commands


def _shown_by(command: str) -> str:
    program, *arguments = shlex.split(command, comments=True)
    if program == "cat":
        return Path(arguments[0]).read_text(encoding="utf-8")
    assert program == "clickasync"
    return CliRunner().invoke(app, arguments).output


@contextmanager
def simulated(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve the simulator, and let the environment point to it."""
    with serving(gateway) as url:
        settings = {"API_ID": "1", "USER": "demo", "PASSWORD": "demo", "BASE_URL": url}
        settings |= {"CONNECT_TOKEN": CONNECT_TOKEN, "CONNECT_BASE_URL": url}
        for name, value in settings.items():
            monkeypatch.setenv(f"CLICKATELL_{name}", value)
        yield url


@contextmanager
def served(app: Any) -> Iterator[httpx.Client]:
    """An ASGI app under a real server; gives a client of it."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    listener = uvicorn.Config(app, port=0).bind_socket()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        wait_until(lambda: server.started)
        with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}") as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
