"""The tour of the client: its examples run, and its table of methods names what there is."""

from __future__ import annotations

import re
from typing import Final

import pytest

from clickasync import Client
from clickasync.simulator import CallbackType, Gateway
from clickasync.simulator.callbacks import Target
from tests.support.examples import GUIDES, examples_in, run_example, served, simulated, wait_until

GUIDE: Final = GUIDES / "README.md"
PRINTED: Final = {
    "client": "004 Received by recipient\n",
    "options": "validity must be 1 to 1440 minutes, not 2000\n",
    "errors": "refused: 114 Cannot route message\n",
    "tests": "9 credits left\n",
    "sync": "[0-9a-f]{32}\n",
}


def test_every_example_is_run() -> None:
    assert examples_in(GUIDE).keys() == {*PRINTED, "two-way"}


@pytest.mark.parametrize("name", PRINTED)
def test_an_example_prints_what_it_should(name: str, gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    run_example(GUIDE, name)
    assert re.fullmatch(PRINTED[name], capsys.readouterr().out)


def test_the_table_of_methods_names_what_there_is() -> None:
    """Each method of `Client` but those of its life, and no other."""
    rows = re.findall(r"^\| (`\w+\(.*?) \| (.*?) \| .* \|$", GUIDE.read_text("utf-8"), re.MULTILINE)
    named = {name for row, _ in rows for name in re.findall(r"`(\w+)\(", row)}
    public = {name for name, value in vars(Client).items() if callable(value) and not name.startswith("_")}
    assert named == public - {"aclose", "deliver_report"}


def test_reports_and_replies(gateway: Gateway) -> None:
    with served(run_example(GUIDE, "two-way")["app"]) as service:
        id = service.post("/send", params={"to": "27821234567", "text": "Hi"}).json()["id"]
        report = {"apiMsgId": id, "cliMsgId": "", "to": "27821234567", "from": "", "timestamp": "1218007814"}
        hook = "/clickatell/"
        assert service.get(hook, params={**report, "status": "004", "charge": "1"}).status_code == 401
        login = ("hook", "secret")
        for status in ("004", "003"):
            answer = service.get(hook, params={**report, "status": status, "charge": "1"}, auth=login)
            assert answer.status_code == 200
        assert service.get(f"/status/{id}").json() == {"status": "Received by recipient"}
        inbound = {"moMsgId": "1", "from": "27821234567", "to": "27820000000", "text": "Yes", "charset": ""}
        service.post(hook, data={**inbound, "timestamp": "2026-01-01 10:00:00", "api_id": "1"}, auth=login)
    assert [message.text for message in gateway.messages] == ["Hi", "You said: Yes"]


@pytest.mark.parametrize("kind", CallbackType)
def test_the_simulator_calls_the_service_which_answers(kind: CallbackType, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = Gateway(gateway_delay=0.01, handset_delay=0.01)
    with simulated(gateway, monkeypatch):
        names = run_example(GUIDE, "two-way")
        with served(names["app"]) as service:
            target = Target(f"{service.base_url}/clickatell/", kind, ("hook", "secret"))
            gateway.account.target = target
            id = service.post("/send", params={"to": "27821234567", "text": "Hi"}).json()["id"]
            gateway.inject("27821234567", "27820000000", "Yes é")
            wait_until(lambda: len(gateway.messages) == 2)
            wait_until(lambda: service.get(f"/status/{id}").json()["status"] == "Received by recipient")
    assert [message.text for message in gateway.messages] == ["Hi", "You said: Yes é"]
