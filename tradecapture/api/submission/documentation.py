"""The OpenAPI documentation of submissions. Their handlers read and write bytes."""

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
from tradecapture.api.submission.batch_reader import MAX_BATCH_TRADES
from tradecapture.api.submission.bodies import AcceptedBody, BatchBody, BatchProblemBody
from tradecapture.api.submission.headers import MAX_WAIT_SECONDS
from tradecapture.capture.status import TradeBody
from tradecapture.trades.submission import CALLBACK_URL_LENGTH
from tradecapture.trades.trade import TRADE_ID_LENGTH, Trade

_RECEIPT = {
    "Idempotency-Status": OpenAPIHeader(TEXT, description="duplicate: the request is a resend"),
    "Preference-Applied": OpenAPIHeader(TEXT, description="the wait that was applied"),
}
_CALLBACK_URL = header(
    "X-Callback-Url",
    "http or https address to tell of the outcome",
    min_length=1,
    max_length=CALLBACK_URL_LENGTH,
)
_UNAVAILABLE = "not stored: Redis is not available or the backlog is full; send it again"
_PARTITION_FULL = "not stored: too many trades of its partition wait; send it again"
_ARRAY = Schema(
    type=OpenAPIType.ARRAY, items=schema(Trade), min_items=1, max_items=MAX_BATCH_TRADES
)
_LINES = Schema(type=OpenAPIType.STRING, description="one trade a line; blank lines are skipped")

CAPTURE_TRADE = operation(
    "Submit a trade",
    {
        "200": answer("the trade has an outcome within the preferred wait", TradeBody, _RECEIPT),
        "202": answer("the trade is safe on disk", AcceptedBody, _RECEIPT),
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
        header(
            "Idempotency-Key",
            "default: the trade's own key, then its id",
            min_length=1,
            max_length=TRADE_ID_LENGTH,
        ),
        _CALLBACK_URL,
        header(
            "Prefer",
            "wait=N: respond when the trade is captured, or with 202 after N seconds, at most "
            f"{MAX_WAIT_SECONDS}",
        ),
    ],
    RequestBody({JSON: OpenAPIMediaType(schema(Trade))}, required=True),
)
CAPTURE_BATCH = operation(
    f"Submit up to {MAX_BATCH_TRADES:,} trades",
    {
        "202": answer("the valid trades are safe on disk", BatchBody),
        **problems(
            BatchProblemBody,
            _400="no trade was accepted: the body is not an array, has no trades, has more than "
            f"{MAX_BATCH_TRADES:,}, or none of them is valid",
            _413="the batch is too large",
            _415="neither JSON nor NDJSON",
            _429=_PARTITION_FULL,
            _503=_UNAVAILABLE,
        ),
    },
    [_CALLBACK_URL],
    RequestBody({JSON: OpenAPIMediaType(_ARRAY), NDJSON: OpenAPIMediaType(_LINES)}, required=True),
)
