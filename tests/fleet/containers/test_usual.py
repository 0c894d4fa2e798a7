"""The default compose deployment, on SQL Server or its stand-in."""

import json
from collections.abc import Callable

import httpx
import pytest

from tests.support.deployment.completion import wait_for
from tests.support.deployment.containers.compose_deployment import (
    FLOWER_PASSWORD,
    ComposeDeployment,
)
from tests.support.deployment.containers.docker import inspect_object
from tests.support.deployment.containers.images import SQL_SERVER
from tests.support.deployment.traffic.traffic import Traffic, of_apis
from tests.support.history.history import History
from tradecapture.local.servers.ports import LOOPBACK

FILES = ("docker-compose.yml", "docker-compose.override.yml")
TRADES = 300


@pytest.mark.docker
@pytest.mark.timeout(600)
def test_the_usual_deployment_captures_into_sql_server(
    usual_images: None, history: History, figure: Callable[[str], None]
) -> None:
    """The deployment creates its database, captures trades, and satisfies `doctor`."""
    stand_in = "tradecapture.stand-in" in (inspect_object(SQL_SERVER)["Config"]["Labels"] or {})
    figure(f"usual compose deployment: on {'a stand-in for ' * stand_in}SQL Server")
    with ComposeDeployment(*FILES) as deployment:
        deployment.up()
        url = deployment.url
        wait_for("the API answers", lambda: _status(f"{url}/actuator/health/readiness") == 200)
        with Traffic(history, of_apis(url), trades=TRADES) as traffic:
            traffic.wait(60)
        traffic.assert_clean()
        wait_for("nothing waits", deployment.nothing_waits)
        report = deployment.reconcile()
        assert report["clean"]
        assert report["total"]["captured"] == len(set(traffic.accepted)) == TRADES
        # The worker's health check reads the heartbeat file.
        worker = deployment.containers("worker")[0]
        wait_for(
            "the worker is healthy",
            lambda: inspect_object(worker)["State"]["Health"]["Status"] == "healthy",
        )
        findings = json.loads(deployment.run_in("worker", "tradecapture", "doctor", "--json"))
        assert [finding for finding in findings if finding["level"] != "OK"] == []
        flower = f"http://{LOOPBACK}:{deployment.flower_port}/api/workers"
        wait_for("Flower asks for a password", lambda: _status(flower) == 401)
        assert httpx.get(flower, auth=("desk", FLOWER_PASSWORD)).status_code == 200


def _status(url: str) -> int | None:
    try:
        return httpx.get(url).status_code
    except httpx.TransportError:
        return None
