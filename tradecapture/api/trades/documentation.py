"""documentation."""

from litestar.openapi.spec import OpenAPIType, Schema

from tradecapture.api.openapi.components import (
    UNREACHABLE,
    answer,
    in_path,
    in_query,
    operation,
    problems,
)
from tradecapture.api.trades.cursor import CURSOR_LENGTH
from tradecapture.trades.lifecycle import Outcome
from tradecapture.trades.partition import PARTITION_KEY_LENGTH
from tradecapture.trades.trade import PARTITION_ID_LENGTH

TRADE = operation(
    "What became of a trade",
    {
        "200": answer("what is known of it", "TradeBody"),
        **problems(
            _400="a header is not sound",
            _404="no such trade was accepted",
            _503=UNREACHABLE,
        ),
    },
    [in_path("tradeId", "as submitted; percent-encoded")],
)


JOB = operation(
    "How far a job is",
    {
        "200": answer("how far it is", "JobBody"),
        **problems(_400="a header is not sound", _404="no such job", _503=UNREACHABLE),
    },
    [in_path("jobId", "as answered to a submission")],
)


PAGE_SIZE = 100  # trades a page, if the request does not say
MAX_FOUND = 1000  # trades a page, at most: some 300 KB

_ID = Schema(type=OpenAPIType.STRING, max_length=PARTITION_ID_LENGTH)
_DAY = Schema(type=OpenAPIType.STRING, pattern=r"^(\d{4}-\d{2}-\d{2})?$", examples=["2026-01-15"])
_ONE = f"({'|'.join(Outcome)})"
_OUTCOMES = Schema(
    type=OpenAPIType.STRING, pattern=f"^({_ONE}(,{_ONE}){{0,4}})?$", examples=["REJECTED,PARKED"]
)

SEARCH = operation(
    "Search the trades of the ledger; those that still wait in an inbox are not in it yet",
    {
        "200": answer(
            "a page of trades that fit: first those that were not captured, in the order of their "
            "partitions and of acceptance; then the captured ones, in the order of their "
            "partitions (of their days, if only days are given) and of the ledger",
            "FoundPageBody",
        ),
        **problems(_400="a parameter or a header is not sound", _503=UNREACHABLE),
    },
    [
        in_query(
            "partitionKey",
            "account_book_security",
            Schema(type=OpenAPIType.STRING, max_length=PARTITION_KEY_LENGTH),
        ),
        in_query("accountId", "all that is given must fit; what is empty counts as not given", _ID),
        in_query("bookId", "of the trade's book", _ID),
        in_query("securityId", "of the trade's security", _ID),
        in_query("tradeDate", "one day, YYYY-MM-DD", _DAY),
        in_query("tradeDateFrom", "this day or a later one", _DAY),
        in_query("tradeDateTo", "this day or an earlier one", _DAY),
        in_query("outcome", f"some of {', '.join(Outcome)}; default all of them", _OUTCOMES),
        in_query(
            "limit",
            f"trades a page; default {PAGE_SIZE}. A page may have fewer, or none, and a "
            "`nextCursor` all the same, where little fits among much",
            Schema(type=OpenAPIType.INTEGER, minimum=1, maximum=MAX_FOUND),
        ),
        in_query(
            "cursor",
            "the `nextCursor` of the page before, with the same filters",
            Schema(type=OpenAPIType.STRING, max_length=CURSOR_LENGTH),
        ),
    ],
)
