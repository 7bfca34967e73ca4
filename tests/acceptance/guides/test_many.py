"""The guide to many recipients: its examples run."""

from __future__ import annotations

from typing import Final

import pytest

from clickasync.simulator import Gateway
from tests.support.examples import GUIDES, examples_in, run_example

GUIDE: Final = GUIDES / "bulk" / "README.md"
PRINTED: Final = {
    "list": "1 True\n2 True\n3 False\n",
    "into": "2 results\n",
    "run": "1000 of 1000\n",
    "batch": "27821234567 2\n",
}


def test_every_example_is_run() -> None:
    assert examples_in(GUIDE).keys() == PRINTED.keys()


@pytest.mark.parametrize("name", PRINTED)
def test_an_example_prints_what_it_should(name: str, gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    run_example(GUIDE, name)
    assert capsys.readouterr().out == PRINTED[name]
