"""`/trades`: finds trades in the ledger."""

import asyncio
import time
from typing import Any

import msgspec
from litestar import Request, get
from litestar.response.base import ASGIResponse
from msgspec import UNSET

from tradecapture.api.bodies import FieldProblem
from tradecapture.api.problem import not_valid
from tradecapture.api.query import Query
from tradecapture.api.search.asked import read_mark, read_wanted
from tradecapture.api.search.bodies import FoundBody, FoundPageBody
from tradecapture.api.search.cursor import encode_cursor
from tradecapture.api.search.documentation import MOST_FOUND, PAGE_SIZE, SEARCH
from tradecapture.api.service import Service, service_of
from tradecapture.ledger.found import FoundTrade, Mark, MarkError, TradeFilter

# A request that finds little ends after as long, with a cursor, instead of reading on and on.
SEARCH_SECONDS = 0.5

_encode = msgspec.json.Encoder().encode


@get("/trades", operation_id="searchTrades", operation_class=SEARCH)
async def search(request: Request[Any, Any, Any]) -> ASGIResponse:
    """Find trades in the ledger."""
    query = Query(request.scope)
    limit = query.number("limit", PAGE_SIZE, 1, MOST_FOUND)
    wanted = read_wanted(query)
    after = read_mark(query, wanted)
    query.check()
    body = await asyncio.to_thread(_page, service_of(request), wanted, after, limit)
    return ASGIResponse(body=_encode(body))


def _page(service: Service, wanted: TradeFilter, after: Mark | None, limit: int) -> FoundPageBody:
    end = time.monotonic() + SEARCH_SECONDS
    try:
        page = service.client.search(wanted, after, limit, lambda: time.monotonic() < end)
    except MarkError as error:  # a made-up cursor, or one of another release
        raise not_valid([FieldProblem("cursor", f"is no place in this search: {error}")]) from error
    cursor = None if page.last is None else encode_cursor(page.last, wanted)
    return FoundPageBody([_found(trade) for trade in page.trades], cursor)


def _found(trade: FoundTrade) -> FoundBody:
    return FoundBody(
        trade_id=trade.trade_id,
        status=trade.outcome,
        partition_key=trade.partition_key,
        position=trade.position,
        accepted_at=trade.accepted_at,
        task_id=trade.task_id,
        trade_date=UNSET if trade.trade_date is None else trade.trade_date,
        ledger_sequence=UNSET if trade.ledger_sequence is None else trade.ledger_sequence,
        captured_at=UNSET if trade.captured_at is None else trade.captured_at,
        recorded_at=UNSET if trade.recorded_at is None else trade.recorded_at,
        reason=UNSET if trade.reason is None else trade.reason,
    )
