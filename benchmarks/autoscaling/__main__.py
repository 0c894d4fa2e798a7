"""Simulate the days: `make autoscaling` writes docs/autoscaling.svg and the tables of its page."""

import re
from pathlib import Path

from benchmarks.autoscaling.cases import DAYS, run, starts, ways, without_limits
from benchmarks.autoscaling.manifest import read_deployed
from benchmarks.autoscaling.plot import draw
from benchmarks.autoscaling.report import facts, least_table, tables

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"(<!-- simulated -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> None:
    """Run everything; two minutes of a quiet machine."""
    deployed = read_deployed()
    by_metric = ways(deployed)
    outcomes = {
        day: {name: run(day, way, deployed) for name, way in by_metric.items()} for day in DAYS
    }
    in_use = next(iter(by_metric.values()))
    least = least_table(starts(in_use, deployed), starts(in_use, without_limits(deployed)))
    text = f"{facts(deployed)}\n\n{tables(outcomes)}\n\n{least}"
    print(text)
    page = DOCS / "kubernetes.md"
    page.write_text(BLOCK.sub(lambda found: f"{found[1]}{text}\n{found[2]}", page.read_text()))
    draw(outcomes, DOCS / "autoscaling.svg")


if __name__ == "__main__":
    main()
