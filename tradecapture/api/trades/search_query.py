"""Reads the query parameters of a search into a trade filter and a page key."""

import re
from datetime import date

from tradecapture.api.http.query import Query
from tradecapture.api.trades.cursor import MAX_CURSOR_LENGTH, decode_cursor
from tradecapture.ledger.queries.trade_filter import PageKey, TradeFilter
from tradecapture.trades.lifecycle import Outcome
from tradecapture.trades.partition import PARTITION_KEY_LENGTH, PartitionKey, is_partition_key
from tradecapture.trades.trade import PARTITION_ID_LENGTH, utf16_length

DEFAULT_PAGE_TRADES = 100
MAX_PAGE_TRADES = 1000  # about 300 KB

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII).fullmatch


def read_limit(query: Query) -> int:
    """Read how many trades a page may have."""
    return query.number("limit", DEFAULT_PAGE_TRADES, 1, MAX_PAGE_TRADES)


def read_filter(query: Query) -> TradeFilter:
    """Read which trades to find; an empty parameter counts as not given."""
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


def read_page_key(query: Query, trade_filter: TradeFilter) -> PageKey | None:
    """Read the key after which the page begins; None: the first page.

    Call it last: a cursor is only read if everything else in the query is valid.
    """
    text = query.text("cursor", MAX_CURSOR_LENGTH)
    if query.problems or not text:
        return None
    try:
        return decode_cursor(text, trade_filter)
    except ValueError as error:
        query.refuse("cursor", str(error))
        return None


def _id(query: Query, name: str) -> str | None:
    text = query.text(name, PARTITION_ID_LENGTH)
    if utf16_length(text) > PARTITION_ID_LENGTH:
        query.refuse(name, f"give at most {PARTITION_ID_LENGTH} characters")
    return text or None


def _days(query: Query) -> tuple[date | None, date | None]:
    day, first, last = (_day(query, name) for name in ("tradeDate", "tradeDateFrom", "tradeDateTo"))
    if day is not None and (first is not None or last is not None):
        query.refuse("tradeDate", "give either tradeDate, or tradeDateFrom and tradeDateTo")
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
        query.refuse("outcome", f"give one or more of {', '.join(every)}, separated by commas")
    return tuple(outcome for outcome in every if outcome in names)
