"""The autoscaler that is deployed, in a simulation: it follows the bursts, and nothing else."""

from dataclasses import replace

import pytest

from benchmarks.autoscaling.autoscaler import SYNC_SECONDS, Autoscaler, Policy
from benchmarks.autoscaling.cases import (
    BURST,
    FEW,
    HOT,
    PARTITIONS,
    Way,
    run,
    starts,
    ways,
    without_limits,
)
from benchmarks.autoscaling.costs import costs_of
from benchmarks.autoscaling.day import DAY_SECONDS, HOUR_SECONDS, is_burst, seeds_rate
from benchmarks.autoscaling.manifest import Deployed, read_deployed
from benchmarks.autoscaling.simulation import Outcome
from tests.support.builders import submissions
from tests.support.deployment.manifests import of_kind
from tradecapture.inbox import Inbox, InboxReader
from tradecapture.settings import Settings

IN_BURST = range(BURST.start, 8 * HOUR_SECONDS)  # a fleet that grows has grown by its end
HOT_HOUR = range(int(9.5 * HOUR_SECONDS), int(11.5 * HOUR_SECONDS))
CLAIMS, BY_PARTITIONS, BY_QUEUE, BY_CPU = (
    "claims due (KEDA)",
    "partitions due",
    "queue length",
    "CPU (no KEDA)",
)


@pytest.fixture(scope="module")
def deployed() -> Deployed:
    """What the manifests say."""
    return read_deployed()


def way(deployed: Deployed, name: str) -> Way:
    """Return a metric with its autoscaler."""
    return ways(deployed)[name]


@pytest.fixture(scope="module")
def burst(deployed: Deployed) -> Outcome:
    """A burst of a day 500 times the seed's, as deployed."""
    return run("large", way(deployed, CLAIMS), deployed, BURST)


def test_what_is_simulated_is_what_is_deployed(deployed: Deployed) -> None:
    """The simulation has no figures of its own for the autoscaler."""
    scaled = of_kind("production", "ScaledObject")["worker"]["spec"]
    metadata = scaled["triggers"][0]["metadata"]
    assert metadata["valueLocation"] == "claimsDue"
    policy = deployed.claims
    assert (policy.least, policy.most) == (scaled["minReplicaCount"], scaled["maxReplicaCount"])
    assert str(policy.target) == metadata["targetValue"]
    behaviour = scaled["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert policy.down.policies == behaviour["scaleDown"]["policies"]
    (settings,) = [
        manifest["data"]
        for name, manifest in of_kind("production", "ConfigMap").items()
        if name.startswith("settings-")
    ]
    assert str(deployed.settings.lanes) == settings["TRADECAPTURE_LANES"]


def test_the_day_has_its_bursts() -> None:
    """Two hours in each of three regions, eight times as many trades; none of them overlap."""
    bursts = sum(map(is_burst, range(DAY_SECONDS)))
    assert bursts == 3 * 2 * HOUR_SECONDS
    rate = seeds_rate()
    assert {rate(second) for second in range(0, DAY_SECONDS, 60)} == {23.0, 184.0}


def test_the_seeds_day_needs_no_more_than_the_least(deployed: Deployed) -> None:
    """Bursts of 184/s are a hundredth of what one pod captures."""
    outcome = run("seed", way(deployed, CLAIMS), deployed, BURST)
    assert set(outcome.pods) == {deployed.claims.least}
    assert outcome.wait_seconds(1.0) < 1


def test_a_large_burst_is_absorbed(burst: Outcome) -> None:
    """No trade waits for a minute, and of a hundred trades ninety-five not for a second."""
    assert burst.wait_seconds(1.0) < 60
    assert burst.late(1.0) < 0.05
    assert burst.waiting[-1] < 20_000  # what is in hand, and no queue


def test_refusing_costs_little(burst: Outcome, deployed: Deployed) -> None:
    """Workers never run out of work, so that as many trades are late as without any limit."""
    assert burst.refused > 0
    assert max(burst.waiting) <= deployed.settings.limit_total
    free = run("large", way(deployed, CLAIMS), without_limits(deployed), BURST)
    assert (free.refused, max(free.kept)) == (0, 0)
    assert burst.late(1.0) == pytest.approx(free.late(1.0))
    assert free.wait_seconds(1.0) <= burst.wait_seconds(1.0) < 1.5 * free.wait_seconds(1.0)


def test_five_pods_before_a_burst_spare_all_waits(deployed: Deployed) -> None:
    """They capture what comes; with the two that are deployed, clients are sent away."""
    by_least = starts(way(deployed, CLAIMS), deployed)
    assert by_least[deployed.claims.least].refused > 0
    assert (by_least[5].refused, by_least[5].late(1.0)) == (0, 0)


def test_the_fleet_does_not_flap(burst: Outcome, deployed: Deployed) -> None:
    """It grows once and shrinks once in a burst, one pod a minute, back to the least."""
    assert burst.turns == 1
    assert max(burst.pods) > deployed.claims.least == burst.pods[-1]


def test_a_hot_partition_alone_does_not_scale_the_fleet(deployed: Deployed) -> None:
    """One worker at a time may capture it: more pods would find nothing to do."""
    assert costs_of(deployed.settings).most_per_second < HOT
    outcome = run("hot", way(deployed, CLAIMS), deployed, HOT_HOUR)
    assert max(outcome.waiting) > 90_000
    assert set(outcome.pods) == {deployed.claims.least}
    by_queue = run("hot", way(deployed, BY_QUEUE), deployed, HOT_HOUR)
    assert max(by_queue.pods) == deployed.claims.most
    assert by_queue.wait_seconds(0.99) == outcome.wait_seconds(0.99)


def test_few_deep_partitions_scale_the_fleet(deployed: Deployed) -> None:
    """Each of them is work for a process of its own; to count partitions alone does not see it."""
    outcome = run("few", way(deployed, CLAIMS), deployed, BURST)
    assert outcome.wait_seconds(1.0) < 60
    assert FEW < PARTITIONS / 10
    by_partitions = run("few", way(deployed, BY_PARTITIONS), deployed, IN_BURST)
    assert max(by_partitions.pods) == deployed.claims.least
    assert by_partitions.wait_seconds(0.99) > 600


def test_without_keda_the_fleet_follows_the_burst_later(deployed: Deployed, burst: Outcome) -> None:
    """By CPU it grows too, at a target low enough that waiting workers reach it."""
    outcome = run("large", way(deployed, BY_CPU), deployed, BURST)
    assert max(outcome.pods) > deployed.cpu.least
    assert 60 > outcome.wait_seconds(1.0) > burst.wait_seconds(1.0)
    costs = costs_of(deployed.settings)
    saturated = costs.cpu_seconds(
        deployed.concurrency * costs.most_per_second, deployed.concurrency
    )
    assert deployed.cpu.target < saturated
    unreachable = Way(way(deployed, BY_CPU).metric, replace(deployed.cpu, target=0.7))
    assert max(run("large", unreachable, deployed, IN_BURST).pods) == deployed.cpu.least


@pytest.mark.parametrize(("partitions", "depth"), [(1, 300), (40, 1), (3, 150), (30, 7)])
def test_the_simulation_counts_claims_as_the_inbox_does(
    inbox: Inbox, partitions: int, depth: int
) -> None:
    """The same partitions, as deep, in Redis and in the simulation."""
    limits = Settings(lanes=1, batch_trades=100, batch_partitions=20)
    costs = costs_of(limits)
    for number in range(partitions):
        inbox.accept(submissions(depth, f"B{number}"))
    (work,) = InboxReader(inbox.redis, 1).load(limits)
    assert work.useful_parallelism == pytest.approx(partitions * costs.share_of_claim(depth))


def decisions(policy: Policy, start: int, usage: list[float]) -> list[int]:
    """Return what an autoscaler decides at each look."""
    autoscaler = Autoscaler(policy, start)
    return [autoscaler.decide(n * SYNC_SECONDS, value) for n, value in enumerate(usage)]


def test_the_fleet_doubles_or_grows_by_four(deployed: Deployed) -> None:
    """Every 15 s, up to the most; and no further."""
    most = deployed.claims.most
    grown = decisions(deployed.claims, 2, [1e6] * 6)
    assert grown == [6, 12, most, most, most, most]


def test_small_deviations_change_nothing(deployed: Deployed) -> None:
    """Within a tenth of the target the fleet stays as it is."""
    target = deployed.claims.target
    assert decisions(deployed.claims, 10, [target * 10 * 1.09, target * 10 * 0.91]) == [10, 10]


def test_the_fleet_shrinks_by_one_a_minute_after_five(deployed: Deployed) -> None:
    """One busy look within the window keeps it as it is."""
    busy = deployed.claims.target * 10
    shrinking = decisions(deployed.claims, 10, [busy, *[0.0] * 40])
    assert shrinking[:21] == [10] * 21  # five minutes
    assert shrinking[21:29] == [9, 9, 9, 9, 8, 8, 8, 8]
