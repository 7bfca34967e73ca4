"""``python -m benchmarks``: every figure in one run, and one table at the end."""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from pathlib import Path

from benchmarks import plot, report
from benchmarks.measure import Figure
from benchmarks.suite import FULL, PARTS, QUICK


def main() -> int:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser("python -m benchmarks", description="What clickasync costs, beside its peers.")
    parser.add_argument(
        "--quick", action="store_true", help="less of everything, in under a minute; without the run of 1,000,000"
    )
    parser.add_argument("--only", action="append", choices=PARTS, metavar="PART", help=f"of: {', '.join(PARTS)}")
    parser.add_argument("--repeats", type=int, metavar="N", help="samples of each figure")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    parser.add_argument("--json", metavar="FILE", help="write all samples to FILE, or - in place of the table")
    parser.add_argument(
        "--plot", metavar="DIR", type=Path, default=Path(__file__).parent / "plots", help="for the SVGs"
    )
    chosen = parser.parse_args()

    scale = QUICK if chosen.quick else FULL
    if chosen.repeats is not None:
        repeats = max(1, chosen.repeats)
        scale = dataclasses.replace(scale, repeats=repeats, bulk_repeats=repeats)
    begin = time.monotonic()
    figures: list[Figure] = []
    for name, measure in PARTS.items():
        if not chosen.only or name in chosen.only:
            figures += measure(scale)
    print(f"measured in {time.monotonic() - begin:.0f} s", file=sys.stderr)

    if chosen.json is not None:
        data = report.as_json(figures)
        if chosen.json == "-":
            print(data)
        else:
            Path(chosen.json).write_text(data + "\n", encoding="utf-8")
    if chosen.json != "-":
        print(report.text(figures, markdown=chosen.markdown))
    try:
        for file in plot.draw(figures, chosen.plot):
            print(f"plot: {file}", file=sys.stderr)
    except ModuleNotFoundError as error:
        print(f"no plot: {error}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
