"""nginx, two APIs and ten workers on PostgreSQL: killed, scaled and stopped under load."""

import time
from collections.abc import Callable

import httpx
import pytest

from tests.support.deployment.completion import wait_for
from tests.support.deployment.containers.composed import Composed
from tests.support.deployment.containers.docker import docker, inspected
from tests.support.deployment.traffic.traffic import Traffic, of_apis
from tests.support.history.history import History
from tradecapture.local.servers.ports import LOOPBACK

FILES = ("docker-compose.yml", "docker-compose.postgresql.yml", "docker-compose.scale.yml")
STEP_TRADES = 200  # accepted between two deeds
START_SECONDS = 180.0  # for ten workers, on a machine of two cores that others use too


@pytest.mark.docker
@pytest.mark.timeout(600)
def test_nothing_is_lost_while_containers_die_scale_and_stop(
    scaled_images: None, history: History, figure: Callable[[str], None]
) -> None:
    """Clients see no answer but the contract's, and every accepted trade is captured once."""
    with Composed(*FILES) as composed:
        started = time.monotonic()
        composed.up("--scale", "worker=3")
        figure(f"scaled compose deployment: up in {time.monotonic() - started:.0f} s")
        assert len(composed.containers("worker")) == 3
        assert len(composed.containers("api")) == 2
        traffic = Traffic(history, of_apis(composed.url), partitions=40, trades_a_second=100)

        def more() -> None:
            goal = len(traffic.accepted) + STEP_TRADES
            wait_for("trades accepted", lambda: len(traffic.accepted) >= goal)

        with traffic:
            more()
            docker("kill", composed.containers("api")[0], composed.containers("worker")[0])
            more()
            composed.up("--no-recreate", "--scale", "worker=10")
            wait_for("ten workers", lambda: len(composed.containers("worker")) == 10, START_SECONDS)
            more()
            docker("kill", *composed.containers("worker")[:3])
            more()
        traffic.assert_clean()
        wait_for("nothing waits", composed.nothing_waits, START_SECONDS)
        account = composed.account()
        assert account["clean"]
        assert account["total"]["captured"] == len(set(traffic.accepted))

        # One that is still starting has nothing in hand, and ends by the signal itself.
        wait_for("workers have started", lambda: _all_healthy(composed), START_SECONDS)
        # Stopped while trades wait: whatever was accepted is still there afterwards.
        with Traffic(history, of_apis(composed.url), seed=8, trades=STEP_TRADES) as last:
            last.wait(60)
        workers, nginx = composed.containers("worker"), composed.containers("nginx")
        started = time.monotonic()
        composed.compose("stop")
        figure(f"scaled compose deployment: stopped in {time.monotonic() - started:.0f} s")
        stopped = [*workers, *nginx]
        assert {inspected(name)["State"]["ExitCode"] for name in stopped} == {0}
        composed.up("--no-recreate", "--scale", "worker=3")
        wait_for("nothing waits", composed.nothing_waits, START_SECONDS)
        account = composed.account()
        assert account["clean"]
        assert account["total"]["captured"] == len(set(traffic.accepted + last.accepted))

        # Without any API nginx answers as an API would.
        docker("kill", *composed.containers("api"))
        answer = httpx.post(f"{composed.url}/api/v1/trades/capture", content=b"{}", timeout=70)
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "2"
        assert answer.json()["error"]["code"] == "SERVICE_UNAVAILABLE"
        health = httpx.get(f"http://{LOOPBACK}:{composed.port}/nginx/health")
        assert health.text == "up\n"


def _all_healthy(composed: Composed) -> bool:
    states = [inspected(name)["State"] for name in composed.containers("worker")]
    return all(state["Health"]["Status"] == "healthy" for state in states)
