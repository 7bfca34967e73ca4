"""A real Chromium for the tests of the inbox, and a served simulator beside it.

Where there is no Chromium the tests skip and say why, unless CLICKASYNC_CI is set: then they fail.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import anyio
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from clickasync.simulator import Gateway, serving

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 20_000.0
"""Milliseconds: two loaded cores may take their time."""

T = TypeVar("T")


def chromium() -> str:
    """Where it is."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        reason = "there is no Chromium on this machine: apt-get install chromium"
        if os.environ.get("CLICKASYNC_CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for a module."""
    path = chromium()
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield launched
        launched.close()


class Inbox:
    """The page, by what a person sees of it."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.problems: list[str] = []
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda message: self._note(message.type, message.text))
        page.on("pageerror", lambda error: self._note("error", str(error)))

    def _note(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.problems.append(text)

    def open(self) -> Inbox:
        """Open it, and wait until it is live."""
        self.page.goto(self.url)
        self.page.locator("#live[data-state=live]").wait_for()
        return self

    @property
    def rows(self) -> Any:
        """The conversations that are drawn."""
        return self.page.locator("#conversations [role=option]")

    def row(self, number: str) -> Any:
        """A conversation in the list."""
        return self.page.locator(f"#conversations [data-number='{number}']")

    def bubble(self, text: str) -> Any:
        """A message in the conversation."""
        return self.page.locator("#messages .item", has_text=text)

    def panel(self, name: str) -> Any:
        """Open a panel."""
        self.page.get_by_label("Panels").get_by_role("button", name=name).click()
        return self.page.get_by_role("dialog")


@contextmanager
def opened(browser: Browser, url: str, **options: Any) -> Iterator[Inbox]:
    """The inbox in a window of its own. No console error may come of it."""
    context: BrowserContext = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
    inbox = Inbox(context.new_page(), url)
    try:
        yield inbox.open()
        assert inbox.problems == []
    finally:
        context.close()


@pytest.fixture
def gateway() -> Gateway:
    """A simulator whose messages arrive when a test says so."""
    return Gateway(credits=100_000, gateway_delay=60, handset_delay=60)


@pytest.fixture
def url(gateway: Gateway) -> Iterator[str]:
    """Where it is served."""
    with serving(gateway) as url:
        yield url


@pytest.fixture
def inbox(browser: Browser, url: str) -> Iterator[Inbox]:
    """Its page."""
    with opened(browser, url) as inbox:
        yield inbox


def in_a_thread(function: Callable[[], Awaitable[T]]) -> T:
    """Run async code beside the browser, whose driver has the event loop of this thread."""
    results: list[T] = []
    problems: list[BaseException] = []

    async def run() -> T:
        return await function()

    def work() -> None:
        try:
            results.append(anyio.run(run))
        except BaseException as error:  # raised in the caller's thread
            problems.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(60)
    if problems:
        raise problems[0]
    return results[0]
