"""The simulator's own floors, read from its source: the world knows nobody, and nothing goes in a circle."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from clickasync import simulator

ROOT = Path(simulator.__file__).parent
NAME = "clickasync.simulator"

ABOVE: dict[str, set[str]] = {
    "world": set(),
    "faults": {"world"},
    "commands": {"world", "faults"},
    "callbacks": {"world"},
    "connect": {"world"},
    "answer": {"faults"},
    "readings": {"world"},
    "desk": {"answer", "commands", "faults", "world"},
    "gateway": {"answer", "callbacks", "commands", "connect", "desk", "faults", "readings", "world"},
    "server": {"answer", "callbacks", "commands", "connect", "faults", "gateway", "world"},
}
"""Which room of the simulator may know which others."""


def imports_of(path: Path) -> Iterator[str]:
    """All that a module imports, for annotations and in functions too."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            for alias in node.names:
                inside = ROOT.parent.parent.joinpath(*f"{module}.{alias.name}".split("."))
                is_module = inside.with_suffix(".py").exists() or (inside / "__init__.py").exists()
                yield f"{module}.{alias.name}" if is_module else module


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT.parent.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in sorted(ROOT.rglob("*.py"))}


@pytest.mark.parametrize("module", sorted(MODULES.keys() - {NAME}))
def test_a_room_knows_only_the_rooms_below_it(module: str) -> None:
    room = module.split(".")[2]
    for name in imports_of(MODULES[module]):
        if name.startswith(f"{NAME}."):
            assert name.split(".")[2] in ABOVE[room] | {room}, f"{module} imports {name}"
        elif name.startswith("clickasync"):
            assert name.split(".")[1] in {"_version", "codes", "encoding"}, f"{module} imports {name}"


def test_nothing_goes_in_a_circle_not_even_annotations() -> None:
    needed = {name: {other for other in imports_of(path) if other in MODULES} for name, path in MODULES.items()}
    for name in needed:
        needed[name] -= {name, *(whole for whole in MODULES if name.startswith(f"{whole}."))}
    while free := [name for name, others in needed.items() if not others & needed.keys()]:
        for name in free:
            del needed[name]
    assert not needed, "these import each other in a ring"


@pytest.mark.parametrize("module", MODULES)
def test_a_module_is_read_in_one_sitting(module: str) -> None:
    assert len(MODULES[module].read_text("utf-8").splitlines()) <= 400


def attributes_of(definition: ast.ClassDef) -> set[str]:
    """What a class keeps: its annotated fields, and what its methods give to self."""
    fields = {
        node.target.id
        for node in definition.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and "ClassVar" not in ast.unparse(node)
    }
    given = {
        node.attr
        for node in ast.walk(definition)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self"
    }
    return fields | given


@pytest.mark.parametrize("module", MODULES)
def test_a_class_keeps_ten_things_at_the_most(module: str) -> None:
    tree = ast.parse(MODULES[module].read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and not any("TypedDict" in ast.unparse(base) for base in node.bases):
            assert len(attributes_of(node)) <= 10, (node.name, sorted(attributes_of(node)))
