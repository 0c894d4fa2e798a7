"""`make autoscaling`: simulates days, and writes docs/autoscaling.svg and docs/kubernetes.md."""

import re
from pathlib import Path

from benchmarks.autoscaling.manifest import read_manifests
from benchmarks.autoscaling.plot import draw
from benchmarks.autoscaling.report import facts, min_pods_table, tables
from benchmarks.autoscaling.scenarios import (
    DAYS,
    burst_by_min_pods,
    run,
    strategies,
    without_limits,
)

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"(<!-- simulated -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> None:
    """Simulate everything; takes two minutes on a quiet machine."""
    deployed = read_manifests()
    by_metric = strategies(deployed)
    results = {
        day: {name: run(day, strategy, deployed) for name, strategy in by_metric.items()}
        for day in DAYS
    }
    deployed_strategy = next(iter(by_metric.values()))
    burst = min_pods_table(
        burst_by_min_pods(deployed_strategy, deployed),
        burst_by_min_pods(deployed_strategy, without_limits(deployed)),
    )
    text = f"{facts(deployed)}\n\n{tables(results)}\n\n{burst}"
    print(text)
    page = DOCS / "kubernetes.md"
    page.write_text(BLOCK.sub(lambda block: f"{block[1]}{text}\n{block[2]}", page.read_text()))
    draw(results, DOCS / "autoscaling.svg")


if __name__ == "__main__":
    main()
