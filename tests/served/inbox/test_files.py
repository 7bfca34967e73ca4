"""What the page is made of: only its own files, which can load nothing else and read no HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import httpx
import pytest

from clickasync.simulator import Gateway, serving

FOLDER = Path(str(files("clickasync.simulator") / "inbox"))
MODULES = sorted(FOLDER.rglob("*.js"))


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    with serving(Gateway()) as url, httpx.Client(base_url=url, trust_env=False) as client:
        yield client


def test_the_page_may_load_its_own_files_and_nothing_else(http: httpx.Client) -> None:
    page = http.get("/")
    policy = dict(rule.split(" ", 1) for rule in page.headers["content-security-policy"].split("; "))
    assert policy.pop("default-src") == "'none'"
    assert policy.pop("require-trusted-types-for") == "'script'"
    assert set(policy.values()) == {"'self'", "'none'"}
    assert page.headers["x-content-type-options"] == "nosniff"
    assert not re.findall(r"(?:src|href)=\"(?:https?:)?//", page.text)
    assert "<style" not in page.text
    assert " style=" not in page.text


def test_every_file_that_is_asked_for_is_there(http: httpx.Client) -> None:
    asked = set(re.findall(r'"(/inbox/[^"]+)"', http.get("/").text))
    for module in MODULES:
        asked |= {f"/inbox/js/{name}" for name in re.findall(r'from "\./([^"]+)"', module.read_text("utf-8"))}
    assert len(asked) > 15
    for path in asked:
        answer = http.get(path)
        assert answer.status_code == 200, path
        assert answer.headers["content-type"].partition(";")[0] in {"text/css", "text/javascript", "image/svg+xml"}


@pytest.mark.parametrize(
    "path", ["/inbox/", "/inbox/../gateway.py", "/inbox/%2e%2e/gateway.py", "/inbox/js", "/inbox/x"]
)
def test_no_other_file_is_served(http: httpx.Client, path: str) -> None:
    assert http.get(f"/inbox/{path}").status_code == 404


@pytest.mark.parametrize("module", MODULES, ids=[module.name for module in MODULES])
def test_no_module_reads_html_or_runs_text(module: Path) -> None:
    text = module.read_text("utf-8")
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser", text
    )
    assert len(text.splitlines()) <= 250


def test_every_module_says_what_it_is(http: httpx.Client) -> None:
    assert all(module.read_text("utf-8").startswith("// ") for module in MODULES)
