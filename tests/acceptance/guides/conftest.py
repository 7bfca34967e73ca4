"""What the tests of the guides share: a folder, a served simulator, and the environment that points to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from clickasync.simulator import Gateway
from tests.support.examples import simulated


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of its own for each test."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    """A served simulator that the environment points to."""
    gateway = Gateway(credits=5000, gateway_delay=0.01, handset_delay=0.01)
    with simulated(gateway, monkeypatch):
        yield gateway
