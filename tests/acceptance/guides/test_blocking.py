"""The guide to sync code: its examples, run with Django, Flask and Celery."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from clickasync.simulator import Gateway
from tests.support.faulty_gateway import Fault, FaultyGateway
from tests.support.guide import Guide
from tests.support.served import served

GUIDE = Guide("blocking")
TO = "27821234567"
ROOT: Final = Path(__file__).parents[2]

SETTINGS: Final = {
    "settings.py": """
SECRET_KEY = "not one"
INSTALLED_APPS = ["shop"]
ROOT_URLCONF = "urls"
ALLOWED_HOSTS = ["testserver"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "guests.db"}}
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
USE_TZ = True
""",
    "urls.py": """
from django.urls import path
from shop.views import invite
urlpatterns = [path("invite", invite)]
""",
    "shop/__init__.py": "",
    "shop/management/__init__.py": "",
    "shop/management/commands/__init__.py": "",
    "shop/models.py": """
from django.db import models

class Guest(models.Model):
    name = models.CharField(max_length=80)
    number = models.CharField(max_length=20)
    reminded = models.CharField(max_length=10, default="")
""",
}


def point_to(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"API_ID": "1", "USER": "demo", "PASSWORD": "demo", "BASE_URL": url}.items():
        monkeypatch.setenv(f"CLICKATELL_{name}", value)


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    """A served simulator that the environment points to."""
    gateway = Gateway()
    with served(gateway) as url:
        point_to(url, monkeypatch)
        yield gateway


def test_every_block_is_an_example() -> None:
    blocks = re.findall(r"<!-- (?:example|file): (\S+) -->\n```python", GUIDE.text)
    assert len(blocks) == GUIDE.text.count("```python")
    assert GUIDE.examples.keys() == {"script", "flask", "celery"}


def test_the_script_sends(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    GUIDE.run("script")
    assert [message.text for message in gateway.messages] == ["Your code is 4711", *["Doors open at 8"] * 2]
    assert capsys.readouterr().out.splitlines()[0] == "accepted: True"


def test_flask_answers(gateway: Gateway) -> None:
    names = GUIDE.run("flask")
    web = names["app"].test_client()
    assert web.post("/invite", data={"to": TO}).get_json() == {"sent": "yes", "id": gateway.messages[0].id}
    assert web.post("/invite", data={"to": "999114"}).status_code == 502
    gateway.forget_sessions()
    names["client"]().close()


PROBE: Final = """
import django, io
django.setup()
from django.core.management import call_command
from django.test import Client
from shop.models import Guest
from shop.sms import client
call_command("migrate", run_syncdb=True, verbosity=0)
web = Client()
answers = [web.post("/invite", {"to": to}) for to in ("27821234567", "nobody", "999114")]
print([(answer.status_code, answer.json().get("sent")) for answer in answers])
numbers = ["999114", *[f"2782{number:07d}" for number in range(320)]]
Guest.objects.bulk_create(Guest(name="Guest", number=number) for number in numbers)
for _ in range(2):
    out = io.StringIO()
    call_command("remind", stdout=out)
    print(out.getvalue().strip())
print(Guest.objects.filter(reminded="yes").count(), Guest.objects.filter(reminded="").count())
client().close()
"""


def test_django_answers_and_its_command_reminds(gateway: Gateway, tmp_path: Path) -> None:
    gateway.account.credits *= 10
    for name, code in {**SETTINGS, **GUIDE.files}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code, encoding="utf-8")
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "settings", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", PROBE], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "[(200, 'yes'), (422, None), (502, 'no')]",
        "320 reminded",
        "0 reminded",
        "320 1",
    ]
    assert len(gateway.messages) == 1 + 320
    assert gateway.authentications == 1


def test_celery_retries_only_what_was_certainly_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks run here at once, and so do those that a task starts."""
    faults = {0: Fault.TOO_MANY, 1: Fault.TOO_MANY, 2: Fault.TOO_MANY, 4: Fault.RESET_UNSEEN}
    faulty = FaultyGateway(Gateway(), lambda name, before: faults.get(before) if name == "sendmsg" else None)
    with served(faulty) as url:
        point_to(url, monkeypatch)
        names: dict[str, Any] = GUIDE.run("celery")
        names["app"].conf.update(task_always_eager=True, broker_url="memory://")
        names["log_in"]()
        assert names["send_sms"].apply((TO, "Hi")).get() == faulty.gateway.messages[0].id
        assert names["send_sms"].apply((TO, "Hi again")).get() == "perhaps"
        assert faulty.calls["querymsg"] == 2, "the client asked, and the task that looks it up"
        assert "not accepted" in names["look_it_up"].apply(("nobody",)).get()
        names["client"]().close()
    assert [message.text for message in faulty.gateway.messages] == ["Hi"]
    assert faulty.calls["sendmsg"] == 5
    assert faulty.gateway.authentications == 1
