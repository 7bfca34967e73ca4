"""What pytest sees: the fixture, its markers, and the guard against real messages.

pytest imports this in every project that has the package installed, so it imports nothing that costs anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import pytest

from clickasync.confinement import confinement, say

if TYPE_CHECKING:
    from clickasync.testing.fixture import Clickatell
    from clickasync.testing.server import Server

__all__ = ["clickatell"]

_before = pytest.StashKey["str | None"]()

_MARKERS: Final = (
    "clickatell(credits=1000, speed=1): how the gateway of the fixture `clickatell` begins; speed is how many of its "
    "seconds pass in one",
    "clickatell_live: this test may reach the real gateway, which costs money",
)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """From now on, before any test's code is imported, no client posts to another machine."""
    _confine(early_config)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """The markers; and the guard, where the plugin was loaded too late for the other hook."""
    _confine(config)
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)


def pytest_unconfigure(config: pytest.Config) -> None:
    """All is as it was."""
    if _before in config.stash:
        say(config.stash[_before])


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """A test that is marked may post to wherever it likes."""
    if item.get_closest_marker("clickatell_live") is None:
        yield
        return
    before = confinement()
    say("0")
    try:
        yield
    finally:
        say(before)


def _confine(config: pytest.Config) -> None:
    if _before not in config.stash:
        config.stash[_before] = before = confinement()
        say("1" if before is None else before)  # who has set it knows better


@pytest.fixture(scope="session")
def _clickatell_server() -> Iterator[Server]:
    """One gateway for the whole run, on a thread. Each worker of xdist has its own."""
    from clickasync.testing.server import Server

    with Server() as server:
        yield server


@pytest.fixture
def clickatell(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, _clickatell_server: Server
) -> Iterator[Clickatell]:
    """A Clickatell gateway of this test's own, which CLICKATELL_BASE_URL and the credentials point to."""
    settings: dict[str, object] = {}
    for marker in reversed(list(request.node.iter_markers("clickatell"))):
        if marker.args:
            pytest.fail("the marker clickatell takes its settings by name: clickatell(credits=1)", pytrace=False)
        settings |= marker.kwargs
    for name, value in _clickatell_server.environment.items():
        monkeypatch.setenv(name, value)
    yield _clickatell_server.begin(**settings)
    _clickatell_server.end()
