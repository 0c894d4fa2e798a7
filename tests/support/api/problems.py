"""Checks of the problem document that every refused request must get."""

import re
from typing import Any

import httpx


def problem_of(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Check the status, the code and the required fields of a problem, and return its document."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["status"] == status
    assert body["type"].startswith("urn:tradecapture:problem:")
    assert body["title"] == httpx.codes.get_reason_phrase(status)
    assert body["detail"]
    assert body["instance"] == body["error"]["path"] == response.request.url.path
    assert body["error"]["code"] == code
    assert body["error"]["message"] == body["detail"]
    assert body["error"]["details"] == body.get("problems", [])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT.*Z", body["error"]["timestamp"])
    assert response.headers["x-correlation-id"]
    return body


def paths(problem: dict[str, Any]) -> list[str]:
    """Return the path of each problem in a problem document."""
    return [part["path"] for part in problem["problems"]]


def check_unavailable(response: httpx.Response) -> dict[str, Any]:
    """Check that a response is a 503 with Retry-After, and return its problem document."""
    assert int(response.headers["retry-after"]) > 0
    return problem_of(response, 503, "SERVICE_UNAVAILABLE")
