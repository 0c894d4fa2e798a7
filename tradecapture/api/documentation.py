"""The documentation: what OpenAPI says of each operation. Handlers read and write bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from litestar.openapi.spec import (
    OpenAPIHeader,
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    Parameter,
    Reference,
    RequestBody,
    Responses,
    Schema,
)

from tradecapture.api.media_types import JSON, NDJSON, PROBLEM_JSON

_TEXT = Schema(type=OpenAPIType.STRING)
_CORRELATION_ID = {
    "X-Correlation-ID": OpenAPIHeader(_TEXT, description="the request's, or one made for it")
}
_RETRY_AFTER = {"Retry-After": OpenAPIHeader(_TEXT, description="seconds")}
_RECEIPT = {
    "Idempotency-Status": OpenAPIHeader(_TEXT, description="duplicate: this is a resend"),
    "Preference-Applied": OpenAPIHeader(_TEXT, description="the wait that was honoured"),
}


def _schema(name: str) -> Reference:
    return Reference(ref=f"#/components/schemas/{name}")


def _answer(
    description: str, body: str, headers: Mapping[str, OpenAPIHeader] | None = None
) -> OpenAPIResponse:
    media_type = PROBLEM_JSON if body == "ProblemBody" else JSON
    return OpenAPIResponse(
        description,
        headers={**_CORRELATION_ID, **(headers or {})},
        content={media_type: OpenAPIMediaType(_schema(body))},
    )


def _problems(**described: str) -> Responses:
    """Return the answers that are problem documents; a name is a status with a letter before."""
    answers: Responses = {
        status[1:]: _answer(text, "ProblemBody", _RETRY_AFTER if status == "_503" else None)
        for status, text in described.items()
    }
    return {**answers, "default": _answer("any other problem", "ProblemBody")}


def _header(
    name: str, description: str, *, shortest: int = 0, longest: int | None = None
) -> Parameter:
    schema = Schema(type=OpenAPIType.STRING, min_length=shortest, max_length=longest)
    return Parameter(name, "header", schema=schema, description=description)


def _in_path(name: str, description: str) -> Parameter:
    schema = Schema(type=OpenAPIType.STRING, min_length=1)
    return Parameter(name, "path", schema=schema, description=description, required=True)


def _operation(
    summary: str,
    responses: Responses,
    parameters: Sequence[Parameter] = (),
    request_body: RequestBody | None = None,
    tag: str = "trades",
) -> type[Operation]:
    @dataclass
    class Described(Operation):
        def __post_init__(self) -> None:
            self.tags = [tag]
            self.summary = summary
            self.parameters = [*parameters, _CORRELATION_ID_OF_REQUEST]
            self.request_body = request_body
            self.responses = responses

    return Described


_CORRELATION_ID_OF_REQUEST = _header(
    "X-Correlation-ID", "carried into the queue, the logs and the callback; echoed", longest=128
)
_CALLBACK_URL = _header(
    "X-Callback-Url", "http or https; told of the outcome", shortest=1, longest=2000
)
_UNAVAILABLE = "not stored: backlog, or Redis out of reach or memory; send it again"
_UNREACHABLE = "the ledger or Redis is out of reach; ask again"
_ARRAY = Schema(type=OpenAPIType.ARRAY, items=_schema("Trade"), min_items=1, max_items=10_000)
_LINES = Schema(type=OpenAPIType.STRING, description="one trade a line; blank lines are skipped")

CAPTURE = _operation(
    "Submit a trade",
    {
        "200": _answer("it reached its outcome within the time preferred", "TradeBody", _RECEIPT),
        "202": _answer("safe on disk at the broker", "AcceptedBody", _RECEIPT),
        **_problems(
            _400="not valid: every problem at once, each with its path",
            _409="the id was accepted before with other content; names the fields that differ",
            _413="the trade is too large",
            _415="not JSON",
            _503=_UNAVAILABLE,
        ),
    },
    [
        _header(
            "Idempotency-Key", "default: the trade's own, then its id", shortest=1, longest=100
        ),
        _CALLBACK_URL,
        _header("Prefer", "wait=N: answer when captured, or 202 after N seconds, at most 30"),
    ],
    RequestBody({JSON: OpenAPIMediaType(_schema("Trade"))}, required=True),
)
BATCH = _operation(
    "Submit up to 10,000 trades",
    {
        "202": _answer("the valid ones are safe on disk at the broker", "BatchBody"),
        **_problems(
            _400="no trade was accepted: no array, none or more than 10,000 trades, none valid",
            _413="the batch is too large",
            _415="neither JSON nor NDJSON",
            _503=_UNAVAILABLE,
        ),
    },
    [_CALLBACK_URL],
    RequestBody({JSON: OpenAPIMediaType(_ARRAY), NDJSON: OpenAPIMediaType(_LINES)}, required=True),
)
TRADE = _operation(
    "What became of a trade",
    {
        "200": _answer("what is known of it", "TradeBody"),
        **_problems(
            _400="a header is not sound",
            _404="no such trade was accepted",
            _503=_UNREACHABLE,
        ),
    },
    [_in_path("tradeId", "as submitted; percent-encoded")],
)
JOB = _operation(
    "How far a job is",
    {
        "200": _answer("how far it is", "JobBody"),
        **_problems(_400="a header is not sound", _404="no such job", _503=_UNREACHABLE),
    },
    [_in_path("jobId", "as answered to a submission")],
)
HEALTH = _operation(
    "Health, with each server and the connection pool",
    {
        "200": _answer("UP", "HealthBody"),
        "503": _answer("DOWN", "HealthBody"),
        **_problems(_400="a header is not sound"),
    },
    tag="management",
)
MANAGEMENT_HEALTH = _operation(
    "Health, for load balancers",
    {
        "200": _answer("UP", "ManagementHealthBody"),
        "503": _answer("DOWN", "ManagementHealthBody"),
        **_problems(_400="a header is not sound"),
    },
    tag="management",
)
