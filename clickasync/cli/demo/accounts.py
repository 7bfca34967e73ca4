"""Chapter four: the Connect API opens an account, and the account's own API sends."""

from __future__ import annotations

import secrets
import urllib.request
from typing import Final

import anyio.to_thread

from clickasync.cli.demo.stage import Stage, expect
from clickasync.client import Client
from clickasync.connect.client import ConnectClient
from clickasync.simulator import Gateway
from clickasync.simulator.connect import Email, Sms

__all__ = ["play"]

_USER: Final = "anna"
_MOBILE: Final = "27821112222"


async def play(stage: Stage, gateway: Gateway, url: str) -> None:
    """Play it, at the gateway's `url`.

    Raises:
        Surprise: something was not as it should be.
    """
    stage.chapter("Connect")
    password = secrets.token_hex(8)
    async with ConnectClient(gateway.connect.token, base_url=url) as connect:
        await _register(stage, connect, gateway, password)
        await _activate(stage, connect, gateway, password)
        kinds = {kind.name: kind.id for kind in await connect.get_list_connection()}
        api_id = await connect.create_connection(_USER, password, kinds["HTTP API"], api_description="demo")
        stage.say(
            "A connection to the HTTP API",
            f"api_id {api_id}",
            call="await connect.create_connection(user, password, connection_id)",
        )
    async with Client(api_id=api_id, user=_USER, password=password, base_url=url) as client:
        sent = await client.send(_MOBILE, "Sent with an account that is a second old")
        credits = await client.balance()
    newest = gateway.messages[-1]
    expect((newest.id, newest.api_id) == (sent.id, api_id), "the message to be sent by the new account")
    stage.say(
        "A message sent with it",
        f"accepted as {sent.id}; {credits} of its free credits are left",
        call="async with Client(api_id=api_id, user=user, password=password) as client: ...",
    )


async def _register(stage: Stage, connect: ConnectClient, gateway: Gateway, password: str) -> None:
    captcha = await connect.get_captcha()
    expect(captcha.image.startswith(b"\x89PNG"), "a picture")
    stage.say(
        "A captcha",
        f"a PNG of {len(captcha.image)} bytes, for a person to read",
        call="await connect.get_captcha()",
    )
    await connect.register(
        _USER,
        password,
        fname="Anna",
        sname="Example",
        email_address="anna@example.com",
        country_id=next(country.id for country in await connect.get_list_country() if country.name == "South Africa"),
        mobile_number=_MOBILE,
        accept_terms=True,
        captcha=(captcha.id, gateway.connect.captchas[captcha.id].code),
    )
    stage.say(
        f"Registered {_USER}",
        "an e-mail is on its way",
        call="await connect.register(user, password, fname=…, captcha=(captcha.id, code))",
    )


async def _activate(stage: Stage, connect: ConnectClient, gateway: Gateway, password: str) -> None:
    letter = gateway.connect.outbox[-1]
    expect(isinstance(letter, Email), "an e-mail")
    if isinstance(letter, Email):
        page = await anyio.to_thread.run_sync(_follow, letter.link)
        stage.say("The link in it", page)
    number = await connect.authenticate_user(_USER, password)
    expect(not (await connect.sms_activation_status(_USER, password)).activated, "an account without an SMS yet")
    await connect.send_activation_sms(_USER, password)
    letter = gateway.connect.outbox[-1]
    expect(isinstance(letter, Sms), "an SMS")
    if isinstance(letter, Sms):
        await connect.validate_activation_sms(_USER, password, letter.code)
    state = await connect.sms_activation_status(_USER, password)
    expect(state.activated and state.user_number == number, "the account to be activated")
    stage.say(
        "The code in the SMS",
        f"user {state.user_number} is activated, with {state.mobile_number}",
        call="await connect.validate_activation_sms(user, password, code)",
    )


def _follow(link: str) -> str:
    """Open the link of an e-mail, as its reader would."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(link, timeout=5) as page:
        text: str = page.read().decode()
    return text
