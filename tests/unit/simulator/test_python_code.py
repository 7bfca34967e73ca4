"""A message as Python sends the same message again."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest

from clickasync.simulator import Gateway
from clickasync.simulator.server.python_code import as_python
from tests.support.simulator import LOGIN
from tests.support.virtual import client_of

pytestmark = pytest.mark.anyio

SEND = "/http/sendmsg"
ANN = "27821234567"
MMS = {"mms_subject": "Look", "mms_class": "80", "mms_expire": "60", "mms_from": "Ann", "mms_url": "http://x.example/"}
WAP = {"si_id": "1", "si_url": "http://x.example/", "si_text": "Look"}


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        (SEND, {"text": "Hi"}),
        (SEND, {"text": 'It\'s "quoted"\n€', "from": "27600000001", "callback": "7", "mo": "1", "queue": "1"}),
        (SEND, {"text": "a" * 400, "concat": "3", "climsgid": "mine1", "validity": "60", "deliv_time": "10"}),
        (SEND, {"text": "4F60597D", "unicode": "1"}),
        (SEND, {"text": "00480069", "unicode": "1", "escalate": "0", "max_credits": "2.5", "req_feat": "33"}),
        (SEND, {"data": "00FF", "udh": "050003010201", "binary": "1"}),
        (SEND, {"text": "Hi", "msg_type": "SMS_FLASH", "deliv_ack": "1"}),
        ("/mms/ind_push.php", MMS),
        ("/mms/si_push", WAP),
    ],
)
async def test_it_sends_the_same(path: str, fields: dict[str, str]) -> None:
    """It is run, by the SDK, and the ledger compared."""
    gateway = Gateway(clock=lambda: 0.0)
    assert (gateway.handle(path, {**LOGIN, "to": ANN, **fields}) or "").startswith("ID: ")
    [first] = gateway.messages
    names: dict[str, Any] = {}
    code = f"async def run(client):\n{textwrap.indent(as_python(first), '    ')}"
    exec(code, names)
    async with client_of(gateway) as client:
        await names["run"](client)
    second = gateway.messages[-1]
    assert second is not first
    for name in ("to", "text", "data", "sender", "parts", "callback", "unicode", "command"):
        assert getattr(first, name) == getattr(second, name), name
    assert {**second.options, "climsgid": ""}.items() >= {**first.options, "climsgid": "", "escalate": "0"}.items() - {
        ("escalate", "0")
    }
