"""Mutation testing: ``python .ci/mutants/run.py [--again] [--children N] [pattern…]``, or ``make mutants``.

mutmut makes the mutants and keeps what became of them; `[tool.mutmut]` in pyproject.toml says of which files, and which
tests are to kill them. They are run here: pytest collects the tests once, and each mutant gets a fork of that process.
It runs the tests that reach the mutated function, those first that killed a mutant of it before, then the quick ones,
until one fails. That takes a tenth of a second, where a pytest for each mutant takes one or more.

Without a pattern, mutants that have a verdict keep it, unless their function has changed; ``--again`` runs those that
survived once more. ``mutmut show NAME`` shows a mutant. Tests count only up to `PATIENCE` for each mutant: one that
needs more is a survivor. A test that takes much longer than without the mutant is a timeout.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import hashlib
import importlib
import io
import json
import mmap
import os
import shutil
import signal
import struct
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

import pytest
from attrs import astuple, define, evolve, field, frozen
from mutmut.__main__ import create_mutants
from mutmut.configuration import config
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.state import state
from mutmut.stats import status_by_exit_code
from mutmut.utils.file_utils import copy_also_copy_files, copy_src_dir, setup_source_paths, walk_mutatable_files
from mutmut.utils.format_utils import mangled_name_from_mutant_name

PATIENCE: Final = 60.0
"""Seconds that the tests of one mutant may take, by what they take without it."""
KILLED, SURVIVED, NO_TESTS, TIMEOUT = 1, 0, 33, 36
"""Verdicts, as mutmut writes them."""


@define
class Reach:
    """What the tests do without any mutant, by their place among those collected."""

    seconds: dict[int, float] = field(factory=dict)
    of: dict[str, list[int]] = field(factory=dict)
    """The tests that reach each function."""


@frozen
class Known:
    """What a test did without any mutant."""

    stamp: str
    seconds: float
    functions: list[str]


@define(eq=False)
class Child:
    """A process that runs the tests of one mutant."""

    pid: int
    name: str
    data: SourceFileMutationData
    note: mmap.mmap
    """Until when its current test may take, and which that is."""

    @property
    def deadline(self) -> float:
        return float(struct.unpack_from("d", self.note)[0])

    @property
    def test(self) -> int:
        return int(struct.unpack_from("q", self.note, 8)[0])

    def end(self) -> int | None:
        """The verdict, once there is one."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid == 0 and time.monotonic() < self.deadline:
            return None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)  # and what its tests have started
        if pid == 0:
            os.waitpid(self.pid, 0)
            return TIMEOUT
        return SURVIVED if os.waitstatus_to_exitcode(status) == 0 else KILLED


class Failures:
    """Whether a test has failed."""

    found = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.found = self.found or report.failed


class Mutants:
    """In place of the tests, their run for each mutant."""

    def __init__(self, chosen: list[str], again: bool, children: int, patience: float) -> None:
        self.chosen = chosen
        self.again = again
        self.children = children
        self.patience = patience
        self.killers: defaultdict[str, list[int]] = defaultdict(list)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Few examples, the same ones each time, and no search for a small one: a failure is enough."""
        from hypothesis import Phase, settings  # pytest wants to import it first

        phases = (Phase.explicit, Phase.generate)
        settings.register_profile(
            "mutants", max_examples=25, deadline=None, derandomize=True, database=None, phases=phases
        )
        settings.load_profile("mutants")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        set_mutant_under_test("")
        reach = explore(session, self.children)
        waiting = [
            (data, name)
            for data in load()
            for name, verdict in data.exit_code_by_key.items()
            if (any(fnmatch(name, pattern) for pattern in self.chosen) if self.chosen else verdict is None)
            or (self.again and verdict not in (None, KILLED))
        ]
        running: list[Child] = []
        total, since = len(waiting), time.monotonic()
        waiting.reverse()
        preload()
        gc.freeze()  # a collection in a child would copy what it shares with this process
        while waiting or running:
            while waiting and len(running) < self.children:
                data, name = waiting.pop()
                function = mangled_name_from_mutant_name(name)
                tests = self._choose(session, data, function, reach)
                if tests:
                    running.append(start(session, data, name, tests, reach))
                else:
                    data.exit_code_by_key[name] = NO_TESTS
                    data.save()
            time.sleep(0.005)
            for child in list(running):
                verdict = child.end()
                if verdict is None:
                    continue
                running.remove(child)
                child.data.exit_code_by_key[child.name] = verdict
                child.data.save()
                if verdict != SURVIVED:
                    killers = self.killers[mangled_name_from_mutant_name(child.name)]
                    killers[:] = [child.test, *(test for test in killers if test != child.test)]
                done = total - len(waiting) - len(running)
                seconds = time.monotonic() - since
                said = status_by_exit_code[verdict]
                by = f" by {session.items[child.test].nodeid}" if verdict != SURVIVED else ""
                print(f"{done}/{total} {seconds:.0f}s {said} {child.name}{by}", flush=True)
                child.note.close()
        return True

    def _choose(self, session: pytest.Session, data: SourceFileMutationData, function: str, reach: Reach) -> list[int]:
        """The tests for a mutant: first those of its room, one of each test function, the quick ones first."""
        killers = self.killers[function][:5]
        room = Path("tests/unit", *Path(data.path).parts[1:-1])
        seen: set[str] = set()
        ordered: list[tuple[bool, bool, float, int]] = []
        for test in sorted(reach.of.get(function, ()), key=lambda test: reach.seconds[test]):
            name = session.items[test].nodeid
            base = name.partition("[")[0]
            ordered.append((not Path(base).is_relative_to(room), base in seen, reach.seconds[test], test))
            seen.add(base)
        chosen: list[int] = []
        seconds = 0.0
        for test in dict.fromkeys([*killers, *(test for *_, test in sorted(ordered))]):
            if seconds + reach.seconds[test] < self.patience:
                seconds += reach.seconds[test]
                chosen.append(test)
        return chosen


def start(session: pytest.Session, data: SourceFileMutationData, name: str, tests: list[int], reach: Reach) -> Child:
    """Fork a process for the mutant."""
    note = mmap.mmap(-1, 16)
    struct.pack_into("d", note, 0, time.monotonic() + 60)
    pid = os.fork()
    if pid:
        return Child(pid, name, data, note)
    os.setsid()
    with Path(os.devnull).open("w") as null:
        os.dup2(null.fileno(), 1)
        os.dup2(null.fileno(), 2)
    set_mutant_under_test(name)
    failures = Failures()
    session.config.pluginmanager.register(failures)
    for at, test in enumerate(tests):
        struct.pack_into("dq", note, 0, time.monotonic() + 5 + 5 * reach.seconds[test], test)
        item = session.items[test]
        following = session.items[tests[at + 1]] if at + 1 < len(tests) else None
        try:
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        except BaseException:
            os._exit(1)
        if failures.found:
            os._exit(1)
    os._exit(0)


def explore(session: pytest.Session, children: int) -> Reach:
    """Run tests without a mutant, to see which functions they reach and how long they take.

    What is known of a test stays, until its file changes, or one that it reaches. Tests that fail here, where every
    function takes longer, kill no mutants.
    """
    kept = Path("reach.json")
    known: dict[str, Known] = {}
    if kept.exists():
        known = {test: Known(*parts) for test, parts in json.loads(kept.read_text()).items()}
    prints = {str(path): hashlib.sha256((Path("..") / path).read_bytes()).hexdigest() for path in at_home()}
    files = {item.path: hashlib.sha256(item.path.read_bytes()).hexdigest() for item in session.items}
    old = [
        at
        for at, item in enumerate(session.items)
        if item.nodeid not in known or known[item.nodeid].stamp != _stamp(files[item.path], known[item.nodeid], prints)
    ]
    if old:
        print(f"{len(old)} of {len(session.items)} tests, without a mutant", flush=True)
        pids = []
        for number in range(children):
            pids.append(os.fork())
            if not pids[-1]:
                found = _explore(session, old[number::children])
                Path(f"reach-{number}.json").write_text(json.dumps(found))
                Path("modules.json").write_text(json.dumps(sorted(sys.modules)))
                os._exit(0)
        for number, pid in enumerate(pids):
            os.waitpid(pid, 0)
            part = Path(f"reach-{number}.json")
            for at, (seconds, functions) in json.loads(part.read_text()).items():
                item = session.items[int(at)]
                entry = Known("", seconds, functions)
                known[item.nodeid] = evolve(entry, stamp=_stamp(files[item.path], entry, prints))
            part.unlink()
        kept.write_text(json.dumps({test: astuple(entry) for test, entry in known.items()}))
    reach = Reach()
    failed = 0
    for at, item in enumerate(session.items):
        entry = known[item.nodeid]
        reach.seconds[at] = entry.seconds
        failed += entry.seconds < 0
        for function in entry.functions if entry.seconds >= 0 else ():
            reach.of.setdefault(function, []).append(at)
        if entry.seconds < 0:
            print(f"left out, because it fails without a mutant: {item.nodeid}")
    if failed > 10:
        sys.exit("so many tests may not fail")
    return reach


def preload() -> None:
    """Import here what the tests import when they run, so that not every child has to."""
    for name in json.loads(Path("modules.json").read_text()):
        with contextlib.suppress(Exception):
            importlib.import_module(name)


def _stamp(file: str, known: Known, prints: dict[str, str]) -> str:
    reached = {function.rpartition(".")[0].replace(".", "/") for function in known.functions}
    return "".join([file, *sorted(prints.get(f"{path}.py", "") for path in reached)])


def _explore(session: pytest.Session, tests: list[int]) -> dict[int, tuple[float, list[str]]]:
    """Seconds and functions of each test; -1 seconds of one that failed."""
    set_mutant_under_test("stats")
    os.environ["MUTMUT_DEPENDENCY_DEPTH"] = "-1"
    with Path(os.devnull).open("w") as null:
        os.dup2(null.fileno(), 1)
        os.dup2(null.fileno(), 2)
    failures = Failures()
    session.config.pluginmanager.register(failures)
    found: dict[int, tuple[float, list[str]]] = {}
    for at, test in enumerate(tests):
        since = time.monotonic()
        following = session.items[tests[at + 1]] if at + 1 < len(tests) else None
        session.config.hook.pytest_runtest_protocol(item=session.items[test], nextitem=following)
        seconds = time.monotonic() - since
        found[test] = -1.0 if failures.found else seconds, sorted(state()._stats)
        state()._stats.clear()
        failures.found = False
    return found


def load() -> Iterator[SourceFileMutationData]:
    """What is known of each file, in the order of `only_mutate`."""

    def place(path: Path) -> tuple[int, str]:
        patterns = config().only_mutate
        return next(at for at, pattern in enumerate(patterns) if fnmatch(str(path), pattern)), str(path)

    here = Path.cwd()
    for path in sorted(at_home(), key=place):
        data = SourceFileMutationData(path=path)
        data.meta_path = here.parent / data.meta_path if here.name == "mutants" else data.meta_path
        data.load()
        yield data


def at_home() -> list[Path]:
    """The files to mutate, by paths from the root of the repository."""
    here = Path.cwd()
    os.chdir(here.parent if here.name == "mutants" else here)
    try:
        return list(walk_mutatable_files())
    finally:
        os.chdir(here)


def show() -> None:
    """The score of each file, and what survived."""
    verdicts = {
        str(data.path): Counter(map(status_by_exit_code.__getitem__, data.exit_code_by_key.values())) for data in load()
    }
    rooms: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for path, counts in verdicts.items():
        rooms["/".join(path.split("/")[:2])] += counts
    for data in load():
        for name, verdict in data.exit_code_by_key.items():
            if verdict not in (None, KILLED, TIMEOUT):
                diff = get_diff_for_mutant(name, path=data.path).splitlines()
                changed = [line for line in diff if line[:1] in "+-" and line[:3] not in {"+++", "---"}]
                print(f"\n{name}: {status_by_exit_code[verdict]}", *changed, sep="\n")
    columns = ("killed", "timeout", "survived", "no tests", "not checked")
    print(f"\n{'':40}", *(f"{column:>12}" for column in (*columns, "score")))
    for where, counts in [*verdicts.items(), *rooms.items(), ("all", sum(rooms.values(), Counter()))]:
        run = counts.total() - counts["not checked"]
        if counts.total():
            score = f"{(counts['killed'] + counts['timeout']) / run:12.1%}" if run else ""
            print(f"{where:40}", *(f"{counts[column]:12}" for column in columns), score)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Mutation testing")
    parser.add_argument("--children", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--patience", type=float, default=PATIENCE, help="seconds of tests for each mutant, at most")
    parser.add_argument("--again", action="store_true", help="run those once more that survived")
    parser.add_argument("--show", action="store_true", help="run nothing")
    parser.add_argument("pattern", nargs="*", help="names of mutants, with * where anything may stand")
    arguments = parser.parse_args()
    if not arguments.show:
        set_mutant_under_test("mutant_generation")
        Path("mutants").mkdir(exist_ok=True)
        shutil.rmtree("mutants/tests", ignore_errors=True)
        with contextlib.redirect_stdout(io.StringIO()):
            copy_src_dir()
            copy_also_copy_files()
            setup_source_paths()
            create_mutants(arguments.children)
        os.chdir("mutants")
        options = ["-q", "-s", "--tb=native", "--rootdir=.", *config().pytest_add_cli_args]
        mutants = Mutants(arguments.pattern, arguments.again, arguments.children, arguments.patience)
        status = pytest.main([*options, *config().pytest_add_cli_args_test_selection], plugins=[mutants])
        os.chdir("..")
        if status not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            return int(status)
    show()
    return 0


if __name__ == "__main__":
    sys.exit(main())
