"""Problem documents and correlation ids, which are the same for every kind of error."""

import re
from typing import Any

import pytest
from litestar import Request, get
from litestar.testing import create_test_client

from tests.support.api.problems import problem_of
from tests.support.api.requests import BATCH, CAPTURE, Deployment
from tradecapture.api.http.correlation import echo_correlation_id
from tradecapture.api.http.problem import EXCEPTION_HANDLERS


@pytest.mark.parametrize("path", ["/", "/nowhere", "/api/v1", "/api/v2/health", "/actuator"])
def test_unknown_address_is_a_problem(quiet: Deployment, path: str) -> None:
    """An unknown address is a 404 problem that says where the addresses are documented."""
    assert "/schema" in problem_of(quiet.http.get(path), 404, "NOT_FOUND")["detail"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", CAPTURE, "POST"),
        ("GET", CAPTURE, "POST"),
        ("DELETE", BATCH, "POST"),
        ("POST", f"{CAPTURE}/T-1", "GET"),
        ("POST", "/api/v1/health", "GET"),
    ],
)
def test_other_method_is_a_problem(quiet: Deployment, method: str, path: str, allowed: str) -> None:
    """A method that an address does not accept is a 405 problem that names the accepted ones."""
    response = quiet.http.request(method, path)
    problem = problem_of(response, 405, "METHOD_NOT_ALLOWED")
    assert allowed in response.headers["allow"]
    assert allowed in problem["detail"]


def test_correlation_id_is_made_when_absent(quiet: Deployment) -> None:
    """Each response has a new correlation id if the request has none."""
    new_ids = {quiet.http.get("/nowhere").headers["x-correlation-id"] for _ in range(3)}
    assert len(new_ids) == 3
    assert all(re.fullmatch("[0-9a-f]{32}", correlation_id) for correlation_id in new_ids)


@pytest.mark.parametrize("path", ["/api/v1/health", "/nowhere", f"{CAPTURE}/unknown", CAPTURE])
def test_correlation_id_is_echoed(quiet: Deployment, path: str) -> None:
    """The response has the correlation id of the request, also if it is an error."""
    headers = {"X-Correlation-ID": "abc-123 ~"}
    assert quiet.http.get(path, headers=headers).headers["x-correlation-id"] == "abc-123 ~"


@pytest.mark.parametrize("correlation_id", [b"x" * 129, b"caf\xe9", b"a\tb"])
def test_invalid_correlation_id_is_refused(quiet: Deployment, correlation_id: bytes) -> None:
    """An invalid correlation id is 400, and the response has a new one."""
    response = quiet.http.get("/api/v1/health", headers=[(b"X-Correlation-ID", correlation_id)])
    assert "X-Correlation-ID" in problem_of(response, 400, "INVALID_HEADER")["detail"]
    assert re.fullmatch("[0-9a-f]{32}", response.headers["x-correlation-id"])


def test_bug_is_a_problem_without_internals() -> None:
    """An unexpected exception is a 500 problem that names only the correlation id."""

    @get("/")
    async def fails(request: Request[Any, Any, Any]) -> None:
        raise RuntimeError("secret")

    with create_test_client(
        fails,
        exception_handlers=EXCEPTION_HANDLERS,
        before_send=[echo_correlation_id],
        raise_server_exceptions=False,
    ) as http:
        response = http.get("/", headers={"X-Correlation-ID": "abc"})
    problem = problem_of(response, 500, "INTERNAL_ERROR")
    assert "secret" not in response.text
    assert "abc" in problem["detail"]
