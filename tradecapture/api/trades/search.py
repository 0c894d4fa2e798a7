"""`/trades`: finds trades in the ledger."""

import asyncio
import time
from typing import Any

from litestar import Request, get
from litestar.response.base import ASGIResponse

from tradecapture.api.http.bodies import FieldProblem
from tradecapture.api.http.problem import not_valid
from tradecapture.api.http.query import Query
from tradecapture.api.http.responses import json_response
from tradecapture.api.service.service import Service, service_of
from tradecapture.api.trades.bodies import TradePageBody, TradeSummaryBody
from tradecapture.api.trades.cursor import encode_cursor
from tradecapture.api.trades.documentation import SEARCH
from tradecapture.api.trades.search_query import read_filter, read_limit, read_page_key
from tradecapture.ledger.queries.trade_filter import (
    PageKey,
    PageKeyError,
    TradeFilter,
    TradeSummary,
)
from tradecapture.trades.document import or_unset

# A search that finds few trades ends after this time, with a cursor to go on from.
SEARCH_TIMEOUT_SECONDS = 0.5


@get("/trades", operation_id="searchTrades", operation_class=SEARCH)
async def search(request: Request[Any, Any, Any]) -> ASGIResponse:
    """Return a page of trades of the ledger."""
    query = Query(request.scope)
    limit = read_limit(query)
    trade_filter = read_filter(query)
    after = read_page_key(query, trade_filter)
    query.check()
    service = service_of(request)
    return json_response(await asyncio.to_thread(_page, service, trade_filter, after, limit))


def _page(
    service: Service, trade_filter: TradeFilter, after: PageKey | None, limit: int
) -> TradePageBody:
    deadline = time.monotonic() + SEARCH_TIMEOUT_SECONDS
    try:
        page = service.gateway.search(
            trade_filter, after, limit, lambda: time.monotonic() < deadline
        )
    except PageKeyError as error:  # a forged cursor, or one of another release
        message = f"cannot be used in this search: {error}"
        raise not_valid([FieldProblem("cursor", message)]) from error
    cursor = None if page.last is None else encode_cursor(page.last, trade_filter)
    return TradePageBody([_summary(trade) for trade in page.trades], cursor)


def _summary(trade: TradeSummary) -> TradeSummaryBody:
    return TradeSummaryBody(
        trade_id=trade.trade_id,
        status=trade.outcome,
        partition_key=trade.partition_key,
        position=trade.position,
        accepted_at=trade.accepted_at,
        task_id=trade.task_id,
        trade_date=or_unset(trade.trade_date),
        ledger_sequence=or_unset(trade.ledger_sequence),
        captured_at=or_unset(trade.captured_at),
        recorded_at=or_unset(trade.recorded_at),
        reason=or_unset(trade.reason),
    )
