"""Which of a host's addresses a connection goes to, on asyncio. (On trio, anyio decides.)"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import anyio.to_thread
import pytest

from clickasync.transport.on_asyncio import addresses_of, first_to_answer
from tests.support.faulty_gateway import closed_port

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", ["asyncio"])]


def addresses(*hosts: str, port: int) -> list[tuple[int, int, int, str, tuple[str, int]]]:
    """As ``getaddrinfo`` gives them."""
    return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port)) for host in hosts]


@contextmanager
def deaf(host: str, port: int) -> Iterator[None]:
    """An address that does not answer."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind((host, port))
        listener.listen(0)  # and with its queue full, the system answers nobody
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex((host, port))
        yield


async def test_the_next_address_is_tried_when_one_refuses() -> None:
    """A host may have addresses that are of no use here."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with await first_to_answer(addresses("127.0.0.3", "127.0.0.2", "127.0.0.1", port=port)) as connected:
            assert connected.getpeername() == ("127.0.0.1", port)


async def test_a_silent_address_does_not_hold_up_the_next() -> None:
    """The next is tried besides, and the silent one given up."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with deaf("127.0.0.2", port):
            with await first_to_answer(addresses("127.0.0.2", "127.0.0.1", port=port)) as connected:
                assert connected.getpeername() == ("127.0.0.1", port)


async def test_when_all_addresses_refuse_it_is_an_error() -> None:
    """With the system's words."""
    with pytest.raises(OSError, match=r"(?i)connect"):
        await first_to_answer(addresses("127.0.0.2", "127.0.0.1", port=closed_port()))


async def test_a_host_without_addresses_is_an_error() -> None:
    """And not a connection to anything."""
    with pytest.raises(OSError, match="^the host has no address$"):
        await first_to_answer([])


@pytest.mark.parametrize(
    ("host", "family", "where"),
    [("127.0.0.1", socket.AF_INET, ("127.0.0.1", 80)), ("::1", socket.AF_INET6, ("::1", 80, 0, 0))],
)
async def test_a_literal_address_is_its_own(host: str, family: int, where: tuple[object, ...]) -> None:
    """IPv4 and IPv6. No thread looks it up."""
    before = set(threading.enumerate())
    assert await addresses_of(host, 80) == [(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", where)]
    assert set(threading.enumerate()) <= before


async def test_a_name_is_looked_up() -> None:
    """By the system."""
    found = await addresses_of("localhost", 80)
    assert (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", 80)) in found
    assert {address[1] for address in found} == {socket.SOCK_STREAM}


async def test_a_name_is_looked_up_though_all_threads_are_taken() -> None:
    """The user's, which may wait for this very connection."""
    limiter = anyio.to_thread.current_default_thread_limiter()
    limiter.total_tokens = 1
    await limiter.acquire_on_behalf_of("a thread of the user's")
    with anyio.fail_after(5):
        assert await addresses_of("localhost", 80)


async def test_a_name_is_looked_up_though_no_thread_starts() -> None:
    """As when Python ends. Here, because none can have so large a stack."""
    usual = threading.stack_size(1 << 47)
    try:
        assert await addresses_of("localhost", 80)
    finally:
        threading.stack_size(usual)
