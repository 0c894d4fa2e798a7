"""The health endpoints, as monitoring, load balancers and Kubernetes read them."""

from tests.support.api.requests import Deployment


def test_health_is_up_with_its_pool(quiet: Deployment) -> None:
    """While Redis and the database answer, /health is UP and counts the pool in integers."""
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
    """/actuator/health, which load balancers read, says UP."""
    response = quiet.http.get("/actuator/health")
    assert (response.status_code, response.json()) == (200, {"status": "UP"})


def test_the_probes_are_up(quiet: Deployment) -> None:
    """A serving process is alive; it is ready while it can write to Redis."""
    for probe in ("liveness", "readiness"):
        response = quiet.http.get(f"/actuator/health/{probe}")
        assert (response.status_code, response.json()) == (200, {"status": "UP"})
