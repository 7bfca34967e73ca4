"""Accounts of the vendor's new portal log in with an API key in the place of the api_id. It goes through as it is."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from clickasync.client import Client
from clickasync.protocol import auth, encode
from clickasync.simulator import Gateway
from tests.support.faulty_gateway import FaultyGateway

API_KEY = "Ab3-xYz_9Q=="


def test_it_is_encoded_as_a_form_is() -> None:
    fields = {"api_id": API_KEY, "user": "demo", "password": "p&s=s word"}
    assert encode(auth(**fields), None).decode() == urlencode(fields)


@pytest.mark.anyio
@pytest.mark.parametrize("given", ["argument", "environment"])
@pytest.mark.parametrize("own_client", [False, True])
async def test_it_reaches_the_gateway_as_it_is(
    given: str, own_client: bool, monkeypatch: pytest.MonkeyPatch, anyio_backend: str
) -> None:
    gateway = FaultyGateway(Gateway(api_id=API_KEY))
    login: dict[str, Any] = {"user": "demo", "password": "demo"}
    if given == "environment":
        monkeypatch.setenv("CLICKATELL_API_ID", API_KEY)
    else:
        login["api_id"] = API_KEY
    async with gateway.serve() as url, httpx.AsyncClient(trust_env=False) as http_client:
        async with Client(base_url=url, http_client=http_client if own_client else None, **login) as client:
            sent = await client.send("27821234567", "Hi")
            await client.status(sent.id)
    assert [body["api_id"] for body in gateway.bodies if "api_id" in body] == [API_KEY]
    assert [message.api_id for message in gateway.gateway.messages] == [API_KEY]
