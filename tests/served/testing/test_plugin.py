"""The pytest plugin, in projects of users: each is a folder of its own, whose tests pytest runs."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from clickasync.confinement import VARIABLE, confinement, say

pytest_plugins = ["pytester"]

ELSEWHERE = "https://gateway.invalid"


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """An empty project, whose pytest finds the plugin by itself, in a process of its own."""
    monkeypatch.delenv(VARIABLE, raising=False)
    pytester.makeini("[pytest]\naddopts = --strict-markers\nasyncio_mode = strict\n")
    return pytester


def run(project: pytest.Pytester, *options: str, **outcomes: int) -> pytest.RunResult:
    result = project.runpytest_subprocess("-q", *options)
    result.assert_outcomes(**outcomes)
    return result


def test_nothing_is_imported_or_started_until_it_is_asked_for(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import sys, threading
        def test_nothing():
            loaded = {name for name in sys.modules if name.split(".")[0] == "clickasync"}
            assert loaded == {
                "clickasync",
                "clickasync._version",
                "clickasync.confinement",
                "clickasync.testing",
                "clickasync.testing.plugin",
            }
            assert not {"starlette", "h11", "httpx", "attrs", "sqlalchemy"} & sys.modules.keys()
            assert not [thread for thread in threading.enumerate() if "clickasync" in thread.name]
    """)
    run(project, "-p", "no:asyncio", "-p", "no:anyio", "-p", "no:hypothesispytest", "-p", "no:respx", passed=1)


def test_the_gateway_is_fresh_for_each_test(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import os
        from clickasync.blocking import Client
        import pytest

        @pytest.mark.parametrize("number", range(3))
        def test_sends(clickatell, number):
            clickatell.assert_nothing_sent()
            assert clickatell.gateway.credits == 1000
            assert os.environ["CLICKATELL_BASE_URL"] == clickatell.url
            clickatell.fail_next(error="301", times=number + 1)
            with Client(retries=0) as client:
                for _ in range(number + 1):
                    with pytest.raises(Exception, match="301"):
                        client.send("27821234567", "Hi")
                client.send("+27 82 123 4567", "Your code is 4711")
            assert clickatell.last.text == "Your code is 4711"
            assert clickatell.code(to="0821234567") == "4711"
            assert clickatell.gateway.requests["auth"] == 1
            clickatell.fail_next(error="301", times=9)
            clickatell.report_to("http://127.0.0.1:9/")

        def test_and_gone(monkeypatch):
            assert "CLICKATELL_BASE_URL" not in os.environ
    """)
    run(project, passed=4)


def test_markers_set_the_scene(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import time, pytest
        from clickasync import CreditError
        from clickasync.blocking import Client

        pytestmark = pytest.mark.clickatell(credits=1, speed=1000)

        def test_credits_and_speed(clickatell):
            with Client() as client:
                sent = client.send("27821234567", "Hi")
                with pytest.raises(CreditError):
                    client.send("27821234567", "Hi")
                assert client.wait_for_delivery(sent.id, timeout=4).status.value == "004"

        @pytest.mark.clickatell(credits=2)
        def test_the_nearest_marker_counts(clickatell):
            assert clickatell.gateway.credits == 2
            assert clickatell.gateway.world.clock.speed == 1000

        @pytest.mark.clickatell(colour="blue")
        def test_unknown_settings_are_refused(clickatell): ...

        @pytest.mark.clickatell(7)
        def test_so_are_settings_without_a_name(clickatell): ...
    """)
    result = run(project, passed=2, errors=2)
    result.stdout.fnmatch_lines(["*has no setting 'colour'; it has credits and speed*", "*takes its settings by name*"])


def test_a_test_that_forgets_the_fixture_sends_nothing(project: pytest.Pytester) -> None:
    """Neither by a client that was made when its module was imported, nor by a program that it starts."""
    project.makepyfile(
        shop=f"""
        from clickasync import Client
        client = Client(api_id=1, user="real", password="real", base_url="{ELSEWHERE}", retries=0)
        """,
        test_shop="""
        import asyncio, subprocess, sys
        import shop

        def test_forgets():
            asyncio.run(shop.client.send("27821234567", "Hi"))

        def test_forgets_in_a_program():
            code = "import asyncio, shop; asyncio.run(shop.client.send('27821234567', 'Hi'))"
            done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
            assert "ConfigurationError" in done.stderr
            assert "CLICKASYNC_ONLY_LOOPBACK" in done.stderr
        """,
    )
    result = run(project, failed=1, passed=1)
    result.stdout.fnmatch_lines(["*ConfigurationError: nothing was sent*@pytest.mark.clickatell_live*"])


def test_a_test_that_clears_the_environment_sends_nothing(project: pytest.Pytester) -> None:
    """As tests of settings do."""
    project.makepyfile(f"""
        import asyncio, os
        from unittest.mock import patch
        import pytest
        from clickasync import Client, ConfigurationError, TransportError

        LOGIN = {{"CLICKATELL_API_ID": "1", "CLICKATELL_USER": "real", "CLICKATELL_PASSWORD": "real"}}
        LOGIN["CLICKATELL_BASE_URL"] = "{ELSEWHERE}"

        @patch.dict(os.environ, LOGIN, clear=True)
        def test_clears():
            with pytest.raises(ConfigurationError, match="nothing was sent"):
                asyncio.run(Client().balance())

        @pytest.mark.clickatell_live
        @patch.dict(os.environ, LOGIN, clear=True)
        def test_live():
            with pytest.raises(TransportError):  # there is no such host
                asyncio.run(Client(retries=0).balance())

        def test_again():
            test_clears()
    """)
    run(project, passed=3)


def test_a_test_that_is_marked_live_may_send(project: pytest.Pytester) -> None:
    """And neither the tests before it nor those after it, which share a client with it."""
    project.makepyfile(f"""
        import asyncio, pytest
        from clickasync import Client, ConfigurationError, TransportError
        client = Client(api_id=1, user="real", password="real", base_url="{ELSEWHERE}", retries=0)

        def test_before():
            with pytest.raises(ConfigurationError):
                asyncio.run(client.balance())

        @pytest.mark.clickatell_live
        def test_live():
            with pytest.raises(TransportError):  # there is no such host
                asyncio.run(client.balance())

        test_after = test_before
    """)
    run(project, passed=3)


def test_a_client_with_an_http_client_is_let_through(project: pytest.Pytester) -> None:
    project.makepyfile(f"""
        import asyncio, httpx
        from clickasync import Client

        def test_with_a_transport_of_its_own():
            own = httpx.AsyncClient(transport=httpx.MockTransport(lambda request: httpx.Response(200, text="OK: 1")))
            client = Client(api_id=1, user="u", password="p", base_url="{ELSEWHERE}", http_client=own)
            asyncio.run(client.ping())
    """)
    run(project, passed=1)


@pytest.mark.parametrize("before", [None, "0"])
def test_the_variable_is_as_it_was_after_the_run(
    before: str | None, pytester: pytest.Pytester, request: pytest.FixtureRequest
) -> None:
    """And who sets it to 0 wants no guard."""
    request.addfinalizer(partial(say, confinement()))
    say(before)
    pytester.makepyfile(f"""
        import os
        def test_guarded():
            assert os.environ["CLICKASYNC_ONLY_LOOPBACK"] == "{before or 1}"
    """)
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    pytester.runpytest_inprocess("-q").assert_outcomes(passed=1)
    assert os.environ.get(VARIABLE) == confinement() == before


def test_it_can_be_switched_off(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import os
        def test_nothing():
            assert "CLICKASYNC_ONLY_LOOPBACK" not in os.environ
    """)
    run(project, "-p", "no:clickasync", passed=1)


def test_a_failed_assertion_lists_what_did_arrive(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import pytest
        from clickasync.blocking import Client

        @pytest.fixture(autouse=True)
        def sent(clickatell):
            with Client() as client:
                client.send_many(["27821234567", "999114"], "Your code is 4711")

        def test_to(clickatell):
            clickatell.assert_sent(to="27827654321")
        def test_text(clickatell):
            clickatell.assert_sent(text="Your code")
        def test_count(clickatell):
            clickatell.assert_sent(to="27821234567", count=2)
        def test_nothing(clickatell):
            clickatell.assert_nothing_sent()
        def test_wait(clickatell):
            clickatell.wait_for(to="27827654321", timeout=0.01)
        def test_code(clickatell):
            clickatell.code(to="27827654321")
    """)
    result = run(project, failed=6)
    result.stdout.fnmatch_lines(
        [
            "*expected 1 message to 27827654321, and there are none.",
            "*Accepted:",
            "*to 27821234567: 'Your code is 4711'",
            "*Refused:",
            "*sendmsg to 999114: 114 Cannot route message",
            "*expected 1 message with the text 'Your code', and there are none.",
            "*expected 2 messages to 27821234567, and there is 1.",
            "*nothing should have been sent.",
            "*expected 1 message to 27827654321 within 0.01 s, and there are none.",
            "*a code was expected to 27827654321.",
        ]
    )


@pytest.mark.parametrize(("mode", "loops"), [("strict", ["asyncio", "trio"]), ("auto", ["asyncio"])])
def test_async_plugins_work_side_by_side(mode: str, loops: list[str], project: pytest.Pytester) -> None:
    """pytest-asyncio and anyio, with fixtures that keep a client open. In auto mode the former takes all of these."""
    project.makepyfile(f"""
        import pytest, pytest_asyncio
        from clickasync import Client
        from clickasync.callbacks import receiver

        @pytest_asyncio.fixture
        async def client(clickatell):
            async with Client() as client:
                yield client

        @pytest.mark.asyncio
        async def test_of_pytest_asyncio(client, clickatell):
            answers = []
            async def note(message):
                answers.append(message.text)
            await client.send("27821234567", "Hi")
            clickatell.report_to(receiver(on_message=note))
            clickatell.reply("27821234567", "Yes")
            await clickatell.await_callbacks()
            assert answers == ["Yes"]

        @pytest.fixture(params={loops})
        def anyio_backend(request):
            return request.param

        @pytest.fixture
        async def other(clickatell, anyio_backend):
            async with Client() as client:
                yield client

        @pytest.mark.anyio
        async def test_of_anyio(other, clickatell):
            await other.send("27821234567", "Hi")
            assert (await clickatell.await_for()).text == "Hi"
    """)
    run(
        project,
        "-o",
        f"asyncio_mode={mode}",
        "-o",
        "asyncio_default_fixture_loop_scope=function",
        passed=1 + len(loops),
    )


def test_each_worker_of_xdist_has_a_gateway(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import pytest
        from clickasync.blocking import Client

        @pytest.mark.parametrize("number", range(20))
        def test_sends(clickatell, number):
            clickatell.assert_nothing_sent()
            with Client() as client:
                client.send(f"2782000{number:04d}", "Hi")
            clickatell.assert_sent(to=f"2782000{number:04d}", text="Hi")
            clickatell.assert_sent()
    """)
    run(project, "-n", "2", passed=20)


def test_the_plugin_costs_next_to_nothing() -> None:
    """Of what pytest imports by itself."""
    probe = "import pytest, sys; before = set(sys.modules); import clickasync.testing.plugin; "
    probe += "print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, cwd=Path.cwd())
    assert set(done.stdout.split()) <= {
        "clickasync",
        "clickasync._version",
        "clickasync.confinement",
        "clickasync.testing",
        "clickasync.testing.plugin",
    }
