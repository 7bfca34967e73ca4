"""The simulator's Connect API: its rules, its errors, its captchas; and the whole story of an account over HTTP."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from clickasync import Client
from clickasync.connect import ConnectClient, ConnectErrorCode, SmsActivation
from clickasync.errors import ConnectError
from clickasync.simulator import Gateway, create_app, serve
from clickasync.simulator.connect import TOKEN, Email, Sms

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from clickasync.simulator.connect import Connect

pytestmark = pytest.mark.anyio

LOGIN = ("anna1", "secret123")


@pytest.fixture
def gateway_state() -> Gateway:
    return Gateway()


@pytest.fixture
def state(gateway_state: Gateway) -> Connect:
    return gateway_state.connect


@pytest.fixture
async def url(gateway_state: Gateway) -> AsyncIterator[str]:
    async with serve(gateway_state) as url:
        yield url


@pytest.fixture
async def simulated(url: str) -> AsyncIterator[ConnectClient]:
    async with ConnectClient(TOKEN, base_url=url) as connect:
        yield connect


async def solve(connect: ConnectClient, state: Connect) -> tuple[str, str]:
    captcha = await connect.get_captcha()
    return captcha.id, state.captchas[captcha.id].code


async def register(connect: ConnectClient, state: Connect, **more: Any) -> None:
    given: dict[str, Any] = {
        "user": LOGIN[0],
        "password": LOGIN[1],
        "fname": "Anna",
        "sname": "Ångström & <sons>",
        "email_address": "anna@example.com",
        "country_id": 173,
        "mobile_number": "27821234567",
        "accept_terms": True,
    }
    await connect.register(**({"captcha": await solve(connect, state)} | given | more))


async def get(link: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as browser:
        return await browser.get(link)


async def activated(connect: ConnectClient, state: Connect) -> None:
    await register(connect, state)
    email = state.outbox[-1]
    assert isinstance(email, Email)
    assert (await get(email.link)).status_code == 200


async def codes_of(call: Any) -> tuple[str, ...]:
    with pytest.raises(ConnectError) as caught:
        await call
    return caught.value.codes


async def test_the_whole_story_of_an_account(
    simulated: ConnectClient, state: Connect, gateway_state: Gateway, url: str
) -> None:
    countries = {country.name: country.id for country in await simulated.get_list_country()}
    assert (await simulated.get_list_terms(country_id=countries["South Africa"])).startswith(url)
    await register(simulated, state, country_id=countries["South Africa"])

    assert await codes_of(simulated.authenticate_user(*LOGIN)) == ("103",)
    user_number = await simulated.resend_email_activation(*LOGIN, email_address="new@example.com")
    email = state.outbox[-1]
    assert isinstance(email, Email)
    assert email.to == "new@example.com"
    assert "is active" in (await get(email.link)).text
    assert (await get(email.link)).status_code == 404
    assert await simulated.authenticate_user(*LOGIN) == user_number

    assert await simulated.sms_activation_status(*LOGIN) == SmsActivation(activated=False)
    await simulated.send_activation_sms(*LOGIN)
    sms = state.outbox[-1]
    assert isinstance(sms, Sms)
    await simulated.validate_activation_sms(*LOGIN, sms.code)
    assert await simulated.sms_activation_status(*LOGIN) == SmsActivation(True, "27821234567", user_number)

    kinds = {kind.name: kind.id for kind in await simulated.get_list_connection()}
    api_id = await simulated.create_connection(*LOGIN, kinds["HTTP API"], Dial_prefix="44")
    assert (await simulated.buy_credits_url(*LOGIN)).startswith(url)
    async with Client(api_id=api_id, user=LOGIN[0], password=LOGIN[1], base_url=url) as client:
        sent = await client.send("07911123456", "Hello")
    (message,) = gateway_state.messages
    assert (message.id, message.api_id, message.to, message.text) == (sent.id, api_id, "447911123456", "Hello")


async def test_the_lists_are_those_of_the_documents(simulated: ConnectClient) -> None:
    callbacks = {kind.id: kind.name for kind in await simulated.get_list_callback()}
    assert (callbacks[0], callbacks[6]) == ("HTTP GET", "SOAP POST")
    connections = {kind.id: kind.name for kind in await simulated.get_list_connection()}
    assert (connections[2], connections[13]) == ("HTTP API", "XML API")
    assert (1, "International") in [(kind.id, kind.name) for kind in await simulated.get_list_account()]
    countries = {country.id for country in await simulated.get_list_country()}
    assert {prefix.country_id for prefix in await simulated.get_list_country_prefix()} == countries


async def test_failed_logins_lock_a_user_behind_a_captcha(simulated: ConnectClient, state: Connect) -> None:
    await activated(simulated, state)
    for _ in range(3):
        assert await codes_of(simulated.authenticate_user(LOGIN[0], "wrong123")) == ("404",)
    with pytest.raises(ConnectError) as caught:
        await simulated.authenticate_user(*LOGIN)
    assert caught.value.codes == ("004",)
    assert caught.value.captcha_required
    assert await simulated.authenticate_user(*LOGIN, captcha=await solve(simulated, state))
    assert await simulated.authenticate_user(*LOGIN)


async def test_failed_logins_of_many_users_lock_the_address(simulated: ConnectClient, state: Connect) -> None:
    for number in range(10):
        assert await codes_of(simulated.authenticate_user(f"nobody{number}", "wrong123")) == ("404",)
    with pytest.raises(ConnectError) as caught:
        await simulated.authenticate_user("somebody", "wrong123")
    assert caught.value.codes == ("003",)
    assert caught.value.captcha_required


async def test_a_captcha_serves_once_and_for_fifteen_minutes(
    simulated: ConnectClient, state: Connect, gateway_state: Gateway
) -> None:
    id, code = await solve(simulated, state)
    await register(simulated, state, captcha=(id, code), test_mode=True)
    assert await codes_of(register(simulated, state, captcha=(id, code))) == ("403",)
    id, code = await solve(simulated, state)
    assert await codes_of(register(simulated, state, captcha=(id, "0"))) == ("401",)
    assert await codes_of(register(simulated, state, captcha=(id, code))) == ("403",)
    assert await codes_of(register(simulated, state, captcha=("unknown", code))) == ("400",)
    id, code = await solve(simulated, state)
    gateway_state.advance(15 * 60 + 1)
    assert await codes_of(register(simulated, state, captcha=(id, code))) == ("402",)
    assert state.users == {}


async def test_a_captcha_is_a_real_png(simulated: ConnectClient) -> None:
    image = (await simulated.get_captcha()).image
    assert image.startswith(b"\x89PNG\r\n\x1a\n")
    position, chunks = 8, {}
    while position < len(image):
        (length,) = struct.unpack_from(">I", image, position)
        kind, data = image[position + 4 : position + 8], image[position + 8 : position + 8 + length]
        assert struct.unpack_from(">I", image, position + 8 + length) == (zlib.crc32(kind + data),)
        chunks[kind] = data
        position += 12 + length
    width, height, depth, colour = struct.unpack_from(">IIBB", chunks[b"IHDR"])
    assert (depth, colour) == (8, 0)
    pixels = zlib.decompress(chunks[b"IDAT"])
    assert len(pixels) == height * (width + 1)
    assert set(pixels) == {0, 255}
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]


async def test_an_sms_code_may_be_wrong_three_times(simulated: ConnectClient, state: Connect) -> None:
    await activated(simulated, state)
    await simulated.send_activation_sms(*LOGIN)
    for expected in ("418", "418", "418", "102"):
        assert await codes_of(simulated.validate_activation_sms(*LOGIN, "wrong")) == (expected,)
    await simulated.send_activation_sms(*LOGIN, mobile_number="27820000000")
    sms = state.outbox[-1]
    assert isinstance(sms, Sms)
    assert sms.to == "27820000000"
    await simulated.validate_activation_sms(*LOGIN, sms.code)
    assert await codes_of(simulated.validate_activation_sms(*LOGIN, sms.code)) == ("108",)
    assert await codes_of(simulated.send_activation_sms(*LOGIN)) == ("108",)


async def test_registering_has_its_own_errors(simulated: ConnectClient, state: Connect) -> None:
    await activated(simulated, state)
    assert await codes_of(register(simulated, state)) == ("439",)
    assert await codes_of(register(simulated, state, user="berta")) == ("105",)
    await register(simulated, state, user="berta", force_create=True)
    other = {"user": "cleo", "email_address": "cleo@example.com"}
    assert await codes_of(register(simulated, state, **other, accept_terms=False)) == ("410",)
    assert await codes_of(register(simulated, state, **other, coupon_code="NONE")) == ("109",)
    assert await codes_of(register(simulated, state, **other, mobile_number="999100")) == ("100",)
    assert await codes_of(register(simulated, state, **other, country_id=999, account_id=9)) == ("406", "412")
    assert await codes_of(simulated.resend_email_activation(*LOGIN)) == ("107",)


async def test_a_coupon_gives_credits_once(simulated: ConnectClient, state: Connect, gateway_state: Gateway) -> None:
    await register(simulated, state, coupon_code="FREE10")
    state.users["anna1"].email_activated = True
    rich, poor = [await simulated.create_connection(*LOGIN) for _ in range(2)]
    assert [gateway_state.accounts[api_id].credits for api_id in (rich, poor)] == [20, 10]
    assert state.users["anna1"].connections == [rich, poor]


async def test_a_forgotten_password_is_replaced_everywhere(
    simulated: ConnectClient, state: Connect, gateway_state: Gateway
) -> None:
    await activated(simulated, state)
    api_id = await simulated.create_connection(*LOGIN)
    captcha = await solve(simulated, state)
    assert await codes_of(simulated.forgot_password("anna1", "x@example.com", captcha=captcha)) == ("405",)
    await simulated.forgot_password("anna1", "anna@example.com", captcha=await solve(simulated, state))
    new = state.users["anna1"].password
    assert new in state.outbox[-1].text
    assert gateway_state.accounts[api_id].password == new
    assert await codes_of(simulated.authenticate_user(*LOGIN)) == ("404",)
    assert await simulated.authenticate_user("anna1", new)


async def test_a_connection_brings_its_callbacks(
    simulated: ConnectClient, state: Connect, gateway_state: Gateway
) -> None:
    await activated(simulated, state)
    api_id = await simulated.create_connection(
        *LOGIN,
        2,
        callback_url="https://example.com/cb",
        callback_type_id=6,
        callback_username="hook",
        callback_password="pass&word",
    )
    target = gateway_state.accounts[api_id].target
    assert target is not None
    assert (target.url, int(target.type), target.auth) == ("https://example.com/cb", 6, ("hook", "pass&word"))


async def test_a_connection_has_its_own_errors(simulated: ConnectClient, state: Connect) -> None:
    await activated(simulated, state)
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("419", {"connection_id": 99}),
        ("420", {"connection_id": 5}),
        ("421", {"Dial_prefix": "south"}),
        ("424", {"callback_type_id": 5}),
        ("428", {"api_description": "x" * 256}),
    ]
    for code, parameters in wrong:
        assert await codes_of(simulated.create_connection(*LOGIN, **parameters)) == (code,)


async def test_every_code_is_reached_by_a_name_and_on_demand(simulated: ConnectClient, state: Connect) -> None:
    for code in ConnectErrorCode:
        assert await codes_of(simulated.authenticate_user(f"error{code}", "secret123")) == (code,)
        state.refuse_next(code, action="get_captcha")
        await simulated.get_list_country()
        assert await codes_of(simulated.get_captcha()) == (code,)
        await simulated.get_captcha()


async def test_errors_on_demand_by_http(simulated: ConnectClient, url: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        form = {"code": "004,404", "description": "Source IP address blocked"}
        assert (await http.post(f"{url}/simulator/connect/refuse", data=form)).json() == {}
        assert (await http.post(f"{url}/simulator/connect/refuse")).status_code == 400
    with pytest.raises(ConnectError) as caught:
        await simulated.get_list_country()
    assert caught.value.codes == ("004", "404")
    assert not caught.value.captcha_required


async def test_the_door_has_its_own_errors(simulated: ConnectClient, state: Connect, url: str) -> None:
    async with ConnectClient("f" * 32, base_url=url) as stranger:
        assert await codes_of(stranger.get_list_country()) == ("005",)
    state.require_https = True
    assert await codes_of(simulated.get_list_country()) == ("009",)
    state.require_https, state.enabled = False, False
    assert await codes_of(simulated.get_list_country()) == ("008",)
    state.enabled, state.forbidden = True, {"get_list_country"}
    assert await codes_of(simulated.get_list_country()) == ("007",)
    await activated(simulated, state)
    state.users["anna1"].active = False
    assert await codes_of(simulated.authenticate_user(*LOGIN)) == ("006",)
    assert await codes_of(simulated.get_list_terms()) == ("429",)


async def test_a_browser_gets_sensible_answers(url: str) -> None:
    for path, status, inside in [
        (f"/{TOKEN}?XML=<clickatellsdk><action>get_list_callback</action></clickatellsdk>", 200, "SOAP POST"),
        (f"/{TOKEN}?XML=<clickatellsdk><action>get_everything</action></clickatellsdk>", 200, "430"),
        (f"/{TOKEN}?XML=<clickatellsdk>", 200, "430"),
        (f"/{TOKEN}?XML=<x><action>get_list_callback</action></x>", 200, "430"),
        (f"/{TOKEN}?XML=<!DOCTYPE x><clickatellsdk/>", 200, "430"),
        (f"/{TOKEN}?XML=<clickatellsdk/>", 200, "430"),
        (f"/{TOKEN}", 200, "430"),
        ("/favicon.ico", 404, "Not found"),
        ("/simulator/connect", 200, TOKEN),
        ("/simulator/connect/terms.txt", 200, "vendor"),
        ("/simulator/connect/activate?code=x", 404, "not valid"),
    ]:
        response = await get(url + path)
        assert response.status_code == status
        assert inside in response.text


async def test_a_body_without_end_is_refused(gateway_state: Gateway) -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"x" * 100_000, "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": f"/{TOKEN}", "headers": [], "query_string": b""}
    await create_app(gateway_state)(scope, receive, send)
    assert sent[0]["status"] == 413


async def test_what_was_sent_and_what_captchas_show_is_told_over_http(
    simulated: ConnectClient, state: Connect, url: str
) -> None:
    await activated(simulated, state)
    await simulated.send_activation_sms(*LOGIN)
    told = (await get(f"{url}/simulator/connect")).json()
    assert [letter["kind"] for letter in told["outbox"]] == ["e-mail", "sms"]
    assert told["outbox"][0]["link"].startswith(url)
    assert told["captchas"][0]["code"] in {captcha.code for captcha in state.captchas.values()}
    assert told["users"][0]["email_activated"]
    assert "password" not in told["users"][0]


async def test_the_activation_link_leads_on(simulated: ConnectClient, state: Connect) -> None:
    """The activation link leads on to where the application wants."""
    await register(simulated, state, activation_redirect="https://example.com/welcome")
    email = state.outbox[-1]
    assert isinstance(email, Email)
    response = await get(email.link)
    assert (response.status_code, response.headers["location"]) == (303, "https://example.com/welcome")


REGISTRATION = {
    "user": "anna1",
    "password": "secret123",
    "fname": "Anna",
    "sname": "Jones",
    "email_address": "anna@example.com",
    "country_id": "173",
    "mobile_number": "27821234567",
    "accept_terms": "1",
}
WRONG = [
    ("register", "user", "anna jones", "431"),
    ("register", "password", "short", "432"),
    ("register", "fname", "", "433"),
    ("register", "sname", "x" * 81, "434"),
    ("register", "company", "x" * 81, "435"),
    ("register", "email_address", "anna", "416"),
    ("register", "country_id", "0", "406"),
    ("register", "account_id", "0", "412"),
    ("register", "mobile_number", "+27", "417"),
    ("register", "accept_terms", "yes", "409"),
    ("register", "email_format", "3", "407"),
    ("register", "weekly_update", "2", "408"),
    ("register", "force_create", "2", "413"),
    ("register", "test_mode", "2", "411"),
    ("register", "activation_redirect", "example.com", "415"),
    ("validate_activation_sms", "sms_activation_code", "", "418"),
    ("create_connection", "ftp_password", "x" * 11, "420"),
    ("create_connection", "ip_address", "1.2.3", "422"),
    ("create_connection", "callback_url", "example.com", "423"),
    ("create_connection", "callback_username", "x" * 65, "425"),
    ("create_connection", "callback_password", "x" * 65, "426"),
    ("get_list_terms", "terms_format", "3", "427"),
    ("get_list_terms", "client_ip_address", "localhost", "429"),
]


@pytest.mark.parametrize(("action", "name", "value", "code"), WRONG)
def test_a_wrong_parameter_earns_its_own_error(state: Connect, action: str, name: str, value: str, code: str) -> None:
    elements = "".join(f"<{n}>{v}</{n}>" for n, v in ({"action": action} | REGISTRATION | {name: value}).items())
    reply = state.handle(TOKEN, f"<clickatellsdk>{elements}</clickatellsdk>")
    assert f"<Result>Error</Result><Error>{code}</Error><Description>" in reply
    assert reply.count("<Error>") == 1


def test_names_are_case_sensitive_but_for_the_action(state: Connect) -> None:
    """The guide's own get_list_country example writes ``<Action>``."""
    assert "<Error>430</Error>" in state.handle(TOKEN, "<clickatellsdk><ACTION>get_captcha</ACTION></clickatellsdk>")
    reply = state.handle(TOKEN, "<clickatellsdk><Action>get_list_country</Action></clickatellsdk>")
    assert "<name>South Africa</name>" in reply
