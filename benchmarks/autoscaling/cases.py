"""The cases: days, and the metrics that a fleet could be scaled by."""

from dataclasses import replace
from typing import NamedTuple

from benchmarks.autoscaling.autoscaler import Policy
from benchmarks.autoscaling.costs import MEASURED
from benchmarks.autoscaling.day import DAY_SECONDS, Stream, hot_rate, seeds_rate
from benchmarks.autoscaling.manifest import Deployed
from benchmarks.autoscaling.simulation import (
    Metric,
    Outcome,
    claims_due,
    partitions_due,
    processors,
    queue_length,
    simulate,
)

PARTITIONS = 10_000
LARGE = 500.0  # times the seed's day: the first at which so fast a fleet has to grow
HOT = 6_000.0  # trades a second of one partition: more than one process takes
FEW = 400  # partitions, each of which is deep in a burst

DAYS: dict[str, tuple[Stream, ...]] = {
    "seed": (Stream(PARTITIONS, seeds_rate()),),
    "large": (Stream(PARTITIONS, seeds_rate(LARGE)),),
    "few": (Stream(FEW, seeds_rate(LARGE)),),
    "hot": (Stream(PARTITIONS, seeds_rate()), Stream(1, hot_rate(HOT, 10, 11))),
}
TITLES = {
    "seed": f"the seed's day, {PARTITIONS:,} partitions",
    "large": f"{LARGE:,.0f} times the seed's day, {PARTITIONS:,} partitions",
    "few": f"{LARGE:,.0f} times the seed's day, {FEW:,} partitions",
    "hot": f"the seed's day, and one partition with {HOT:,.0f}/s for an hour",
}


class Way(NamedTuple):
    """A metric, and the autoscaler that goes by it."""

    metric: Metric
    policy: Policy


def ways(deployed: Deployed) -> dict[str, Way]:
    """Return the metrics, the deployed one first; all but CPU differ in nothing else."""
    most_partitions = deployed.concurrency * MEASURED.batch_partitions
    share = deployed.claims.target / deployed.concurrency
    return {
        "claims due (KEDA)": Way(claims_due, deployed.claims),
        "partitions due": Way(
            partitions_due, replace(deployed.claims, target=share * most_partitions)
        ),
        "queue length": Way(
            queue_length,
            replace(deployed.claims, target=share * deployed.concurrency * MEASURED.batch_trades),
        ),
        "CPU (no KEDA)": Way(processors, deployed.cpu),
    }


def run(day: str, way: Way, deployed: Deployed, during: range = range(DAY_SECONDS)) -> Outcome:
    """Return what a day is like, or a part of it."""
    return simulate(DAYS[day], way.policy, way.metric, deployed.concurrency, MEASURED, during)
