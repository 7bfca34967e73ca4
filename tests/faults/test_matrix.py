"""Command × fault → the outcome that api.md promises, with the simulator's ledger as the judge of what was sent."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
import pytest

from clickasync import (
    Accepted,
    ClickatellError,
    OutcomeUnknownError,
    ProtocolError,
    Rejected,
    TransportError,
    Uncertain,
)
from clickasync.simulator import VOUCHER, Gateway
from tests.support.faulty_gateway import Fault, FaultyGateway, always, closed_port, once
from tests.support.ways import Client, both_ways, way

__all__ = ["way"]


pytestmark = [pytest.mark.anyio, both_ways]

RETRIES = 1
TO = "27821234567"
THAT_WAIT = (Fault.SILENCE, Fault.DRIP)
"""The timeout ends these. The others end by themselves, and on a busy machine that may take a while."""
OTHER = "27827654321"


async def _batch(client: Client) -> object:
    async with client.batch("Hello") as batch:
        return batch


async def _item(client: Client) -> object:
    async with client.batch("Hello #field1#") as batch:
        return await batch.send(TO, "Ann")


async def _quick(client: Client) -> object:
    async with client.batch("Hello") as batch:
        return (await batch.send_many([TO, OTHER]))[0]


async def _many(client: Client) -> object:
    return (await client.send_many([TO, OTHER], "Hello"))[0]


async def _mms(client: Client) -> object:
    return await client.push_mms(
        TO, mms_subject="s", mms_class=80, mms_expire=60, mms_from="f", mms_url="http://example.org/"
    )


async def _wap(client: Client) -> object:
    return await client.push_wap(TO, si_id="1", si_url="http://example.org/", si_text="t")


async def _status(client: Client) -> object:
    return await client.status(climsgid="before")


async def _charge(client: Client) -> object:
    return await client.charge(climsgid="before")


async def _cancel(client: Client) -> object:
    return await client.cancel(climsgid="before")


Action = Callable[[Client], Awaitable[object]]

HARMLESS: dict[str, Action] = {
    "auth": lambda client: client.authenticate(),
    "ping": lambda client: client.ping(),
    "querymsg": _status,
    "getmsgcharge": _charge,
    "delmsg": _cancel,
    "getbalance": lambda client: client.balance(),
    "routeCoverage": lambda client: client.coverage(TO),
    "startbatch": _batch,
}
SPENDS: dict[str, Action] = {
    "senditem": _item,
    "token_pay": lambda client: client.redeem(VOUCHER),
    "ind_push": _mms,
    "si_push": _wap,
}
SENDS: dict[str, Action] = {"sendmsg": lambda client: client.send(TO, "Hello")}
LISTS: dict[str, Action] = {"sendmsg": _many, "quicksend": _quick}

NOT_SENT = [Fault.TOO_MANY]
LOST = [
    Fault.RESET,
    Fault.CLOSED,
    Fault.CUT,
    Fault.SILENCE,
    Fault.DRIP,
    Fault.ERROR_PAGE,
    Fault.UNAVAILABLE,
    Fault.REDIRECT,
    Fault.NO_CONTENT,
]
UNREADABLE = [Fault.EMPTY, Fault.JUNK, Fault.ECHO, Fault.HUGE]


async def outcome(action: Action, client: Client) -> type:
    """The class of what a call gives, or raises."""
    try:
        return type(await action(client))
    except ClickatellError as error:
        return type(error)


@asynccontextmanager
async def failing(command: str, fault: Fault) -> AsyncIterator[tuple[FaultyGateway, Client]]:
    """A gateway that has taken one message, ``climsgid`` "before", and from then on fails in one command."""
    faulty = FaultyGateway(Gateway())
    timeout = 0.5 if fault in THAT_WAIT else 10.0
    async with (
        faulty.serve() as url,
        Client(api_id=1, user="demo", password="demo", base_url=url, retries=RETRIES, timeout=timeout) as client,
    ):
        await client.send(TO, "Before", climsgid="before", deliv_time=60)
        faulty.script = always(command, fault)
        faulty.calls.clear()
        yield faulty, client


async def tried(actions: dict[str, Action], fault: Fault) -> dict[str, tuple[type, int, int]]:
    """For each command: its outcome, how often it arrived at the gateway, how many messages it left there."""
    told: dict[str, tuple[type, int, int]] = {}

    async def trial(command: str, action: Action) -> None:
        async with failing(command, fault) as (faulty, client):
            kind = await outcome(action, client)
            told[command] = kind, faulty.calls[command], len(faulty.gateway.messages) - 1

    async with anyio.create_task_group() as tasks:
        for command, action in actions.items():
            tasks.start_soon(trial, command, action)
    return told


EVERY = 1 + RETRIES


@pytest.mark.parametrize("fault", NOT_SENT)
async def test_what_was_not_sent_is_repeated(fault: Fault) -> None:
    """What was certainly not sent is repeated and raised as a transport error."""
    every = HARMLESS | SPENDS | SENDS
    assert await tried(every, fault) == dict.fromkeys(every, (TransportError, EVERY, 0))


@pytest.mark.parametrize("fault", LOST)
async def test_a_lost_reply_where_nothing_is_sent_is_repeated(
    fault: Fault,
) -> None:
    """A lost reply of a call that sends nothing is repeated and raised as a transport error."""
    assert await tried(HARMLESS, fault) == dict.fromkeys(HARMLESS, (TransportError, EVERY, 0))


@pytest.mark.parametrize("fault", UNREADABLE)
async def test_junk_where_nothing_is_sent_is_a_protocol_error(fault: Fault) -> None:
    """An unreadable reply of a call that sends nothing is a protocol error."""
    assert await tried(HARMLESS, fault) == dict.fromkeys(HARMLESS, (ProtocolError, EVERY, 0))


@pytest.mark.parametrize("fault", LOST + UNREADABLE)
async def test_what_may_have_spent_is_never_repeated(fault: Fault) -> None:
    """An unknown outcome of a call that spends is never repeated."""
    messages = {"senditem": 1, "token_pay": 0, "ind_push": 1, "si_push": 1}
    assert await tried(SPENDS, fault) == {name: (OutcomeUnknownError, 1, messages[name]) for name in SPENDS}


@pytest.mark.parametrize("fault", LOST + UNREADABLE)
async def test_an_unknown_send_is_asked_about_and_found_accepted(fault: Fault) -> None:
    """A send with an unknown outcome is asked about and found accepted."""
    assert await tried(SENDS, fault) == {"sendmsg": (Accepted, 1, 1)}


@pytest.mark.parametrize("fault", LOST + UNREADABLE)
async def test_many_recipients_of_an_unknown_outcome_are_uncertain(fault: Fault) -> None:
    assert await tried(LISTS, fault) == {"sendmsg": (Uncertain, 1, 2), "quicksend": (Uncertain, 1, 2)}


@pytest.mark.parametrize("fault", NOT_SENT)
async def test_many_who_were_not_sent_to_are_rejected(fault: Fault) -> None:
    """Many recipients who were certainly not sent to are rejected."""
    assert await tried(LISTS, fault) == {"sendmsg": (Rejected, EVERY, 0), "quicksend": (Rejected, EVERY, 0)}


async def test_a_send_that_never_arrived_is_not_repeated() -> None:
    """A send that the gateway never saw is unknown and not repeated."""
    async with failing("sendmsg", Fault.RESET_UNSEEN) as (faulty, client):
        with pytest.raises(OutcomeUnknownError) as caught:
            await client.send(TO, "Hello")
        assert caught.value.known_to_gateway is False
        assert caught.value.to == TO
        assert faulty.calls["sendmsg"] == 1
        assert caught.value.climsgid == faulty.bodies[-1]["climsgid"]


async def test_a_missing_line_is_uncertain_and_the_others_are_accepted() -> None:
    async with failing("sendmsg", Fault.FEWER_LINES) as (faulty, client):
        results = await client.send_many(["27820000001", "27820000002", "27820000003"], "Hello")
        assert [type(result) for result in results] == [Accepted, Accepted, Uncertain]
        assert faulty.calls["sendmsg"] == 1


async def test_a_refused_connection_is_a_transport_error() -> None:
    """A refused connection is a transport error for every call."""
    for action in (HARMLESS | SENDS | SPENDS).values():
        client = Client(api_id=1, user="demo", password="demo", base_url=f"http://127.0.0.1:{closed_port()}", retries=0)
        async with client:
            assert await outcome(action, client) is TransportError


async def test_no_connection_in_time_is_a_transport_error() -> None:
    """A connection that cannot be made in time is a transport error."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.socket() as first, socket.socket() as second:
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        port = full.getsockname()[1]
        async with Client(
            api_id=1, user="demo", password="demo", base_url=f"http://127.0.0.1:{port}", retries=0, timeout=0.3
        ) as client:
            with pytest.raises(TransportError, match="connect"):
                await client.send(TO, "Hello")


async def test_a_call_goes_through_when_only_the_first_try_failed() -> None:
    async with failing("getbalance", Fault.RESET) as (faulty, client):
        faulty.script = once("getbalance", Fault.RESET)
        assert await client.balance() == 999
        assert faulty.calls["getbalance"] == 2


async def test_901_and_429_ask_for_a_repeat() -> None:
    """A send is repeated when the gateway asks for it by 901 or 429."""
    for fault in (Fault.RETRY, Fault.TOO_MANY, Fault.EXPIRED):
        async with failing("sendmsg", fault) as (faulty, client):
            faulty.script = once("sendmsg", fault)
            assert isinstance(await client.send(TO, "Hello"), Accepted)
            assert faulty.calls["sendmsg"] == 2
            assert len(faulty.gateway.messages) == 2


async def test_the_users_client_follows_no_redirect_either() -> None:
    """A redirect is not followed by the user's own client either."""
    import httpx

    faulty = FaultyGateway(Gateway())
    async with faulty.serve() as url, httpx.AsyncClient(follow_redirects=True) as own:
        async with Client(api_id=1, user="demo", password="demo", base_url=url, http_client=own, retries=0) as client:
            await client.balance()
            faulty.script = always("sendmsg", Fault.REDIRECT)
            assert isinstance(await client.send(TO, "Hello"), Accepted)
            assert faulty.calls["sendmsg"] == 1
            assert len(faulty.gateway.messages) == 1
