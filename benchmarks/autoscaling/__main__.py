"""Simulate the days: `make autoscaling` writes docs/autoscaling.svg and the tables of its page."""

import re
from pathlib import Path

from benchmarks.autoscaling.cases import DAYS, run, ways
from benchmarks.autoscaling.manifest import read_deployed
from benchmarks.autoscaling.plot import draw
from benchmarks.autoscaling.report import tables

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"(<!-- simulated -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> None:
    """Run everything; a minute or two."""
    deployed = read_deployed()
    outcomes = {
        day: {name: run(day, way, deployed) for name, way in ways(deployed).items()} for day in DAYS
    }
    text = tables(outcomes)
    print(text)
    page = DOCS / "kubernetes.md"
    page.write_text(BLOCK.sub(lambda found: f"{found[1]}{text}\n{found[2]}", page.read_text()))
    draw(outcomes, DOCS / "autoscaling.svg")


if __name__ == "__main__":
    main()
