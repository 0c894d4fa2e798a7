"""The cases: days, and the metrics that a fleet could be scaled by."""

from dataclasses import replace
from typing import NamedTuple

from benchmarks.autoscaling.autoscaler import Policy
from benchmarks.autoscaling.day import DAY_SECONDS, HOUR_SECONDS, Stream, hot_rate, seeds_rate
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

# The burst of Asia, 7 to 9 h UTC, with what is before and after it.
BURST = range(int(6.75 * HOUR_SECONDS), 10 * HOUR_SECONDS)
NO_LIMIT = 10**9  # trades: the most that the settings allow, and more than a burst has
LEASTS = range(2, 7)  # pods that are there when it begins

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
    most_partitions = deployed.concurrency * deployed.settings.batch_partitions
    most_trades = deployed.concurrency * deployed.settings.batch_trades
    share = deployed.claims.target / deployed.concurrency
    return {
        "claims due (KEDA)": Way(claims_due, deployed.claims),
        "partitions due": Way(
            partitions_due, replace(deployed.claims, target=share * most_partitions)
        ),
        "queue length": Way(queue_length, replace(deployed.claims, target=share * most_trades)),
        "CPU (no KEDA)": Way(processors, deployed.cpu),
    }


def run(day: str, way: Way, deployed: Deployed, during: range = range(DAY_SECONDS)) -> Outcome:
    """Return what a day is like, or a part of it."""
    return simulate(
        DAYS[day], way.policy, way.metric, deployed.concurrency, deployed.settings, during
    )


def without_limits(deployed: Deployed) -> Deployed:
    """Return the same, but nothing is ever refused."""
    settings = replace(
        deployed.settings, limit_total=NO_LIMIT, limit_lane=NO_LIMIT, limit_partition=NO_LIMIT
    )
    return deployed._replace(settings=settings)


def starts(way: Way, deployed: Deployed) -> dict[int, Outcome]:
    """Return what a large burst is like with so many pods at least."""
    return {
        least: run("large", way._replace(policy=replace(way.policy, least=least)), deployed, BURST)
        for least in LEASTS
    }
