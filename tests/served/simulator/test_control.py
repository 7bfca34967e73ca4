"""The control interface: what it answers, what it refuses, whom it turns away, what it tells as it happens."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from clickasync.simulator import Gateway, serving
from clickasync.simulator.server.control import ENDPOINTS
from clickasync.simulator.server.openapi import describe
from tests.support.simulator import LOGIN

ANN = "27821234567"
BOB = "27827654321"
MESSAGE = {**LOGIN, "to": ANN, "text": "Hi"}
SEND = "/http/sendmsg"


@pytest.fixture(scope="module")
def gateway() -> Gateway:
    return Gateway(credits=1000)


@pytest.fixture(scope="module")
def served(gateway: Gateway) -> Iterator[httpx.Client]:
    with serving(gateway) as url, httpx.Client(base_url=url, trust_env=False) as client:
        yield client


@pytest.fixture
def http(gateway: Gateway, served: httpx.Client) -> httpx.Client:
    gateway.reset()
    return served


def test_it_says_when_it_is_ready(http: httpx.Client) -> None:
    assert http.get("/simulator/ready").json() == {"ready": True}


def test_one_message_is_shown_with_the_same_in_python(http: httpx.Client, gateway: Gateway) -> None:
    http.post(SEND, data={**MESSAGE, "from": "27600000001", "callback": "3", "mo": "1"})
    id = gateway.messages[0].id
    shown = http.get(f"/simulator/messages/{id}").json()
    assert (shown["to"], shown["text"], shown["status"]) == (ANN, "Hi", "008")
    assert [code for _, code in shown["life"]] == ["008", "003", "004"]
    assert "from_='27600000001'" in shown["python"]
    assert http.delete(f"/simulator/messages/{id}").json() == {}
    assert http.get(f"/simulator/messages/{id}").status_code == 404
    assert http.delete(f"/simulator/messages/{id}").status_code == 404


def test_the_log_has_everything_in_order_and_in_pieces(http: httpx.Client) -> None:
    http.post(SEND, data=MESSAGE)
    http.post(SEND, data={**MESSAGE, "to": "nobody"})
    http.post("/simulator/mo", json={"from": ANN, "to": BOB, "text": "é" * 200})
    http.post("/simulator/faults", json={"http": 503})
    http.post(SEND, data=MESSAGE)
    whole = http.get("/simulator/log").json()
    assert [entry["kind"] for entry in whole["entries"]] == ["message", "refused", "inbound", "fault"]
    assert not whole["has_more"]
    assert "demo" not in json.dumps(whole)
    numbers = [entry["number"] for entry in whole["entries"]]
    piece = http.get("/simulator/log", params={"since": numbers[0], "limit": 2}).json()
    assert [entry["number"] for entry in piece["entries"]] == numbers[1:3]
    assert piece["has_more"]


def test_messages_may_be_asked_for_by_number(http: httpx.Client) -> None:
    for to in (ANN, BOB, ANN):
        http.post(SEND, data={**MESSAGE, "to": to})
    assert len(http.get("/simulator/messages", params={"to": ANN}).json()) == 2
    assert len(http.get("/simulator/messages", params={"limit": 1}).json()) == 1


def test_all_messages_go_at_once_and_faults_stay(http: httpx.Client, gateway: Gateway) -> None:
    http.post(SEND, data=MESSAGE)
    http.post(SEND, data={**MESSAGE, "to": "nobody"})
    http.post("/simulator/faults", json={"error": "901", "probability": 1})
    http.delete("/simulator/messages")
    assert http.get("/simulator/log").json()["entries"] == []
    assert len(gateway.faults.rules) == 1
    http.post("/simulator/reset")
    assert gateway.faults.rules == []
    assert gateway.credits == 1000


def test_time_goes_to_the_next_event_or_to_the_end_of_all(http: httpx.Client, gateway: Gateway) -> None:
    http.post(SEND, data={**MESSAGE, "deliv_time": "60"})
    http.post("/simulator/advance", json={"until": "next"})
    assert gateway.messages[0].status == "008"
    http.post("/simulator/advance", json={"until": "delivered"})
    assert gateway.messages[0].status == "004"
    assert http.post("/simulator/advance", json={"until": "next"}).status_code == 200


def test_faults_are_made_switched_and_healed(http: httpx.Client, gateway: Gateway) -> None:
    rule = http.post("/simulator/faults", json={"command": "sendmsg", "error": "301", "times": 2}).json()
    assert (rule["fault"], rule["times"], rule["is_on"]) == ("ERR 301", 2, True)
    assert http.post(f"/simulator/faults/{rule['id']}", json={"on": False}).json()["is_on"] is False
    assert http.post(SEND, data=MESSAGE).text.startswith("ID: ")
    http.post(f"/simulator/faults/{rule['id']}", json={"on": True})
    assert http.post(SEND, data=MESSAGE).text == "ERR: 301, No credit left"
    shown = http.get("/simulator/faults").json()
    assert (shown["rules"][0]["hits"], shown["hits"][0]["to"]) == (1, ANN)
    assert http.delete(f"/simulator/faults/{rule['id']}").json() == {}
    assert http.delete(f"/simulator/faults/{rule['id']}").status_code == 404
    http.post("/simulator/faults", json={"probability": 0.5, "seed": 3, "latency": 0.001})
    assert gateway.faults.rules[0].seed == 3
    http.delete("/simulator/faults")
    assert gateway.faults.rules == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/simulator/faults", {}),
        ("/simulator/faults", {"error": "1"}),
        ("/simulator/faults", {"cut": "perhaps"}),
        ("/simulator/faults", {"cut": True, "times": 1, "probability": 0.5}),
        ("/simulator/faults", {"cut": True, "probability": 0}),
        ("/simulator/faults", {"cut": True, "probability": [1]}),
        ("/simulator/faults", {"cut": True, "command": "fly"}),
        ("/simulator/faults", {"hang": 10**400}),
        ("/simulator/advance", {"seconds": 1, "until": "next"}),
        ("/simulator/advance", {"until": "doomsday"}),
        ("/simulator/mo", {"from": ANN, "to": BOB, "text": "Hi", "parts": 1.5}),
        ("/simulator/mo", {"from": ANN, "to": BOB, "text": ["Hi"]}),
        ("/simulator/target", {"url": "ftp://example.org/"}),
        ("/simulator/target", {"url": "http://user:secret@127.0.0.1/"}),
        ("/simulator/target", {"url": "http://[/"}),
        ("/simulator/target", {"url": "http://127.0.0.1:99999/"}),
        ("/simulator/target", {"url": "http://127.0.0.1/", "type": 5}),
        ("/simulator/target", {"url": "http://127.0.0.1/", "user": "a:b"}),
        ("/simulator/credits", {"credits": -1}),
        ("/simulator/credits", {"credits": "many"}),
        ("/simulator/optin", {}),
    ],
)
def test_what_cannot_be_is_refused_in_words(http: httpx.Client, path: str, body: dict[str, Any]) -> None:
    answer = http.post(path, content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert len(answer.json()["error"]) > 10
    assert "secret" not in answer.text


@pytest.mark.parametrize("body", ["{", "[]", "1", '"x"', "[" * 60_000, "x" * 70_000])
def test_a_body_that_is_no_object_is_refused(http: httpx.Client, body: str) -> None:
    answer = http.post("/simulator/advance", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_callbacks_may_be_pointed_elsewhere_and_show_no_password(http: httpx.Client, gateway: Gateway) -> None:
    fields = {"url": "http://127.0.0.1:9/hook", "type": 7, "user": "hook", "password": "s3cret"}
    shown = http.post("/simulator/target", json=fields)
    assert shown.json()["callbacks"]["transport"] == "JSON RAW HTTP POST"
    assert gateway.account.target is not None
    assert gateway.account.target.auth == ("hook", "s3cret")
    everything = [http.get(f"/simulator/{name}").text for name in ("status", "log", "callbacks", "faults", "messages")]
    assert "s3cret" not in shown.text + "".join(everything)
    http.post("/simulator/target", json={"url": ""})
    assert gateway.account.target is None


def test_credits_and_opt_outs_are_set_by_hand(http: httpx.Client, gateway: Gateway) -> None:
    http.post("/simulator/credits", json={"credits": 2.5})
    assert str(gateway.credits) == "2.5"
    http.post("/simulator/mo", json={"from": ANN, "to": BOB, "text": "STOP"})
    assert http.get("/simulator/status").json()["opt_outs"] == [{"api_id": "1", "handset": ANN, "numbers": [BOB]}]
    http.post("/simulator/optin", json={"handset": ANN})
    assert http.post(SEND, data=MESSAGE).text.startswith("ID: ")


def test_sessions_and_batches_are_shown_without_their_ids(http: httpx.Client) -> None:
    session = http.post("/http/auth", data=LOGIN).text.removeprefix("OK: ")
    batch = http.post("/http_batch/startbatch", data={**LOGIN, "template": "Hi"}).text.removeprefix("ID: ")
    shown = http.get("/simulator/status")
    assert (shown.json()["open_sessions"][0]["user"], shown.json()["batches"][0]["template"]) == ("demo", "Hi")
    assert session not in shown.text
    assert batch not in shown.text


def test_the_export_is_a_spreadsheet_that_runs_nothing(http: httpx.Client) -> None:
    http.post(SEND, data={**MESSAGE, "text": '=HYPERLINK("http://x")', "from": "27600000001"})
    answer = http.get("/simulator/export.csv")
    [row] = csv.DictReader(io.StringIO(answer.text))
    assert (row["to"], row["text"], row["charge"]) == (ANN, '\'=HYPERLINK("http://x")', "1")
    assert "attachment" in answer.headers["content-disposition"]
    assert http.get("/simulator/export.json").json()[0]["text"] == '=HYPERLINK("http://x")'


# -- its description --------------------------------------------------------------------------------------------------


def test_the_document_describes_every_endpoint(http: httpx.Client) -> None:
    document = http.get("/simulator/openapi.json").json()
    assert document == json.loads(json.dumps(describe(ENDPOINTS)))
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert len(described) == len(ENDPOINTS)
    fault = document["paths"]["/simulator/faults"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert fault["properties"]["reset"]["enum"] == ["before", "after"]


def test_the_document_is_valid_openapi() -> None:
    from openapi_spec_validator import validate

    validate(describe(ENDPOINTS))


# -- strangers --------------------------------------------------------------------------------------------------------

GUARDED = ["/", "/inbox/app.js", "/simulator/status", "/simulator/events", "/simulator/connect", "/simulator/x"]


@pytest.mark.parametrize("path", GUARDED)
@pytest.mark.parametrize("host", ["evil.example", "evil.example:8095", "127.0.0.1.evil.example", "", "[::", "10.0.0.1"])
def test_a_strange_host_is_turned_away(http: httpx.Client, path: str, host: str) -> None:
    """A page elsewhere whose name resolves to this machine would be let in by its browser."""
    assert http.get(path, headers={"Host": host}).status_code == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:1", "http://127.0.0.1"])
@pytest.mark.parametrize("path", ["/simulator/reset", "/simulator/mo", "/simulator/connect/refuse"])
def test_a_page_of_another_origin_cannot_post(http: httpx.Client, gateway: Gateway, path: str, origin: str) -> None:
    http.post(SEND, data=MESSAGE)
    assert http.post(path, headers={"Origin": origin}).status_code == 403
    assert len(gateway.messages) == 1


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_of_another_origin_cannot_load_what_is_here(http: httpx.Client, site: str) -> None:
    """As a script or a picture, for which browsers send no Origin; a link may lead here."""
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"}
    assert http.get("/simulator/messages", headers=headers).status_code == 403
    assert http.get("/", headers={**headers, "Sec-Fetch-Mode": "navigate"}).status_code == 200


def test_its_own_page_and_programs_are_let_in(http: httpx.Client) -> None:
    own = str(http.base_url).rstrip("/")
    assert http.post("/simulator/reset", headers={"Origin": own}).status_code == 200
    assert http.get("/simulator/status", headers={"Host": f"localhost:{http.base_url.port}"}).status_code == 200
    assert http.get("/simulator/status", headers={"Host": "[::1]:8095"}).status_code == 200
    assert http.post(SEND, data=MESSAGE, headers={"Host": "api.clickatell.com"}).status_code == 200


def test_a_name_may_be_allowed() -> None:
    """As in Compose, where a service is called by its name."""
    with serving(Gateway(), allow_hosts=["sms"]) as url, httpx.Client(base_url=url, trust_env=False) as client:
        assert client.get("/simulator/ready", headers={"Host": "sms:8095"}).status_code == 200
        assert client.get("/simulator/ready", headers={"Host": "mms:8095"}).status_code == 403
        origin = {"Host": "sms:8095", "Origin": "http://sms:8095"}
        assert client.post("/simulator/reset", headers=origin).status_code == 200


# -- as it happens ----------------------------------------------------------------------------------------------------


def events_of(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    kind = ""
    for line in lines:
        if line.startswith("event: "):
            kind = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield kind, json.loads(line.removeprefix("data: "))


def test_the_stream_says_hello_and_then_what_happens(http: httpx.Client, gateway: Gateway) -> None:
    with http.stream("GET", "/simulator/events", timeout=20) as stream:
        events = (event for event in events_of(stream.iter_lines()) if event[0] not in ("pulse", "status", "changed"))
        kind, hello = next(events)
        assert (kind, hello["run"]) == ("hello", http.get("/simulator/status").json()["run"])
        http.post(SEND, data=MESSAGE)
        http.post(SEND, data={**MESSAGE, "to": "nobody"})
        gateway.advance(5)
        gateway.delete(gateway.messages[0].id)
        told = [next(events) for _ in range(4)]
    assert [kind for kind, _ in told] == ["message", "refused", "clock", "deleted"]
    assert told[0][1]["to"] == ANN
    assert "demo" not in json.dumps(told)


def test_a_reader_who_leaves_leaves_nothing_behind(gateway: Gateway, http: httpx.Client) -> None:
    for _ in range(3):
        with http.stream("GET", "/simulator/events", timeout=20) as stream:
            next(stream.iter_lines())
    for _ in range(1000):
        gateway.forget_sessions()
        if not gateway.world.journal.feed.has_readers:
            break
        http.get("/simulator/ready")
    assert not gateway.world.journal.feed.has_readers


def test_a_reader_does_not_keep_the_server_from_stopping(gateway: Gateway) -> None:
    with httpx.Client(trust_env=False) as client:
        with serving(gateway) as url:
            request = client.build_request("GET", f"{url}/simulator/events", timeout=20)
            stream = client.send(request, stream=True)
            lines = stream.iter_lines()
            assert next(lines) == "retry: 500"
        with pytest.raises(httpx.RemoteProtocolError):
            list(lines)
