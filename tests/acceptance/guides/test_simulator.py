"""The examples of the simulator's guide, run as they stand there."""

from __future__ import annotations

import re

import pytest

from clickasync.simulator.faults import recipients
from clickasync.simulator.faults.effects import FaultOptions
from clickasync.simulator.server.control import ENDPOINTS
from tests.support.examples import GUIDES, examples_in, run_example

GUIDE = GUIDES / "simulator" / "README.md"

PRINTED = {
    "serve": "9 credits left\n",
    "serving": "b'Credit: 10.0'\n",
    "handle": r"ID: [0-9a-f]{32}\n",
    "time": "004 Received by recipient\n",
    "faults": r"\d+ of 20 after retries\n\['connection reset after the gateway took it', 'ERR 901'\]\n",
    "reply": r"You said: Is anybody there\?\n\[\(200, None\)\]\n",
    "subscribe": "message 27821234567\nrefused nobody\n",
    "connect": r"the picture shows [2-9]{5}\n\['HTTP API', .*\]\n",
}


@pytest.mark.parametrize("name", PRINTED)
def test_an_example_prints_what_it_should(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    run_example(GUIDE, name)
    assert re.fullmatch(PRINTED[name], capsys.readouterr().out)


def test_every_example_is_run() -> None:
    assert examples_in(GUIDE).keys() == PRINTED.keys()


def test_the_guide_names_what_there_is() -> None:
    """Faults, test numbers and endpoints, by name."""
    text = GUIDE.read_text("utf-8")
    for name in FaultOptions.__annotations__:
        assert f"{name}=" in text, name
    for number in re.findall(r"^9999\d\d", recipients.__doc__ or "", re.MULTILINE):
        assert f"`{number}`" in text
    paths = {endpoint.path for endpoint in ENDPOINTS}
    assert set(re.findall(r"(?<!clickasync)/simulator/[a-z.]+", text)) - {"/simulator/connect"} <= paths
    assert (GUIDE.parent / "inbox.png").exists()
