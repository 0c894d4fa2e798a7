"""Tests the harness of the fault tests: a deployment under traffic, without faults."""

from tests.support.deployment.deployment import Deployment
from tests.support.deployment.invariants import assert_all_is_well
from tests.support.deployment.traffic.traffic import Traffic, of_apis, of_gateway
from tests.support.history.history import History


def test_without_faults_all_is_well(deployment: Deployment, history: History) -> None:
    """Without faults, trades sent in process and over HTTP are all captured once and in order."""
    deployment.start_worker("w").wait_ready()
    apis = [deployment.start_api(f"api{number}") for number in (1, 2)]
    in_process = of_gateway(deployment.gateway())
    batches = Traffic(history, in_process, trades=2_000, trades_a_call=20, seed=1)
    singles = Traffic(history, of_apis(*(api.url for api in apis)), trades=400, seed=2)
    with batches, singles:
        batches.wait(60)
        singles.wait(60)
    for traffic in (batches, singles):
        traffic.assert_clean()
    assert len(history.accepted()) == 2_400
    assert_all_is_well(deployment, history)
