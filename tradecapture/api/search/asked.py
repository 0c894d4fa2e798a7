"""What a search asks for: the filters and the cursor of a request, every problem at once."""

import re
from datetime import date

from tradecapture.api.query import Query
from tradecapture.api.search.cursor import CURSOR_LENGTH, decode_cursor
from tradecapture.ledger.found import Mark, TradeFilter
from tradecapture.length import utf16_length
from tradecapture.outcome import Outcome
from tradecapture.partition import PARTITION_KEY_LENGTH, is_partition_key
from tradecapture.trade import PARTITION_ID_LENGTH

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII).fullmatch


def read_wanted(query: Query) -> TradeFilter:
    """Read which trades are meant; what is empty counts as not given."""
    partition = query.text("partitionKey", PARTITION_KEY_LENGTH) or None
    if partition is not None and not is_partition_key(partition):
        query.refuse(
            "partitionKey",
            "give account_book_security, with ~1 for an underscore and ~0 for a tilde in an id",
        )
    account_id, book_id, security_id = (
        _id(query, name) for name in ("accountId", "bookId", "securityId")
    )
    first, last = _days(query)
    return TradeFilter(partition, account_id, book_id, security_id, first, last, _outcomes(query))


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


def read_mark(query: Query, wanted: TradeFilter) -> Mark | None:
    """Read where the page begins; None: at the beginning."""
    text = query.text("cursor", CURSOR_LENGTH)
    if query.problems or not text:
        return None
    try:
        return decode_cursor(text, wanted)
    except ValueError as error:
        query.refuse("cursor", str(error))
        return None
