"""Two plots: the cost of a call against concurrency, and time against recipients."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.measure import Figure


def draw(figures: Sequence[Figure], folder: Path) -> list[Path]:
    """Draw what was measured as SVG; gives the files.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    matplotlib = import_module("matplotlib")
    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "clickasync", "svg.fonttype": "none"})
    folder.mkdir(parents=True, exist_ok=True)
    calls = [figure for figure in figures if figure.group == "one recipient a call" and figure.samples]
    runs = [figure for figure in figures if figure.group == "a run's length" and figure.samples]
    files = []
    if calls:
        axes = _axes("calls in flight", "CPU time of one call, µs")
        for who in dict.fromkeys(figure.who for figure in calls):
            line = [figure for figure in calls if figure.who == who]
            if len(line) > 2:
                _line(axes, [_first_number(figure) for figure in line], [figure.median() * 1e6 for figure in line], who)
        axes.set_xticks([1, 8, 20, 100], ["1", "8", "20", "100"])
        files.append(_save(axes, folder / "cost-against-concurrency.svg"))
    if runs:
        axes = _axes("recipients", "seconds")
        counts = [_first_number(figure) for figure in runs]
        for kind, name in {"wall": "time", "cpu": "CPU time"}.items():
            seconds = [figure.median(kind) * count for figure, count in zip(runs, counts, strict=True)]
            _line(axes, counts, seconds, f"clickasync, {name}")
        files.append(_save(axes, folder / "time-against-recipients.svg"))
    return files


def _first_number(figure: Figure) -> int:
    return int(figure.case.split()[0].replace(",", ""))


def _axes(across: str, up: str) -> Any:
    _, axes = import_module("matplotlib.pyplot").subplots(figsize=(7.5, 4.5), layout="constrained")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.grid(visible=True, which="major", alpha=0.3)
    return axes


def _line(axes: Any, across: Sequence[float], up: Sequence[float], label: str) -> None:
    ours = label.startswith("clickasync")
    axes.plot(across, up, marker="o", markersize=4, linewidth=2.2 if ours else 1.2, label=label)


def _save(axes: Any, file: Path) -> Path:
    axes.legend(fontsize="small")
    axes.figure.savefig(file, metadata={"Date": None})
    return file
