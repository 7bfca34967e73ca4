"""The table, in plain text, Markdown and JSON, and what was asked for beside what was measured."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks.measure import Figure, ratio

_PACKAGES: Final = ("clickasync", "httpx", "httpx2", "aiohttp", "uvloop", "trio", "clickatell", "anyio", "uvicorn")
_HEADINGS: Final = ("", "", "CPU", "least–most", "wall", "least–most", "unit", "CPU × ours", "")


class Target(NamedTuple):
    """One thing that was asked for."""

    what: str
    value: float | None
    at_least: float | None
    at_most: float | None

    @property
    def met(self) -> bool | None:
        """None: not measured."""
        if self.value is None:
            return None
        return (self.at_least is None or self.value >= self.at_least) and (
            self.at_most is None or self.value <= self.at_most
        )

    @property
    def wanted(self) -> str:
        """In words."""
        return f"at least {self.at_least:g}" if self.at_least is not None else f"at most {self.at_most:g}"


def machine() -> dict[str, str]:
    """Where this was measured, and with what."""
    versions = []
    for name in _PACKAGES:
        try:
            versions.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            versions.append(f"{name} absent")
    return {
        "processor": f"{os.cpu_count()} × {_processor()}",
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": ", ".join(versions),
    }


def _processor() -> str:
    book = Path("/proc/cpuinfo")
    if book.exists():
        for line in book.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def targets(figures: Sequence[Figure]) -> list[Target]:
    """What was asked for; all ratios are of CPU time, in one run."""
    found = {(figure.group, figure.case, figure.who): figure for figure in figures}

    def costs(group: str, case: str, peer: str, ours: str = "clickasync") -> float | None:
        """How many times as much as ours."""
        return ratio(found.get((group, case, peer)), found.get((group, case, ours)))

    rows = []
    for group, least in {"one recipient a call": 1.2, "on uvloop": 1.2, "through TLS": 1.0}.items():
        for in_flight in (1, 8, 20, 100):
            value = costs(group, f"{in_flight} in flight", "aiohttp")
            rows.append(Target(f"aiohttp / clickasync, {group}, {in_flight} in flight", value, least, None))
    for in_flight in (1, 8, 20, 100):
        sockets = costs("one recipient a call", f"{in_flight} in flight", "sockets")
        value = None if sockets is None else 1 / sockets
        rows.append(Target(f"clickasync / sockets, {in_flight} in flight", value, None, 8.0))
    for case in dict.fromkeys(figure.case for figure in figures if figure.group == "bulk"):
        rows.append(Target("bulk: httpx loop / clickasync", costs("bulk", case, "httpx loop, lines split"), 2.4, None))
        rows.append(Target("bulk: clickatell / clickasync", costs("bulk", case, "clickatell 0.1.2"), 5.0, None))
    loads = costs("import", "fresh interpreter", "clickasync", "httpx")
    rows.append(Target("import clickasync / import httpx", loads, None, 1.15))
    loads = costs("import", "fresh interpreter", "clickasync.Client", "httpx")
    rows.append(Target("from clickasync import Client / import httpx", loads, None, 1.0))
    runs = {
        count: found.get(("a run's length", f"{count:,} recipients", "clickasync"))
        for count in (1_000, 100_000, 1_000_000)
    }
    small, middle, large = runs.values()
    more = (large.peak - small.peak) / 2**20 if small and large else None
    rows.append(Target("memory: MiB of 1,000,000 recipients above 1,000", more, None, 40.0))
    longer = ratio(large, middle)
    rows.append(Target("time of 1,000,000 / 100,000", None if longer is None else 10 * longer, None, 11.0))
    rows += _campaign_targets(figures)
    return [row for row in rows if row.value is not None]


def _campaign_targets(figures: Sequence[Figure]) -> list[Target]:
    rows = []
    measured = [figure for figure in figures if figure.group == "campaigns" and figure.samples]
    by = {figure.who: figure for figure in measured}
    beside = {"campaign, SQLite": "client.bulk", "clickasync bulk": "client.bulk, file to file"}
    for figure in measured:
        what, wall = f"campaigns: {figure.case}, {figure.who}", figure.median("wall") * figure.scale
        if "begin" in figure.case:
            best = 1e3 * min(figure.values("wall"))  # whoever else uses the disk only adds to it
            rows.append(Target(f"{what}, ms", best, None, 5.0))
        elif "takeover" in figure.case:
            rows.append(Target(f"{what}, s", wall, None, 5.0))
        elif "loaded" in figure.case:
            rows.append(Target(f"{what}, s a million", figure.median("wall") * 1e6, None, 10.0))
            rows.append(Target(f"{what}, MiB at the peak", figure.peak / 2**20, None, 90.0))
        elif "reported" in figure.case:
            rows.append(Target(f"{what}, MB a million on the disk", figure.disk, None, 45.0))
        elif (peer := beside.get(figure.who)) is not None:
            rows.append(Target(f"campaigns: {figure.who} / {peer}", ratio(figure, by.get(peer)), None, 3.5))
    return rows


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _spread(figure: Figure, kind: str) -> tuple[str, str]:
    values = [value * figure.scale for value in figure.values(kind)]
    return _number(figure.median(kind) * figure.scale), f"{_number(min(values))}–{_number(max(values))}"


def _rows(figures: Sequence[Figure]) -> list[tuple[str, ...]]:
    """A line for each figure, and one above each case."""
    ours = {(figure.group, figure.case): figure for figure in figures if figure.ours}
    rows: list[tuple[str, ...]] = [_HEADINGS]
    case = None
    for figure in figures:
        heading = f"{figure.group}, {figure.case}" if (figure.group, figure.case) != case else ""
        case = (figure.group, figure.case)
        if not figure.samples:
            rows.append((heading, figure.who, *[""] * 6, figure.note))
            continue
        times = ratio(figure, ours.get(case))
        row = (*_spread(figure, "cpu"), *_spread(figure, "wall"), figure.unit)
        rows.append((heading, figure.who, *row, "" if times is None else f"{times:.2f}", figure.note))
    return rows


def _target_rows(rows: Sequence[Target]) -> list[tuple[str, ...]]:
    words = {True: "met", False: "NOT MET", None: "not measured"}
    table: list[tuple[str, ...]] = [("asked for", "measured", "wanted", "")]
    return table + [
        (row.what, "" if row.value is None else _number(row.value), row.wanted, words[row.met]) for row in rows
    ]


def _plain(rows: Sequence[tuple[str, ...]], numeric: frozenset[int]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if index in numeric else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _markdown(rows: Sequence[tuple[str, ...]], numeric: frozenset[int]) -> str:
    rule = tuple("--:" if index in numeric else "---" for index in range(len(rows[0])))
    return "\n".join(f"| {' | '.join(row)} |" for row in (rows[0], rule, *rows[1:]))


def text(figures: Sequence[Figure], *, markdown: bool) -> str:
    """The whole report for people."""
    layout = _markdown if markdown else _plain
    parts = [
        "\n".join(f"{'- ' if markdown else ''}{name}: {value}" for name, value in machine().items()),
        layout(_rows(figures), frozenset({2, 3, 4, 5, 7})),
    ]
    if rows := targets(figures):
        parts.append(layout(_target_rows(rows), frozenset({1})))
    return "\n\n".join(parts)


def as_json(figures: Sequence[Figure]) -> str:
    """The whole report for machines; times in seconds for one item, memory in bytes."""

    def one(figure: Figure) -> dict[str, Any]:
        measured = {
            kind: {
                "median": figure.median(kind),
                "least": min(figure.values(kind)),
                "most": max(figure.values(kind)),
                "samples": figure.values(kind),
            }
            for kind in ("cpu", "wall")
            if figure.samples
        }
        peak = {"peak": figure.peak} if figure.samples and figure.peak else {}
        return {
            "group": figure.group,
            "case": figure.case,
            "who": figure.who,
            "unit": figure.unit,
            "note": figure.note,
            **measured,
            **peak,
        }

    report = {
        "machine": machine(),
        "figures": [one(figure) for figure in figures],
        "targets": [{**row._asdict(), "met": row.met} for row in targets(figures)],
    }
    return json.dumps(report, indent=1, ensure_ascii=False)
