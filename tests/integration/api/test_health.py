"""`/health`: what monitoring of the old service reads."""

from tests.support.api.requests import Deployment


def test_health_is_up_with_its_pool(quiet: Deployment) -> None:
    """With Redis and the database there, /health is UP and the pool is told in integers."""
    response = quiet.http.get("/api/v1/health")
    assert response.status_code == 200
    assert response.headers["x-correlation-id"]
    health = response.json()
    assert health["status"] == "UP"
    assert health["components"] == {"redis": {"status": "UP"}, "database": {"status": "UP"}}
    pool = health["connectionPool"]
    assert all(type(number) is int for number in pool.values())
    assert pool["maximumPoolSize"] > 0
    assert pool["total"] == pool["active"] + pool["idle"] <= pool["maximumPoolSize"]


def test_management_health_is_up(quiet: Deployment) -> None:
    """/actuator/health says UP, for load balancers."""
    response = quiet.http.get("/actuator/health")
    assert (response.status_code, response.json()) == (200, {"status": "UP"})


def test_the_probes_are_up(quiet: Deployment) -> None:
    """A process that serves is alive; with a Redis that can be written it is ready."""
    for probe in ("liveness", "readiness"):
        response = quiet.http.get(f"/actuator/health/{probe}")
        assert (response.status_code, response.json()) == (200, {"status": "UP"})
