"""The OpenAPI documentation of trades, jobs and the search."""

from litestar.openapi.spec import OpenAPIType, Schema

from tradecapture.api.openapi.components import (
    INVALID_HEADER,
    INVALID_PARAMETER,
    UNREACHABLE,
    answer,
    in_path,
    in_query,
    operation,
    problems,
)
from tradecapture.api.trades.bodies import JobBody, TradePageBody
from tradecapture.api.trades.cursor import MAX_CURSOR_LENGTH
from tradecapture.api.trades.search_query import DEFAULT_PAGE_TRADES, MAX_PAGE_TRADES
from tradecapture.capture.status import TradeBody
from tradecapture.trades.lifecycle import Outcome
from tradecapture.trades.partition import PARTITION_KEY_LENGTH
from tradecapture.trades.trade import PARTITION_ID_LENGTH

TRADE = operation(
    "What became of a trade",
    {
        "200": answer("the status of the trade", TradeBody),
        **problems(_400=INVALID_HEADER, _404="no such trade was accepted", _503=UNREACHABLE),
    },
    [in_path("tradeId", "as submitted; percent-encoded")],
)
JOB = operation(
    "How far a job is",
    {
        "200": answer("the progress of the job", JobBody),
        **problems(_400=INVALID_HEADER, _404="no such job", _503=UNREACHABLE),
    },
    [in_path("jobId", "from the response to a submission")],
)

_ID = Schema(type=OpenAPIType.STRING, max_length=PARTITION_ID_LENGTH)
_DAY = Schema(type=OpenAPIType.STRING, pattern=r"^(\d{4}-\d{2}-\d{2})?$", examples=["2026-01-15"])
_OUTCOME = f"({'|'.join(Outcome)})"
_OUTCOMES = Schema(
    type=OpenAPIType.STRING,
    pattern=f"^({_OUTCOME}(,{_OUTCOME}){{0,4}})?$",
    examples=["REJECTED,PARKED"],
)

SEARCH = operation(
    "Search the trades of the ledger; trades that still wait in an inbox are not found",
    {
        "200": answer(
            "a page of trades that match: first those that were not captured, ordered by partition "
            "and position; then captured ones, ordered by partition and ledger sequence, or by "
            "trade date if only days are given",
            TradePageBody,
        ),
        **problems(_400=INVALID_PARAMETER, _503=UNREACHABLE),
    },
    [
        in_query(
            "partitionKey",
            "account_book_security",
            Schema(type=OpenAPIType.STRING, max_length=PARTITION_KEY_LENGTH),
        ),
        in_query("accountId", "a trade must match every filter; an empty filter is ignored", _ID),
        in_query("bookId", "the trade's book", _ID),
        in_query("securityId", "the trade's security", _ID),
        in_query("tradeDate", "one day, YYYY-MM-DD", _DAY),
        in_query("tradeDateFrom", "this day or a later one", _DAY),
        in_query("tradeDateTo", "this day or an earlier one", _DAY),
        in_query("outcome", f"one or more of {', '.join(Outcome)}; default all of them", _OUTCOMES),
        in_query(
            "limit",
            f"trades a page; default {DEFAULT_PAGE_TRADES}. If few of many trades match, a page "
            "may have fewer trades, or none, and still a `nextCursor`",
            Schema(type=OpenAPIType.INTEGER, minimum=1, maximum=MAX_PAGE_TRADES),
        ),
        in_query(
            "cursor",
            "the `nextCursor` of the page before, with the same filters",
            Schema(type=OpenAPIType.STRING, max_length=MAX_CURSOR_LENGTH),
        ),
    ],
)
