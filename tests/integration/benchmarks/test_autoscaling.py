"""The deployed autoscaler in a simulation: it follows bursts, and nothing else."""

from dataclasses import replace

import pytest

from benchmarks.autoscaling.arrivals import DAY_SECONDS, HOUR_SECONDS, is_burst, seed_rate
from benchmarks.autoscaling.autoscaler import SYNC_SECONDS, Autoscaler, Policy
from benchmarks.autoscaling.costs import costs_of
from benchmarks.autoscaling.manifest import DeployedFleet, read_manifests
from benchmarks.autoscaling.scenarios import (
    BURST,
    FEW,
    HOT,
    PARTITIONS,
    Strategy,
    burst_by_min_pods,
    run,
    strategies,
    without_limits,
)
from benchmarks.autoscaling.simulation import DayResult
from tests.support.builders import submissions
from tests.support.deployment.manifests import of_kind
from tradecapture.inbox import Inbox, InboxReader
from tradecapture.settings import Settings

IN_BURST = range(BURST.start, 8 * HOUR_SECONDS)  # long enough for a fleet to grow
HOT_HOUR = range(int(9.5 * HOUR_SECONDS), int(11.5 * HOUR_SECONDS))
CLAIMS, BY_PARTITIONS, BY_QUEUE, BY_CPU = (
    "claims due (KEDA)",
    "partitions due",
    "queue length",
    "CPU (no KEDA)",
)


@pytest.fixture(scope="module")
def deployed() -> DeployedFleet:
    """The fleet that the manifests describe."""
    return read_manifests()


def strategy(deployed: DeployedFleet, name: str) -> Strategy:
    """Return a metric and its autoscaler."""
    return strategies(deployed)[name]


@pytest.fixture(scope="module")
def burst(deployed: DeployedFleet) -> DayResult:
    """The deployed fleet in a burst of 500 times the seed's day."""
    return run("large", strategy(deployed, CLAIMS), deployed, BURST)


def test_what_is_simulated_is_what_is_deployed(deployed: DeployedFleet) -> None:
    """The simulated autoscaler has the figures of the manifests."""
    scaled = of_kind("production", "ScaledObject")["worker"]["spec"]
    metadata = scaled["triggers"][0]["metadata"]
    assert metadata["valueLocation"] == "claimsDue"
    policy = deployed.claims
    assert (policy.min_pods, policy.max_pods) == (
        scaled["minReplicaCount"],
        scaled["maxReplicaCount"],
    )
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
    """Bursts of two hours in three regions, eight times the rate, without overlap."""
    bursts = sum(map(is_burst, range(DAY_SECONDS)))
    assert bursts == 3 * 2 * HOUR_SECONDS
    rate = seed_rate()
    assert {rate(second) for second in range(0, DAY_SECONDS, 60)} == {23.0, 184.0}


def test_the_seeds_day_needs_only_the_minimum(deployed: DeployedFleet) -> None:
    """The fleet stays at its minimum, because bursts of 184/s are little for one pod."""
    outcome = run("seed", strategy(deployed, CLAIMS), deployed, BURST)
    assert set(outcome.pods) == {deployed.claims.min_pods}
    assert outcome.wait_seconds(1.0) < 1


def test_a_large_burst_is_absorbed(burst: DayResult) -> None:
    """No trade waits for a minute, and 95 % wait for less than a second."""
    assert burst.wait_seconds(1.0) < 60
    assert burst.late(1.0) < 0.05
    assert burst.waiting[-1] < 20_000  # running claims, and no queue


def test_refusing_costs_little(burst: DayResult, deployed: DeployedFleet) -> None:
    """Workers never run out of work, so as many trades are late as without limits."""
    assert burst.refused > 0
    assert max(burst.waiting) <= deployed.settings.limit_total
    free = run("large", strategy(deployed, CLAIMS), without_limits(deployed), BURST)
    assert (free.refused, max(free.kept)) == (0, 0)
    assert burst.late(1.0) == pytest.approx(free.late(1.0))
    assert free.wait_seconds(1.0) <= burst.wait_seconds(1.0) < 1.5 * free.wait_seconds(1.0)


def test_five_pods_before_a_burst_spare_all_waits(deployed: DeployedFleet) -> None:
    """Five pods refuse nothing; with the deployed minimum of two, clients are refused."""
    by_min_pods = burst_by_min_pods(strategy(deployed, CLAIMS), deployed)
    assert by_min_pods[deployed.claims.min_pods].refused > 0
    assert (by_min_pods[5].refused, by_min_pods[5].late(1.0)) == (0, 0)


def test_the_fleet_does_not_flap(burst: DayResult, deployed: DeployedFleet) -> None:
    """In a burst it grows once and shrinks once, back to the minimum."""
    assert burst.turns == 1
    assert max(burst.pods) > deployed.claims.min_pods == burst.pods[-1]


def test_a_hot_partition_alone_does_not_scale_the_fleet(deployed: DeployedFleet) -> None:
    """Only one worker at a time may capture it; by queue length the fleet grows for nothing."""
    assert costs_of(deployed.settings).max_per_second < HOT
    outcome = run("hot", strategy(deployed, CLAIMS), deployed, HOT_HOUR)
    assert max(outcome.waiting) > 90_000
    assert set(outcome.pods) == {deployed.claims.min_pods}
    by_queue = run("hot", strategy(deployed, BY_QUEUE), deployed, HOT_HOUR)
    assert max(by_queue.pods) == deployed.claims.max_pods
    assert by_queue.wait_seconds(0.99) == outcome.wait_seconds(0.99)


def test_few_deep_partitions_scale_the_fleet(deployed: DeployedFleet) -> None:
    """Each is work for one process; counting partitions alone does not grow the fleet."""
    outcome = run("few", strategy(deployed, CLAIMS), deployed, BURST)
    assert outcome.wait_seconds(1.0) < 60
    assert FEW < PARTITIONS / 10
    by_partitions = run("few", strategy(deployed, BY_PARTITIONS), deployed, IN_BURST)
    assert max(by_partitions.pods) == deployed.claims.min_pods
    assert by_partitions.wait_seconds(0.99) > 600


def test_without_keda_the_fleet_follows_the_burst_later(
    deployed: DeployedFleet, burst: DayResult
) -> None:
    """By CPU it grows later, and only with a target that waiting workers can reach."""
    outcome = run("large", strategy(deployed, BY_CPU), deployed, BURST)
    assert max(outcome.pods) > deployed.cpu.min_pods
    assert 60 > outcome.wait_seconds(1.0) > burst.wait_seconds(1.0)
    costs = costs_of(deployed.settings)
    saturated = costs.cpu_seconds(deployed.concurrency * costs.max_per_second, deployed.concurrency)
    assert deployed.cpu.target < saturated
    unreachable = Strategy(strategy(deployed, BY_CPU).metric, replace(deployed.cpu, target=0.7))
    assert max(run("large", unreachable, deployed, IN_BURST).pods) == deployed.cpu.min_pods


@pytest.mark.parametrize(("partitions", "depth"), [(1, 300), (40, 1), (3, 150), (30, 7)])
def test_the_simulation_counts_claims_as_the_inbox_does(
    inbox: Inbox, partitions: int, depth: int
) -> None:
    """For the same partitions and depths, Redis and the simulation count the same claims."""
    limits = Settings(lanes=1, batch_trades=100, batch_partitions=20)
    costs = costs_of(limits)
    for number in range(partitions):
        inbox.accept(submissions(depth, f"B{number}"))
    (work,) = InboxReader(inbox.redis, 1).load(limits)
    assert work.useful_parallelism == pytest.approx(partitions * costs.share_of_claim(depth))


def decisions(policy: Policy, start: int, usage: list[float]) -> list[int]:
    """Return the decision of an autoscaler at each interval."""
    autoscaler = Autoscaler(policy, start)
    return [autoscaler.decide(n * SYNC_SECONDS, value) for n, value in enumerate(usage)]


def test_the_fleet_doubles_or_grows_by_four(deployed: DeployedFleet) -> None:
    """The fleet doubles every 15 s or grows by four, up to the maximum."""
    max_pods = deployed.claims.max_pods
    grown = decisions(deployed.claims, 2, [1e6] * 6)
    assert grown == [6, 12, max_pods, max_pods, max_pods, max_pods]


def test_small_deviations_change_nothing(deployed: DeployedFleet) -> None:
    """Within 10 % of the target the fleet does not change."""
    target = deployed.claims.target
    assert decisions(deployed.claims, 10, [target * 10 * 1.09, target * 10 * 0.91]) == [10, 10]


def test_the_fleet_shrinks_by_one_a_minute_after_five(deployed: DeployedFleet) -> None:
    """One busy interval within the window keeps the fleet as it is."""
    busy = deployed.claims.target * 10
    shrinking = decisions(deployed.claims, 10, [busy, *[0.0] * 40])
    assert shrinking[:21] == [10] * 21  # five minutes
    assert shrinking[21:29] == [9, 9, 9, 9, 8, 8, 8, 8]
