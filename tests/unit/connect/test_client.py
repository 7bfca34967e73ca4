"""ConnectClient: what each call sends, gives, and makes of what can go wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from clickasync.connect import (
    AccountType,
    CallbackType,
    Captcha,
    ConnectClient,
    ConnectErrorCode,
    ConnectionType,
    Country,
    CountryPrefix,
    SmsActivation,
)
from clickasync.errors import (
    ConfigurationError,
    ConnectError,
    InvalidOptionError,
    OutcomeUnknownError,
    ProtocolError,
    TransportError,
)
from tests.support.virtual import on_virtual_time

if TYPE_CHECKING:
    from collections.abc import Callable

    import respx

pytestmark = [pytest.mark.anyio, on_virtual_time]

LOGIN = {"user": "anna1", "password": "secret123"}
SOLVED = ("c" * 32, "aB3")
REGISTRATION: dict[str, Any] = {
    **LOGIN,
    "fname": "Anna",
    "sname": "Ångström & <sons>",
    "email_address": "anna@example.com",
    "country_id": 27,
    "mobile_number": "27821234567",
    "accept_terms": True,
    "captcha": SOLVED,
}
CAPTCHA_ELEMENTS = {"captcha_id": "c" * 32, "captcha_code": "aB3"}

# method, its arguments, the elements of the request, the Value of the reply, what it gives
CALLS: list[tuple[str, dict[str, Any], dict[str, str], str, object]] = [
    (
        "get_list_country",
        {},
        {},
        "<country_id>27</country_id><name>South Africa</name>",
        [Country(27, "South Africa")],
    ),
    (
        "get_list_country_prefix",
        {},
        {},
        "<country_id>1</country_id><prefix>027</prefix>",
        [CountryPrefix(1, "027")],
    ),
    ("get_list_country_prefix", {}, {}, "<country_id>1</country_id><name>93</name>", [CountryPrefix(1, "93")]),
    (
        "get_list_account",
        {},
        {},
        "<account_id>1</account_id><account_type>International</account_type>",
        [AccountType(1, "International")],
    ),
    (
        "get_list_callback",
        {},
        {},
        "<callback_type_id>0</callback_type_id><callback_type>HTTP GET</callback_type>",
        [CallbackType(0, "HTTP GET")],
    ),
    (
        "get_list_connection",
        {},
        {},
        "<connection_type_id>2</connection_type_id><connection_type>HTTP API</connection_type>",
        [ConnectionType(2, "HTTP API")],
    ),
    (
        "get_list_terms",
        {"country_id": 27, "client_ip_address": "192.0.2.1", "terms_format": 2},
        {"country_id": "27", "client_ip_address": "192.0.2.1", "terms_format": "2"},
        "<URL_location>https://example.com/t?a=1&amp;b=2</URL_location>",
        "https://example.com/t?a=1&b=2",
    ),
    (
        "get_captcha",
        {},
        {},
        f"<captcha_id>{'c' * 32}</captcha_id><captcha_image>%89%50%4E%47\n%0d%0A%1A%0a%00%FF%2B%20</captcha_image>",
        Captcha("c" * 32, b"\x89PNG\r\n\x1a\n\x00\xff+ "),
    ),
    (
        "register",
        {
            **REGISTRATION,
            "account_id": 1,
            "company": "Ängström Ltd",
            "email_format": 2,
            "weekly_update": False,
            "force_create": 1,
            "coupon_code": "FREE",
            "activation_redirect": "https://example.com/hi",
            "test_mode": False,
        },
        {
            **LOGIN,
            "fname": "Anna",
            "sname": "Ångström & <sons>",
            "email_address": "anna@example.com",
            "country_id": "27",
            "mobile_number": "27821234567",
            "accept_terms": "1",
            **CAPTCHA_ELEMENTS,
            "account_id": "1",
            "company": "Ängström Ltd",
            "email_format": "2",
            "weekly_update": "0",
            "force_create": "1",
            "coupon_code": "FREE",
            "activation_redirect": "https://example.com/hi",
            "test_mode": "0",
        },
        "",
        None,
    ),
    (
        "resend_email_activation",
        {**LOGIN, "email_address": "new@example.com", "captcha": SOLVED},
        {**LOGIN, "email_address": "new@example.com", **CAPTCHA_ELEMENTS},
        "<UserNumber>007</UserNumber>",
        "007",
    ),
    ("authenticate_user", LOGIN, LOGIN, "<Usernumber>42</Usernumber>", "42"),
    (
        "forgot_password",
        {"user": "anna1", "email_address": "anna@example.com", "captcha": SOLVED},
        {"user": "anna1", "email_address": "anna@example.com", **CAPTCHA_ELEMENTS},
        "",
        None,
    ),
    (
        "sms_activation_status",
        {**LOGIN, "captcha": SOLVED},
        {**LOGIN, **CAPTCHA_ELEMENTS},
        "<Cellphone>27821234567</Cellphone><UserNumber>42</UserNumber>",
        SmsActivation(True, "27821234567", "42"),
    ),
    (
        "send_activation_sms",
        {**LOGIN, "mobile_number": "27821234567"},
        {**LOGIN, "mobile_number": "27821234567"},
        "",
        None,
    ),
    (
        "validate_activation_sms",
        {**LOGIN, "sms_activation_code": "A1B2C3"},
        {**LOGIN, "sms_activation_code": "A1B2C3"},
        "",
        None,
    ),
    (
        "create_connection",
        {
            **LOGIN,
            "connection_id": 2,
            "ftp_password": "ftp",
            "api_description": "R & D",
            "ip_address": "192.0.2.1,2001:db8::1",
            "Dial_prefix": "27",
            "callback_url": "https://example.com/cb?a=1&b=2",
            "callback_type_id": 0,
            "callback_username": "hook",
            "callback_password": "<hook>",
            "captcha": SOLVED,
        },
        {
            **LOGIN,
            "connection_id": "2",
            "ftp_password": "ftp",
            "api_description": "R & D",
            "ip_address": "192.0.2.1,2001:db8::1",
            "Dial_prefix": "27",
            "callback_url": "https://example.com/cb?a=1&b=2",
            "callback_type_id": "0",
            "callback_username": "hook",
            "callback_password": "<hook>",
            **CAPTCHA_ELEMENTS,
        },
        "<api_id>3347301</api_id>",
        "3347301",
    ),
    (
        "buy_credits_url",
        LOGIN,
        LOGIN,
        "<buy_url>https://example.com/buy?s=1&amp;t=2</buy_url>",
        "https://example.com/buy?s=1&t=2",
    ),
]
MINIMAL: dict[str, dict[str, Any]] = {method: arguments for method, arguments, *_ in CALLS} | {
    "register": REGISTRATION,
    "create_connection": LOGIN,
}
LISTS = [method for method in MINIMAL if method.startswith("get_list_") and method != "get_list_terms"]
CHANGING = [
    "register",
    "resend_email_activation",
    "authenticate_user",
    "forgot_password",
    "send_activation_sms",
    "validate_activation_sms",
    "create_connection",
]
HARMLESS = [method for method in MINIMAL if method not in CHANGING]
ANSWERING = ["resend_email_activation", "authenticate_user", "create_connection"]


async def make(connect: ConnectClient, method: str, **more: Any) -> Any:
    return await getattr(connect, method)(**{**MINIMAL[method], **more})


@pytest.mark.parametrize(("method", "arguments", "elements", "value", "given"), CALLS)
async def test_a_call_sends_what_the_guide_says(
    connect: ConnectClient,
    gateway: Any,
    success: Callable[..., bytes],
    token: str,
    method: str,
    arguments: dict[str, Any],
    elements: dict[str, str],
    value: str,
    given: object,
) -> None:
    """A call sends what the guide says and gives what came back."""
    gateway.replies = [success(value) if value else success()]
    assert await getattr(connect, method)(**arguments) == given
    (request,) = gateway.requests
    assert (request.method, str(request.url)) == ("POST", f"https://connect.test/{token}")
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert list(gateway.asked.items()) == [("action", method), *elements.items()]


async def test_the_vendors_example_gives_two_callback_types(
    respx_mock: respx.MockRouter, token: str, documented_reply: bytes
) -> None:
    route = respx_mock.post(f"https://connect.clickatell.com/{token}").respond(content=documented_reply)
    async with httpx.AsyncClient() as own, ConnectClient(token, http_client=own) as connect:
        assert await connect.get_list_callback() == [CallbackType(0, "HTTP GET"), CallbackType(6, "SOAP POST")]
    assert route.calls.last.request.content == (
        b"XML=%3Cclickatellsdk%3E%3Caction%3Eget_list_callback%3C%2Faction%3E%3C%2Fclickatellsdk%3E"
    )


@pytest.mark.parametrize("method", LISTS)
@pytest.mark.parametrize("root", ["ClICKATELLSDK", "CLICKATELLSDK", "clickatellsdk"])
async def test_a_list_may_have_many_values_or_none(
    connect: ConnectClient, gateway: Any, success: Callable[..., bytes], method: str, root: str
) -> None:
    value = next(call[3] for call in CALLS if call[0] == method)
    gateway.replies = [success(root=root), success(value, root=root), success(value, value, value, root=root)]
    assert [len(await make(connect, method)) for _ in range(3)] == [0, 1, 3]


@pytest.mark.parametrize("method", MINIMAL)
async def test_every_documented_error_is_raised_and_not_repeated(
    connect: ConnectClient, gateway: Any, failure: Callable[..., bytes], method: str
) -> None:
    """Every documented error of every call is reported and nothing is repeated."""
    codes = [code for code in ConnectErrorCode if (method, code) != ("sms_activation_status", "104")]
    gateway.replies = [failure((code.value, f"{code.description}!")) for code in codes]
    for asked, code in enumerate(codes, start=1):
        with pytest.raises(ConnectError) as caught:
            await make(connect, method)
        assert caught.value.codes == (code,)
        assert caught.value.descriptions == (f"{code.description}!",)
        assert caught.value.captcha_required is (code in ("003", "400", "401", "402", "403"))
        assert len(gateway.requests) == asked


async def test_an_account_that_is_not_activated_is_an_answer(
    connect: ConnectClient, gateway: Any, failure: Callable[..., bytes]
) -> None:
    gateway.replies = [failure(("104", "Not SMS activated"))]
    assert await make(connect, "sms_activation_status") == SmsActivation(activated=False)


async def test_several_errors_are_told_together(
    connect: ConnectClient, gateway: Any, failure: Callable[..., bytes]
) -> None:
    gateway.replies = [failure(("104", "Not SMS activated"), ("004", "Max attempts exceeded, captcha required"))]
    with pytest.raises(ConnectError, match="104 Not SMS activated; 004 Max attempts") as caught:
        await make(connect, "sms_activation_status")
    assert caught.value.codes == ("104", "004")
    assert caught.value.captcha_required


async def test_wrong_options_send_nothing(connect: ConnectClient, gateway: Any) -> None:
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("register", {"mobile_number": "+27 82"}),
        ("register", {"captcha": "c1"}),
        ("register", {"captcha": None}),
        ("authenticate_user", {"captcha": ("id",)}),
        ("create_connection", {"ip_address": "localhost"}),
        ("get_list_terms", {"terms_format": 3}),
        ("forgot_password", {"email_address": "\0@x"}),
    ]
    for method, parameters in wrong:
        with pytest.raises(InvalidOptionError):
            await make(connect, method, **parameters)
    assert gateway.requests == []


LOST: dict[str, bytes | httpx.Response | Exception] = {
    "a reset": httpx.ReadError("reset"),
    "a read timeout": httpx.ReadTimeout("slow"),
    "a server that hung up": httpx.RemoteProtocolError("gone"),
    "HTTP 502": httpx.Response(502, text="Bad Gateway"),
    "HTTP 404": httpx.Response(404, text="not found"),
    "a redirect": httpx.Response(302, headers={"location": "https://elsewhere.test/"}),
}
UNREADABLE: dict[str, bytes | httpx.Response | Exception] = {
    "nothing": b"",
    "HTML": b"<html><body>Sign in</body></html>",
    "cut-off XML": b"<ClICKATELLSDK><Result>Success</Result><Values><Value><api_id>1",
    "an entity bomb": b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><ClICKATELLSDK>&b;</ClICKATELLSDK>',
    "an external entity": b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><ClICKATELLSDK>&a;</ClICKATELLSDK>',
    "100,000 levels": b"<ClICKATELLSDK>" + b"<a>" * 100_000 + b"</a>" * 100_000 + b"</ClICKATELLSDK>",
    "20 MB": b"<ClICKATELLSDK><Result>Success</Result>" + b"<a/>" * 5_000_000 + b"</ClICKATELLSDK>",
    "another root": b"<rss><Result>Success</Result></rss>",
}


@pytest.mark.parametrize("fault", LOST.values(), ids=LOST)
async def test_a_lost_reply_is_asked_for_again_where_that_does_no_harm(
    connect: ConnectClient, gateway: Any, success: Callable[..., bytes], fault: Any
) -> None:
    gateway.replies = [fault, success("<captcha_id>c</captcha_id><captcha_image>%00</captcha_image>")]
    assert await connect.get_captcha() == Captcha("c", b"\0")
    assert len(gateway.requests) == 2


@pytest.mark.parametrize("method", HARMLESS)
async def test_reading_that_keeps_failing_is_a_transport_error(
    connect: ConnectClient, gateway: Any, method: str
) -> None:
    """A call that changes nothing and keeps failing is a transport error."""
    gateway.replies = [httpx.ReadTimeout("slow")]
    with pytest.raises(TransportError):
        await make(connect, method)
    assert len(gateway.requests) == 3


@pytest.mark.parametrize("method", CHANGING)
@pytest.mark.parametrize("fault", (LOST | UNREADABLE).values(), ids=LOST | UNREADABLE)
async def test_a_change_of_unknown_outcome_is_never_repeated(
    connect: ConnectClient, gateway: Any, method: str, fault: Any
) -> None:
    """A call that changes something is never repeated after an unknown outcome."""
    gateway.replies = [fault]
    with pytest.raises(OutcomeUnknownError) as caught:
        await make(connect, method)
    assert len(gateway.requests) == 1
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("method", HARMLESS)
@pytest.mark.parametrize("fault", UNREADABLE.values(), ids=UNREADABLE)
async def test_junk_where_nothing_changes_is_a_protocol_error(
    connect: ConnectClient, gateway: Any, method: str, fault: Any
) -> None:
    """An unreadable reply to a call that changes nothing is a protocol error."""
    gateway.replies = [fault]
    with pytest.raises(ProtocolError) as caught:
        await make(connect, method)
    assert len(caught.value.reply) <= 200


@pytest.mark.parametrize("method", ANSWERING)
async def test_a_success_without_its_answer_is_unknown(
    connect: ConnectClient, gateway: Any, success: Callable[..., bytes], method: str
) -> None:
    """A success that lacks its answer leaves the outcome unknown."""
    gateway.replies = [success("<other>1</other>")]
    with pytest.raises(OutcomeUnknownError):
        await make(connect, method)


@pytest.mark.parametrize(
    ("method", "value"),
    [
        ("get_list_country", "<name>Nowhere</name>"),
        ("get_list_country", "<country_id>1</country_id>"),
        ("get_list_callback", "<callback_type_id>zero</callback_type_id><callback_type>HTTP GET</callback_type>"),
        ("get_captcha", "<captcha_id>c</captcha_id>"),
        ("buy_credits_url", "<buy_url/>"),
    ],
)
async def test_a_value_without_what_is_documented_is_a_protocol_error(
    connect: ConnectClient, gateway: Any, success: Callable[..., bytes], method: str, value: str
) -> None:
    gateway.replies = [success(value)]
    with pytest.raises(ProtocolError):
        await make(connect, method)


@pytest.mark.parametrize("fault", [httpx.ConnectError("refused"), httpx.Response(429)], ids=["refused", "429"])
@pytest.mark.parametrize("method", ["register", "get_list_country"])
async def test_what_was_not_sent_is_tried_again(
    connect: ConnectClient, gateway: Any, success: Callable[..., bytes], method: str, fault: Any
) -> None:
    """What certainly was not sent is tried again, whatever the call."""
    gateway.replies = [fault, fault, success()]
    assert not await make(connect, method)
    gateway.replies = [fault]
    with pytest.raises(TransportError, match="nothing was sent"):
        await make(connect, method)
    assert len(gateway.requests) == 6


async def test_the_token_is_taken_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, token: str, respx_mock: respx.MockRouter, success: Callable[..., bytes]
) -> None:
    monkeypatch.setenv("CLICKATELL_CONNECT_TOKEN", token)
    respx_mock.post(f"https://connect.clickatell.com/{token}").respond(content=success())
    async with httpx.AsyncClient() as own, ConnectClient(http_client=own) as connect:
        assert await connect.get_list_country() == []


async def test_the_base_url_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    """Unless one is given, be it the vendor's own."""
    monkeypatch.setenv("CLICKATELL_CONNECT_BASE_URL", "http://127.0.0.1:8095")
    assert "127.0.0.1:8095" in repr(ConnectClient(token))
    for given in ("https://connect.example.com", "https://connect.clickatell.com"):
        assert given in repr(ConnectClient(token, base_url=given))
    monkeypatch.setenv("CLICKATELL_CONNECT_BASE_URL", "http://connect.example.com")
    with pytest.raises(ConfigurationError, match="https"):
        ConnectClient(token)
    monkeypatch.setenv("CLICKATELL_CONNECT_BASE_URL", "")
    assert "https://connect.clickatell.com" in repr(ConnectClient(token))


async def test_without_a_token_the_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLICKATELL_CONNECT_TOKEN", raising=False)
    with pytest.raises(ConfigurationError, match="CLICKATELL_CONNECT_TOKEN"):
        ConnectClient()


@pytest.mark.parametrize("token", ["abc/def", "abc?x", "abc def", "abc\n", "../x#"])
async def test_a_token_that_would_change_the_url_is_refused(token: str) -> None:
    """A token that would change the URL is refused and not repeated."""
    with pytest.raises(ConfigurationError) as caught:
        ConnectClient(token)
    assert token not in str(caught.value)


async def test_plain_http_is_for_loopback_or_for_who_insists(token: str) -> None:
    with pytest.raises(ConfigurationError, match="https"):
        ConnectClient(token, base_url="http://connect.example.com")
    ConnectClient(token, base_url="http://connect.example.com", allow_insecure=True)
    ConnectClient(token, base_url="http://127.0.0.1:8095")


async def test_retries_may_not_be_negative(token: str) -> None:
    with pytest.raises(ConfigurationError, match="retries"):
        ConnectClient(token, retries=-1)


async def test_closing_leaves_the_users_own_client_open(token: str, gateway: Any) -> None:
    http_client = httpx.AsyncClient(transport=httpx.MockTransport(gateway))
    async with ConnectClient(token, http_client=http_client) as connect:
        pass
    await connect.aclose()
    assert not http_client.is_closed
    await http_client.aclose()
    with pytest.raises(RuntimeError, match="closed"):
        await connect.get_list_country()
