"""The OpenAPI document describes every response, and its page needs no other host."""

import re
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from tests.support.api.requests import BATCH, CAPTURE, Deployment

DOCUMENT = "/schema/openapi.json"
EXAMPLES = {"POST": 3, "GET": 20}  # for each operation and mode; an example is 1 or more requests
OPERATIONS = [
    ("POST", CAPTURE),
    ("POST", BATCH),
    ("GET", CAPTURE + "/{tradeId}"),
    ("GET", "/api/v1/trades"),
    ("GET", "/api/v1/trades/jobs/{jobId}/status"),
    ("GET", "/api/v1/partitions"),
    ("GET", "/api/v1/partitions/{key}"),
    *(
        ("POST", f"/api/v1/partitions/{{key}}/{action}")
        for action in ("pause", "resume", "retry", "skip", "release")
    ),
    ("GET", "/api/v1/health"),
    ("GET", "/api/v1/backlog"),
    ("GET", "/actuator/health"),
    ("GET", "/actuator/health/liveness"),
    ("GET", "/actuator/health/readiness"),
]


@pytest.fixture(scope="session")
def api_schema(quiet: Deployment) -> Any:
    """The API as its own document describes it."""
    document = quiet.http.get(DOCUMENT).json()
    batch = document["paths"][BATCH]["post"]["requestBody"]["content"]["application/json"]
    batch["schema"]["maxItems"] = 1  # generating one trade takes half a second
    return schemathesis.openapi.from_dict(document)


@pytest.mark.parametrize("mode", GenerationMode, ids=lambda mode: mode.value)
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_answers_are_as_documented(
    api_schema: Any, quiet: Deployment, method: str, path: str, mode: GenerationMode
) -> None:
    """For any request, the response has a documented status, media type, headers and body."""
    # A schema cannot express every rule (a date not after tomorrow, a valid ISIN), so the API may
    # refuse data that match the schema. It accepts a batch if one of its trades is valid.
    excluded: list[Any] = [positive_data_acceptance]
    if path == BATCH:
        excluded.append(negative_data_rejection)

    @hypothesis_settings(max_examples=EXAMPLES[method], suppress_health_check=list(HealthCheck))
    @given(case=api_schema[path][method].as_strategy(generation_mode=mode))
    def check(case: Case[Any]) -> None:
        case.call_and_validate(base_url=str(quiet.http.base_url), excluded_checks=excluded)

    check()


def test_document_describes_every_operation(quiet: Deployment) -> None:
    """The document has each operation's body and headers, and a problem for each error."""
    document = quiet.http.get(DOCUMENT).json()
    assert document["openapi"].startswith("3.1")
    operations = {
        (method.upper(), path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert set(operations) == set(OPERATIONS)
    for operation in operations.values():
        assert operation["summary"]
        assert "X-Correlation-ID" in {parameter["name"] for parameter in operation["parameters"]}
        for status, answer in operation["responses"].items():
            assert "X-Correlation-ID" in answer["headers"]
            if status.startswith("4"):
                assert list(answer["content"]) == ["application/problem+json"]
    capture = operations["POST", CAPTURE]
    assert {parameter["name"] for parameter in capture["parameters"]} >= {
        "Idempotency-Key",
        "X-Callback-Url",
        "Prefer",
    }
    body = capture["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/Trade"}
    assert set(capture["responses"]) == {
        *("200", "202", "400", "409", "413", "415", "429", "503"),
        "default",
    }
    batch = operations["POST", BATCH]["requestBody"]["content"]
    assert set(batch) == {"application/json", "application/x-ndjson"}
    assert batch["application/json"]["schema"]["maxItems"] == 10_000
    trade = document["components"]["schemas"]["Trade"]
    assert set(trade["required"]) == {
        *("tradeId", "accountId", "bookId", "securityId", "source"),
        *("tradeDate", "counterpartyIds", "tradeLots"),
    }


def test_documented_example_is_accepted(quiet: Deployment) -> None:
    """The API accepts the example trade of the document."""
    document = quiet.http.get(DOCUMENT).json()
    example = document["components"]["schemas"]["Trade"]["examples"][0]
    assert quiet.http.post(CAPTURE, json=example).status_code == 202


def test_page_works_offline(quiet: Deployment) -> None:
    """The page loads its scripts and styles from the service itself, which serves each of them."""
    page = quiet.http.get("/schema")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    loaded = re.findall(r"""(?:src|href)=['"]([^'"]+)['"]""", page.text)
    assert len(loaded) == 4
    for address in loaded:
        assert address.startswith("/schema/assets/")
        asset = quiet.http.get(address)
        assert asset.status_code == 200
        assert asset.content
