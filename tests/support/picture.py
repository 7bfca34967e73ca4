"""The picture of the inbox in the guide: ``python -m tests.support.picture`` takes it again."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

from clickasync.simulator import Gateway, serving
from tests.support.browser import FLAGS, chromium, opened
from tests.support.simulator import LOGIN

PICTURE = Path(str(files("clickasync.simulator"))) / "inbox.png"
ANN = "27821234567"
SHOP = "27600000001"
SEND = "/http/sendmsg"


def furnish(gateway: Gateway) -> None:
    """Some conversations, as an afternoon's work leaves them."""

    def send(to: str, text: str, **fields: str) -> None:
        gateway.answer(SEND, {**LOGIN, "to": to, "text": text, "from": SHOP, "callback": "7", **fields})

    send("27827654321", "Doors open at 8. Bring your ticket.")
    send("447700900123", "Your parcel 20391 arrives tomorrow between 9 and 11")
    gateway.inject("447700900123", SHOP, "STOP")
    send("9990071", "To a test number that fails")
    send("9991221", "To a test number that opted out")
    send("27825550101", "041F044004380432043504420021", unicode="1")
    gateway.inject("27825550102", SHOP, "Is anybody there?")
    gateway.handle("/http/auth", {**LOGIN, "password": "wrong"})
    gateway.advance(60)
    send(ANN, "Your table is booked for 19:30. Reply 1 to confirm, 2 to cancel.", climsgid="table12")
    gateway.advance(4)
    gateway.inject(ANN, SHOP, "1")
    gateway.fail_next("sendmsg", reset="after")
    send(ANN, "Your code at the door is 4711.", climsgid="table13")
    gateway.advance(2)


def take(browser: Browser, path: Path, **options: object) -> None:
    """Take it."""
    gateway = Gateway(gateway_delay=1, handset_delay=30)
    furnish(gateway)
    with serving(gateway) as url, opened(browser, url, viewport={"width": 1120, "height": 640}, **options) as inbox:
        inbox.row(ANN).click()
        inbox.bubble("Your code").first.locator(".meta").click()
        expect(inbox.page.locator("#detail")).to_contain_text("The same in Python")
        inbox.page.mouse.move(0, 0)
        inbox.page.screenshot(path=path)


if __name__ == "__main__":
    with sync_playwright() as playwright:
        taken_by = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        take(taken_by, PICTURE)
        taken_by.close()
