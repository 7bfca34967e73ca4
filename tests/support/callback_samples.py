"""The samples of the callbacks' reference, and the six transports that may carry them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, Literal
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

from clickasync.callbacks import DeliveryReport, InboundMessage
from clickasync.codes import MessageStatus

Form = Literal["http", "xml", "soap"]
FORMS: Final[tuple[Form, ...]] = ("http", "xml", "soap")

REPORT: Final = {
    "api_id": "12345",
    "apiMsgId": "996f364775e24b8432f45d77da8eca47",
    "cliMsgId": "abc123",
    "timestamp": "1218007814",
    "to": "279995631564",
    "from": "27833001171",
    "status": "003",
    "charge": "0.300000",
}
MESSAGE: Final = {
    "api_id": "12345",
    "moMsgId": "b2aee337abd962489b123fda9c3480fa",
    "from": "279991235642",
    "to": "27123456789",
    "timestamp": "2008-08-06 09:43:50",
    "text": "Here is the  message <text> & \u00e9",
    "charset": "UTF-8",
    "udh": "",
}
EXPECTED_REPORT: Final = DeliveryReport(
    id="996f364775e24b8432f45d77da8eca47",
    climsgid="abc123",
    to="279995631564",
    from_="27833001171",
    status=MessageStatus.DELIVERED_TO_GATEWAY,
    charge=Decimal("0.300000"),
    timestamp=datetime(2008, 8, 6, 7, 30, 14, tzinfo=UTC),
    api_id="12345",
)
EXPECTED_MESSAGE: Final = InboundMessage(
    id="b2aee337abd962489b123fda9c3480fa",
    to="27123456789",
    from_="279991235642",
    text="Here is the  message <text> & \u00e9",
    timestamp=datetime(2008, 8, 6, 7, 43, 50, tzinfo=UTC),
    charset="UTF-8",
    udh=b"",
    api_id="12345",
)


def elements(fields: dict[str, str]) -> str:
    return "".join(f"<{name}>{escape(value)}</{name}>" for name, value in fields.items())


def xml(fields: dict[str, str]) -> str:
    root = "clickmo" if "moMsgId" in fields else "callback"
    return f'<?xml version="1.0"?><{root}>{elements(fields)}</{root}>'


def soap(fields: dict[str, str]) -> str:
    method = "mo_callback" if "moMsgId" in fields else "mt_callback"
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:ns1="urn:callback" xmlns:wsa="http://www.w3.org/2005/08/addressing">\n'
        "  <SOAP-ENV:Header><wsa:To>http://example.com/hook</wsa:To></SOAP-ENV:Header>\n"
        f"  <SOAP-ENV:Body><ns1:{method}>\n"
        f"    {elements({name.lower(): value for name, value in fields.items()})}\n"
        f"  </ns1:{method}></SOAP-ENV:Body>\n"
        "</SOAP-ENV:Envelope>"
    )


def as_params(form: Form, fields: dict[str, str]) -> dict[str, str]:
    match form:
        case "http":
            return fields
        case "xml":
            return {"data": xml(fields)}
        case "soap":
            # SOAP types the status as an int.
            typed = {**fields, "status": str(int(fields["status"]))} if "status" in fields else fields
            return {"Data": soap(typed)}


def urlencoded(params: dict[str, str], charset: str = "utf-8") -> bytes:
    pairs = [f"{quote(name)}={quote_plus(value, encoding=charset)}" for name, value in params.items()]
    return "&".join(pairs).encode()


def report(**changes: str) -> bytes:
    return urlencoded({**REPORT, **changes})


def message(**changes: str) -> bytes:
    return urlencoded({**MESSAGE, **{name.replace("from_", "from"): value for name, value in changes.items()}})
