"""`/trades`: finds trades in the ledger."""

import asyncio
import re
import time
from datetime import date
from typing import Any

import msgspec
from litestar import Request, get
from litestar.response.base import ASGIResponse
from msgspec import UNSET

from tradecapture.api.bodies import FieldProblem, FoundPageBody, TradeSummaryBody
from tradecapture.api.http.problem import not_valid
from tradecapture.api.http.query import Query
from tradecapture.api.service.service import Service, service_of
from tradecapture.api.trades.cursor import CURSOR_LENGTH, decode_cursor, encode_cursor
from tradecapture.api.trades.documentation import MAX_FOUND, PAGE_SIZE, SEARCH
from tradecapture.ledger.queries.trade_filter import MarkError, PageKey, TradeFilter, TradeSummary
from tradecapture.trades.lifecycle import Outcome
from tradecapture.trades.partition import PARTITION_KEY_LENGTH, PartitionKey, is_partition_key
from tradecapture.trades.trade import PARTITION_ID_LENGTH, utf16_length

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII).fullmatch


def read_filter(query: Query) -> TradeFilter:
    """Read which trades are meant; what is empty counts as not given."""
    key = query.text("partitionKey", PARTITION_KEY_LENGTH)
    if key and not is_partition_key(key):
        query.refuse(
            "partitionKey",
            "give account_book_security, with ~1 for an underscore and ~0 for a tilde in an id",
        )
    account_id, book_id, security_id = (
        _id(query, name) for name in ("accountId", "bookId", "securityId")
    )
    first, last = _days(query)
    partition_key = PartitionKey(key) if key else None
    return TradeFilter(
        partition_key, account_id, book_id, security_id, first, last, _outcomes(query)
    )


def _id(query: Query, name: str) -> str | None:
    text = query.text(name, PARTITION_ID_LENGTH)
    if utf16_length(text) > PARTITION_ID_LENGTH:
        query.refuse(name, f"give at most {PARTITION_ID_LENGTH} characters")
    return text or None


def _days(query: Query) -> tuple[date | None, date | None]:
    day, first, last = (_day(query, name) for name in ("tradeDate", "tradeDateFrom", "tradeDateTo"))
    if day is not None and (first is not None or last is not None):
        query.refuse("tradeDate", "give either it, or tradeDateFrom and tradeDateTo")
    if first is not None and last is not None and first > last:
        query.refuse("tradeDateTo", "is before tradeDateFrom: give the same day or a later one")
    return day or first, day or last


def _day(query: Query, name: str) -> date | None:
    text = query.text(name, len("2026-01-15"))
    try:
        if _DAY(text):
            return date.fromisoformat(text)
    except ValueError:
        pass  # such as the 30th of February
    if text:
        query.refuse(name, "give a day as YYYY-MM-DD")
    return None


def _outcomes(query: Query) -> tuple[Outcome, ...]:
    every = tuple(Outcome)
    text = query.text("outcome", len(",".join(every)))
    names = set(text.split(",")) if text else set(every)
    if not names <= set(every):
        query.refuse("outcome", f"give one or more of {', '.join(every)}, with commas between")
    return tuple(outcome for outcome in every if outcome in names)


def read_page_key(query: Query, wanted: TradeFilter) -> PageKey | None:
    """Read where the page begins; None: at the beginning."""
    text = query.text("cursor", CURSOR_LENGTH)
    if query.problems or not text:
        return None
    try:
        return decode_cursor(text, wanted)
    except ValueError as error:
        query.refuse("cursor", str(error))
        return None


# A request that finds little ends after as long, with a cursor, instead of reading on and on.
SEARCH_SECONDS = 0.5

_encode = msgspec.json.Encoder().encode


@get("/trades", operation_id="searchTrades", operation_class=SEARCH)
async def search(request: Request[Any, Any, Any]) -> ASGIResponse:
    """Find trades in the ledger."""
    query = Query(request.scope)
    limit = query.number("limit", PAGE_SIZE, 1, MAX_FOUND)
    wanted = read_filter(query)
    after = read_page_key(query, wanted)
    query.check()
    body = await asyncio.to_thread(_page, service_of(request), wanted, after, limit)
    return ASGIResponse(body=_encode(body))


def _page(
    service: Service, wanted: TradeFilter, after: PageKey | None, limit: int
) -> FoundPageBody:
    end = time.monotonic() + SEARCH_SECONDS
    try:
        page = service.gateway.search(wanted, after, limit, lambda: time.monotonic() < end)
    except MarkError as error:  # a made-up cursor, or one of another release
        raise not_valid([FieldProblem("cursor", f"is no place in this search: {error}")]) from error
    cursor = None if page.last is None else encode_cursor(page.last, wanted)
    return FoundPageBody([_found(trade) for trade in page.trades], cursor)


def _found(trade: TradeSummary) -> TradeSummaryBody:
    return TradeSummaryBody(
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
