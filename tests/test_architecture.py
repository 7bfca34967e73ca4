"""The floors of the house: a module imports only from its own floor and those below, read from the source itself."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from attrs import field, frozen

import clickasync

ROOT: Final = Path(clickasync.__file__).parent

# The longest name that fits decides: a package stands for its modules, but for those that are named themselves.
FLOORS: Final[dict[str, int]] = {
    "clickasync._version": 1,
    # What imports nothing of ours: tables, alphabets, secrets, event loops, what tests may reach.
    "clickasync.codes": 1,
    "clickasync.encoding": 1,
    "clickasync.redaction": 1,
    "clickasync.background": 1,
    "clickasync.confinement": 1,
    # What calls give back and raise.
    "clickasync.errors": 2,
    "clickasync.results": 2,
    "clickasync.numbers": 2,
    # What a message is, what a failure means, what the gateway calls on its users.
    "clickasync.options": 3,
    "clickasync.values": 3,
    "clickasync.law": 3,
    "clickasync.observe": 3,
    "clickasync.recipients": 3,
    "clickasync.callbacks": 3,
    # A command becomes a form, a reply becomes values.
    "clickasync.protocol": 4,
    # The one door to the network.
    "clickasync.transport": 5,
    # Commands carried out.
    "clickasync.core": 6,
    # Many recipients, and the other API.
    "clickasync.bulk": 7,
    "clickasync.batch": 7,
    "clickasync.connect": 7,
    "clickasync.settings": 7,
    # What users hold.
    "clickasync.client": 8,
    # What is built on it, or beside it.
    "clickasync.campaigns": 9,
    "clickasync.simulator": 9,
    "clickasync.otel": 9,
    "clickasync.pins": 9,
    "clickasync.blocking": 9,
    "clickasync.testing": 9,
    "clickasync": 9,
    # Screens.
    "clickasync.cli": 10,
    "clickasync.__main__": 10,
}

# Only these know these libraries (but for names in annotations).
DOORS: Final[dict[str, tuple[str, ...]]] = {
    "httptools": ("clickasync.transport",),
    "aiohappyeyeballs": ("clickasync.transport",),
    "certifi": ("clickasync.transport",),
    "httpx": ("clickasync.transport", "clickasync.simulator"),
    "xmltodict": ("clickasync.connect", "clickasync.callbacks", "clickasync.simulator"),
    "starlette": ("clickasync.simulator", "clickasync.callbacks.receiver"),
    "uvicorn": ("clickasync.cli",),
    "h11": ("clickasync.simulator",),
    "sqlalchemy": ("clickasync.campaigns", "clickasync.pins"),
    "opentelemetry": ("clickasync.otel",),
    "pytest": ("clickasync.testing",),
    "typer": ("clickasync.cli",),
    "rich": ("clickasync.cli",),
}

# Without I/O, a clock or randomness.
PURE: Final = (
    "clickasync.codes",
    "clickasync.encoding",
    "clickasync.redaction",
    "clickasync.errors",
    "clickasync.results",
    "clickasync.numbers",
    "clickasync.options",
    "clickasync.law",
    "clickasync.protocol",
    "clickasync.bulk.groups",
    "clickasync.campaigns.states",
    "clickasync.campaigns.blocks",
    "clickasync.campaigns.windows",
    "clickasync.campaigns.sheet",
    "clickasync.campaigns.packing",
    "clickasync.connect.actions",
    "clickasync.connect.codec",
    "clickasync.connect.models",
    "clickasync.connect.readers",
    "clickasync.callbacks.assembler",
    "clickasync.callbacks.charsets",
    "clickasync.callbacks.documents",
    "clickasync.callbacks.models",
    "clickasync.callbacks.parsing",
)
IMPURE: Final = {"anyio", "asyncio", "trio", "httpx", "socket", "ssl", "time", "random", "secrets", "os", "logging"}

MOST_LINES: Final = 400
MOST_ATTRIBUTES: Final = 10
MANY_ATTRIBUTES: Final = {
    "clickasync.cli.bulk.run.Run",
}


@frozen
class Module:
    name: str
    is_package: bool
    eager: frozenset[str] = field(repr=False)
    """What importing it imports."""
    lazy: frozenset[str] = field(repr=False)
    """What its functions import when they are called."""
    tree: ast.Module = field(repr=False)
    lines: int

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
    source = path.read_text("utf-8")
    tree = ast.parse(source)
    found = list(_imports_in(tree.body, eager=True))
    return Module(
        ".".join(parts[:-1] if is_package else parts),
        is_package,
        frozenset(name for name, eager in found if eager),
        frozenset(name for name, eager in found if not eager),
        tree,
        source.count("\n"),
    )


MODULES: Final = [_read(path) for path in sorted(ROOT.rglob("*.py"))]
OURS: Final = {module.name: module for module in MODULES}


def every_module(check: Callable[[Module], None]) -> Callable[[], None]:
    """One test for all modules: it takes longer to begin a test than to read a module."""

    def of_all() -> None:
        for module in MODULES:
            check(module)

    of_all.__doc__ = check.__doc__
    return of_all


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
def test_every_arrow_points_down(module: Module) -> None:
    """A module imports only from its own floor and those below."""
    above = {name for name in module.imports if within(name, "clickasync") and floor_of(name) > floor_of(module.name)}
    assert not above


@every_module
def test_the_ground_floor_imports_nothing_of_ours(module: Module) -> None:
    """Tables and alphabets can be read by themselves."""
    if floor_of(module.name) <= 1:
        own = module.name.rpartition(".")[0] if "." in module.name.removeprefix("clickasync.") else module.name
        assert not [name for name in module.imports if within(name, "clickasync") and not within(name, own)]


@pytest.mark.parametrize("kind", ["eager", "imports"])
def test_no_modules_import_each_other_in_a_circle(kind: str) -> None:
    """Neither when they are imported, nor when their functions are called."""
    remaining = {
        module.name: {name for name in getattr(module, kind) if name in OURS and name != module.name}
        for module in MODULES
        if module.name != "clickasync"  # it loads every public name when it is first used
    }
    while free := [name for name, needed in remaining.items() if not needed & remaining.keys()]:
        for name in free:
            del remaining[name]
    assert not remaining, "these import each other in a ring"


@every_module
def test_only_its_door_imports_a_library(module: Module) -> None:
    """Whoever wants to replace a library finds all of its uses in one room."""
    for library, doors in DOORS.items():
        if any(within(name, library) for name in module.imports):
            assert any(within(module.name, door) for door in doors), f"{module.name} imports {library}"


@every_module
def test_pure_modules_have_no_io_no_clock_and_no_luck(module: Module) -> None:
    """They can be tested by values alone."""
    if any(within(module.name, place) for place in PURE):
        assert not {name for name in module.imports if name.partition(".")[0] in IMPURE}


@every_module
def test_the_simulator_uses_two_floors_only(module: Module) -> None:
    """It reads requests and writes replies by itself, so that a misreading cannot cancel itself out."""
    if within(module.name, "clickasync.simulator"):
        for name in module.imports:
            if within(name, "clickasync") and not within(name, "clickasync.simulator"):
                assert floor_of(name) <= 2, f"{module.name} imports {name}"


@every_module
def test_no_room_reaches_into_private_names(module: Module) -> None:
    """Neither another room's nor a library's: only a name that the module itself defines."""
    own = {
        node.attr
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
    }
    own |= {
        node.name
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    own |= {
        node.target.id
        for node in ast.walk(module.tree)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    reached = {
        node.attr
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.endswith("_")
        if node.attr != "_replace"  # of a NamedTuple, and public
    }
    imported = {
        alias.name
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and node.module != "__future__"
        for alias in node.names
        if alias.name.startswith("_") and not alias.name.endswith("__")
    }
    assert not reached - own
    assert not imported


@every_module
def test_a_module_is_read_in_one_sitting(module: Module) -> None:
    """No module has more than 400 lines, but for one that is a list: the commands, one after another."""
    assert module.lines <= MOST_LINES or module.name == "clickasync.client"


@every_module
def test_a_class_has_at_most_ten_attributes(module: Module) -> None:
    """One that needs more is two. Values, which only carry fields, are exempt."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ClassDef) and f"{module.name}.{node.name}" not in MANY_ATTRIBUTES:
            assigned = {
                target.attr
                for function in node.body
                if isinstance(function, ast.FunctionDef) and function.name == "__init__"
                for statement in ast.walk(function)
                if isinstance(statement, ast.Assign | ast.AnnAssign)
                for target in (statement.targets if isinstance(statement, ast.Assign) else [statement.target])
                if isinstance(target, ast.Attribute)
            }
            assert len(assigned) <= MOST_ATTRIBUTES, f"{node.name} has {len(assigned)}: {sorted(assigned)}"


LAZY: Final = ("xmltodict", "uvicorn", "httpx", "certifi")


@every_module
def test_libraries_that_few_need_are_loaded_when_needed(module: Module) -> None:
    """Who only sends does not pay for what he does not use."""
    if module.name != "clickasync.transport.httpx_client" and not within(module.name, "clickasync.simulator"):
        assert not [name for name in module.eager if any(within(name, place) for place in LAZY)]


def test_every_floor_has_its_modules() -> None:
    for place in FLOORS:
        assert place in OURS, f"{place} is gone: take it off its floor"


PROBE: Final = """
import sys
import {module} as package
if {every_name}:
    for name in package.__all__:
        getattr(package, name)
print(*sorted(sys.modules), sep="\\n")
"""


def loaded_by(module: str, *, every_name: bool) -> set[str]:
    """What importing `module`, and each of its public names, loads."""
    probe = PROBE.format(module=module, every_name=every_name)
    command = [sys.executable, "-c", probe]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT.parent)
    return set(done.stdout.split())


@pytest.mark.parametrize("every_name", [False, True])
@pytest.mark.parametrize("module", ["clickasync", "clickasync.callbacks", "clickasync.connect"])
def test_importing_a_package_loads_no_library_that_few_need(module: str, every_name: bool) -> None:
    """Not even where each of its public names is used."""
    loaded = {name.partition(".")[0] for name in loaded_by(module, every_name=every_name)}
    assert "clickasync" in loaded
    assert not loaded & {
        "httpx",
        "httpcore",
        "typer",
        "click",
        "rich",
        "sqlalchemy",
        "xmltodict",
        "starlette",
        "uvicorn",
    }
    assert not loaded & {"aiohttp", "trio", "fastapi", "hypothesis", "pytest", "sqlalchemy"}


def test_importing_the_package_loads_no_simulator_and_no_screens() -> None:
    """They are for those who ask for them."""
    loaded = loaded_by("clickasync", every_name=True)
    assert "clickasync.client" in loaded
    for place in ("clickasync.simulator", "clickasync.cli", "clickasync.callbacks"):
        assert not [name for name in loaded if within(name, place)]
