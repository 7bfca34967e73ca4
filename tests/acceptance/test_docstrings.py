"""Docstrings: their examples run, those of `Client` against the simulator; and help lists every option."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import doctest
import importlib
import inspect
import io
import pkgutil
import pydoc
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest

import clickasync
import clickasync.callbacks
from clickasync import Client, MessageOptions, SendOptions
from clickasync.callbacks import DeliveryReport, parse
from clickasync.options import describe
from clickasync.simulator import Gateway, serve


def documented() -> Iterator[doctest.DocTest]:
    for module in pkgutil.walk_packages(clickasync.__path__, "clickasync."):
        if not module.name.endswith("__main__"):
            for found in doctest.DocTestFinder().find(importlib.import_module(module.name), module.name):
                if found.examples:
                    yield found


EXAMPLES = list(documented())


async def run(code: CodeType, names: dict[str, Any]) -> str:
    """Run code that may await, as it may in ``python -m asyncio``; gives what it prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        awaitable = FunctionType(code, names)()
        if awaitable is not None:
            await awaitable
    return printed.getvalue()


async def told_by(found: doctest.DocTest, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, str]]:
    """Each example of a docstring, with what it should print and what it does."""
    report = parse(b"apiMsgId=996f364775e24b84&to=27821234567&timestamp=1218007814&status=003&charge=0.3")
    assert isinstance(report, DeliveryReport)
    saved: list[DeliveryReport] = []

    async def save(report: DeliveryReport) -> None:
        saved.append(report)

    numbers = [f"2782{number:07d}" for number in range(1000)]
    told = []
    async with serve(Gateway(credits=10_000)) as url:
        monkeypatch.setenv("CLICKATELL_BASE_URL", url)
        async with clickasync.Client(api_id=1, user="demo", password="demo", base_url=url) as client:
            names = vars(clickasync.callbacks) | {name: getattr(clickasync, name) for name in clickasync.__all__}
            names |= {"client": client, "numbers": numbers, "report": report, "stored": None, "save": save}
            names |= found.globs
            for example in found.examples:
                flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
                code = compile(example.source, found.name, "single", flags, dont_inherit=True)
                told.append((example.source, example.want, await run(code, names)))
    return told


def test_docstrings_hold_examples() -> None:
    assert "clickasync.client.Client.bulk" in {found.name for found in EXAMPLES}


@pytest.mark.parametrize("found", [pytest.param(found, id=found.name) for found in EXAMPLES])
def test_an_example_does_what_its_docstring_says(
    found: doctest.DocTest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    checker = doctest.OutputChecker()
    for source, wanted, printed in asyncio.run(told_by(found, monkeypatch)):
        assert checker.check_output(wanted.replace("…", "..."), printed, doctest.ELLIPSIS), (source, wanted, printed)


@pytest.mark.parametrize(("method", "options"), [("send", SendOptions), ("send_many", MessageOptions)])
def test_help_lists_each_option(method: str, options: Any) -> None:
    """With its type, range, unit and meaning, from the table that the checks are made of."""
    shown = " ".join(pydoc.plain(pydoc.render_doc(getattr(Client, method))).split())
    for name in (*options.__required_keys__, *options.__optional_keys__):
        assert " ".join(describe([name]).split()) in shown
    assert "{options}" not in shown
    assert ("climsgid (str)" in shown) == (options is SendOptions)


def test_help_lists_the_options_beside_arguments() -> None:
    """`bulk` and `batch` take those of `send_many`; each stands where the arguments do."""
    table = textwrap.indent(describe(), "    ")
    for method in (Client.send_many, Client.bulk, Client.batch):
        assert f"\n{table}\n" in (inspect.getdoc(method) or "")
