"""The documentation: what OpenAPI says of each operation. Handlers read and write bytes."""

from litestar.openapi.spec import OpenAPIHeader, OpenAPIMediaType, OpenAPIType, RequestBody, Schema

from tradecapture.api.http.media_types import JSON, NDJSON
from tradecapture.api.openapi.components import (
    TEXT,
    answer,
    header,
    operation,
    problems,
    schema,
)

_RECEIPT = {
    "Idempotency-Status": OpenAPIHeader(TEXT, description="duplicate: this is a resend"),
    "Preference-Applied": OpenAPIHeader(TEXT, description="the wait that was honoured"),
}
_CALLBACK_URL = header(
    "X-Callback-Url", "http or https; told of the outcome", shortest=1, longest=2000
)
_UNAVAILABLE = "not stored: backlog, or Redis out of reach or memory; send it again"
_PARTITION_FULL = "not stored: too many trades of its partition wait; send it again"
_ARRAY = Schema(type=OpenAPIType.ARRAY, items=schema("Trade"), min_items=1, max_items=10_000)
_LINES = Schema(type=OpenAPIType.STRING, description="one trade a line; blank lines are skipped")

CAPTURE = operation(
    "Submit a trade",
    {
        "200": answer("it reached its outcome within the time preferred", "TradeBody", _RECEIPT),
        "202": answer("safe on disk at the broker", "AcceptedBody", _RECEIPT),
        **problems(
            _400="not valid: every problem at once, each with its path",
            _409="the id was accepted before with other content; names the fields that differ",
            _413="the trade is too large",
            _415="not JSON",
            _429=_PARTITION_FULL,
            _503=_UNAVAILABLE,
        ),
    },
    [
        header("Idempotency-Key", "default: the trade's own, then its id", shortest=1, longest=100),
        _CALLBACK_URL,
        header("Prefer", "wait=N: answer when captured, or 202 after N seconds, at most 30"),
    ],
    RequestBody({JSON: OpenAPIMediaType(schema("Trade"))}, required=True),
)
BATCH = operation(
    "Submit up to 10,000 trades",
    {
        "202": answer("the valid ones are safe on disk at the broker", "BatchBody"),
        **problems(
            _400="no trade was accepted: no array, none or more than 10,000 trades, none valid",
            _413="the batch is too large",
            _415="neither JSON nor NDJSON",
            _429=_PARTITION_FULL,
            _503=_UNAVAILABLE,
        ),
    },
    [_CALLBACK_URL],
    RequestBody({JSON: OpenAPIMediaType(_ARRAY), NDJSON: OpenAPIMediaType(_LINES)}, required=True),
)
