"""What is said of a connection that failed."""

from __future__ import annotations

import select
import socket

import pytest

from clickasync.transport.connection import Poll, describe


def test_the_systems_words_are_shown() -> None:
    """The deepest ones; those of libraries are not, because they may hold a URL."""
    inner = OSError(111, "Connection refused")
    outer = RuntimeError("https://example.org/token")
    outer.__cause__ = ExceptionGroup("several", [inner, OSError("another")])
    assert describe("could not connect", outer) == "could not connect: [Errno 111] Connection refused"


def test_an_error_without_words_of_the_system_has_none() -> None:
    """What happened is enough."""
    assert describe("the connection broke", RuntimeError("https://example.org/token")) == "the connection broke"


def test_an_error_that_is_its_own_cause_is_described() -> None:
    """Test transports raise one exception again and again."""
    error, other = RuntimeError("a"), OSError("the system's")
    error.__cause__, other.__cause__ = other, error
    assert describe("the connection broke", error) == "the connection broke: the system's"


@pytest.mark.skipif(not hasattr(select, "poll"), reason="Windows, where descriptors are no small numbers")
def test_a_socket_of_a_high_number_can_be_looked_at() -> None:
    """A process of many connections has descriptors above 1023, which ``select`` refuses."""
    import fcntl
    import resource

    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] <= 1024:
        pytest.skip("this machine allows no more descriptors")
    ours, theirs = socket.socketpair()
    with ours, theirs, socket.socket(fileno=fcntl.fcntl(ours.fileno(), fcntl.F_DUPFD, 1024)) as high:
        has_come = Poll(high)
        assert not has_come()
        theirs.send(b"x")
        assert has_come()
