"""The README's examples, run as they stand there, against the simulator."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clickasync.simulator import Gateway
from tests.support.examples import README, examples_in, run_example, served, simulated


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    """A served simulator that the environment points to."""
    gateway = Gateway(credits=5000)
    with simulated(gateway, monkeypatch):
        yield gateway


def test_it_is_short_and_every_example_is_run() -> None:
    assert examples_in(README).keys() == {"send", "many", "worker", "service"}
    assert len(README.read_text("utf-8").splitlines()) <= 180


def test_one_message(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    run_example(README, "send")
    assert [message.to for message in gateway.messages] == ["27821234567"]
    assert "4999" in capsys.readouterr().out


def test_many_messages(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    run_example(README, "many")
    printed = capsys.readouterr().out
    assert printed.count("accepted as") == len(gateway.messages) == 2
    assert "not a number certainly not sent" in printed


def test_the_worker(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    run_example(README, "worker")
    assert len({message.to for message in gateway.messages}) == len(gateway.messages) == 500
    assert "accepted=500" in capsys.readouterr().out


def test_the_web_service(gateway: Gateway) -> None:
    with served(run_example(README, "service")["app"]) as service:
        assert service.post("/codes", params={"to": "27821234567"}).json()["sent"] == "yes"
        assert service.post("/codes", params={"to": "nobody"}).status_code == 422
        assert service.post("/codes", params={"to": "999122"}).status_code == 502
    assert [message.text for message in gateway.messages] == ["Your code is 4711"]
