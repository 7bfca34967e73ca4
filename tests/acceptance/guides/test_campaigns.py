"""The guide to campaigns: its examples are run, and what it says about a task queue is tried with the real one."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

import clickasync
from clickasync import Client
from clickasync.campaigns import Campaigns
from clickasync.simulator import Gateway, serve
from tests.support.campaigning import Scene, until
from tests.support.databases import shared_server
from tests.support.ledger import ledger

GUIDE = (Path(clickasync.__file__).parent / "campaigns" / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
ACCOUNT = {"CLICKATELL_API_ID": "1", "CLICKATELL_USER": "demo", "CLICKATELL_PASSWORD": "demo"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def execute(block: str, names: dict[str, Any]) -> None:
    """Run an example in a coroutine; what it imports is there for the next one."""
    body = textwrap.indent(f"{block}\nnames.update(locals())\n", "    ")
    scope = dict(names)
    exec(f"async def example(names):\n{body}", scope)  # our own guide
    await scope["example"](names)


@pytest.mark.anyio
async def test_its_examples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All but the one of the task queue, in order, in one folder."""
    monkeypatch.chdir(tmp_path)
    for name, value in ACCOUNT.items():
        monkeypatch.setenv(name, value)
    Path("customers.csv").write_text("to,name\n27821234567,Ann\n9991211,Ben\n")
    gateway = Gateway(credits=100)
    names: dict[str, Any] = {}
    async with serve(gateway) as url:
        monkeypatch.setenv("CLICKATELL_BASE_URL", url)
        for block in BLOCKS:
            if "procrastinate" not in block:
                await execute(block, names)
    assert len(BLOCKS) == 4
    assert [message.text for message in gateway.messages] == ["Hi Ann"]
    assert "1 1 0\n9991211 121 " in capsys.readouterr().out
    assert callable(names["app"])


def test_its_commands_and_files_are_there() -> None:
    """Whatever it names is there."""
    from typer.main import get_command

    from clickasync.cli.app import app

    campaign = get_command(app).commands["campaign"]  # type: ignore[attr-defined]
    for name in re.findall(r"clickasync campaign (\w+)", GUIDE):
        assert name in campaign.commands


@pytest.mark.anyio
async def test_a_task_queue_whose_worker_is_killed(tmp_path: Path) -> None:
    """Procrastinate, with its real worker on the same PostgreSQL: killed in the middle, everybody is sent to once."""
    [block] = [block for block in BLOCKS if "procrastinate" in block]
    (tmp_path / "sending.py").write_text(block)
    url = shared_server().new_database()
    with ledger(tmp_path, seed=1, latency=0.2) as gateway:
        environment = {
            **os.environ,
            **ACCOUNT,
            "CLICKATELL_BASE_URL": gateway.url,
            "CLICKASYNC_DATABASE": url,
            "PYTHONPATH": f"{tmp_path}{os.pathsep}{Path(__file__).parents[2]}",
        }

        def call(*arguments: str) -> subprocess.Popen[bytes]:
            command = [sys.executable, "-m", "procrastinate", "--app", "sending.app", *arguments]
            return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def defer() -> int:
            return call("defer", "sending.send_campaigns", '{"timestamp": 0}').wait(60)

        assert await asyncio.to_thread(call("schema", "--apply").wait, 60) == 0
        async with (
            Client(api_id=1, user="demo", password="demo", base_url=gateway.url, batch_size=10, timeout=1.0) as client,
            Campaigns(url, client=client) as campaigns,
        ):
            numbers = [str(27820000000 + n) for n in range(400)]
            campaign = await campaigns.create("spring", numbers, "Hi", rate_limit=50)
            assert await asyncio.to_thread(defer) == 0
            worker = call("worker", "--concurrency", "1")
            await until(campaign, lambda status: status.accepted)
            worker.send_signal(signal.SIGKILL)
            await asyncio.to_thread(worker.wait)
            assert (await campaign.status()).ready
            await asyncio.to_thread(defer)  # 1, if the worker had done so at the full minute
            worker = call("worker", "--concurrency", "1")
            try:
                await until(campaign, lambda status: status.state == "done", 60.0)
            finally:
                worker.terminate()
                await asyncio.to_thread(worker.wait, 60)
            verdict = await Scene(gateway, client, campaigns, url).verdict(campaign)
            assert verdict.is_clean, verdict
            assert verdict.accepted + verdict.uncertain == 400
