"""The guide to one-time codes: its examples run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from clickasync.simulator import Gateway
from tests.support.guide import Guide
from tests.support.served import served

GUIDE = Guide("pins")
TO = "27821234567"


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    """A served simulator that the environment points to."""
    gateway = Gateway()
    with served(gateway) as url:
        for name, value in {"API_ID": "1", "USER": "demo", "PASSWORD": "demo", "BASE_URL": url}.items():
            monkeypatch.setenv(f"CLICKATELL_{name}", value)
        yield gateway


def test_every_block_is_an_example() -> None:
    GUIDE.check("service", "database")


def test_the_service_sends_and_checks_codes(gateway: Gateway) -> None:
    with TestClient(GUIDE.run("service")["app"]) as web:
        assert web.post("/codes", json={"number": TO}).status_code == 200
        [message] = gateway.messages
        found = re.fullmatch("([0-9]{6}) is your code for Acme. Tell nobody.", message.text)
        assert found is not None
        again = web.post("/codes", json={"number": TO})
        assert (again.status_code, 0 < int(again.headers["Retry-After"]) <= 31) == (429, True)
        assert web.post("/codes", json={"number": "nobody"}).status_code == 422
        assert web.post("/codes", json={"number": "999114"}).status_code == 502
        assert web.post("/codes/check", json={"number": "nobody", "code": "123456"}).status_code == 422
        gateway.fail_next("sendmsg", reset="after")
        assert web.post("/codes", json={"number": "27827654321"}).status_code == 200
        assert web.post("/codes/check", json={"number": TO, "code": found[1]}).json() == {"right": True}
        assert web.post("/codes/check", json={"number": TO, "code": found[1]}).json() == {"right": False}


def test_codes_in_a_database(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PINS_DATABASE", f"sqlite:///{tmp_path / 'pins.db'}")
    monkeypatch.setenv("PINS_SECRET", "0" * 64)
    monkeypatch.setattr("builtins.input", lambda _: gateway.messages[-1].text.rpartition(" ")[2])
    GUIDE.run("database")
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("valid until 20")
    assert printed[1] == "True"
