"""What the tests of the Connect API share: replies, and a gateway that is a function."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import httpx
import pytest
import xmltodict
from attrs import Factory, define

from clickasync.connect import ConnectClient

if TYPE_CHECKING:
    from collections.abc import Callable

TOKEN = "0123456789abcdef0123456789abcdef"


@define
class FakeGateway:
    """Answers the calls with the `replies`, the last one for ever; an exception among them is raised."""

    replies: list[bytes | httpx.Response | Exception] = Factory(list)
    requests: list[httpx.Request] = Factory(list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, Exception):
            raise reply
        return reply if isinstance(reply, httpx.Response) else httpx.Response(200, content=reply)

    @property
    def documents(self) -> list[str]:
        """The XML of each request."""
        return [parse_qs(request.content.decode(), strict_parsing=True)["XML"][0] for request in self.requests]

    @property
    def asked(self) -> dict[str, str]:
        """The elements of the last request, in order."""
        elements: dict[str, str] = xmltodict.parse(self.documents[-1])["clickatellsdk"]
        return elements


@pytest.fixture
def token() -> str:
    return TOKEN


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
def connect(gateway: FakeGateway) -> ConnectClient:
    """A client of the fake gateway."""
    http_client = httpx.AsyncClient(transport=httpx.MockTransport(gateway))
    return ConnectClient(TOKEN, base_url="https://connect.test", http_client=http_client)


@pytest.fixture
def success() -> Callable[..., bytes]:
    """Writes a successful reply; each argument is the inside of a Value."""

    def write(*values: str, root: str = "ClICKATELLSDK") -> bytes:
        inside = "".join(f"<Value>{value}</Value>" for value in values)
        return (
            f"<{root}><Action>any</Action><Result>Success</Result><Values>{inside}</Values>"
            f"<Timestamp>1316512313</Timestamp></{root}>"
        ).encode()

    return write


@pytest.fixture
def failure() -> Callable[..., bytes]:
    """Writes an error reply; each argument is a code and its description."""

    def write(*errors: tuple[str, str]) -> bytes:
        inside = "".join(f"<Error>{code}</Error><Description>{text}</Description>" for code, text in errors)
        return (
            f"<ClICKATELLSDK><Action>any</Action><Result>Error</Result>{inside}"
            "<Timestamp>1316512313</Timestamp></ClICKATELLSDK>"
        ).encode()

    return write


@pytest.fixture
def documented_reply() -> bytes:
    """The vendor's own example for get_list_callback, byte for byte."""
    return (Path(__file__).parent / "get_list_callback.xml").read_bytes()
