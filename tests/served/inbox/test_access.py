"""The inbox for everybody: by keyboard, on a phone, in the dark, by ear; and with ten thousand messages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, expect

from clickasync.simulator import Gateway
from tests.support.browser import PATIENCE, Inbox, opened
from tests.support.picture import PICTURE, take
from tests.support.simulator import LOGIN

expect.set_options(timeout=PATIENCE)

ANN = "27821234567"
SHOP = "27600000001"
SEND = "/http/sendmsg"


def send(gateway: Gateway, text: str = "Hi", to: str = ANN, **fields: str) -> None:
    assert gateway.handle(SEND, {**LOGIN, "to": to, "text": text, "from": SHOP, **fields}) is not None


def fill(gateway: Gateway) -> None:
    """A bit of everything."""
    send(gateway, "Your code is 4711", callback="7")
    send(gateway, "4F60597D", unicode="1")
    send(gateway, "a" * 400, concat="3")
    send(gateway, "a" * 500)
    send(gateway, to="9990071")
    gateway.inject(ANN, SHOP, "Yes")
    gateway.handle("/http/auth", {**LOGIN, "password": "x"})
    gateway.fail("getbalance", http=503, retry_after=1)
    gateway.answer("/http/getbalance", LOGIN)
    gateway.advance(130)


def test_all_of_it_works_by_keyboard(inbox: Inbox, gateway: Gateway) -> None:
    for n in range(3):
        send(gateway, f"Message {n}", f"2782000000{n}")
    expect(inbox.rows).to_have_count(3)
    keys = inbox.page.keyboard
    keys.press("/")
    expect(inbox.page.get_by_label("Search numbers and texts")).to_be_focused()
    keys.press("ArrowDown")
    expect(inbox.page.locator("#conversations")).to_be_focused()
    keys.press("ArrowDown")
    keys.press("ArrowDown")
    expect(inbox.row("27820000001")).to_have_attribute("aria-selected", "true")
    keys.press("Enter")
    expect(inbox.page.locator("#messages")).to_be_focused()
    keys.press("r")
    expect(inbox.page.locator("#compose textarea")).to_be_focused()
    keys.type("Fine")
    keys.press("Enter")
    expect(inbox.bubble("Fine")).to_be_visible()
    keys.press("Escape")
    keys.press("c")
    expect(inbox.page.get_by_role("button", name="Next event")).to_be_focused()
    keys.press("Enter")
    keys.press("Escape")
    expect(inbox.bubble("Message 1")).to_contain_text("Delivered to gateway")
    keys.press("j")
    expect(inbox.row("27820000002")).to_have_attribute("aria-selected", "true")
    keys.press("?")
    expect(inbox.page.get_by_role("dialog")).to_contain_text("Keyboard shortcuts")


def test_messages_are_walked_through_by_arrows(inbox: Inbox, gateway: Gateway) -> None:
    for n in range(40):
        send(gateway, f"Message {n}")
    inbox.row(ANN).click()
    expect(inbox.bubble("Message 39")).to_be_visible()
    inbox.page.locator("#messages").focus()
    inbox.page.keyboard.press("Home")
    expect(inbox.page.locator(".item.selected")).to_contain_text("Message 0")
    inbox.page.keyboard.press("ArrowDown")
    expect(inbox.page.locator(".item.selected")).to_contain_text("Message 1")


def test_on_a_phone_there_is_one_pane_at_a_time(browser: Browser, gateway: Gateway, url: str) -> None:
    fill(gateway)
    with opened(browser, url, viewport={"width": 390, "height": 844}, bypass_csp=True) as inbox:
        page = inbox.page
        expect(inbox.row(ANN)).to_be_visible()
        expect(page.locator("#thread")).to_be_hidden()
        inbox.row(ANN).click()
        expect(page.locator("#conversations")).to_be_hidden()
        page.locator("#messages .meta").last.click()
        expect(page.locator("#detail")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        page.get_by_label("Back to the conversation", exact=True).click()
        expect(page.locator("#detail")).to_be_hidden()
        page.get_by_label("Back to the conversations").click()
        expect(inbox.row(ANN)).to_be_visible()
        inbox.panel("Faults").get_by_role("button", name="Put in force").click()
        assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_the_dark_is_dark_and_may_be_chosen(browser: Browser, url: str) -> None:
    grounds = {}
    for scheme in ("light", "dark"):
        with opened(browser, url, color_scheme=scheme, bypass_csp=True) as inbox:
            ground = "getComputedStyle(document.body).backgroundColor"
            grounds[scheme] = inbox.page.evaluate(ground)
            other = {"light": "dark", "dark": "light"}[scheme]
            inbox.panel("More").get_by_label("Colours").select_option(other)
            inbox.page.reload()
            inbox.page.locator("#live[data-state=live]").wait_for()
            grounds[f"{scheme}, then {other}"] = inbox.page.evaluate(ground)
    assert grounds["light"] == grounds["dark, then light"] == "rgb(246, 246, 248)"
    assert grounds["dark"] == grounds["light, then dark"] == "rgb(15, 16, 19)"


def serious(inbox: Inbox) -> list[Any]:
    found = Axe().run(inbox.page).response["violations"]
    return [
        (each["id"], each["help"], [node["html"][:200] for node in each["nodes"]])
        for each in found
        if each["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_no_serious_violation(browser: Browser, gateway: Gateway, url: str, scheme: str, width: int) -> None:
    options = {"color_scheme": scheme, "viewport": {"width": width, "height": 844}, "bypass_csp": True}
    with opened(browser, url, **options) as inbox:
        assert serious(inbox) == []
        fill(gateway)
        expect(inbox.row(ANN)).to_be_visible()
        assert serious(inbox) == []
        inbox.row(ANN).click()
        expect(inbox.bubble("Your code is")).to_be_visible()
        assert serious(inbox) == []
        inbox.page.locator("#messages .meta").first.click()
        expect(inbox.page.locator("#detail")).to_contain_text("The same in Python")
        assert serious(inbox) == []
        if width == 390:
            for _ in range(2):
                inbox.page.keyboard.press("Escape")
        for name in ("Clock", "Faults", "Account", "Callbacks", "More"):
            inbox.panel(name)
            expect(inbox.page.locator("#panel-body h3").first).to_be_visible()
            assert serious(inbox) == [], name
            inbox.page.keyboard.press("Escape")


MANY = 10_000
MEASURE = """
async (steps) => {
    const list = document.getElementById('conversations');
    const search = document.getElementById('search');
    const took = { scroll: [], type: [] };
    const drawn = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    for (let step = 0; step < steps; step += 1) {
        let started = performance.now();
        list.scrollTop = (list.scrollHeight / steps) * step;
        await drawn();
        took.scroll.push(performance.now() - started);
        started = performance.now();
        search.value = String(step);
        search.dispatchEvent(new Event('input'));
        await drawn();
        took.type.push(performance.now() - started);
        search.value = '';
        search.dispatchEvent(new Event('input'));
    }
    const middle = (times) => times.sort((a, b) => a - b)[Math.floor(times.length / 2)];
    return { scroll: middle(took.scroll), type: middle(took.type) };
}
"""


def test_ten_thousand_messages_stay_smooth(browser: Browser, gateway: Gateway, url: str) -> None:
    """Scrolling and typing answer within 100 ms; the page holds what can be seen."""
    for start in range(0, MANY, 500):
        numbers = ",".join(f"2782{n:07}" for n in range(start, start + 500))
        send(gateway, f"Part {start} of the many", numbers)
    for _ in range(500):
        send(gateway, "One of many to the same number " * 4)
    with opened(browser, url, bypass_csp=True) as inbox:
        expect(inbox.page.locator("#list-count")).to_have_text("10,001")
        inbox.row(ANN).click()
        expect(inbox.page.locator("#thread-chips")).to_contain_text("500 entries")
        took = inbox.page.evaluate(MEASURE, 15)
        assert took["scroll"] < 100, took
        assert took["type"] < 100, took
        assert inbox.rows.count() < 60
        assert inbox.page.locator("#messages .item").count() < 60


LONGEST = """
() => {
    window.longest = 0;
    let before = performance.now();
    const look = () => {
        const now = performance.now();
        window.longest = Math.max(window.longest, now - before);
        before = now;
        requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
}
"""


def test_hundreds_of_messages_at_once_do_not_freeze_it(browser: Browser, gateway: Gateway, url: str) -> None:
    """A hundred a second are expected; here they come as fast as they can."""
    with opened(browser, url, bypass_csp=True) as inbox:
        send(gateway)
        inbox.row(ANN).click()
        inbox.page.evaluate(LONGEST)
        for n in range(600):
            send(gateway, f"Message {n}", ANN if n % 2 else f"2782{n:07}")
        expect(inbox.page.locator("#list-count")).to_have_text("301")
        expect(inbox.bubble("Message 599")).to_be_visible()
        assert inbox.page.evaluate("window.longest") < 1000


def test_the_picture_of_the_guide_can_be_taken_again(browser: Browser, tmp_path: Path) -> None:
    """The picture of the guide can be taken again and is small."""
    take(browser, tmp_path / "inbox.png")
    for picture in (PICTURE, tmp_path / "inbox.png"):
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert picture.stat().st_size < 150_000
