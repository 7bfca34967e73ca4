"""Forks, the end of a program and Ctrl-C: programs that use `clickasync.blocking`, each in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from clickasync.simulator import Gateway
from tests.support.faulty_gateway import Fault, FaultyGateway, always
from tests.support.served import served, wait_until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")

HEAD = """
import atexit, os, sys, threading, time
from clickasync.blocking import Client
client = Client(api_id=1, user="demo", password="demo", base_url=sys.argv[1])
"""


@contextmanager
def started(program: str, url: str) -> Iterator[subprocess.Popen[str]]:
    """A program that runs. Warnings are errors, but for the one that says that a fork with threads is dangerous.

    It has a process group to itself, so that it can be ended with its children.
    """
    command = [sys.executable, "-W", "error", "-W", "ignore:This process:DeprecationWarning", "-c"]
    with subprocess.Popen(
        [*command, HEAD + textwrap.dedent(program), url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def output(program: str, url: str) -> str:
    """What it prints; it must end by itself, with status 0 and nothing on stderr."""
    with started(program, url) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    return out


FORK = """
def child(what):
    pid = os.fork()
    if pid == 0:
        try:
            what()
            sys.stdout.flush()
            os._exit(0)
        except BaseException as error:
            print("child:", repr(error), flush=True)
            os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0
"""


def test_a_client_is_used_by_parent_and_children() -> None:
    """The session is kept: the gateway does not care who uses it."""
    gateway = Gateway()
    with served(gateway) as url:
        program = FORK + textwrap.dedent("""
            client.send("27820000001", "parent")
            for number in range(3):
                child(lambda: client.send(f"2782000001{number}", "child"))
                client.send(f"2782000002{number}", "parent")
            client.close()
        """)
        output(program, url)
    assert [message.text for message in gateway.messages] == ["parent", *["child", "parent"] * 3]
    assert gateway.authentications == 1


def test_a_client_is_first_used_after_the_fork() -> None:
    """As in a server that forks its workers."""
    gateway = Gateway()
    with served(gateway) as url:
        program = FORK + 'child(lambda: client.send("27820000001", "child"))\nclient.send("27820000002", "parent")'
        output(program, url)
    assert [message.text for message in gateway.messages] == ["child", "parent"]


def test_a_fork_in_the_middle_of_calls_harms_nobody() -> None:
    """Whatever lock the other threads hold at that moment is none of the child's."""
    gateway = Gateway(credits=100_000)
    with served(gateway) as url:
        program = FORK + textwrap.dedent("""
            go_on = True
            def work():
                while go_on:
                    client.send("27820000001", "thread")
            threads = [threading.Thread(target=work) for _ in range(4)]
            for thread in threads:
                thread.start()
            for number in range(20):
                child(lambda: client.send(f"2782000{number:04d}", "child"))
            go_on = False
            for thread in threads:
                thread.join()
        """)
        output(program, url)
    assert [message.text for message in gateway.messages].count("child") == 20


def test_a_program_ends_without_closing_its_client() -> None:
    gateway = Gateway()
    with served(gateway) as url:
        assert output('print(client.send("27820000001", "Hi").ok)', url) == "True\n"


def test_a_program_ends_while_another_thread_waits() -> None:
    """Nobody waits for a daemon's call, and its outcome is unknown."""
    faulty = FaultyGateway(Gateway(), always("sendmsg", Fault.SILENCE))
    with served(faulty) as url:
        program = """
            def work():
                try:
                    client.send("27820000001", "Hi")
                except Exception as error:
                    print(type(error).__name__, flush=True)
            threading.Thread(target=work, daemon=True).start()
            sys.stdin.read()
        """
        with started(program, url) as process:
            wait_until(lambda: faulty.calls["sendmsg"] == 1)
            out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
    assert out in ("", "OutcomeUnknownError\n")


def test_a_last_message_may_be_sent_at_exit() -> None:
    """By a function that was registered after the client was first used."""
    gateway = Gateway()
    with served(gateway) as url:
        program = """
            client.balance()
            atexit.register(lambda: client.send("27820000001", "good bye"))
        """
        output(program, url)
    assert [message.text for message in gateway.messages] == ["good bye"]


def test_too_late_at_exit_is_said_clearly() -> None:
    gateway = Gateway()
    with served(gateway) as url:
        program = """
            def late():
                try:
                    client.send("27820000001", "good bye")
                except Exception as error:
                    print(type(error).__name__, error)
            atexit.register(late)
            client.balance()
        """
        assert output(program, url) == "ClosedError the interpreter is about to exit; nothing was sent\n"
    assert gateway.messages == []


def test_the_end_of_the_program_ends_a_run() -> None:
    """In a thread that is still at it then, nothing is said of what may have been sent but that."""
    faulty = FaultyGateway(Gateway(), always("sendmsg", Fault.SILENCE))
    with served(faulty) as url:
        program = """
            def late():
                try:
                    next(run)
                except Exception as error:
                    print(type(error).__name__, error)
                run.__exit__(None, None, None)
                print(*[type(result).__name__ for result in run.unfinished])
            atexit.register(late)  # before the loop is there, so that it runs when the loop has ended
            run = client.bulk(["27820000001"], "Hi").__enter__()
            thread = threading.Thread(target=lambda: next(run), daemon=True)
            threading.excepthook = lambda hook: None
            thread.start()
            sys.stdin.read()
        """
        with started(program, url) as process:
            wait_until(lambda: faulty.calls["sendmsg"] == 1)
            out, err = process.communicate(timeout=30)
    said = "ClosedError the interpreter is about to exit; `unfinished` has what was under way"
    assert (process.returncode, out, err) == (0, f"{said}\nUncertain\n", "")


def test_ctrl_c_ends_a_call_that_hangs() -> None:
    """And the list of what became of the recipients is complete by then."""
    faulty = FaultyGateway(Gateway(), always("sendmsg", Fault.SILENCE))
    with served(faulty) as url:
        program = """
            results = []
            try:
                client.send_many(["27820000001", "27820000002"], "Hi", into=results)
            except KeyboardInterrupt:
                print(*[type(result).__name__ for result in results])
        """
        with started(program, url) as process:
            wait_until(lambda: faulty.calls["sendmsg"] == 1)
            os.kill(process.pid, signal.SIGINT)
            out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "Uncertain Uncertain\n", "")


def test_a_time_limit_ends_a_call_that_hangs() -> None:
    """As of a Celery task: the handler of a signal raises, in the thread that waits."""
    faulty = FaultyGateway(Gateway(), always("sendmsg", Fault.SILENCE))
    with served(faulty) as url:
        program = """
            import signal
            class SoftTimeLimitExceeded(Exception): ...
            def expire(*_):
                raise SoftTimeLimitExceeded
            signal.signal(signal.SIGUSR1, expire)
            results = []
            try:
                client.send_many(["27820000001", "27820000002"], "Hi", into=results)
            except SoftTimeLimitExceeded:
                print(*[type(result).__name__ for result in results])
            with client.bulk(["27820000001"], "Hi") as run:
                print("again", flush=True)
                try:
                    list(run)
                except SoftTimeLimitExceeded:
                    pass
            print(*[type(result).__name__ for result in run.unfinished])
        """
        with started(program, url) as process:
            for calls in (1, 2):
                wait_until(lambda calls=calls: faulty.calls["sendmsg"] == calls)  # type: ignore[misc]
                os.kill(process.pid, signal.SIGUSR1)
            out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "Uncertain Uncertain\nagain\nUncertain\n", "")


def test_the_handler_of_a_signal_may_send() -> None:
    """Also while the very first call is starting the loop, which takes longer than a millisecond."""
    gateway = Gateway()
    with served(gateway) as url:
        program = """
            import signal
            signal.signal(signal.SIGALRM, lambda *_: client.send("27820000001", "handler"))
            signal.setitimer(signal.ITIMER_REAL, 0.001)
            for _ in range(5):
                client.send("27820000002", "main")
            signal.setitimer(signal.ITIMER_REAL, 0.001)
            for _ in range(5):
                client.send("27820000002", "main")
        """
        output(program, url)
    assert [message.text for message in gateway.messages].count("main") == 10
    assert [message.text for message in gateway.messages].count("handler") in (1, 2)


def test_threads_go_on_when_the_main_one_has_ended() -> None:
    """The host is still looked up then, though the pools of threads of the standard library take nothing any more."""
    gateway = Gateway()
    with served(gateway) as url:
        program = """
            def work():
                threading.main_thread().join()
                print(client.send("27820000001", "Hi").ok)
            Client(api_id=1, user="demo", password="demo").close()  # starts the loop
            atexit.register(lambda: print(client.balance()))
            threading.Thread(target=work).start()
        """
        assert output(program, url.replace("127.0.0.1", "localhost")) == "True\n999.0\n"
