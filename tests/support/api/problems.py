"""Problem documents: what every answer to a refused request must have."""

import re
from typing import Any

import httpx


def problem_of(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Return the problem document of an answer, after checking what every one must have."""
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
    """Return where the problems of a problem document are."""
    return [found["path"] for found in problem["problems"]]


def check_unavailable(response: httpx.Response) -> dict[str, Any]:
    """Return the problem of a 503, after checking that it says when to come again."""
    assert int(response.headers["retry-after"]) > 0
    return problem_of(response, 503, "SERVICE_UNAVAILABLE")
