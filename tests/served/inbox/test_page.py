"""The inbox in a real browser: messages arrive, handsets reply, faults are made, all of it live."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from clickasync import Accepted, Client, SendResult
from clickasync.callbacks import InboundMessage, receiver
from clickasync.simulator import Gateway, serving
from clickasync.simulator.server.serving import ServerThread
from tests.support.browser import PATIENCE, Inbox, in_a_thread, opened
from tests.support.simulator import LOGIN

expect.set_options(timeout=PATIENCE)

ANN = "27821234567"
BOB = "27827654321"
SHOP = "27600000001"
SEND = "/http/sendmsg"


def send(gateway: Gateway, text: str = "Hi", to: str = ANN, **fields: str) -> None:
    assert gateway.handle(SEND, {**LOGIN, "to": to, "text": text, "from": SHOP, **fields}) is not None


def sent_by_sdk(url: str, text: str, to: str = ANN) -> SendResult:
    async def run() -> SendResult:
        async with Client(api_id=1, user="demo", password="demo", base_url=url, retries=1, timeout=10) as client:
            return (await client.send_many([to], text, from_=SHOP))[0]

    return in_a_thread(run)


def test_what_the_sdk_sends_arrives_live(inbox: Inbox, url: str) -> None:
    assert isinstance(sent_by_sdk(url, "Your code is 4711"), Accepted)
    expect(inbox.row(ANN)).to_contain_text("Your code is 4711")
    inbox.row(ANN).click()
    expect(inbox.bubble("Your code is")).to_contain_text("GSM · OK")
    assert isinstance(sent_by_sdk(url, "Your code is 4712"), Accepted)
    expect(inbox.bubble("4712")).to_be_visible()
    expect(inbox.page.locator("#detail")).to_contain_text("apiMsgId")


def test_statuses_move_as_time_goes(inbox: Inbox, gateway: Gateway) -> None:
    send(gateway)
    inbox.row(ANN).click()
    expect(inbox.bubble("Hi")).to_contain_text("OK")
    panel = inbox.panel("Clock")
    panel.get_by_role("button", name="Next event").click()
    expect(inbox.bubble("Hi")).to_contain_text("Delivered to gateway")
    panel.get_by_role("button", name="Deliver all").click()
    expect(inbox.bubble("Hi")).to_contain_text("Received by recipient")
    inbox.page.keyboard.press("Escape")
    expect(inbox.page.locator(".timeline")).to_contain_text("004 Received by recipient")


@pytest.fixture
def answering(gateway: Gateway, url: str) -> Iterator[list[str]]:
    """An app that answers whoever writes; gives what was written to it."""
    heard: list[str] = []

    async def reply(message: InboundMessage) -> None:
        heard.append(message.text)
        async with Client(api_id=1, user="demo", password="demo", base_url=url) as client:
            await client.send(message.from_, f"You said: {message.text}", from_=message.to)

    thread = ServerThread(receiver(on_message=reply), "127.0.0.1", 0)
    thread.start()
    gateway.add_account("1", "demo", "demo", credits=100, callback_url=f"{thread.url}/hook")
    yield heard
    thread.stop()


def test_a_reply_reaches_the_app_and_its_answer_comes_back(
    inbox: Inbox, gateway: Gateway, answering: list[str]
) -> None:
    send(gateway)
    inbox.row(ANN).click()
    inbox.page.get_by_label(re.compile("^Reply")).fill("Yes, please")
    inbox.page.get_by_role("button", name="Send").click()
    expect(inbox.bubble("You said: Yes, please")).to_be_visible()
    assert answering == ["Yes, please"]
    expect(inbox.page.get_by_label(re.compile("^Reply"))).to_have_value("")


def test_a_callback_is_made_again_by_hand(inbox: Inbox, gateway: Gateway, answering: list[str]) -> None:
    gateway.inject(ANN, SHOP, "Hello")
    inbox.row(ANN).click()
    inbox.bubble("Hello").first.locator(".meta").click()
    detail = inbox.page.locator("#detail")
    expect(detail.locator(".card")).to_have_count(1)
    expect(detail.locator(".card")).to_contain_text("HTTP 200")
    detail.get_by_role("button", name="Redeliver").click()
    expect(detail.locator(".card")).to_have_count(2)
    expect(detail.locator(".card").nth(1)).to_contain_text("by hand")
    assert answering == ["Hello"]


def test_a_fault_and_what_the_sdk_makes_of_it_stand_side_by_side(inbox: Inbox, gateway: Gateway, url: str) -> None:
    """After a reset the SDK asks by the climsgid, and finds the message accepted."""
    panel = inbox.panel("Faults")
    panel.get_by_label("What").select_option("reset-after")
    panel.get_by_role("button", name="Put in force").click()
    expect(panel.locator(".card")).to_contain_text("connection reset after the gateway took it")
    inbox.page.keyboard.press("Escape")
    expect(inbox.page.locator("[data-panel=faults]")).to_contain_text("1")
    assert isinstance(sent_by_sdk(url, "Hi"), Accepted)
    assert gateway.requests["querymsg"] == 1
    inbox.row(ANN).click()
    expect(inbox.page.locator("#messages .item.out")).to_have_count(1)
    expect(inbox.page.locator("#messages .item.fault")).to_contain_text("reset after the gateway took it")


def test_faults_are_switched_and_healed_by_hand(inbox: Inbox, gateway: Gateway) -> None:
    panel = inbox.panel("Faults")
    panel.get_by_label("How often").select_option("probability")
    panel.get_by_label("How many, or how likely").fill("1")
    panel.get_by_role("button", name="Put in force").click()
    box = panel.get_by_role("checkbox")
    expect(box).to_be_checked()
    send(gateway)
    expect(panel.locator(".card")).to_contain_text("1 hit")
    box.click()
    expect(box).not_to_be_checked()
    assert not gateway.faults.rules[0].is_on
    panel.get_by_role("button", name="Heal all").click()
    expect(panel.locator(".card")).to_have_count(0)
    expect(panel).to_contain_text("Made so far: 1 fault")


def test_refused_calls_stand_beside_accepted_ones(inbox: Inbox, gateway: Gateway) -> None:
    send(gateway)
    send(gateway, "a" * 500)
    gateway.handle("/http/auth", {**LOGIN, "password": "s3cret"})
    inbox.row(ANN).click()
    expect(inbox.page.locator("#messages .note")).to_contain_text("refused: 113")
    expect(inbox.row("")).to_contain_text("001 Authentication failed")
    inbox.row("").click()
    expect(inbox.page.locator("#detail")).to_contain_text("Authentication details are incorrect")
    assert "s3cret" not in inbox.page.content()


def test_search_finds_by_number_and_by_text(inbox: Inbox, gateway: Gateway) -> None:
    for n in range(30):
        send(gateway, f"Parcel {n}, room {100 + n}", f"2782000{n:04}")
    search = inbox.page.get_by_label("Search numbers and texts")
    search.fill("room 117")
    expect(inbox.rows).to_have_count(1)
    expect(inbox.row("27820000017")).to_be_visible()
    search.fill("+27 82 000 0003")
    expect(inbox.row("27820000003")).to_be_visible()
    search.fill("nothing like this")
    inbox.page.get_by_role("button", name="Show all").click()
    expect(inbox.page.locator("#list-count")).to_have_text("30")


def test_conversations_are_filtered_by_outcome_and_account(inbox: Inbox, gateway: Gateway) -> None:
    send(gateway, to="9990041")
    send(gateway, to="9990071")
    send(gateway, to="9991221")
    gateway.add_account("2", "ann", "secret", credits=10)
    gateway.handle(SEND, {"api_id": "2", "user": "ann", "password": "secret", "to": BOB, "text": "Hi"})
    gateway.inject(ANN, SHOP, "Hello")
    gateway.advance(130)
    expect(inbox.rows).to_have_count(5)
    wanted = {"delivered": 2, "failed": 1, "refused": 1, "inbound": 1, "way": 0, "": 5}
    for outcome, count in wanted.items():
        inbox.page.get_by_label("Outcome").select_option(outcome)
        expect(inbox.rows).to_have_count(count)
    inbox.page.locator("#account").select_option("2")
    expect(inbox.rows).to_have_count(1)


def test_what_is_new_is_marked_until_it_is_looked_at(inbox: Inbox, gateway: Gateway) -> None:
    for _ in range(2):
        send(gateway)
    expect(inbox.row(ANN).locator(".unread-count")).to_have_text("2")
    inbox.row(ANN).click()
    expect(inbox.row(ANN).locator(".unread-count")).to_have_count(0)
    send(gateway)
    expect(inbox.page.locator("#messages .item")).to_have_count(3)
    expect(inbox.row(ANN).locator(".unread-count")).to_have_count(0)


def test_a_code_is_one_click_to_copy(browser: Browser, gateway: Gateway, url: str) -> None:
    send(gateway, "Your code is 4711, room 12, 2026.50 rand, parcel 123456789")
    with opened(browser, url, permissions=["clipboard-read", "clipboard-write"], bypass_csp=True) as inbox:
        inbox.row(ANN).click()
        expect(inbox.page.locator("button.code")).to_have_count(1)
        inbox.page.get_by_role("button", name="Copy 4711").click()
        expect(inbox.page.get_by_role("alert")).to_contain_text("Copied 4711")
        assert inbox.page.evaluate("navigator.clipboard.readText()") == "4711"


def test_html_and_scripts_stay_text(inbox: Inbox, gateway: Gateway) -> None:
    evil = "<img src=x onerror=\"document.title='gone'\"><script>document.title='gone'</script>&lt;b&gt;"
    send(gateway, evil, concat="3", climsgid="evil1")
    send(gateway, "Hi", to=evil)
    gateway.inject(ANN, evil, evil)
    gateway.fail_next("sendmsg", http=503)
    gateway.answer(SEND, {**LOGIN, "to": ANN, "text": evil})
    inbox.row(ANN).click()
    expect(inbox.page.locator("#messages")).to_contain_text("<img src=x onerror=")
    for item in range(3):
        inbox.page.locator("#messages .meta").nth(item).click()
        expect(inbox.page.locator("#detail")).to_contain_text("onerror=")
    assert inbox.page.locator("main img, main script").count() == 0
    assert inbox.page.title() == "Inbox · clickasync simulator"


def test_the_account_is_looked_after_by_hand(inbox: Inbox, gateway: Gateway) -> None:
    gateway.handle("/http/auth", LOGIN)
    gateway.inject(ANN, SHOP, "STOP")
    panel = inbox.panel("Account")
    expect(panel).to_contain_text("1 live session")
    panel.get_by_label("New balance").fill("5")
    panel.get_by_role("button", name="Set the balance").click()
    expect(panel).to_contain_text("5 credits")
    panel.get_by_role("button", name="Expire all").click()
    expect(panel).to_contain_text("0 live sessions")
    panel.get_by_role("button", name="Lift").click()
    expect(panel).to_contain_text("Nobody wrote STOP")
    assert (int(gateway.credits), len(gateway.sessions), gateway.world.opt_outs.all()) == (5, 0, [])


def test_callbacks_are_pointed_elsewhere_by_hand(inbox: Inbox, gateway: Gateway) -> None:
    panel = inbox.panel("Callbacks")
    panel.get_by_label("URL").fill("http://127.0.0.1:9/hook")
    panel.get_by_label("Transport").select_option("7")
    panel.get_by_label("User").fill("hook")
    panel.get_by_label("Password").fill("s3cret")
    panel.get_by_role("button", name="Save").click()
    expect(inbox.page.get_by_role("alert")).to_contain_text("http://127.0.0.1:9/hook")
    assert gateway.account.target is not None
    assert gateway.account.target.auth == ("hook", "s3cret")
    gateway.inject(ANN, SHOP, "Hi")
    expect(panel).to_contain_text("1 callback waits")
    expect(panel.get_by_role("button", name="Redeliver")).to_be_visible()


def test_any_handset_may_write(inbox: Inbox, gateway: Gateway) -> None:
    inbox.page.get_by_role("button", name="A handset writes").click()
    dialog = inbox.page.get_by_role("dialog")
    dialog.get_by_label("From the handset").fill(BOB)
    dialog.get_by_label("Text").fill("Is anybody there?")
    dialog.get_by_role("button", name="Send").click()
    expect(inbox.row(BOB)).to_contain_text("Is anybody there?")
    assert [part.sender for part in gateway.inbound] == [BOB]


def test_a_long_reply_and_a_stop_are_one_click(inbox: Inbox, gateway: Gateway) -> None:
    send(gateway)
    inbox.row(ANN).click()
    inbox.page.get_by_role("button", name="Long").click()
    inbox.page.keyboard.press("Enter")
    expect(inbox.page.locator("#messages .item.in")).to_contain_text("2 parts")
    inbox.page.get_by_role("button", name="STOP").click()
    expect(inbox.page.locator("#messages .item.in")).to_have_count(2)
    assert gateway.handle(SEND, {**LOGIN, "to": ANN, "text": "Hi"}) == "ERR: 122, Destination mobile opted out"


def test_messages_are_deleted_and_all_is_reset(inbox: Inbox, gateway: Gateway) -> None:
    send(gateway)
    send(gateway, "Bye")
    inbox.row(ANN).click()
    inbox.page.get_by_role("button", name="Delete message").click()
    expect(inbox.page.locator("#messages .item")).to_have_count(1)
    inbox.panel("More").get_by_role("button", name="Reset everything").click()
    expect(inbox.page.locator("#list-empty")).to_contain_text("No messages yet")
    assert gateway.messages == []


def test_the_export_is_a_download(inbox: Inbox, gateway: Gateway) -> None:
    send(gateway)
    panel = inbox.panel("More")
    with inbox.page.expect_download() as download:
        panel.get_by_role("link", name="CSV").click()
    assert ANN in download.value.path().read_text()


def test_a_page_that_stays_open_finds_another_simulator(browser: Browser) -> None:
    """Whoever develops restarts it all day, and leaves the page open."""
    first, second = Gateway(), Gateway()
    send(first)
    with serving(first) as url:
        with opened(browser, url) as inbox:
            expect(inbox.row(ANN)).to_be_visible()
            first.reset()
            expect(inbox.row(ANN)).to_have_count(0)
        page = browser.new_page()
        page.goto(url)
        send(first)
        expect(page.locator(f"[data-number='{ANN}']")).to_be_visible()
    expect(page.locator("#live")).to_contain_text("lost")
    send(second, to=BOB)
    with serving(second, port=int(url.rpartition(":")[2])):
        expect(page.locator(f"[data-number='{BOB}']")).to_be_visible()
        expect(page.locator(f"[data-number='{ANN}']")).to_have_count(0)
        page.close()
