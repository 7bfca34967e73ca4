"""The guide to tests: projects of users, with the plugin, as they stand there. pytest runs them in processes."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

import pytest

import clickasync
from clickasync.confinement import VARIABLE
from clickasync.testing import Clickatell
from tests.support.guide import Guide

pytest_plugins = ["pytester"]

GUIDE = Guide("testing")
ROOT: Final = Path(clickasync.__file__).parents[1]

AROUND: Final = {
    "basics": {},
    "forgets": {},
    "fastapi": {
        "conftest.py": """
import pytest

@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param
"""
    },
    "django": {
        "conftest.py": """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
import django
django.setup()
""",
        "settings.py": """
SECRET_KEY = "not one"
ROOT_URLCONF = "urls"
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = []
DATABASES = {}
""",
        "urls.py": """
from django.urls import path
from party.views import callback, invite
urlpatterns = [path("invite", invite), path("callback", callback)]
""",
    },
}
"""By project: what the guide leaves out."""

TESTS: Final = {"basics": 2, "forgets": 1, "fastapi": 7, "django": 3}


def test_every_block_is_a_file_of_a_project() -> None:
    assert {name.partition("/")[0] for name in GUIDE.files} == AROUND.keys()
    assert GUIDE.text.count("```python") == len(GUIDE.files)


@pytest.mark.parametrize("name", AROUND)
def test_a_project_of_a_user_passes(name: str, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(pytester.path)]))
    files = {path.partition("/")[2]: code for path, code in GUIDE.files.items() if path.startswith(f"{name}/")}
    for path, code in {**AROUND[name], **files, "pytest.ini": "[pytest]\naddopts = --strict-markers\n"}.items():
        file = pytester.path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(code, encoding="utf-8")
    result = pytester.runpytest_subprocess("-q", "-p", "no:asyncio")
    result.assert_outcomes(passed=TESTS[name])


def test_the_guide_names_all_that_the_fixture_has() -> None:
    named = set(re.findall(r"`(?:await )?([a-z_]+)", GUIDE.text))
    public = {name for name in vars(Clickatell) if not name.startswith("_")} | {"url", "gateway"}
    assert public <= named
