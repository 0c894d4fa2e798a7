"""A scaled deployment (nginx, two APIs, ten workers) that is killed and stopped under load."""

import time
from collections.abc import Callable

import httpx
import pytest

from tests.support.deployment.completion import wait_for
from tests.support.deployment.containers.compose_deployment import ComposeDeployment
from tests.support.deployment.containers.docker import docker, inspect_object
from tests.support.deployment.traffic.traffic import Traffic, of_apis
from tests.support.history.history import History
from tradecapture.local.servers.ports import LOOPBACK

FILES = ("docker-compose.yml", "docker-compose.postgresql.yml", "docker-compose.scale.yml")
STEP_TRADES = 200  # accepted between two faults or changes
START_SECONDS = 180.0  # for ten workers, on a machine of two cores that others use too


@pytest.mark.docker
@pytest.mark.timeout(600)
def test_nothing_is_lost_while_containers_die_scale_and_stop(
    scaled_images: None, history: History, figure: Callable[[str], None]
) -> None:
    """Clients get only responses of the contract, and every accepted trade is captured once."""
    with ComposeDeployment(*FILES) as deployment:
        started = time.monotonic()
        deployment.up("--scale", "worker=3")
        figure(f"scaled compose deployment: up in {time.monotonic() - started:.0f} s")
        assert len(deployment.containers("worker")) == 3
        assert len(deployment.containers("api")) == 2
        traffic = Traffic(history, of_apis(deployment.url), partitions=40, trades_a_second=100)

        def wait_for_more_trades() -> None:
            goal = len(traffic.accepted) + STEP_TRADES
            wait_for("trades accepted", lambda: len(traffic.accepted) >= goal)

        with traffic:
            wait_for_more_trades()
            docker("kill", deployment.containers("api")[0], deployment.containers("worker")[0])
            wait_for_more_trades()
            deployment.up("--no-recreate", "--scale", "worker=10")
            wait_for(
                "ten workers", lambda: len(deployment.containers("worker")) == 10, START_SECONDS
            )
            wait_for_more_trades()
            docker("kill", *deployment.containers("worker")[:3])
            wait_for_more_trades()
        traffic.assert_clean()
        wait_for("nothing waits", deployment.nothing_waits, START_SECONDS)
        report = deployment.reconcile()
        assert report["clean"]
        assert report["total"]["captured"] == len(set(traffic.accepted))

        # A worker that is still starting would end by the signal, not with exit code 0.
        wait_for("workers have started", lambda: _all_healthy(deployment), START_SECONDS)
        # Stop the deployment while trades wait: every accepted trade must survive.
        with Traffic(history, of_apis(deployment.url), seed=8, trades=STEP_TRADES) as last:
            last.wait(60)
        workers, nginx = deployment.containers("worker"), deployment.containers("nginx")
        started = time.monotonic()
        deployment.compose("stop")
        figure(f"scaled compose deployment: stopped in {time.monotonic() - started:.0f} s")
        stopped = [*workers, *nginx]
        assert {inspect_object(name)["State"]["ExitCode"] for name in stopped} == {0}
        deployment.up("--no-recreate", "--scale", "worker=3")
        wait_for("nothing waits", deployment.nothing_waits, START_SECONDS)
        report = deployment.reconcile()
        assert report["clean"]
        assert report["total"]["captured"] == len(set(traffic.accepted + last.accepted))

        # Without any API nginx answers with the API's 503 problem.
        docker("kill", *deployment.containers("api"))
        answer = httpx.post(f"{deployment.url}/api/v1/trades/capture", content=b"{}", timeout=70)
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "2"
        assert answer.json()["error"]["code"] == "SERVICE_UNAVAILABLE"
        health = httpx.get(f"http://{LOOPBACK}:{deployment.port}/nginx/health")
        assert health.text == "up\n"


def _all_healthy(deployment: ComposeDeployment) -> bool:
    states = [inspect_object(name)["State"] for name in deployment.containers("worker")]
    return all(state["Health"]["Status"] == "healthy" for state in states)
