"""The compose file as it comes: SQL Server (or its stand-in), the API's port, Flower's password."""

import json
from collections.abc import Callable

import httpx
import pytest

from tests.support.deployment.completion import wait_for
from tests.support.deployment.containers.composed import FLOWER_PASSWORD, Composed
from tests.support.deployment.containers.docker import inspected
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
    """Its database is made, its tables too; trades are captured; `doctor` finds nothing wrong."""
    stand_in = "tradecapture.stand-in" in (inspected(SQL_SERVER)["Config"]["Labels"] or {})
    figure(f"usual compose deployment: on {'a stand-in for ' * stand_in}SQL Server")
    with Composed(*FILES) as composed:
        composed.up()
        url = composed.url
        wait_for("the API answers", lambda: _status(f"{url}/actuator/health/readiness") == 200)
        with Traffic(history, of_apis(url), trades=TRADES) as traffic:
            traffic.wait(60)
        traffic.assert_clean()
        wait_for("nothing waits", composed.nothing_waits)
        account = composed.account()
        assert account["clean"]
        assert account["total"]["captured"] == len(set(traffic.accepted)) == TRADES
        # The worker's health check asks for the heartbeat.
        worker = composed.containers("worker")[0]
        wait_for(
            "the worker is healthy",
            lambda: inspected(worker)["State"]["Health"]["Status"] == "healthy",
        )
        found = json.loads(composed.run_in("worker", "tradecapture", "doctor", "--json"))
        assert [finding for finding in found if finding["level"] != "OK"] == []
        flower = f"http://{LOOPBACK}:{composed.flower_port}/api/workers"
        wait_for("Flower asks for a password", lambda: _status(flower) == 401)
        assert httpx.get(flower, auth=("desk", FLOWER_PASSWORD)).status_code == 200


def _status(url: str) -> int | None:
    try:
        return httpx.get(url).status_code
    except httpx.TransportError:
        return None
