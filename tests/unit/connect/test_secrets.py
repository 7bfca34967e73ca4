"""The token and passwords reach no error, repr or log."""

from __future__ import annotations

import logging
import pickle
import traceback
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from clickasync.connect import ConnectClient
from clickasync.errors import ClickatellError
from tests.support.virtual import on_virtual_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    import respx

pytestmark = [pytest.mark.anyio, on_virtual_time]

PASSWORD = "hunter2hunter2"
FTP_PASSWORD = "ftp&<pw>"
CALLBACK_PASSWORD = "call'back'secret"
CAPTCHA_CODE = "zX9qW7"


@pytest.fixture
def everything_logged() -> Iterator[list[str]]:
    """What any logger says, down to level 1, but for httpx's own: it logs every URL of a user's client, as we say."""
    said: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.name == "httpx":
                return
            said.append(f"{record.getMessage()} {record.args} {record.exc_info} {record.__dict__}")

    handler, root = Collector(1), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(1)
    yield said
    root.removeHandler(handler)
    root.setLevel(before)


def told(error: BaseException | None) -> str:
    """All that an error says of itself and of what it came from."""
    words = []
    while error is not None:
        words += [str(error), repr(error), repr(error.args), repr(vars(error))]
        words += traceback.format_exception(error)
        error = error.__cause__ or error.__context__
    return "\n".join(words)


def faults(token: str) -> list[httpx.Response | Exception]:
    secrets = " ".join((token, PASSWORD, FTP_PASSWORD, CALLBACK_PASSWORD, CAPTCHA_CODE))
    escaped = secrets.replace("&", "&amp;").replace("<", "&lt;")
    error = f"<Error>{token}</Error><Description>{escaped}</Description>"
    return [
        httpx.Response(200, text=f"<html>/{token} was not found: {secrets}</html>"),
        httpx.Response(200, text=f"<ClICKATELLSDK><Result>Error</Result>{error}</ClICKATELLSDK>"),
        httpx.Response(404, text=token, extensions={"reason_phrase": f"No /{token}".encode()}),
        httpx.Response(302, headers={"location": f"https://elsewhere.test/{token}"}),
        httpx.ConnectError(f"cannot connect to https://connect.test/{token}"),
        httpx.ReadTimeout(f"https://connect.test/{token} is slow"),
        httpx.RemoteProtocolError(f"illegal line: {token}"),
        RuntimeError(token),
        httpx.InvalidURL(token),
    ]


@pytest.mark.parametrize("number", range(9))
@pytest.mark.parametrize(
    ("method", "arguments", "secrets"),
    [
        ("get_list_country", {}, []),
        (
            "authenticate_user",
            {"user": "anna1", "password": PASSWORD, "captcha": ("c" * 32, CAPTCHA_CODE)},
            [PASSWORD, CAPTCHA_CODE],
        ),
        (
            "create_connection",
            {
                "user": "anna1",
                "password": PASSWORD,
                "ftp_password": FTP_PASSWORD,
                "callback_password": CALLBACK_PASSWORD,
                "captcha": ("c" * 32, CAPTCHA_CODE),
            },
            [PASSWORD, FTP_PASSWORD, CALLBACK_PASSWORD, CAPTCHA_CODE],
        ),
    ],
)
async def test_no_error_and_no_log_of_a_failed_call_holds_a_secret(
    token: str,
    gateway: Any,
    respx_mock: respx.MockRouter,
    everything_logged: list[str],
    method: str,
    arguments: dict[str, Any],
    secrets: list[str],
    number: int,
) -> None:
    gateway.replies = [faults(token)[number]]
    respx_mock.post(f"https://connect.test/{token}").mock(side_effect=gateway)
    own = httpx.AsyncClient()
    async with own, ConnectClient(token, base_url="https://connect.test", http_client=own) as connect:
        with pytest.raises(ClickatellError) as caught:
            await getattr(connect, method)(**arguments)
    copy = pickle.loads(pickle.dumps(caught.value))
    for secret in (token, *secrets):
        for text in (repr(connect), told(caught.value), told(copy), *everything_logged):
            assert secret not in text


async def test_a_wrong_password_is_not_repeated(connect: ConnectClient) -> None:
    wrong = f"{PASSWORD} with blanks"
    with pytest.raises(ClickatellError) as caught:
        await connect.authenticate_user("anna1", wrong)
    assert PASSWORD not in told(caught.value)


async def test_a_cut_reply_is_shown_without_the_token(connect: ConnectClient, gateway: Any, token: str) -> None:
    """A reply without end is shown without the token even where its beginning ends."""
    for blanks in range(0, 100, 7):
        gateway.replies = [httpx.Response(200, text=" " * blanks + f"{token} " * 40_000)]
        with pytest.raises(ClickatellError) as caught:
            await connect.create_connection("anna1", PASSWORD)
        assert token[:8] not in str(caught.value)
