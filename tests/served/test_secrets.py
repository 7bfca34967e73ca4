"""Password, session ID and voucher reach no log, no repr and no exception, its causes and frames included."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest
from anyio.abc import ByteStream

import clickasync
from clickasync import ClickatellError, Client
from clickasync.simulator import Gateway
from tests.support.faulty_gateway import Fault, FaultyGateway, always
from tests.support.raw import http, listening, read_request

pytestmark = pytest.mark.anyio

PACKAGE = Path(clickasync.__file__).parent
PASSWORD = "corr3ct+h0rse&battery"
VOUCHER = "9876543210987654"
TO = "27821234567"


async def _batch(client: Client) -> object:
    async with client.batch("Hi") as batch:
        return await batch.send_many([TO, TO])


CALLS: dict[str, Callable[[Client], Awaitable[object]]] = {
    "auth": lambda client: client.authenticate(),
    "ping": lambda client: client.ping(),
    "getbalance": lambda client: client.balance(),
    "sendmsg": lambda client: client.send(TO, "Hi"),
    "token_pay": lambda client: client.redeem(VOUCHER),
    "quicksend": _batch,
}
FAULTS = [fault for fault in Fault if fault is not Fault.SHUFFLED]


def told(error: BaseException) -> str:
    """All that an exception can tell: itself, what it came from, and the variables of the frames it passed."""
    everything = [str(error), repr(error), repr(error.args), repr(vars(error)), str(pickle.dumps(error))]
    summary = traceback.TracebackException.from_exception(error, capture_locals=True)
    everything += [str(frame.locals) for frame in summary.stack if PACKAGE in Path(frame.filename).parents]
    for other in (error.__cause__, error.__context__):
        if other is not None:
            everything.append(told(other))
    return "\n".join(everything)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("command", CALLS)
async def test_whatever_fails_no_secret_is_told(
    command: str, fault: Fault, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("", "clickasync", "httpx", "httpcore", "asyncio"):
        caplog.set_level(1, logger=name)
    faulty = FaultyGateway(Gateway(password=PASSWORD, vouchers={VOUCHER: 5}), always(command, fault))
    said: list[str] = []
    async with faulty.serve() as url:
        client = Client(api_id=1, user="demo", password=PASSWORD, base_url=url, retries=0, timeout=0.15)
        async with client:
            try:
                said.append(repr(await CALLS[command](client)))
            except ClickatellError as error:
                said.append(told(error))
            said += [repr(client), repr(vars(client)), str(client)]
    secrets = {PASSWORD, "corr3ct", VOUCHER} | {body["session_id"] for body in faulty.bodies if "session_id" in body}
    text = "\n".join([*said, caplog.text, *capsys.readouterr()])
    assert [secret for secret in secrets if secret in text] == []
    assert all("?" not in target for target in faulty.targets), "no secret is in a URL"


@pytest.mark.parametrize("text", ["ERR: 113, {form}", "ERR: {form}", "OK: {form}"])
async def test_no_result_tells_a_secret_that_the_reply_repeats(text: str) -> None:
    """Results are shown and logged as errors are: those of many recipients, and the gateway's words about coverage."""

    async def repeat(stream: ByteStream) -> None:
        while True:
            exchange = await read_request(stream)
            form = "&".join(f"{name}={value}" for name, value in exchange.fields.items() if name != "to")
            said = text.format(form=form)
            lines = [f"{said} To: {number}" for number in exchange.fields.get("to", "").split(",")]
            usual = {"auth": "OK: 5e5510a1b2c3d4e5", "startbatch": "ID: 1", "routeCoverage": said}
            await exchange.stream.send(http(usual.get(exchange.command, "\n".join(lines))))

    async with listening(repeat) as url, Client(api_id=1, user="demo", password=PASSWORD, base_url=url) as client:
        results: list[object] = [*await client.send_many([TO, f"{TO}1"], "Hi")]
        async with client.batch("Hi") as batch:
            results += await batch.send_many([TO, f"{TO}1"])
        with suppress(ClickatellError):
            results.append(await client.coverage(TO))
    assert len(results) >= 4
    assert "5e5510a1b2c3d4e5" not in repr(results)


async def test_a_wrong_voucher_is_not_repeated_in_the_error() -> None:
    async with Client(api_id=1, user="demo", password=PASSWORD) as client:
        with pytest.raises(ClickatellError) as caught:
            await client.redeem("98765432109876")
    assert "9876" not in str(caught.value)
