"""The scenarios: days of trades, and the metrics that a fleet could be scaled by."""

from dataclasses import replace
from typing import NamedTuple

from benchmarks.autoscaling.arrivals import DAY_SECONDS, HOUR_SECONDS, Stream, hot_rate, seed_rate
from benchmarks.autoscaling.autoscaler import Policy
from benchmarks.autoscaling.manifest import DeployedFleet
from benchmarks.autoscaling.simulation import (
    DayResult,
    Metric,
    claims_due,
    partitions_due,
    processors,
    queue_length,
    simulate,
)

PARTITIONS = 10_000
LARGE = 500.0  # times the seed's day: the first factor at which the fleet has to grow
HOT = 6_000.0  # trades a second of one partition: more than one process captures
FEW = 400  # partitions; each is deep in a burst

# The burst of Asia, 7 to 9 h UTC, with some time before and after it.
BURST = range(int(6.75 * HOUR_SECONDS), 10 * HOUR_SECONDS)
NO_LIMIT = 10**9  # trades: the highest limit that the settings allow, and more than a burst has
MIN_PODS = range(2, 7)  # pods at the start of the burst

DAYS: dict[str, tuple[Stream, ...]] = {
    "seed": (Stream(PARTITIONS, seed_rate()),),
    "large": (Stream(PARTITIONS, seed_rate(LARGE)),),
    "few": (Stream(FEW, seed_rate(LARGE)),),
    "hot": (Stream(PARTITIONS, seed_rate()), Stream(1, hot_rate(HOT, 10, 11))),
}
TITLES = {
    "seed": f"the seed's day, {PARTITIONS:,} partitions",
    "large": f"{LARGE:,.0f} times the seed's day, {PARTITIONS:,} partitions",
    "few": f"{LARGE:,.0f} times the seed's day, {FEW:,} partitions",
    "hot": f"the seed's day, and one partition with {HOT:,.0f}/s for an hour",
}


class Strategy(NamedTuple):
    """A metric, and the autoscaler that scales by it."""

    metric: Metric
    policy: Policy


def strategies(deployed: DeployedFleet) -> dict[str, Strategy]:
    """Return the strategies, the deployed one first. All but CPU differ only in the metric."""
    max_partitions = deployed.concurrency * deployed.settings.batch_partitions
    max_trades = deployed.concurrency * deployed.settings.batch_trades
    share = deployed.claims.target / deployed.concurrency
    return {
        "claims due (KEDA)": Strategy(claims_due, deployed.claims),
        "partitions due": Strategy(
            partitions_due, replace(deployed.claims, target=share * max_partitions)
        ),
        "queue length": Strategy(queue_length, replace(deployed.claims, target=share * max_trades)),
        "CPU (no KEDA)": Strategy(processors, deployed.cpu),
    }


def run(
    day: str, strategy: Strategy, deployed: DeployedFleet, during: range = range(DAY_SECONDS)
) -> DayResult:
    """Simulate a day, or the part of it in `during` (seconds)."""
    return simulate(
        DAYS[day], strategy.policy, strategy.metric, deployed.concurrency, deployed.settings, during
    )


def without_limits(deployed: DeployedFleet) -> DeployedFleet:
    """Return the same fleet with limits that refuse nothing."""
    settings = replace(
        deployed.settings, limit_total=NO_LIMIT, limit_lane=NO_LIMIT, limit_partition=NO_LIMIT
    )
    return deployed._replace(settings=settings)


def burst_by_min_pods(strategy: Strategy, deployed: DeployedFleet) -> dict[int, DayResult]:
    """Return the results of a large burst, by the minimum number of pods."""
    return {
        min_pods: run(
            "large",
            strategy._replace(policy=replace(strategy.policy, min_pods=min_pods)),
            deployed,
            BURST,
        )
        for min_pods in MIN_PODS
    }
