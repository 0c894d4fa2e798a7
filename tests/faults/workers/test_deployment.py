"""The harness itself: a deployment under traffic, without faults."""

from tests.support.deployment.deployment import Deployment
from tests.support.deployment.invariants import assert_all_is_well
from tests.support.deployment.traffic.traffic import Traffic, of_apis, of_gateway
from tests.support.history.history import History


def test_without_faults_all_is_well(deployment: Deployment, history: History) -> None:
    """Traffic from this process and over HTTP together: everything captured, once, in order."""
    deployment.start_worker("w").wait_ready()
    apis = [deployment.start_api(f"api{number}") for number in (1, 2)]
    of_this_process = of_gateway(deployment.gateway())
    batches = Traffic(history, of_this_process, trades=2_000, trades_a_call=20, seed=1)
    singles = Traffic(history, of_apis(*(api.url for api in apis)), trades=400, seed=2)
    with batches, singles:
        batches.wait(60)
        singles.wait(60)
    for traffic in (batches, singles):
        traffic.assert_clean()
    assert len(history.accepted()) == 2_400
    assert_all_is_well(deployment, history)
