"""The floors of the house: a module imports only from its own floor and those below, read from the source itself."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from attrs import field, frozen

import clickasync

ROOT: Final = Path(clickasync.__file__).parent

# The longest name that fits decides: a package stands for its modules, but for those that are named themselves.
FLOORS: Final[dict[str, int]] = {
    "clickasync._version": 0,
    # What the API knows by name: tables and alphabets, which import nothing of ours.
    "clickasync.codes": 1,
    "clickasync.redaction": 1,
    "clickasync.encoding": 1,
    # Values and exceptions.
    "clickasync.errors": 2,
    "clickasync.numbers": 2,
    "clickasync.results": 2,
    "clickasync.options": 2,
    "clickasync.connect.models": 2,
    # Text in, values out: no I/O.
    "clickasync.protocol": 3,
    "clickasync.law": 3,
    "clickasync.grouping": 3,
    "clickasync.recipients": 3,
    "clickasync.campaigns.states": 3,
    "clickasync.campaigns.blocks": 3,
    "clickasync.campaigns.windows": 3,
    "clickasync.campaigns.sheet": 3,
    "clickasync.campaigns.packing": 3,
    "clickasync.connect.actions": 3,
    "clickasync.connect.codec": 3,
    "clickasync.connect.readers": 3,
    "clickasync.callbacks.assembler": 3,
    "clickasync.callbacks.charsets": 3,
    "clickasync.callbacks.documents": 3,
    "clickasync.callbacks.models": 3,
    "clickasync.callbacks.parsing": 3,
    # The network.
    "clickasync.background": 4,
    "clickasync.caller": 4,
    "clickasync.calls": 4,
    "clickasync.rate": 4,
    "clickasync.session": 4,
    "clickasync.transport": 4,
    "clickasync.simulator": 4,
    # What users touch.
    "clickasync.batch": 5,
    "clickasync.bulk": 5,
    "clickasync.callbacks": 5,
    "clickasync.client": 5,
    "clickasync.connect": 5,
    "clickasync.delivery": 5,
    "clickasync.outage": 5,
    "clickasync.sending": 5,
    "clickasync": 6,
    "clickasync.campaigns": 6,
    "clickasync.cli": 7,
    "clickasync.__main__": 7,
}

# Only these know these libraries (but for names in annotations).
DOORS: Final[dict[str, tuple[str, ...]]] = {
    "httpx": ("clickasync.transport", "clickasync.simulator"),
    "httpx_aiohttp": ("clickasync.transport",),
    "xmltodict": ("clickasync.connect", "clickasync.callbacks", "clickasync.simulator"),
    "starlette": ("clickasync.simulator", "clickasync.callbacks.receiver"),
    "uvicorn": ("clickasync.simulator", "clickasync.cli"),
    "sqlalchemy": ("clickasync.campaigns",),
    "typer": ("clickasync.cli",),
    "rich": ("clickasync.cli",),
}

# Without I/O, a clock or randomness: what the floors 1 to 3 may not import.
IMPURE: Final = {"anyio", "asyncio", "trio", "httpx", "socket", "ssl", "time", "random", "secrets", "os", "logging"}

# The simulator reads requests and writes replies by itself, so that a misreading cannot cancel itself out.
FORBIDDEN_TO_THE_SIMULATOR: Final = (
    "clickasync.protocol",
    "clickasync.transport",
    "clickasync.session",
    "clickasync.client",
    "clickasync.caller",
    "clickasync.calls",
    "clickasync.connect.codec",
    "clickasync.callbacks",
)


@frozen
class Module:
    name: str
    is_package: bool
    eager: frozenset[str] = field(repr=False)
    """What importing it imports."""
    lazy: frozenset[str] = field(repr=False)
    """What its functions import when they are called."""

    @property
    def imports(self) -> frozenset[str]:
        return self.eager | self.lazy


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def _imports_in(nodes: list[ast.stmt], *, eager: bool) -> Iterator[tuple[str, bool]]:
    """The names that the statements import, each with whether that happens as soon as they are run."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((alias.name, eager) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"a relative import: {ast.unparse(node)}"
            # `from package import name` imports the module package.name, where there is one.
            yield from ((_module_of(node.module or "", alias.name), eager) for alias in node.names)
        elif _is_type_checking(node):
            assert isinstance(node, ast.If)
            yield from _imports_in(node.orelse, eager=eager)
        else:
            inner = eager and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            for name in ("body", "orelse", "finalbody", "handlers", "cases"):
                yield from _imports_in(getattr(node, name, []), eager=inner)


def _path_of(module: str) -> Path:
    return ROOT.parent.joinpath(*module.split("."))


def _module_of(package: str, name: str) -> str:
    inside = _path_of(f"{package}.{name}")
    return f"{package}.{name}" if inside.with_suffix(".py").exists() or inside.is_dir() else package


def _read(path: Path) -> Module:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    is_package = parts[-1] == "__init__"
    found = list(_imports_in(ast.parse(path.read_text("utf-8")).body, eager=True))
    return Module(
        ".".join(parts[:-1] if is_package else parts),
        is_package,
        frozenset(name for name, eager in found if eager),
        frozenset(name for name, eager in found if not eager),
    )


MODULES: Final = [_read(path) for path in sorted(ROOT.rglob("*.py"))]
OURS: Final = {module.name: module for module in MODULES}

every_module = pytest.mark.parametrize("module", MODULES, ids=[module.name for module in MODULES])


def within(name: str, place: str) -> bool:
    return name == place or name.startswith(f"{place}.")


def floor_of(name: str) -> int:
    fitting = [place for place in FLOORS if within(name, place) and (place != "clickasync" or name == place)]
    assert fitting, f"{name} stands on no floor: give it one, here and in the design"
    return FLOORS[max(fitting, key=len)]


def test_the_source_was_found() -> None:
    assert {"clickasync", "clickasync.codes", "clickasync.protocol.replies", "clickasync.client"} <= OURS.keys()
    assert OURS["clickasync.codes.http"].imports
    assert "clickasync.errors" in OURS["clickasync.options"].imports


def test_names_in_annotations_are_exempt() -> None:
    tree = ast.parse("if TYPE_CHECKING:\n    import a\nelse:\n    import b\ndef f():\n    import c\nimport d")
    assert list(_imports_in(tree.body, eager=True)) == [("b", True), ("c", False), ("d", True)]


@every_module
def test_a_module_imports_only_from_its_own_floor_and_those_below(module: Module) -> None:
    above = {name for name in module.imports if within(name, "clickasync") and floor_of(name) > floor_of(module.name)}
    assert not above


@every_module
def test_tables_and_alphabets_import_nothing_of_ours(module: Module) -> None:
    if floor_of(module.name) <= 1:
        own = module.name.rpartition(".")[0] if "." in module.name.removeprefix("clickasync.") else module.name
        assert not [name for name in module.imports if within(name, "clickasync") and not within(name, own)]


def test_no_two_modules_import_each_other() -> None:
    remaining = {
        module.name: {name for name in module.eager if name in OURS and name != module.name} for module in MODULES
    }
    while free := [name for name, needed in remaining.items() if not needed & remaining.keys()]:
        for name in free:
            del remaining[name]
    assert not remaining, "these import each other in a ring"


@every_module
def test_only_its_door_imports_a_library(module: Module) -> None:
    for library, doors in DOORS.items():
        if any(within(name, library) for name in module.imports):
            assert any(within(module.name, door) for door in doors), f"{module.name} imports {library}"


@every_module
def test_the_floors_below_the_network_are_pure(module: Module) -> None:
    if floor_of(module.name) <= 3:
        assert not {name for name in module.imports if name.partition(".")[0] in IMPURE}


@every_module
def test_the_simulator_reads_and_writes_by_itself(module: Module) -> None:
    if within(module.name, "clickasync.simulator"):
        for name in module.imports:
            assert not any(within(name, place) for place in FORBIDDEN_TO_THE_SIMULATOR)
            if within(name, "clickasync") and not within(name, "clickasync.simulator"):
                assert floor_of(name) <= 2, f"{module.name} imports {name}"


FAST_LANE: Final = "clickasync.transport.fast"


@every_module
def test_xmltodict_and_the_optional_libraries_are_imported_when_first_needed(module: Module) -> None:
    lazy = ["xmltodict", "uvicorn", "aiohttp", "httpx_aiohttp", FAST_LANE]
    if module.name != FAST_LANE:
        assert not [name for name in module.eager if any(within(name, place) for place in lazy)]


def test_every_floor_has_its_modules() -> None:
    for place in FLOORS:
        assert place in OURS, f"{place} is gone: take it off its floor"


PROBE: Final = """
import sys
import httpx
before = set(sys.modules)
import {module} as package
if {every_name}:
    for name in package.__all__:
        getattr(package, name)
print(*sorted(set(sys.modules) - before), sep="\\n")
"""


def loaded_by(module: str, *, every_name: bool) -> set[str]:
    """What importing `module`, and each of its public names, loads beside what httpx loads."""
    probe = PROBE.format(module=module, every_name=every_name)
    command = [sys.executable, "-c", probe]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT.parent)  # our own
    return set(done.stdout.split())


@pytest.mark.parametrize("every_name", [False, True])
@pytest.mark.parametrize("module", ["clickasync", "clickasync.callbacks", "clickasync.connect"])
def test_importing_a_package_loads_none_of_the_libraries_that_few_need(module: str, every_name: bool) -> None:
    loaded = {name.partition(".")[0] for name in loaded_by(module, every_name=every_name)}
    assert "clickasync" in loaded
    assert not loaded & {"typer", "click", "rich", "sqlalchemy", "xmltodict", "starlette", "uvicorn", "aiohttp", "trio"}
    assert not loaded & {"httpx_aiohttp", "fastapi", "hypothesis", "pytest"}


def test_importing_the_package_loads_neither_the_simulator_nor_the_command_line() -> None:
    loaded = loaded_by("clickasync", every_name=True)
    assert "clickasync.client" in loaded
    for place in ("clickasync.simulator", "clickasync.cli", "clickasync.callbacks"):
        assert not [name for name in loaded if within(name, place)]
