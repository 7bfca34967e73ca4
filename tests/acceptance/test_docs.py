"""What `make docs` looks for: links that lead nowhere, and public names without a docstring."""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path
from typing import Any, Final

import pdoc.doc
import pytest

SCRIPT: Final = Path(__file__).parents[2] / ".ci" / "docs" / "build.py"


@pytest.fixture(scope="module")
def script() -> Any:
    spec = importlib.util.spec_from_file_location("build_docs", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_broken_link_is_found(script: Any, tmp_path: Path) -> None:
    """To a file, to an anchor of another page, and to one of its own."""
    page = '<h1 id="top">a</h1><a href="{}">b</a>'
    for name, link in {"a": "b.html#top", "b": "c.html", "d": "a.html#gone", "e": "#gone", "f": "https://x"}.items():
        (tmp_path / f"{name}.html").write_text(page.format(link))
    pages = {file: script.Page(file.read_text()) for file in tmp_path.iterdir()}
    found = sorted(problem.removeprefix(str(tmp_path)) for problem in script.broken_links(pages))
    assert found == [
        "/b.html: c.html: there is no such file",
        "/d.html: a.html#gone: there is no such anchor",
        "/e.html: #gone: there is no such anchor",
    ]


def test_a_broken_link_of_a_guide_is_found(script: Any, tmp_path: Path) -> None:
    """Headings are anchors as the code host makes them; what stands in code is no link."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "a.md").write_text(
        "# `send_many`, and more: *all*\n[a](#send_many-and-more-all) [b](folder/) [c](b.md#gone) [d](gone.md)\n"
        "```python\nx[0](y)\n```\n"
    )
    (tmp_path / "b.md").write_text("# B\n")
    texts = {file: script.Text(file.read_text()) for file in tmp_path.glob("*.md")}
    found = [problem.removeprefix(str(tmp_path)) for problem in script.broken_links(texts)]
    assert found == ["/a.md: b.md#gone: there is no such anchor", "/a.md: gone.md: there is no such file"]


def test_a_name_without_a_docstring_is_found(script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("library", "A library.")
    monkeypatch.setitem(sys.modules, "library", module)  # where pdoc looks for it
    code = """
class Explained:
    'A class.'
    def explained(self): 'A method.'
    def bare(self): ...
def bare(): ...
def explained(): 'A function.'
__all__ = ['Explained', 'bare', 'explained']
"""
    exec(code, vars(module))
    assert list(script.undocumented([pdoc.doc.Module(module)])) == ["library.Explained.bare", "library.bare"]


def test_each_public_name_has_a_page(script: Any) -> None:
    """And each guide; names for other rooms of the package have none."""
    pages = script.find_pages()
    assert {"Bulk", "Client", "ConnectClient", "ErrorCode", "SendResult"} <= {
        name for names in pages.values() for name in names
    }
    assert pages["clickasync.bulk"] == ["Bulk"]
    assert pages["clickasync.core"] == pages["clickasync"] == []
    assert "normalise" in pages["clickasync.numbers"]
